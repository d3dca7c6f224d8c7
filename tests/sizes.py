"""The size of the package's functions and modules: run it for those that are large, `python tests/sizes.py [FOLDER]`."""

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


def long_modules(package: Path) -> dict[str, int]:
    sizes = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in sorted(package.rglob("*.py"))}
    return {file.relative_to(package).as_posix(): size for file, size in sizes.items() if size > MODULE_LINES}


def large_functions(package: Path) -> dict[str, tuple[int, int]]:
    """The functions that are long or hand on many parameters: the lines, and the parameters handed on."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        for name, function in functions(ast.parse(file.read_text(encoding="utf-8"))):
            size, handed = lines_of(function), len(passed_through(function))
            if size > FUNCTION_LINES or handed > PASSED_THROUGH:
                found[f"{file.relative_to(package).as_posix()}:{name}"] = (size, handed)
    return found


def main() -> None:
    package = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent) / "biaslint"
    for file, size in long_modules(package).items():
        print(f"{file}: {size} lines")
    for place, (size, handed) in large_functions(package).items():
        print(f"{place}: {size} lines, {handed} parameters handed on")


if __name__ == "__main__":
    main()
