"""The size of functions and modules: run it for those that are large, `python tests/sizes.py [FOLDER]`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = 60
MODULE_LINES = 500
PASSED_THROUGH = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Each function with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
        name = f"{prefix}{node.name}." if isinstance(node, (*Function.__args__, ast.ClassDef)) else prefix
        yield from functions(node, name)


def lines_of(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def passed_through(function: Function) -> list[str]:
    """The parameters that are only handed on: every use is an argument of a call."""
    uses: dict[str, int] = {}
    handed: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            uses[node.id] = uses.get(node.id, 0) + 1
        if isinstance(node, ast.Call):
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(value, ast.Name):
                    handed[value.id] = handed.get(value.id, 0) + 1
    spec = function.args
    return [
        one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if 0 < uses.get(one.arg, 0) == handed.get(one.arg)
    ]


def large_modules(folder: Path) -> dict[str, str]:
    """The modules that are long, each with what is too much of it."""
    sizes = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in sorted(folder.rglob("*.py"))}
    return {file.relative_to(folder.parent).as_posix(): f"{size} lines" for file, size in sizes.items() if size > MODULE_LINES}


def large_functions(folder: Path) -> dict[str, str]:
    """The functions that are long or hand on many parameters, each with what is too much of it."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        for name, function in functions(ast.parse(file.read_text(encoding="utf-8"))):
            size, handed = lines_of(function), passed_through(function)
            place = f"{file.relative_to(folder.parent).as_posix()}:{name}"
            if len(handed) > PASSED_THROUGH:
                found[place] = f"{len(handed)} parameters handed on: {', '.join(handed)}"
            if size > FUNCTION_LINES:
                found[place] = f"{size} lines"
    return found


def large(folder: Path) -> dict[str, str]:
    return large_modules(folder) | large_functions(folder)


def main() -> None:
    root = Path(__file__).parent.parent
    for folder in map(Path, sys.argv[1:] or (root / "biaslint", root / "benchmarks")):
        for place, what in large(folder).items():
            print(f"{place}: {what}")


if __name__ == "__main__":
    main()
