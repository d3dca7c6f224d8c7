"""Import reach: from which of the linted files can a file get a name?

Names of modules are compared by their last part, as written: where an import leads is looked up when it is executed. So a file may
seem to reach another of the same name, but none that no import speaks of.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from biaslint.source import imports

ANY = "*"  # among the modules of a file: it may load whatever there is
LOADERS = {
    "import_module",
    "__import__",
    "spec_from_file_location",
    "SourceFileLoader",
    "run_path",
    "run_module",
    "exec",
    "eval",
}
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def modules_named(tree: ast.Module, path: Path, mentioned: set[str]) -> tuple[str, ...]:
    """The parts of the names of modules that the imports of a file speak of, at any depth."""
    if not mentioned.isdisjoint(LOADERS):
        return (ANY,)
    found: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found.update(part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            found.update((node.module or "").rpartition(".")[2:])
            found.update(alias.name for alias in node.names)
            if node.level and not node.module:
                found.update(folder.name for folder in list(path.parents)[node.level - 1 : node.level])
        for block in BLOCKS:
            inner = getattr(node, block, None)
            todo += inner if isinstance(inner, list) else ()
    return tuple(sorted(found - {"", ANY}))


def reached(files: Sequence[tuple[Path, Sequence[str]]]) -> list[int]:
    """The files, as bits, whose names each file may have: its own, those that it imports, and those that these import."""
    every = (1 << len(files)) - 1
    called: dict[str, list[int]] = {}
    for number, (path, _) in enumerate(files):
        called.setdefault(imports.module_name(path), []).append(number)
    leads = [[word for word in words if word in called] for _, words in files]
    reach = [every if ANY in words else 1 << number for number, (_, words) in enumerate(files)]
    grown = True
    while grown:
        grown = False
        behind = dict.fromkeys(called, 0)
        for word, numbers in called.items():
            for number in numbers:
                behind[word] |= reach[number]
        for number, words in enumerate(leads):
            more = reach[number]
            for word in words:
                more |= behind[word]
            grown = grown or more != reach[number]
            reach[number] = more
    return reach
