"""Imports go one way: from what a user calls to the facts that rules read."""

from __future__ import annotations

import ast
from pathlib import Path

import biaslint

PACKAGE = Path(biaslint.__file__).parent
# Each line may import from the lines above it, and nothing in a line from another part of that line.
LAYERS = (
    (
        "graph",
        "__never__",
        "patterns",
        "progress",
        "source_text",
        "notebook",
        "flow",
        "states",
        "runtime.thresholds",
        "__version__",
    ),
    ("finding", "sources", "conditions", "spelling", "shift"),
    ("checks_common", "rule_book", "changed_lines", "facts_as_json"),
    ("checks", "frontends", "config", "suppress", "fix"),
    ("discover", "fingerprint", "pieces"),
    ("cache", "glance"),
    ("engine", "baseline"),
    ("reporters", "flake8_plugin", "watch"),
    ("runtime", "lsp"),
    ("cli",),
    ("__main__",),
)
RANKS = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}


def part_of(name: str) -> str:
    """The part of the package that a dotted name (without `biaslint.`) belongs to."""
    return name.partition(".")[0]


def imports(file: Path) -> set[str]:
    """What a file imports from the package when it is run; not what only type checkers see."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for part in ast.walk(statement)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "biaslint":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("biaslint."):
            module = (node.module or "").removeprefix("biaslint.")
            found |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("biaslint.") for alias in node.names if alias.name.startswith("biaslint.")}
    return found


def test_imports_go_one_way() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    wrong = []
    for file in files:
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name == "__init__":
            continue
        part = part_of(name)
        for imported in sorted(imports(file)):
            other = part_of(imported)
            if other != part and RANKS[other] >= RANKS[part]:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_every_part_has_a_place() -> None:
    parts = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__"} == set(RANKS) - {"__version__"}


# Inside runtime/: each line may import from the lines above it, and the frameworks not from each other, save that what TensorFlow
# needs of Keras is taken from there.
RUNTIME = (("facts",), ("target",), ("torch", "keras"), ("tensorflow",), ("process",), ("verdict",), ("report",), ("options",), ("command",))  # fmt: skip


def test_the_runtime_imports_in_one_direction() -> None:
    ranks = {part: rank for rank, layer in enumerate(RUNTIME) for part in layer}
    folder = PACKAGE / "runtime"
    assert {path.stem for path in folder.iterdir()} - {"__init__", "__pycache__"} == set(ranks)
    wrong = []
    for file in sorted(folder.rglob("*.py")):
        name = ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        part = name.split(".")[0]
        for imported in sorted(imports(file)):
            if part == "__init__" or not imported.startswith("runtime."):
                continue
            other = imported.split(".")[1]
            if other != part and ranks[other] >= ranks[part]:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []
