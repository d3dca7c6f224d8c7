"""Builds the site: `python docs/_build.py [FOLDER] [PYODIDE]` writes it to `site/`, or to another folder.

With the folder of the npm package `pyodide`, the site has a playground.

Most pages are written by hand. The rule book's pages, each command's options and the public functions are taken from the program
when the site is built, so they cannot fall behind.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

import _playground  # noqa: E402
import _program  # noqa: E402
import _rules  # noqa: E402

from biaslint.findings import rule_book  # noqa: E402


def main(target: Path, pyodide: Path | None = None) -> int:
    """Build the site in `target`; the exit status is the generator's."""
    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder), pyodide)
        command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
        status = subprocess.run(command, cwd=folder, check=False).returncode
        if status == 0:
            shutil.copytree(Path(folder) / "site", target, dirs_exist_ok=True)
        return status


def stage(folder: Path, pyodide: Path | None) -> None:
    """Write the settings and all pages, as the generator reads them."""
    pages = folder / "docs"
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("_*"))
    shutil.copytree(DOCS / "_assets", pages / "assets")
    for path in pages.glob("*.md"):
        path.write_text(_program.filled_in(path.read_text(encoding="utf-8")), encoding="utf-8")
    (pages / "rules").mkdir()
    for rule in rule_book.rules():
        (pages / "rules" / f"{rule.name}.md").write_text(_rules.page(rule), encoding="utf-8")
    (pages / "rules/index.md").write_text(_rules.overview(), encoding="utf-8")
    settings = (DOCS / "_site.yml").read_text(encoding="utf-8").replace("{rules}", _rules.navigation())
    if pyodide is not None:
        (pages / "playground.md").write_text(_playground.page(), encoding="utf-8")
        _playground.assets(pages / "assets", pyodide)
        settings = settings.replace("  - Command line:", "  - Playground: playground.md\n  - Command line:")
    (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")


if __name__ == "__main__":
    folders = [Path(one).absolute() for one in sys.argv[1:]] or [Path("site").absolute()]
    sys.exit(main(*folders))
