"""Code actions: a finding's fix, all fixes at once, and a comment that silences a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lsprotocol import types

from biaslint.findings.finding import Finding, Safety
from biaslint.lsp.documents import Documents
from biaslint.reporters import plain
from biaslint.theory.program import Place

FIX_ALL = "source.fixAll.biaslint"
_OURS = re.compile(r"#\s*biaslint\s*:\s*ignore\[(?P<codes>[^\]]*)\]")


def quick_fixes(documents: Documents, finding: Finding, shown: types.Diagnostic) -> list[types.CodeAction]:
    """What can be done about one finding: its fix, if it has one, and a comment."""
    found = []
    edit = _edit_of(documents, finding)
    if edit is not None and finding.fix is not None:
        safe, what = finding.fix.safety is Safety.SAFE, plain(finding.fix.message)
        found.append(
            types.CodeAction(
                title=f"biaslint: {what}" if safe else f"biaslint, unsafe: {what}",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[shown],
                is_preferred=safe,
                edit=edit,
            )
        )
    comment = _ignore(documents, finding)
    if comment is not None:
        found.append(
            types.CodeAction(
                title=f"biaslint: ignore {finding.rule} on this line",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[shown],
                edit=comment,
            )
        )
    return found


def fix_all(documents: Documents, path: Path, findings: Sequence[Finding], unsafe: bool) -> types.WorkspaceEdit | None:
    """The edit that mends everything in one file that can be mended; None where nothing can."""
    from biaslint import fix

    texts = documents.unsaved()
    old = texts.get(path)
    if old is None:
        return None
    those = [finding for finding in findings if finding.place.path == str(path)]
    outcome = fix.fix_all(those, lambda name: texts[Path(name)] if Path(name) in texts else _saved(name), unsafe=unsafe)
    edits: dict[str, list[types.TextEdit]] = {}
    for name, new in outcome.texts.items():
        uri = documents.uri_of(name, None)
        notebook = documents.notebooks.get(uri)
        if notebook is None and Path(name).suffix == ".ipynb" and uri in documents.texts:  # its cells, joined
            edits[uri] = [_rewrite(documents, uri, documents.texts[uri].text, fix.cell_text(new, 1))]
            continue
        if notebook is None:
            edits[uri] = [_rewrite(documents, uri, texts.get(Path(name), new), new)]
            continue
        for number, (cell, is_code) in enumerate(notebook.cells, 1):
            before, after = documents.texts[cell].text, fix.cell_text(new, number)
            if is_code and before != after:
                edits[cell] = [_rewrite(documents, cell, before, after)]
    return _workspace(documents, edits) if edits else None


def fixable(findings: Iterable[Finding], path: Path, unsafe: bool) -> int:
    """How many findings of the file have a fix of that kind?"""
    return sum(
        finding.fix is not None and finding.place.path == str(path) and (unsafe or finding.fix.safety is Safety.SAFE)
        for finding in findings
    )


def _saved(path: str) -> str:
    from biaslint import fix
    from biaslint.source import text as source_text

    try:
        return source_text.read(Path(path))
    except (OSError, ValueError, SyntaxError) as error:
        raise fix.CannotFix(str(error)) from error


def _edit_of(documents: Documents, finding: Finding) -> types.WorkspaceEdit | None:
    """The edit that carries out a finding's fix; None where it has none or it cannot be written."""
    if finding.fix is None:
        return None
    from biaslint import fix

    edits: dict[str, list[types.TextEdit]] = {}
    for edit in fix.edits_of(finding, documents.unsaved()):
        uri = documents.uri_of(edit.path, edit.cell)
        place = Place(edit.path, edit.line, edit.column, edit.end_line, edit.end_column, edit.cell)
        edits.setdefault(uri, []).append(types.TextEdit(documents.range_of(place, documents.lines_of(uri)), edit.text))
    return _workspace(documents, edits) if edits else None


def _ignore(documents: Documents, finding: Finding) -> types.WorkspaceEdit | None:
    """The edit that silences a finding by a comment, in the one that is there already if there is one."""
    place = finding.place
    uri = documents.uri_of(place.path, place.cell)
    lines = documents.lines_of(uri)
    for number in dict.fromkeys((place.line, place.end_line)):
        if not 0 < number <= len(lines):
            continue
        text = lines[number - 1].rstrip("\r\n")
        ours = _OURS.search(text)
        if ours:
            at, comment = ours.end() - 1, f", {finding.rule}" if ours["codes"].strip() else finding.rule
        elif text.endswith("\\"):
            continue  # a comment cannot stand behind a backslash
        else:
            at, comment = len(text.rstrip()), f"  # biaslint: ignore[{finding.rule}]"
        spot = types.Range(documents.position(lines, number, at + 1), documents.position(lines, number, at + 1))
        return _workspace(documents, {uri: [types.TextEdit(spot, comment)]})
    return None


def _rewrite(documents: Documents, uri: str, old: str, new: str) -> types.TextEdit:
    """The smallest edit that makes one text the other."""
    from biaslint.fix.edits import narrow

    start, end, text = narrow(old, new)
    lines = documents.lines_of(uri)
    return types.TextEdit(types.Range(_at(documents, lines, start), _at(documents, lines, end)), text)


def _at(documents: Documents, lines: list[str], offset: int) -> types.Position:
    for number, line in enumerate(lines, 1):
        if offset < len(line):
            return documents.position(lines, number, offset + 1)
        offset -= len(line)
    last = lines[-1] if lines else ""
    if last.endswith(("\n", "\r")):
        return types.Position(len(lines), 0)
    return documents.position(lines, len(lines), len(last) + 1)


def _workspace(documents: Documents, edits: Mapping[str, list[types.TextEdit]]) -> types.WorkspaceEdit:
    """The edits, each with the version of the text it is meant for, so that the editor can refuse it when that has changed."""
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(
                    uri, documents.texts[uri].version if uri in documents.texts else None
                ),
                list(those),
            )
            for uri, those in edits.items()
        ]
    )


def without_versions(edit: types.WorkspaceEdit) -> types.WorkspaceEdit:
    """The same edit for an editor that knows no versions."""
    changes: dict[str, list[types.TextEdit]] = {}
    for one in edit.document_changes or []:
        if isinstance(one, types.TextDocumentEdit):
            changes[one.text_document.uri] = [item for item in one.edits if isinstance(item, types.TextEdit)]
    return types.WorkspaceEdit(changes=changes)
