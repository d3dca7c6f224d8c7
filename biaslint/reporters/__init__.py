"""Findings in the formats that people and programs read. Each module has `render(view)`, which returns the whole report."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from biaslint.config import Config
from biaslint.engine import Result
from biaslint.engine.fingerprint import fingerprints
from biaslint.findings.finding import Finding
from biaslint.reporters.plain import plain, plain_lines
from biaslint.source import text as source_text
from biaslint.source.file import Lines
from biaslint.theory.program import Place

if TYPE_CHECKING:
    from biaslint.fix import TextEdit

# Format -> the module that writes it. `json` is called as_json so that it does not hide the standard module.
__all__ = ["ENDINGS", "FORMATS", "View", "plain", "plain_lines", "render"]

FORMATS = {
    "text": "text",
    "concise": "concise",
    "grouped": "grouped",
    "json": "as_json",
    "jsonl": "as_jsonl",
    "sarif": "sarif",
    "github": "github",
    "gitlab": "gitlab",
    "junit": "junit",
    "pylint": "pylint",
    "rdjson": "rdjson",
    "azure": "azure",
}
ENDINGS = {".txt": "text", ".json": "json", ".jsonl": "jsonl", ".sarif": "sarif", ".xml": "junit"}


@dataclass
class View:
    """A result, and how it is to be shown. Paths are shown as seen from `base` where they lie below it."""

    result: Result
    config: Config
    base: Path
    color: bool = False
    quiet: bool = False
    show_unknown: bool = False
    statistics: bool = False
    fixed: int = 0  # findings mended in this run
    _texts: dict[str, str] = field(default_factory=dict)

    @cached_property
    def lines(self) -> Lines:
        """The lines of the files, for the places that are shown."""
        return Lines(self.result.texts)

    @cached_property
    def fingerprints(self) -> list[str]:
        """One for each finding, in order."""
        return fingerprints(self.result.findings, self.config, self.lines)

    def path(self, path: str) -> str:
        """The path as it is shown, with `/`."""
        try:
            return Path(path).relative_to(self.base).as_posix()
        except ValueError:
            return Path(path).as_posix()

    @cached_property
    def repository(self) -> Path:
        """The top of the repository that holds `base`, which services count paths from; `base` where there is none."""
        return next((folder for folder in (self.base, *self.base.parents) if (folder / ".git").exists()), self.base)

    def repository_path(self, path: str) -> str:
        """The path as seen from the repository's top, with `/`."""
        try:
            return Path(path).relative_to(self.repository).as_posix()
        except ValueError:
            return Path(path).as_posix()

    def file_lines(self, place: Place) -> tuple[int, int]:
        """The first and last line of a place in its file; for a cell of a notebook, the lines of the file that hold them."""
        from biaslint.fix import CannotFix, line_in_file

        if place.cell is None:
            return place.line, place.end_line
        try:
            raw = self._text(place.path, None)
            return line_in_file(raw, place.cell, place.line), line_in_file(raw, place.cell, place.end_line)
        except CannotFix:
            return 1, 1

    def edits(self, finding: Finding) -> list[TextEdit]:
        """The source edits of the finding's fix; none where it has no fix or the fix cannot be written."""
        from biaslint.fix import CannotFix, text_edits

        if finding.fix is None:
            return []
        try:
            return text_edits(finding.fix, self._text)
        except CannotFix:
            return []

    def _text(self, path: str, cell: int | None) -> str:
        """The text of a file, or of one of a notebook's cells."""
        from biaslint.fix import CannotFix, cell_text

        if path not in self._texts:
            try:
                unsaved = self.result.texts.get(Path(path))
                self._texts[path] = source_text.read(Path(path)) if unsaved is None else unsaved
            except (OSError, ValueError, SyntaxError) as error:
                raise CannotFix(str(error)) from error
        return self._texts[path] if cell is None else cell_text(self._texts[path], cell)


def render(format_: str, view: View) -> str:
    """The whole report, ending in a newline unless it is empty."""
    module = importlib.import_module(f"{__name__}.{FORMATS[format_]}")
    write: Callable[[View], str] = module.render
    return write(view)
