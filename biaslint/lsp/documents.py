"""The texts that the editor holds, and positions in them.

The protocol counts lines and columns from 0, columns in the code units that client and server agreed on; findings count from 1
and in characters. Lines end at newlines and carriage returns only, for both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls import uris

from biaslint.theory.program import Place

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
BYTES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@dataclass(slots=True)
class Document:
    """One text, a whole file or the cell of a notebook."""

    uri: str
    version: int
    text: str
    language: str = "python"
    _lines: list[str] | None = None

    @property
    def lines(self) -> list[str]:
        """The text's lines, each with its end."""
        if self._lines is None:
            self._lines = split(self.text)
        return self._lines


@dataclass(slots=True)
class Notebook:
    """A notebook and its cells, in order: (uri, is it code?)."""

    uri: str
    version: int
    cells: list[tuple[str, bool]] = field(default_factory=list)


def split(text: str) -> list[str]:
    """The lines of a text, each with its end; the last may be empty."""
    lines = _LINE.findall(text)
    # findall ends with an empty match after a last line that has no end of its own
    return lines[:-1] if len(lines) > 1 and not lines[-1] and not lines[-2].endswith(("\n", "\r")) else lines


class Documents:
    """Everything that is open."""

    def __init__(self) -> None:
        self.encoding = "utf-16"
        self.folder = Path.cwd()  # the workspace's, which unnamed texts are part of
        self.texts: dict[str, Document] = {}  # by URI, cells included
        self.notebooks: dict[str, Notebook] = {}
        self.names: dict[Path, str] = {}  # file -> URI of its text or notebook, as the editor spells it

    def path_of(self, uri: str) -> Path | None:
        """The file that a URI names, or will name once it is saved; None for other schemes (a remote file, a diff's other side)."""
        scheme, _, rest = uri.partition(":")
        if scheme == "untitled" and rest:
            name = re.sub(r"[^\w.-]", "-", unquote(rest).rpartition("/")[2])
            return self.folder / (name if name.endswith((".py", ".ipynb")) else f"{name}.py")
        if scheme != "file":
            return None
        name = uris.to_fs_path(uri) or ""
        return Path(name) if name else None

    # -- what the editor does ---------------------------------------------------------------------------------------------

    def open(self, item: types.TextDocumentItem) -> None:
        """A text was opened."""
        self.texts[item.uri] = Document(item.uri, item.version, item.text, item.language_id)
        path = self.path_of(item.uri)
        if path is not None and (item.language_id == "python" or item.uri.startswith("file:")):
            self.names[path] = item.uri

    def close(self, uri: str) -> None:
        """A text was closed: what counts is on disk again."""
        self.texts.pop(uri, None)
        path = self.path_of(uri)
        if path is not None:
            self.names.pop(path, None)

    def change(self, uri: str, version: int, changes: list[types.TextDocumentContentChangeEvent]) -> None:
        """A text was changed."""
        document = self.texts.get(uri)
        if document is None:
            return
        text = document.text
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                lines = split(text)
                start, end = self.offset(lines, change.range.start), self.offset(lines, change.range.end)
                text = text[:start] + change.text + text[end:]
            else:
                text = change.text
        self.texts[uri] = Document(uri, version, text, document.language)

    def open_notebook(self, params: types.DidOpenNotebookDocumentParams) -> None:
        """A notebook was opened, with the texts of its cells."""
        notebook = params.notebook_document
        for item in params.cell_text_documents:
            self.texts[item.uri] = Document(item.uri, item.version, item.text, item.language_id)
        self.notebooks[notebook.uri] = Notebook(notebook.uri, notebook.version, [_cell(cell) for cell in notebook.cells])
        path = self.path_of(notebook.uri)
        if path is not None:
            self.names[path] = notebook.uri

    def change_notebook(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """Cells came, went, or were changed."""
        notebook = self.notebooks.get(params.notebook_document.uri)
        cells = params.change.cells
        if notebook is None:
            return
        notebook.version = params.notebook_document.version
        if cells is None:
            return
        if cells.structure is not None:
            array = cells.structure.array
            new = [_cell(cell) for cell in array.cells or []]
            notebook.cells[array.start : array.start + array.delete_count] = new
            for item in cells.structure.did_open or []:
                self.texts[item.uri] = Document(item.uri, item.version, item.text, item.language_id)
            for gone in cells.structure.did_close or []:
                self.texts.pop(gone.uri, None)
        for changed in cells.text_content or []:
            self.change(changed.document.uri, changed.document.version, list(changed.changes))

    def close_notebook(self, uri: str) -> None:
        """A notebook was closed, with its cells."""
        notebook = self.notebooks.pop(uri, None)
        for cell, _ in notebook.cells if notebook else []:
            self.texts.pop(cell, None)
        path = self.path_of(uri)
        if path is not None:
            self.names.pop(path, None)

    # -- what the engine wants --------------------------------------------------------------------------------------------

    def unsaved(self) -> dict[Path, str]:
        """The text of every open file; a notebook's is its JSON."""
        found: dict[Path, str] = {}
        for path, uri in self.names.items():
            if uri in self.notebooks:
                found[path] = self.notebook_json(self.notebooks[uri])
            elif uri in self.texts:
                found[path] = self._text(path, self.texts[uri])
        return found

    def _text(self, path: Path, document: Document) -> str:
        """A document's text. A notebook opened as Python text, its cells joined (as JupyterLab does), is one of a single cell."""
        if path.suffix == ".ipynb" and document.language == "python":
            return self.notebook_json(Notebook(document.uri, 0, [(document.uri, True)]))
        return document.text

    def notebook_json(self, notebook: Notebook) -> str:
        """The notebook as a file would hold it, without outputs."""
        cells: list[dict[str, Any]] = []
        for uri, is_code in notebook.cells:
            text = self.texts[uri].text if uri in self.texts else ""
            extra: dict[str, Any] = {"outputs": [], "execution_count": None} if is_code else {}
            cells.append({"cell_type": "code" if is_code else "markdown", "metadata": {}, "source": text, **extra})
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})

    def versions(self, path: Path) -> tuple[int, ...]:
        """What tells one state of an open file from another."""
        uri = self.names.get(path, "")
        notebook = self.notebooks.get(uri)
        if notebook is None:
            return (self.texts[uri].version,) if uri in self.texts else ()
        return (notebook.version, *(self.texts[cell].version for cell, _ in notebook.cells if cell in self.texts))

    def parts(self, path: Path) -> list[str]:
        """The URIs under which an open file's diagnostics are shown: its own, or those of its cells."""
        uri = self.names.get(path)
        if uri is None:
            return []
        return [cell for cell, is_code in self.notebooks[uri].cells if is_code] if uri in self.notebooks else [uri]

    def file_of(self, uri: str) -> Path | None:
        """The open file that a text belongs to."""
        for notebook in self.notebooks.values():
            if any(cell == uri for cell, _ in notebook.cells):
                return self.path_of(notebook.uri)
        return self.path_of(uri)

    # -- places -----------------------------------------------------------------------------------------------------------

    def uri_of(self, path: str, cell: int | None) -> str:
        """The URI of a file, or of the cell of an open notebook."""
        uri = self.names.get(Path(path)) or uris.from_fs_path(path) or ""
        notebook = self.notebooks.get(uri)
        if notebook is not None and cell is not None and 1 <= cell <= len(notebook.cells):
            return notebook.cells[cell - 1][0]
        return uri

    def lines_of(self, uri: str) -> list[str]:
        """The lines of an open text; of a file that is not open, those on disk."""
        if uri in self.texts:
            return self.texts[uri].lines
        from biaslint.source import text as source_text

        path = self.path_of(uri)
        try:
            return split(source_text.read(path)) if path else []
        except (OSError, ValueError, SyntaxError):
            return []

    def range_of(self, place: Place, lines: list[str]) -> types.Range:
        """A place as the editor counts."""
        return types.Range(
            self.position(lines, place.line, place.column), self.position(lines, place.end_line, place.end_column)
        )

    def position(self, lines: list[str], line: int, column: int) -> types.Position:
        """A line and column, both from 1, as the editor counts."""
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        before = text[: column - 1]
        if before.isascii():
            return types.Position(line - 1, len(before))
        codec, width = BYTES[self.encoding]
        return types.Position(line - 1, len(before.encode(codec, "surrogatepass")) // width)

    def point(self, lines: list[str], position: types.Position) -> tuple[int, int]:
        """A position of the editor as line and column, both from 1."""
        if position.line >= len(lines):
            return len(lines) + 1, 1
        text = lines[position.line]
        if text.isascii():
            return position.line + 1, min(position.character, len(text)) + 1
        codec, width = BYTES[self.encoding]
        before = text.encode(codec, "surrogatepass")[: position.character * width]
        return position.line + 1, len(before.decode(codec, "ignore")) + 1

    def offset(self, lines: list[str], position: types.Position) -> int:
        """A position of the editor as an index into the text."""
        line, column = self.point(lines, position)
        if line > len(lines):
            return sum(map(len, lines))
        end = len(lines[line - 1].rstrip("\r\n"))
        return sum(map(len, lines[: line - 1])) + min(column - 1, end)


def _cell(cell: types.NotebookCell) -> tuple[str, bool]:
    return cell.document, cell.kind == types.NotebookCellKind.Code
