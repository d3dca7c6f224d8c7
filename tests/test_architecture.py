"""Imports go one way, from what a user calls down to the theory; the import graph has no circle."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import import_graph
import pytest

import biaslint

PACKAGE = Path(biaslint.__file__).parent
GRAPH = import_graph.import_graph(PACKAGE)

# In each table, a line may import from the lines above it, and nothing from another part of its own line.
PACKAGE_ORDER = (
    ("theory",),
    ("source", "findings"),
    ("config",),
    ("checks", "fix", "analysis"),
    ("engine",),
    ("reporters", "flake8_plugin"),
    ("runtime", "lsp", "mcp", "scan"),
    ("cli", "pytest_plugin"),
    ("__main__",),
)
ANALYSIS_ORDER = (
    ("limits",),
    ("project",),
    ("domain",),
    ("interpreter",),
    ("tensors",),
    ("frameworks",),
    ("machine",),
    ("exploration",),
    ("incremental",),
    ("session",),
    ("run",),
)
INTERPRETER_ORDER = (
    ("doors",),
    ("execution",),
    ("framework_record",),
    ("framework",),
    ("target_statistics",),
    ("module_tree",),
    ("containers",),
    ("objects",),
    ("builtins",),
    ("language",),
    ("semantics",),
)
FRAMEWORK_ORDER = (("common",), ("torch", "keras", "flax"), ("tensorflow",))
RUNTIME_ORDER = (
    ("facts",),
    ("compare",),
    ("target",),
    ("torch", "keras"),
    ("tensorflow", "flax"),
    ("process",),
    ("verdict",),
    ("report",),
    ("check",),
    ("callbacks",),
    ("options",),
    ("marking",),
    ("command",),
    ("migrate",),
)
MIGRATE_ORDER = (
    ("job", "placing"),
    ("worlds",),
    ("torch", "keras"),
    ("building",),
    ("child", "fixes"),
    ("command",),
)
SCAN_ORDER = (
    ("limits", "unit"),
    ("reading",),
    ("rows",),
    ("sources", "work"),
    ("guard", "results"),
    ("engines", "report"),
    ("run",),
)
ORDERS = {
    "biaslint": PACKAGE_ORDER,
    "biaslint.analysis": ANALYSIS_ORDER,
    "biaslint.analysis.interpreter": INTERPRETER_ORDER,
    "biaslint.analysis.frameworks": FRAMEWORK_ORDER,
    "biaslint.runtime": RUNTIME_ORDER,
    "biaslint.runtime.migrate": MIGRATE_ORDER,
    "biaslint.scan": SCAN_ORDER,
}


def part_of(module: str, folder: str) -> str:
    """The part of a folder that a module in it belongs to; "" for the folder's own `__init__`."""
    return module.removeprefix(folder).lstrip(".").partition(".")[0]


def against_the_order(graph: import_graph.Graph, folder: str, order: Sequence[Sequence[str]]) -> list[str]:
    """The imports within a folder that go up or sideways."""
    ranks = {part: rank for rank, line in enumerate(order) for part in line}
    inside = {module: others for module, others in graph.items() if module.startswith(f"{folder}.")}
    return [
        f"{module} imports {other}"
        for module, others in inside.items()
        for other in sorted(others & inside.keys())
        if part_of(module, folder) != part_of(other, folder) and ranks[part_of(other, folder)] >= ranks[part_of(module, folder)]
    ]


@pytest.mark.parametrize("folder", ORDERS)
def test_imports_go_one_way(folder: str) -> None:
    assert against_the_order(GRAPH, folder, ORDERS[folder]) == []


@pytest.mark.parametrize("folder", ORDERS)
def test_every_part_has_a_place(folder: str) -> None:
    parts = {part_of(module, folder) for module in GRAPH if module.startswith(f"{folder}.")}
    assert parts == {part for line in ORDERS[folder] for part in line}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert len(GRAPH) > 100
    assert import_graph.circles(GRAPH) == []


def test_a_framework_is_imported_by_the_machine_and_by_what_is_built_on_it_alone() -> None:
    frameworks = "biaslint.analysis.frameworks."
    wrong = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if other.startswith(frameworks)
        and not other.startswith(f"{frameworks}common")
        and not module.startswith(frameworks)
        and module != "biaslint.analysis.machine"
    ]
    assert wrong == []


def test_a_wrong_import_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "low.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import high\n")
    (package / "high.py").write_text("def work():\n    from package.low import thing\n")
    graph = import_graph.import_graph(package)
    assert graph["package.low"] == {"package.high"}
    assert graph["package.high"] == {"package.low"}
    assert import_graph.circles(graph) == [["package.high", "package.low"]]
    assert against_the_order(graph, "package", (("low",), ("high",))) == ["package.low imports package.high"]


FORGET = "import sys\nfor name in [name for name in sys.modules if name.partition('.')[0] == 'biaslint']:\n    del sys.modules[name]\n"


def test_every_module_can_be_imported_first() -> None:
    optional = ("biaslint.lsp", "biaslint.runtime", "biaslint.flake8_plugin", "biaslint.__main__")  # need extras, or run
    modules = [module for module in GRAPH if not module.startswith(optional)]
    program = f"import importlib\nfor module in {modules!r}:\n    exec({FORGET!r})\n    importlib.import_module(module)\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stderr == ""


LIBRARY = re.compile(
    r"torch|keras|tensorflow|hugging|transformers|mmengine|mmcv|tensorpack|slim\b|einops|timm\b|flax|\bjax|optax|\blinen\b|\bnnx",
    re.IGNORECASE,
)
# Where a library may be named: its framework's folder and the machine, the runtime checker, and rules whose advice is about one.
NAMES_LIBRARIES = ("analysis/frameworks/", "analysis/machine.py", "runtime/", "checks/")
EXCEPTIONS = {
    "cli/__init__.py": "the sentence that says what the program is for",
    "cli/markdown.py": "how the frameworks of a rule's examples are spelled",
    "config/configuration.py": "an example in an error message",
    "config/saved_models.py": "how files of saved models are called",
    "findings/rule_book.py": "the frameworks that a rule's page may name",
}


def names_and_texts(tree: ast.Module) -> Iterator[str]:
    """The identifiers and texts of a module. Comments and docstrings may give examples."""
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, described)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and node.value not in docstrings:
            yield str(node.value)
        for field in ("id", "attr", "name", "arg", "module"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def test_general_code_names_no_library() -> None:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        shown = file.relative_to(PACKAGE).as_posix()
        if not shown.startswith(NAMES_LIBRARIES):
            words = [text for text in names_and_texts(ast.parse(file.read_text(encoding="utf-8"))) if LIBRARY.search(text)]
            if words:
                found[shown] = words
    assert found.keys() == EXCEPTIONS.keys(), found
