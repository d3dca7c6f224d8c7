"""The only place that writes source: fixes become text edits, text edits become new texts, new texts become files.

text_edits(fix, sources)      one fix -> its edits, for editors and reports
apply(text, edits)            edits -> the new text
fix_all(findings, text_of)    many fixes -> the new texts, conflicting ones in rounds
fix_files(findings, root)     the same on disk
diff(path, old, new)          a unified diff
"""

from __future__ import annotations

from biaslint.fix.changes import text_edits
from biaslint.fix.disk import write
from biaslint.fix.edits import CannotFix, TextEdit, apply
from biaslint.fix.files import Written, diff, edits_of, fix_files, saved_text
from biaslint.fix.ignores import add_ignores
from biaslint.fix.notebook_text import cell_text, line_in_file, replace_cells
from biaslint.fix.rounds import Outcome, fix_all, fix_text

__all__ = [
    "CannotFix",
    "Outcome",
    "TextEdit",
    "Written",
    "add_ignores",
    "apply",
    "cell_text",
    "diff",
    "edits_of",
    "fix_all",
    "fix_files",
    "fix_text",
    "line_in_file",
    "replace_cells",
    "saved_text",
    "text_edits",
    "write",
]
