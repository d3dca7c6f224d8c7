"""When to lint what, and what the protocol asks for.

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
from biaslint.lsp import actions, pages, settings as user_settings
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


def make() -> Server:
    """A server with all its features."""
    server = Server()

    @server.feature(types.INITIALIZE)
    def _initialize(params: types.InitializeParams) -> None:
        said = params.capabilities
        text, space = said.text_document, said.workspace
        server.related = bool(text and text.publish_diagnostics and text.publish_diagnostics.related_information)
        server.versions = bool(space and space.workspace_edit and space.workspace_edit.document_changes)
        server.pulls_settings = bool(space and space.configuration)
        server.refreshes_hints = bool(space and space.inlay_hint and space.inlay_hint.refresh_support)
        folders = [folder.uri for folder in params.workspace_folders or []] or [params.root_uri or ""]
        server.documents.folder = server.documents.path_of(folders[0]) or server.documents.folder
        read, wrong = user_settings.read(params.initialization_options)
        server.configs.use(read)
        server.complaints.update(wrong)

    @server.feature(types.INITIALIZED)
    async def _initialized(params: types.InitializedParams) -> None:
        server.documents.encoding = _word(server.server_capabilities.position_encoding or "utf-16")
        for message in sorted(server.complaints):
            server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"biaslint: {plain_lines(message)}"))
        said = server.client_capabilities.workspace
        watched = said.did_change_watched_files if said else None
        if watched and watched.dynamic_registration:
            globs = ["**/*.py", "**/*.ipynb", "**/pyproject.toml", "**/biaslint.toml", "**/.biaslint.toml"]
            options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(glob) for glob in globs])
            registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(types.RegistrationParams([registration]))
        if server.pulls_settings:
            await pull_settings()

    async def pull_settings() -> None:
        items = [types.ConfigurationItem(section="biaslint")]
        answer = await server.workspace_configuration_async(types.ConfigurationParams(items))
        if answer and answer[0]:
            server.changed_settings(answer[0])

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def _settings(params: types.DidChangeConfigurationParams) -> None:
        if params.settings:
            server.changed_settings(params.settings)
        elif server.pulls_settings:
            await pull_settings()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def _files(params: types.DidChangeWatchedFilesParams) -> None:
        server.complaints.clear()
        server.configs.forget()
        server.lint_everything()

    # -- what is open ---------------------------------------------------------------------------------------------------------

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def _open(params: types.DidOpenTextDocumentParams) -> None:
        server.documents.open(params.text_document)
        server.touched(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def _change(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.documents.change(uri, params.text_document.version, list(params.content_changes))
        changed(uri)

    def changed(uri: str) -> None:
        settings = server.configs.settings
        if settings.run == "onType":
            server.touched(uri, settings.debounce / 1000)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def _save(params: types.DidSaveTextDocumentParams) -> None:
        server.touched(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def _close(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        path = server.documents.file_of(uri)
        server.documents.close(uri)
        closed(path)

    def closed(path: Path | None) -> None:
        project = server.project_of(path) if path is not None else None
        if project is not None:
            server.schedule(project)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    async def _open_notebook(params: types.DidOpenNotebookDocumentParams) -> None:
        server.documents.open_notebook(params)
        server.touched(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    async def _change_notebook(params: types.DidChangeNotebookDocumentParams) -> None:
        server.documents.change_notebook(params)
        changed(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    async def _save_notebook(params: types.DidSaveNotebookDocumentParams) -> None:
        server.touched(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    async def _close_notebook(params: types.DidCloseNotebookDocumentParams) -> None:
        uri = params.notebook_document.uri
        path = server.documents.file_of(uri)
        server.documents.close_notebook(uri)
        closed(path)

    # -- what is asked --------------------------------------------------------------------------------------------------------

    kinds = [types.CodeActionKind.QuickFix, actions.FIX_ALL]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(kinds, resolve_provider=True))
    async def _actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        project = await server.current(uri)
        if project is None:
            return []
        only = params.context.only

        def asked(kind: str) -> bool:
            return not only or any(kind == one or kind.startswith(f"{one}.") for one in map(_word, only))

        found: list[types.CodeAction] = []
        path = server.documents.file_of(uri)
        here = [pair for pair in project.shown.get(uri, []) if _touch(pair[1].range, params.range)]
        if asked("quickfix"):
            for (_, shown), finding in zip(here, await server.proved(project, [one for one, _ in here]), strict=True):
                found += actions.quick_fixes(server.documents, finding, shown)
        if path is not None:
            for unsafe in (False, True):
                kind = "quickfix" if unsafe else actions.FIX_ALL
                count = actions.fixable(project.result.findings, path, unsafe)
                # The unsafe ones must not be among what an editor does on saving.
                if not asked(kind) or not count or (unsafe and not (here and count > 1)):
                    continue
                title = "biaslint: fix all (including unsafe)" if unsafe else "biaslint: fix all safe"
                data = {"uri": uri, "unsafe": unsafe}
                found.append(types.CodeAction(title=title, kind=kind, data=data))
        if not _resolves(server.client_capabilities):
            found = [await _resolved(action) if action.edit is None else action for action in found]
        if not server.versions:
            for action in found:
                action.edit = actions.without_versions(action.edit) if action.edit else None
        return [action for action in found if action.edit is not None or action.data is not None]

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def _resolve(action: types.CodeAction) -> types.CodeAction:
        action = await _resolved(action)
        if action.edit is not None and not server.versions:
            action.edit = actions.without_versions(action.edit)
        return action

    async def _resolved(action: types.CodeAction) -> types.CodeAction:
        data: Any = action.data
        if isinstance(data, dict) and "uri" in data:
            project, path = await server.current(data["uri"]), server.documents.file_of(data["uri"])
            if project is not None and path is not None:
                those = [one for one in project.result.findings if one.place.path == str(path)]
                action.edit = actions.fix_all(
                    server.documents, path, await server.proved(project, those), bool(data.get("unsafe"))
                )
        return action

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def _hover(params: types.HoverParams) -> types.Hover | None:
        uri, position = params.text_document.uri, params.position
        project = await server.current(uri)
        if project is None:
            return None
        spot = types.Range(position, position)
        codes = {finding.rule: shown.range for finding, shown in project.shown.get(uri, []) if _touch(shown.range, spot)}
        lines = server.documents.lines_of(uri)
        line, column = server.documents.point(lines, position)
        named = pages.code_at(lines[line - 1], column) if line <= len(lines) else None
        if named:
            codes.setdefault(named, spot)
        if not codes:
            return None
        text = types.MarkupContent(types.MarkupKind.Markdown, pages.hover(list(codes)))
        return types.Hover(text, next(iter(codes.values())))

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def _hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        if not server.configs.settings.inlay_hints:
            return []
        uri = params.text_document.uri
        project = await server.current(uri)
        return pages.inlay_hints(server.documents, uri, project.result.uses, params.range) if project else []

    return server


def _word(kind: Any) -> str:
    return str(getattr(kind, "value", kind))


def _resolves(said: types.ClientCapabilities) -> bool:
    action = said.text_document.code_action if said.text_document else None
    return bool(action and action.resolve_support and "edit" in action.resolve_support.properties)


def _touch(one: types.Range, other: types.Range) -> bool:
    """Do two ranges have a point in common?"""
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def serve() -> None:
    """Serve on the standard input and output until the editor says that it is enough."""
    make().start_io()
