"""What the protocol asks for: a function for each notification and request, and the table of them.

`ls` is the server; pygls hands it to functions whose first parameter has this name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsprotocol import types

from biaslint.lsp import actions, pages, settings as user_settings
from biaslint.lsp.server import Project, Server
from biaslint.reporters import plain_lines

WATCHED = ("**/*.py", "**/*.ipynb", "**/pyproject.toml", "**/biaslint.toml", "**/.biaslint.toml")


# -- starting, and settings ---------------------------------------------------------------------------------------------------


def _initialize(ls: Server, params: types.InitializeParams) -> None:
    said = params.capabilities
    text, space = said.text_document, said.workspace
    ls.related = bool(text and text.publish_diagnostics and text.publish_diagnostics.related_information)
    ls.versions = bool(space and space.workspace_edit and space.workspace_edit.document_changes)
    ls.pulls_settings = bool(space and space.configuration)
    ls.refreshes_hints = bool(space and space.inlay_hint and space.inlay_hint.refresh_support)
    folders = [folder.uri for folder in params.workspace_folders or []] or [params.root_uri or ""]
    ls.documents.folder = ls.documents.path_of(folders[0]) or ls.documents.folder
    read, wrong = user_settings.read(params.initialization_options)
    ls.configs.use(read)
    ls.complaints.update(wrong)


async def _initialized(ls: Server, params: types.InitializedParams) -> None:
    ls.documents.encoding = _word(ls.server_capabilities.position_encoding or "utf-16")
    for message in sorted(ls.complaints):
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"biaslint: {plain_lines(message)}"))
    said = ls.client_capabilities.workspace
    watched = said.did_change_watched_files if said else None
    if watched and watched.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(glob) for glob in WATCHED])
        registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        ls.client_register_capability(types.RegistrationParams([registration]))
    if ls.pulls_settings:
        await _pull_settings(ls)


async def _changed_configuration(ls: Server, params: types.DidChangeConfigurationParams) -> None:
    if params.settings:
        ls.changed_settings(params.settings)
    elif ls.pulls_settings:
        await _pull_settings(ls)


async def _pull_settings(ls: Server) -> None:
    items = [types.ConfigurationItem(section="biaslint")]
    answer = await ls.workspace_configuration_async(types.ConfigurationParams(items))
    if answer and answer[0]:
        ls.changed_settings(answer[0])


async def _changed_files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    ls.complaints.clear()
    ls.configs.forget()
    ls.lint_everything()


# -- what is open -------------------------------------------------------------------------------------------------------------


async def _opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    ls.documents.open(params.text_document)
    ls.touched(params.text_document.uri)


async def _changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.documents.change(uri, params.text_document.version, list(params.content_changes))
    _typed(ls, uri)


async def _saved(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    ls.touched(params.text_document.uri)


async def _closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    path = ls.documents.file_of(params.text_document.uri)
    ls.documents.close(params.text_document.uri)
    _left(ls, path)


async def _opened_notebook(ls: Server, params: types.DidOpenNotebookDocumentParams) -> None:
    ls.documents.open_notebook(params)
    ls.touched(params.notebook_document.uri)


async def _changed_notebook(ls: Server, params: types.DidChangeNotebookDocumentParams) -> None:
    ls.documents.change_notebook(params)
    _typed(ls, params.notebook_document.uri)


async def _saved_notebook(ls: Server, params: types.DidSaveNotebookDocumentParams) -> None:
    ls.touched(params.notebook_document.uri)


async def _closed_notebook(ls: Server, params: types.DidCloseNotebookDocumentParams) -> None:
    path = ls.documents.file_of(params.notebook_document.uri)
    ls.documents.close_notebook(params.notebook_document.uri)
    _left(ls, path)


def _typed(ls: Server, uri: str) -> None:
    """Lint after a change, where the user wants that before saving."""
    settings = ls.configs.settings
    if settings.run == "onType":
        ls.touched(uri, settings.debounce / 1000)


def _left(ls: Server, path: Path | None) -> None:
    """Lint the project of a file that is no longer open: its findings are withdrawn."""
    project = ls.project_of(path) if path is not None else None
    if project is not None:
        ls.schedule(project)


# -- requests -----------------------------------------------------------------------------------------------------------------


async def _code_actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri = params.text_document.uri
    project = await ls.current(uri)
    if project is None:
        return []
    here = [pair for pair in project.shown.get(uri, []) if _touch(pair[1].range, params.range)]
    found: list[types.CodeAction] = []
    if _wanted(params.context.only, "quickfix"):
        for (_, shown), finding in zip(here, await ls.proved(project, [one for one, _ in here]), strict=True):
            found += actions.quick_fixes(ls.documents, finding, shown)
    found += _whole_file(ls, project, uri, params.context.only, bool(here))
    if not _resolves(ls.client_capabilities):
        found = [await _resolved(ls, action) if action.edit is None else action for action in found]
    for action in found:
        _fit_versions(ls, action)
    return [action for action in found if action.edit is not None or action.data is not None]


def _whole_file(ls: Server, project: Project, uri: str, only: Any, some_here: bool) -> list[types.CodeAction]:
    """The actions that fix everything in a file. Their edits are made when the editor asks for them."""
    path = ls.documents.file_of(uri)
    if path is None:
        return []
    found = []
    for unsafe in (False, True):
        kind = "quickfix" if unsafe else actions.FIX_ALL
        count = actions.fixable(project.result.findings, path, unsafe)
        # The unsafe ones must not be among what an editor does on saving.
        if not _wanted(only, kind) or not count or (unsafe and not (some_here and count > 1)):
            continue
        title = "biaslint: fix all (including unsafe)" if unsafe else "biaslint: fix all safe"
        found.append(types.CodeAction(title=title, kind=kind, data={"uri": uri, "unsafe": unsafe}))
    return found


async def _resolve_action(ls: Server, action: types.CodeAction) -> types.CodeAction:
    action = await _resolved(ls, action)
    _fit_versions(ls, action)
    return action


async def _resolved(ls: Server, action: types.CodeAction) -> types.CodeAction:
    """The action with the edit that its data stands for."""
    data: Any = action.data
    if isinstance(data, dict) and "uri" in data:
        project, path = await ls.current(data["uri"]), ls.documents.file_of(data["uri"])
        if project is not None and path is not None:
            those = [one for one in project.result.findings if one.place.path == str(path)]
            proved = await ls.proved(project, those)
            action.edit = actions.fix_all(ls.documents, path, proved, bool(data.get("unsafe")))
    return action


def _fit_versions(ls: Server, action: types.CodeAction) -> None:
    """Leave out the versions of the texts for an editor that knows none."""
    if action.edit is not None and not ls.versions:
        action.edit = actions.without_versions(action.edit)


async def _hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    uri, position = params.text_document.uri, params.position
    project = await ls.current(uri)
    if project is None:
        return None
    spot = types.Range(position, position)
    codes = {finding.rule: shown.range for finding, shown in project.shown.get(uri, []) if _touch(shown.range, spot)}
    lines = ls.documents.lines_of(uri)
    line, column = ls.documents.point(lines, position)
    named = pages.code_at(lines[line - 1], column) if line <= len(lines) else None
    if named:
        codes.setdefault(named, spot)
    if not codes:
        return None
    text = types.MarkupContent(types.MarkupKind.Markdown, pages.hover(list(codes)))
    return types.Hover(text, next(iter(codes.values())))


async def _inlay_hints(ls: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
    if not ls.configs.settings.inlay_hints:
        return []
    uri = params.text_document.uri
    project = await ls.current(uri)
    return pages.inlay_hints(ls.documents, uri, project.result.uses, params.range) if project else []


FEATURES: dict[str, Callable[..., Any]] = {
    types.INITIALIZE: _initialize,
    types.INITIALIZED: _initialized,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: _changed_configuration,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: _changed_files,
    types.TEXT_DOCUMENT_DID_OPEN: _opened,
    types.TEXT_DOCUMENT_DID_CHANGE: _changed,
    types.TEXT_DOCUMENT_DID_SAVE: _saved,
    types.TEXT_DOCUMENT_DID_CLOSE: _closed,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: _opened_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: _changed_notebook,
    types.NOTEBOOK_DOCUMENT_DID_SAVE: _saved_notebook,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: _closed_notebook,
    types.TEXT_DOCUMENT_CODE_ACTION: _code_actions,
    types.CODE_ACTION_RESOLVE: _resolve_action,
    types.TEXT_DOCUMENT_HOVER: _hover,
    types.TEXT_DOCUMENT_INLAY_HINT: _inlay_hints,
}
OPTIONS = {
    types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(
        [types.CodeActionKind.QuickFix, actions.FIX_ALL], resolve_provider=True
    ),
}


def make() -> Server:
    """A server with all its features."""
    server = Server()
    for method, answer in FEATURES.items():
        server.feature(method, OPTIONS.get(method))(answer)
    return server


def serve() -> None:
    """Serve on the standard input and output until the editor says that it is enough."""
    make().start_io()


def _wanted(only: Any, kind: str) -> bool:
    """Does the editor ask for actions of this kind? It names kinds, each with all below it, or none for all."""
    return not only or any(kind == one or kind.startswith(f"{one}.") for one in map(_word, only))


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
