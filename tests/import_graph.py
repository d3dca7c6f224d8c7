"""The import graph of the package: run it for its figures, `python tests/import_graph.py [FOLDER]` (a checkout; default: this one).

Every import counts: at the top of a module, inside a function, and those that only type checkers see.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, set[str]]


def module_name(file: Path, package: Path) -> str:
    """The dotted name of a file, `__init__` left out."""
    return ".".join((package.name, *file.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")


def import_graph(package: Path) -> Graph:
    """Each module of the package with the modules of the package that it imports."""
    files = {module_name(file, package): file for file in sorted(package.rglob("*.py"))}
    return {name: set(_imports(file, files)) - {name} for name, file in files.items()}


def _imports(file: Path, files: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in files:
                    yield full
                elif node.module in files:
                    yield node.module


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one module, largest first (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(sorted(part))

    for name in graph:
        if name not in index:
            visit(name)
    return sorted(found, key=len, reverse=True)


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    graph = import_graph(root / "biaslint")
    found = circles(graph)
    print(f"modules: {len(graph)}; imports: {sum(map(len, graph.values()))}; circles: {len(found)}")
    for part in found:
        print(f"  a circle of {len(part)}: {', '.join(part[:6])}{' ...' if len(part) > 6 else ''}")


if __name__ == "__main__":
    main()
