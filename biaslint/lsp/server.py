"""When to lint what, and which findings the editor shows.

All open files of a project are linted together, as the command line would, with the editor's unsaved texts in place of what is on
disk. There is one analysis at a time; a change that comes meanwhile makes its result stale, and stale results are not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from biaslint import __version__, config, engine
from biaslint.analysis.incremental.editor_memory import EditorMemory
from biaslint.findings import rule_book
from biaslint.findings.finding import Finding
from biaslint.lsp import settings as user_settings
from biaslint.lsp.diagnostics import diagnostic
from biaslint.lsp.documents import Documents
from biaslint.reporters import plain_lines

NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(notebook="jupyter-notebook", cells=[types.NotebookCellLanguage("python")])
    ],
    save=True,
)


@dataclass(slots=True)
class Project:
    """The open files of one project, and what was found in them."""

    chosen: config.Config
    result: engine.Result = field(default_factory=engine.Result)
    memory: EditorMemory = field(default_factory=EditorMemory)
    seen: dict[Path, tuple[int, ...]] = field(default_factory=dict)  # the versions of the files that the result is of
    shown: dict[str, list[tuple[Finding, types.Diagnostic]]] = field(default_factory=dict)  # by URI
    proofs: dict[Finding, Finding] = field(default_factory=dict)  # findings with a fix as they are once that has been tried
    timer: asyncio.TimerHandle | None = None
    done: int = 0  # the latest request that was carried out
    wanted: int = 0  # counts the requests; an analysis that is overtaken is not begun


class Server(LanguageServer):
    """The server's state, one per process."""

    def __init__(self) -> None:
        super().__init__("biaslint", __version__, notebook_document_sync=NOTEBOOKS)
        self.documents = Documents()
        self.configs = user_settings.Configs()
        self.projects: dict[Path, Project] = {}
        self.lock = asyncio.Lock()
        self.pool = ThreadPoolExecutor(1, "analysis")
        self.tasks: set[asyncio.Task[None]] = set()
        self.complaints: set[str] = set()
        self.related = self.versions = self.pulls_settings = self.refreshes_hints = False

    # -- linting ------------------------------------------------------------------------------------------------------------

    def project_of(self, path: Path) -> Project | None:
        """The project of a file; None where its configuration cannot be understood, which is said once."""
        try:
            chosen = self.configs.of(path)
        except (config.ConfigError, rule_book.UnknownRule) as error:
            self.complain(str(error))
            return None
        project = self.projects.get(chosen.root)
        if project is None or project.chosen is not chosen:
            if project is None:
                project = self.projects[chosen.root] = Project(chosen)
            if project.chosen != chosen:
                project.seen, project.memory = {}, EditorMemory()
            project.chosen = chosen
        return project

    def complain(self, message: str) -> None:
        """Tell the person, once."""
        message = plain_lines(message)
        if message not in self.complaints:
            self.complaints.add(message)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"biaslint: {message}"))

    def touched(self, uri: str, delay: float = 0) -> None:
        """A text was opened, changed or saved: lint its project after `delay` seconds of rest."""
        path = self.documents.file_of(uri)
        project = self.project_of(path) if path is not None else None
        if project is not None:
            self.schedule(project, delay)

    def schedule(self, project: Project, delay: float = 0) -> None:
        """Lint a project after `delay` seconds of rest."""
        if delay:
            project.wanted += 1
            if project.timer is not None:
                project.timer.cancel()
            project.timer = asyncio.get_running_loop().call_later(delay, self.start, project)
        else:
            self.start(project)

    def start(self, project: Project) -> asyncio.Task[None]:
        """Lint a project now, in a task of the server's own: cancelling the request that asked for it does not stop it."""
        project.wanted += 1
        if project.timer is not None:
            project.timer.cancel()
            project.timer = None
        task = asyncio.get_running_loop().create_task(self.lint(project, project.wanted))
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """An error of ours must not pass in silence."""
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, f"biaslint: internal error: {error!r}"))

    def open_files(self, project: Project) -> list[Path]:
        """The project's open files that are linted."""
        found = []
        for path, uri in self.documents.names.items():
            text = self.documents.texts.get(uri)
            if text is not None and text.language != "python" and path.suffix != ".py":
                continue
            if self.project_of(path) is project and self.configs.wants(path, project.chosen):
                found.append(path)
        return sorted(found)

    async def lint(self, project: Project, wanted: int) -> None:
        """Lint the project's open files and show what was found, unless a later request has overtaken this one."""
        async with self.lock:
            if wanted != project.wanted:
                return
            enabled = self.configs.settings.enable
            files = self.open_files(project) if enabled else []
            seen = {path: self.documents.versions(path) for path in files}
            texts = self.documents.unsaved()
            loop = asyncio.get_running_loop()
            work = partial(engine.lint_files, files, project.chosen, texts, project.memory, prove=False)
            result = await loop.run_in_executor(self.pool, work)
            for line in [*result.problems, *result.errors]:
                self.window_log_message(types.LogMessageParams(types.MessageType.Error, f"biaslint: {plain_lines(line)}"))
            if any(self.documents.versions(path) != version for path, version in seen.items()):
                return  # a change has come: it has scheduled an analysis of its own
            project.result, project.seen, project.done, project.proofs = result, seen, wanted, {}
            self.show(project, files)

    async def proved(self, project: Project, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, without the fixes that cannot be proved. That is found out when somebody asks for fixes, and once."""
        new = [one for one in findings if one.fix is not None and one not in project.proofs]
        if new:
            result, chosen = project.result, project.chosen
            loop = asyncio.get_running_loop()
            async with self.lock:
                known = await loop.run_in_executor(self.pool, partial(engine.prove_fixes, result, new, chosen))
            if project.result is not result or any(self.documents.versions(path) != one for path, one in project.seen.items()):
                return [replace(one, fix=None) for one in findings]  # they are of a text that is gone
            project.proofs.update(zip(new, known, strict=True))
        return [project.proofs.get(one, one) for one in findings]

    def show(self, project: Project, files: Sequence[Path]) -> None:
        """Publish a project's findings; what is no longer open or has none gets an empty list."""
        found: dict[str, list[tuple[Finding, types.Diagnostic]]] = {
            uri: [] for path in files for uri in self.documents.parts(path)
        }
        for finding in project.result.findings:
            uri = self.documents.uri_of(finding.place.path, finding.place.cell)
            if uri not in found:  # a notebook that cannot be read at all: say it at its first cell
                uri = next(iter(self.documents.parts(Path(finding.place.path))), uri)
            found.setdefault(uri, []).append((finding, diagnostic(self.documents, finding, self.related)))
        for uri in {*project.shown, *found}:
            text = self.documents.texts.get(uri)
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri, [shown for _, shown in found.get(uri, [])], version=text.version if text else None
                )
            )
        project.shown = found
        if self.refreshes_hints and self.configs.settings.inlay_hints:
            self.workspace_inlay_hint_refresh(None)

    async def current(self, uri: str) -> Project | None:
        """The project of a text, with a result that is of the text as it is now."""
        path = self.documents.file_of(uri)
        project = self.project_of(path) if path is not None else None
        if path is None or project is None or not self.configs.settings.enable or path not in self.open_files(project):
            return None
        for _ in range(3):  # a change may come while its predecessor is looked at
            if project.seen.get(path) == self.documents.versions(path):
                return project
            if self.configs.settings.run == "onSave" and project.seen and project.wanted == project.done:
                return None  # what was found is of another text, and it is not yet time to look again
            await asyncio.shield(self.start(project))
        return None

    def changed_settings(self, table: Any) -> None:
        """New settings from the editor: everything that is open is linted again."""
        read, wrong = user_settings.read(table)
        self.complaints.clear()
        for message in wrong:
            self.complain(message)
        self.configs.use(read)
        self.lint_everything()

    def lint_everything(self) -> None:
        """Lint all open files again."""
        projects = {id(project): project for path in list(self.documents.names) if (project := self.project_of(path))}
        for project in projects.values():
            project.seen = {}
            self.schedule(project)
