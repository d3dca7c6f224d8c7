"""The language server, driven over its standard input and output by a real client (pytest-lsp)."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from projects import CLEAN, DEAD, FIXED, ROOT, write

from biaslint.lsp.without_pygls import MESSAGE as MISSING

pytest_asyncio = pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed")
pytest_lsp = pytest.importorskip("pytest_lsp", reason="pytest-lsp is not installed")
from lsprotocol import types  # noqa: E402

WAIT = 30.0


class Editor:
    """A client with one project open; paths are relative to it."""

    def __init__(self, client: Any, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.versions: dict[str, int] = {}

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, language: str = "python") -> None:
        self.versions[name] = 1
        item = types.TextDocumentItem(self.uri(name), language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str, at: types.Range | None = None) -> None:
        self.versions[name] += 1
        document = types.VersionedTextDocumentIdentifier(uri=self.uri(name), version=self.versions[name])
        change = types.TextDocumentContentChangePartial(at, text) if at else types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def save(self, name: str) -> None:
        document = types.TextDocumentIdentifier(self.uri(name))
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(document))

    def close(self, name: str) -> None:
        document = types.TextDocumentIdentifier(self.uri(name))
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(document))

    async def diagnostics(self, name: str, codes: list[str]) -> list[types.Diagnostic]:
        """The diagnostics of a file once they have these codes; fails where they never do."""
        return await self.diagnostics_of(self.uri(name), codes)

    async def diagnostics_of(self, uri: str, codes: list[str]) -> list[types.Diagnostic]:
        deadline = asyncio.get_running_loop().time() + WAIT
        while True:
            found = self.client.diagnostics.get(uri)
            if found is not None and [one.code for one in found] == codes:
                return list(found)
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{uri}: wanted {codes}, got {found and [one.code for one in found]}")
            await asyncio.sleep(0.01)

    async def actions(self, name: str, line: int, only: list[str] | None = None) -> list[types.CodeAction]:
        spot = types.Range(types.Position(line, 0), types.Position(line, 200))
        context = types.CodeActionContext(
            [], [types.CodeActionKind(word) if word == "quickfix" else word for word in only or []]
        )
        params = types.CodeActionParams(types.TextDocumentIdentifier(self.uri(name)), spot, context)
        return list(await self.client.text_document_code_action_async(params) or [])

    async def hover(self, name: str, line: int, character: int) -> str | None:
        document = types.TextDocumentIdentifier(self.uri(name))
        answer = await self.client.text_document_hover_async(types.HoverParams(document, types.Position(line, character)))
        return answer.contents.value if answer else None


def capabilities(encodings: list[str] | None = None, resolve: bool = True) -> types.ClientCapabilities:
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(one) for one in encodings or ["utf-16"]]
        ),
        text_document=types.TextDocumentClientCapabilities(
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(related_information=True),
            code_action=types.CodeActionClientCapabilities(
                resolve_support=types.ClientCodeActionResolveOptions(["edit"]) if resolve else None
            ),
        ),
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True)
        ),
    )


async def start(folder: Path, said: types.ClientCapabilities | None = None, options: Any = None) -> Editor:
    client = pytest_lsp.make_test_lsp_client()
    await client.start_io(sys.executable, "-m", "biaslint", "lsp", cwd=str(folder), env={"PYTHONPATH": str(ROOT)})
    await client.initialize_session(
        types.InitializeParams(
            capabilities=said or capabilities(),
            root_uri=folder.as_uri(),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
            initialization_options=options,
        )
    )
    return Editor(client, folder)


@pytest_asyncio.fixture
async def editors(tmp_path: Path) -> AsyncIterator[Any]:
    """Starts editors in the temporary folder, and ends them."""
    begun: list[Editor] = []

    async def begin(said: types.ClientCapabilities | None = None, options: Any = None, **files: str) -> Editor:
        write(tmp_path, files)
        begun.append(await start(tmp_path, said, options))
        return begun[-1]

    yield begin
    for editor in begun:
        await asyncio.wait_for(editor.client.shutdown_session(), WAIT)
        await asyncio.wait_for(editor.client.stop(), WAIT)


@pytest_asyncio.fixture
async def editor(editors: Any) -> Editor:
    started: Editor = await editors()
    return started


pytestmark = pytest.mark.asyncio


# --- diagnostics ----------------------------------------------------------------------------------------------------------------


async def test_opening_a_file_shows_its_findings_with_their_places_and_pages(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    (one,) = await editor.diagnostics("net.py", ["BL101"])
    assert (one.range.start.line, one.range.start.character) == (3, 4)
    assert (one.range.end.line, one.range.end.character) == (3, 22)
    assert one.severity == types.DiagnosticSeverity.Warning
    assert one.source == "biaslint"
    assert one.code_description.href == "https://biaslint.github.io/biaslint/rules/bias-before-norm/"
    assert "batch norm" in one.message or "subtracts" in one.message
    (related,) = one.related_information
    assert (related.location.uri, related.location.range.start.line) == (editor.uri("net.py"), 4)


async def test_a_hint_is_shown_as_information(editor: Editor) -> None:
    editor.open("net.py", "from torch import nn\n\nnet = nn.Sequential(nn.LSTM(8, 16))\n")
    (one,) = await editor.diagnostics("net.py", ["BL301"])
    assert one.severity == types.DiagnosticSeverity.Information


async def test_typing_shows_and_removes_findings_without_saving(editor: Editor) -> None:
    editor.open("net.py", CLEAN)
    await editor.diagnostics("net.py", [])
    editor.change("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    line = types.Range(types.Position(3, 0), types.Position(4, 0))
    editor.change("net.py", "    nn.Conv2d(3, 8, 3, bias=False),\n", line)
    await editor.diagnostics("net.py", [])


async def test_quick_typing_is_linted_once_at_its_end(editor: Editor) -> None:
    editor.open("net.py", CLEAN)
    await editor.diagnostics("net.py", [])
    published: list[int] = []
    keep = editor.client.diagnostics

    class Counting(dict):  # type: ignore[type-arg]
        def __setitem__(self, key: str, value: Any) -> None:
            published.append(len(value))
            super().__setitem__(key, value)

    editor.client.diagnostics = Counting(keep)
    for number in range(20):
        editor.change("net.py", CLEAN + "#" * number)
    editor.change("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    assert published[-1] == 1
    assert len(published) <= 3  # of 21 changes; a machine that is very busy may rest in between


async def test_saving_lints_at_once_where_the_settings_say_on_save(editors: Any) -> None:
    editor = await editors(options={"run": "onSave"})
    editor.open("net.py", CLEAN)
    await editor.diagnostics("net.py", [])
    editor.change("net.py", DEAD)
    await asyncio.sleep(0.5)
    assert not editor.client.diagnostics[editor.uri("net.py")]
    editor.save("net.py")
    await editor.diagnostics("net.py", ["BL101"])


async def test_an_unsaved_change_in_an_imported_file_counts(editors: Any) -> None:
    layers = "from torch import nn\n\n\nclass Norm(nn.BatchNorm2d):\n    pass\n"
    net = DEAD.replace("from torch import nn\n", "from torch import nn\nfrom layers import Norm\n").replace(
        "nn.BatchNorm2d", "Norm"
    )
    editor = await editors(**{"layers.py": layers, "net.py": net})
    editor.open("net.py", net)
    await editor.diagnostics("net.py", ["BL101"])
    editor.open("layers.py", layers)
    editor.change("layers.py", layers.replace("nn.BatchNorm2d", "nn.Identity"))
    await editor.diagnostics("net.py", [])
    editor.close("layers.py")  # what is on disk counts again
    await editor.diagnostics("net.py", ["BL101"])


async def test_closing_a_file_removes_its_findings(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    editor.close("net.py")
    await editor.diagnostics("net.py", [])


async def test_source_that_does_not_parse_says_so_and_recovers(editor: Editor) -> None:
    editor.open("net.py", "import torch\nnet = (\n")
    (one,) = await editor.diagnostics("net.py", ["BL001"])
    assert one.severity == types.DiagnosticSeverity.Error
    editor.change("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])


async def test_files_that_the_project_excludes_are_left_alone(editors: Any) -> None:
    editor = await editors(**{"biaslint.toml": 'extend-exclude = ["legacy/"]\n', "legacy/net.py": DEAD, "net.py": DEAD})
    editor.open("legacy/net.py", DEAD)
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    assert not editor.client.diagnostics.get(editor.uri("legacy/net.py"))


# --- positions ------------------------------------------------------------------------------------------------------------------

ASTRAL = (
    'from torch import nn\n\nnet = nn.Sequential("\U0001d518ü", nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())\n'.replace(
        '"\U0001d518ü", ', 'nn.Identity("\U0001d518ü"), '
    )
)


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 6), ("utf-16", 3), ("utf-32", 2)])
async def test_columns_count_in_the_encoding_agreed_on(editors: Any, encoding: str, width: int) -> None:
    editor = await editors(capabilities([encoding]))
    editor.open("net.py", ASTRAL)
    (one,) = await editor.diagnostics("net.py", ["BL101"])
    before = len('net = nn.Sequential(nn.Identity(""), ') + width
    assert one.range.start.character == before
    change = types.Range(types.Position(2, before), types.Position(2, before + len("nn.Conv2d(3, 8, 3)")))
    editor.change("net.py", "nn.Conv2d(3, 8, 3, bias=False)", change)
    await editor.diagnostics("net.py", [])


async def test_form_feeds_and_lone_carriage_returns_do_not_shift_places(editor: Editor) -> None:
    editor.open("net.py", "# a\x0cb\u2028c\n" + DEAD)
    (one,) = await editor.diagnostics("net.py", ["BL101"])
    assert one.range.start.line == 4


# --- code actions ---------------------------------------------------------------------------------------------------------------


def applied(text: str, edit: types.WorkspaceEdit) -> str:
    """An ASCII text after the edits of an action."""
    (change,) = edit.document_changes or []
    assert isinstance(change, types.TextDocumentEdit)
    lines = text.splitlines(keepends=True)
    offsets = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    for one in sorted(change.edits, key=lambda one: (one.range.start.line, one.range.start.character), reverse=True):
        start = offsets[one.range.start.line] + one.range.start.character
        end = offsets[one.range.end.line] + one.range.end.character
        text = text[:start] + one.new_text + text[end:]
    return text


async def test_an_unsafe_fix_says_that_it_is_unsafe_and_is_not_preferred(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    fix, ignore = await editor.actions("net.py", 3, ["quickfix"])
    assert "unsafe" in fix.title
    assert not fix.is_preferred
    assert fix.diagnostics[0].code == "BL101"
    assert applied(DEAD, fix.edit) == FIXED
    assert fix.edit.document_changes[0].text_document.version == 1
    assert applied(DEAD, ignore.edit) == DEAD.replace("3),", "3),  # biaslint: ignore[BL101]")
    editor.change("net.py", applied(DEAD, ignore.edit))
    await editor.diagnostics("net.py", [])


async def test_ignoring_extends_a_comment_that_is_there(editor: Editor) -> None:
    text = DEAD.replace("3),", "3),  # biaslint: ignore[BL301]")
    editor.open("net.py", text)
    await editor.diagnostics("net.py", ["BL101", "BL002"])
    ignore = next(one for one in await editor.actions("net.py", 3) if one.title.startswith("biaslint: ignore BL101"))
    assert "ignore[BL301, BL101]" in applied(text, ignore.edit)


async def test_actions_are_of_the_text_as_it_is_now(editor: Editor) -> None:
    editor.open("net.py", CLEAN)
    editor.change("net.py", "\n" + DEAD)
    fix = (await editor.actions("net.py", 4))[0]
    assert applied("\n" + DEAD, fix.edit) == "\n" + FIXED


async def test_fix_all_on_save_makes_safe_fixes_only(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    assert await editor.actions("net.py", 0, ["source.fixAll"]) == []


async def test_everything_can_be_fixed_at_once(editor: Editor) -> None:
    text = DEAD + DEAD.replace("net =", "other =")
    editor.open("net.py", text)
    await editor.diagnostics("net.py", ["BL101", "BL101"])
    action = next(one for one in await editor.actions("net.py", 3) if "fix all" in one.title)
    assert action.edit is None  # worked out when it is wanted
    resolved = await editor.client.code_action_resolve_async(action)
    assert applied(text, resolved.edit) == FIXED + FIXED.replace("net =", "other =")


async def test_an_editor_that_cannot_resolve_gets_whole_actions(editors: Any) -> None:
    editor = await editors(capabilities(resolve=False))
    text = DEAD + DEAD.replace("net =", "other =")
    editor.open("net.py", text)
    action = next(one for one in await editor.actions("net.py", 3) if "fix all" in one.title)
    assert applied(text, action.edit).count("bias=False") == 2


# --- pages ----------------------------------------------------------------------------------------------------------------------


async def test_hovering_a_finding_shows_the_page_of_its_rule(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    text = await editor.hover("net.py", 3, 10)
    assert text is not None
    assert "bias-before-norm (BL101)" in text
    assert "https://" in text
    assert await editor.hover("net.py", 0, 2) is None


async def test_a_hover_is_short_for_every_rule_and_for_several_at_once() -> None:
    from biaslint.findings import rule_book
    from biaslint.lsp import pages

    codes = [rule.code for rule in rule_book.rules()]
    assert len(codes) > 20
    shown = [pages.hover([code]) for code in codes] + [pages.hover(codes)]
    wrapped = [sum(-(-len(line) // 76) or 1 for line in text.splitlines()) for text in shown[:-1]]  # as editors show them
    assert max(wrapped) <= 15
    assert len(shown[-1].splitlines()) <= 15
    assert [text for text in shown if "https://" not in text or "```" in text or "\n#" in text] == []


async def test_hovering_a_code_in_a_comment_shows_its_page(editor: Editor) -> None:
    text = DEAD.replace("3),", "3),  # biaslint: ignore[BL101]")
    editor.open("net.py", text)
    page = await editor.hover("net.py", 3, text.splitlines()[3].index("BL101") + 2)
    assert page is not None
    assert "bias-before-norm" in page


async def hints(editor: Editor, name: str) -> list[str]:
    everything = types.Range(types.Position(0, 0), types.Position(100, 0))
    params = types.InlayHintParams(types.TextDocumentIdentifier(editor.uri(name)), everything)
    return [one.label for one in await editor.client.text_document_inlay_hint_async(params) or []]


async def test_inlay_hints_tell_a_layers_actual_bias_and_are_off_by_default(editors: Any) -> None:
    text = DEAD + "nn.init.zeros_(net[0].bias)\nhead = nn.Sequential(nn.Linear(8, 2), nn.ReLU())\nnn.init.ones_(head[0].bias)\n"
    off = await editors()
    off.open("net.py", text)
    assert await hints(off, "net.py") == []
    on = await editors(options={"inlayHints": True})
    on.open("net.py", text)
    assert await hints(on, "net.py") == ["bias: cancelled by BatchNorm2d", "bias: ones"]


# --- settings -------------------------------------------------------------------------------------------------------------------


async def test_a_changed_setting_counts_at_once(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    for table, codes in (({"ignore": ["BL101"]}, []), ({}, ["BL101"]), ({"enable": False}, [])):
        params = types.DidChangeConfigurationParams({"biaslint": {"debounce": 1, **table}})
        editor.client.workspace_did_change_configuration(params)
        await editor.diagnostics("net.py", codes)


async def test_a_changed_configuration_file_counts_at_the_next_lint(editor: Editor) -> None:
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    write(editor.folder, {"pyproject.toml": '[tool.biaslint]\nignore = ["BL101"]\n'})
    editor.save("net.py")
    await editor.diagnostics("net.py", [])


async def test_a_broken_configuration_is_said_and_mended(editor: Editor) -> None:
    write(editor.folder, {"pyproject.toml": '[tool.biaslint]\nselekt = ["BL101"]\n'})
    editor.open("net.py", DEAD)
    for _ in range(200):
        if editor.client.messages:
            break
        await asyncio.sleep(0.01)
    assert "did you mean 'select'" in editor.client.messages[0].message
    write(editor.folder, {"pyproject.toml": ""})
    editor.save("net.py")
    await editor.diagnostics("net.py", ["BL101"])


async def test_a_setting_that_makes_no_sense_is_said(editors: Any) -> None:
    editor = await editors(options={"run": "sometimes"})
    for _ in range(200):
        if editor.client.messages:
            break
        await asyncio.sleep(0.01)
    assert "biaslint.run" in editor.client.messages[0].message


async def test_a_request_can_be_cancelled(editor: Editor) -> None:
    editor.open("net.py", DEAD * 40)
    document = types.TextDocumentIdentifier(editor.uri("net.py"))
    params = types.HoverParams(document, types.Position(3, 10))
    asked = editor.client.protocol.send_request_async(types.TEXT_DOCUMENT_HOVER, params, msg_id="one")
    task = asyncio.ensure_future(asked)
    await asyncio.sleep(0)
    editor.client.cancel_request(types.CancelParams("one"))
    with pytest.raises(Exception, match=r"(?i)cancel"):
        await asyncio.wait_for(task, WAIT)
    assert await editor.hover("net.py", 3, 10) is not None


# --- notebooks ------------------------------------------------------------------------------------------------------------------


def notebook_of(editor: Editor, cells: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """Open a notebook; its URI and those of its cells."""
    uri = editor.uri("net.ipynb")
    uris = [f"{uri.replace('file:', 'vscode-notebook-cell:')}#c{number}" for number in range(len(cells))]
    kinds = {"python": types.NotebookCellKind.Code, "markdown": types.NotebookCellKind.Markup}
    notebook = types.NotebookDocument(
        uri, "jupyter-notebook", 1, [types.NotebookCell(kinds[kind], one) for one, (kind, _) in zip(uris, cells, strict=True)]
    )
    texts = [
        types.TextDocumentItem(one, kind, 1, text) for one, (kind, text) in zip(uris, cells, strict=True) if kind == "python"
    ]
    editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, texts))
    return uri, uris


async def test_a_notebooks_findings_are_shown_in_their_cells(editor: Editor) -> None:
    first, second = "from torch import nn\n", DEAD.split("\n", 2)[2]
    uri, cells = notebook_of(editor, [("python", first), ("markdown", ""), ("python", "%matplotlib inline\n" + second)])
    (one,) = await editor.diagnostics_of(cells[2], ["BL101"])
    assert one.range.start.line == 2
    assert await editor.diagnostics_of(cells[0], []) == []
    spot = types.Range(types.Position(2, 5), types.Position(2, 5))
    params = types.CodeActionParams(types.TextDocumentIdentifier(cells[2]), spot, types.CodeActionContext([]))
    fix = (await editor.client.text_document_code_action_async(params))[0]
    assert fix.edit.document_changes[0].text_document.uri == cells[2]
    changed = types.NotebookDocumentCellContentChanges(
        types.VersionedTextDocumentIdentifier(uri=cells[2], version=2),
        [types.TextDocumentContentChangeWholeDocument(text="x = 1\n")],
    )
    event = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[changed]))
    document = types.VersionedNotebookDocumentIdentifier(version=2, uri=uri)
    editor.client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(document, event))
    await editor.diagnostics_of(cells[2], [])


async def test_a_notebook_opened_as_python_text_of_joined_cells_is_linted_and_fixed(editor: Editor) -> None:
    """JupyterLab's language servers get a notebook like this."""
    editor.open("net.ipynb", DEAD)
    (one,) = await editor.diagnostics("net.ipynb", ["BL101"])
    assert one.range.start.line == 3
    titles = {action.title: action for action in await editor.actions("net.ipynb", 3)}
    (fix,) = [action for title, action in titles.items() if "bias=False" in title]
    assert applied(DEAD, fix.edit) == FIXED
    editor.change("net.ipynb", FIXED)
    await editor.diagnostics("net.ipynb", [])


async def test_an_unnamed_text_is_linted_by_its_language(editor: Editor) -> None:
    for uri, language in (("untitled:Untitled-1", "python"), ("untitled:Untitled-2", "plaintext"), ("git:/net.py", "python")):
        item = types.TextDocumentItem(uri, language, 1, DEAD)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    await editor.diagnostics_of("untitled:Untitled-1", ["BL101"])
    assert not editor.client.diagnostics.get("untitled:Untitled-2")
    assert not editor.client.diagnostics.get("git:/net.py")


# --- after edits, cancels and requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_sequence_of_edits_cancels_and_requests_the_diagnostics_are_those_of_the_command_line(
    editor: Editor, seed: int
) -> None:
    from biaslint import engine
    from biaslint.config import Config

    chance = random.Random(seed)
    texts = [DEAD, FIXED, CLEAN, DEAD + DEAD.split("\n", 2)[2].replace("class ", "class Other"), "import torch\nx = (\n"]
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    document, whole = (
        types.TextDocumentIdentifier(editor.uri("net.py")),
        types.Range(types.Position(0, 0), types.Position(99, 0)),
    )
    asked, last = [], DEAD
    for number in range(40):
        step = chance.choice(("change", "ask", "hover", "cancel", "cancel", "wait", "save"))
        if step == "change":
            last = chance.choice(texts) + f"# {number}\n"
            editor.change("net.py", last)
        elif step in ("ask", "hover"):
            method, params = (
                (types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionParams(document, whole, types.CodeActionContext([])))
                if step == "ask"
                else (types.TEXT_DOCUMENT_HOVER, types.HoverParams(document, types.Position(3, 10)))
            )
            name = f"request-{number}"
            asked.append((name, asyncio.ensure_future(editor.client.protocol.send_request_async(method, params, msg_id=name))))
        elif step == "cancel" and asked:
            editor.client.cancel_request(types.CancelParams(asked.pop()[0]))
        elif step == "save":
            editor.save("net.py")
        await asyncio.sleep(chance.choice((0, 0, 0.01, 0.08, 0.2)))
    found = engine.lint_text(last, editor.folder / "net.py", Config(editor.folder)).findings
    shown = await editor.diagnostics("net.py", [one.rule for one in found])
    deadline = asyncio.get_running_loop().time() + WAIT
    while [one.range.start.line + 1 for one in shown] != [one.place.line for one in found]:
        assert asyncio.get_running_loop().time() < deadline, (shown, found)
        await asyncio.sleep(0.05)
        shown = list(editor.client.diagnostics[editor.uri("net.py")])
    for _, task in asked:
        task.cancel()


# --- without its extra ----------------------------------------------------------------------------------------------------------


async def test_without_pygls_it_says_what_to_install(tmp_path: Path) -> None:
    write(tmp_path, {"pygls/__init__.py": "raise ModuleNotFoundError('no pygls', name='pygls')\n"})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "biaslint",
        "lsp",
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "pip install 'biaslint[lsp]'" in said.decode()


async def test_without_pygls_an_editor_gets_the_message_and_no_crash(tmp_path: Path) -> None:
    write(tmp_path, {"pygls/__init__.py": "raise ModuleNotFoundError('no pygls', name='pygls')\n"})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "biaslint", "lsp", cwd=tmp_path, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    sent = [
        {"id": 1, "method": "initialize", "params": {"capabilities": {}}}, {"method": "initialized", "params": {}},
        {"id": 2, "method": "textDocument/hover", "params": {}}, {"id": 3, "method": "shutdown"}, {"method": "exit"},
    ]  # fmt: skip
    bodies = [json.dumps({"jsonrpc": "2.0", **one}).encode() for one in sent]
    said, _ = await process.communicate(b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies))
    answers = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in said.split(b"Content-Length: ")[1:]]
    assert [answer.get("id") for answer in answers] == [1, None, 2, 3]
    assert answers[1]["params"] == {"type": 1, "message": f"biaslint: {MISSING}"}
    assert "error" in answers[2]
    assert process.returncode == 0


async def test_on_save_nothing_is_offered_for_a_text_that_was_not_looked_at(editors: Any) -> None:
    editor = await editors(options={"run": "onSave"})
    editor.open("net.py", DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    assert await editor.actions("net.py", 3)
    editor.change("net.py", "\n\n" + DEAD)
    assert await editor.actions("net.py", 3) == []
    editor.save("net.py")
    assert await editor.actions("net.py", 5)


async def test_the_server_ends_when_its_editor_is_gone(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "biaslint",
        "lsp",
        cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), WAIT)


async def test_code_that_is_linted_is_not_executed(editor: Editor) -> None:
    trap = editor.folder / "sprung"
    editor.open("net.py", f"open({str(trap)!r}, 'w')\n" + DEAD)
    await editor.diagnostics("net.py", ["BL101"])
    assert not trap.exists()
