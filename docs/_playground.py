"""The playground: a page that lints in the browser. It needs Pyodide's files, as its npm package has them.

LibCST is not part of that package, so the playground shows findings and advice, and no fixes.
"""

from __future__ import annotations

import html
import importlib.util
import shutil
import zipfile
from pathlib import Path

from biaslint.findings import rule_book

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = {
    "bias-before-norm": "A bias before a norm",
    "forget-gate-bias": "A forget gate",
    "wrong-prior-bias": "A wrong prior",
}
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
NEEDED = ("pathspec", "click")
PROGRAM = '''
from dataclasses import replace
from pathlib import Path

from _rules import spans
from biaslint import config, engine, reporters

ROOT, FILE = Path("/"), Path("/model.py")


def lint(text):
    """The report on a text, as HTML with a terminal's colors."""
    chosen = config.Config(root=ROOT)
    result = engine.lint_files([FILE], chosen, {FILE: text}, jobs=1, prove=False)
    result = replace(result, findings=[replace(one, fix=None) for one in result.findings])
    return spans(reporters.render("text", reporters.View(result, chosen, ROOT, color=True)) + "\\n".join(result.errors))
'''


def page() -> str:
    """The page, with its examples."""
    first, *_ = examples = {name: example(name) for name in EXAMPLES}
    buttons = "".join(f'<button class="md-button" data-example="{name}">{EXAMPLES[name]}</button> ' for name in examples)
    hidden = "".join(f'<template data-name="{name}">{html.escape(code)}</template>' for name, code in examples.items())
    return f"""# Playground

biaslint runs in this page: the code stays in your browser. The first run loads about 14 MB. Fixes are not available here.

<div class="playground">
<p>{buttons}</p>
<textarea spellcheck="false" aria-label="Python code" rows="18">{lines(examples[first])}</textarea>
<p><button class="md-button md-button--primary">Lint</button></p>
<div class="terminal"><pre aria-live="polite">Press a button.</pre></div>
{lines(hidden)}
</div>

<script type="module" src="assets/playground.js"></script>
"""


def lines(text: str) -> str:
    """HTML whose lines do not end a block of Markdown."""
    return text.replace("\n", "&#10;")


def example(name: str) -> str:
    """A rule's first example for PyTorch, without its expectations."""
    from _rules import EXPECTED

    bad = [one for one in rule_book.page(rule_book.find(name)).examples if one.role == "bad" and "torch" in one.frameworks]
    return EXPECTED.sub("", bad[0].code)


def assets(folder: Path, pyodide: Path) -> None:
    """Write what the page loads: Pyodide, and an archive of biaslint and what it imports."""
    (folder / "pyodide").mkdir()
    for name in RUNTIME:
        shutil.copy(pyodide / name, folder / "pyodide")
    with zipfile.ZipFile(folder / "biaslint.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        add(archive, ROOT / "biaslint", "biaslint")
        add(archive, rule_book.folder(), "biaslint/rules")
        for name in NEEDED:
            spec = importlib.util.find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            add(archive, Path(spec.origin).parent, name)
        archive.write(Path(__file__).with_name("_rules.py"), "_rules.py")
        archive.writestr("playground.py", PROGRAM)


def add(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    """Add a package's sources and pages."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".md") and "__pycache__" not in path.parts:
            archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
