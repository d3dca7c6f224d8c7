"""The folders that a file puts on `sys.path`, as far as its source says where they are.

`sys.path.append(os.path.join(BASE_DIR, "../utils"))`, where `BASE_DIR` is worked out from `__file__`, or the same with `pathlib`. A
relative path is tried from the file's own folder, since that is where scripts are started.
"""

from __future__ import annotations

import ast
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Module(Protocol):
    """A file, as far as it matters here."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def bindings(self) -> Mapping[str, Sequence[ast.stmt]]: ...


DEPTH = 12  # of an expression, with the names in it
SAME = {"abspath", "realpath", "normpath", "expanduser", "Path", "PurePath", "str", "resolve", "absolute", "as_posix", "fspath"}
UP = {"dirname", "parent"}


def added_folders(module: Module) -> tuple[Path, ...]:
    """The folders that `sys.path` statements at the top level of a file name, in order."""
    if "sys" not in module.text or "path" not in module.text:
        return ()
    found: list[Path] = []
    for statement in module.tree.body:
        for node in ast.walk(statement) if isinstance(statement, (ast.Expr, ast.If, ast.For, ast.Try, ast.AugAssign)) else ():
            for given in added(node):
                text = path_of(given, module)
                if text is not None:
                    found.append(Path(os.path.normpath(os.path.join(module.path.parent, text))))
    return tuple(dict.fromkeys(found))


def added(node: ast.AST) -> list[ast.expr]:
    """What a call or statement adds to `sys.path`."""
    if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "sys.path" and isinstance(node.value, ast.List):
        return node.value.elts
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        name = ast.unparse(node.func)
        if name in ("sys.path.append", "path.append", "sys.path.insert", "path.insert", "site.addsitedir"):
            return node.args[-1:]
        if name == "sys.path.extend" and isinstance(node.args[0], (ast.List, ast.Tuple)):
            return node.args[0].elts
    return []


def path_of(node: ast.expr, module: Module, depth: int = DEPTH) -> str | None:
    """An expression as a path; None where it is not known."""
    if not depth:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return named(node.id, module, depth)
    if isinstance(node, ast.JoinedStr):
        parts = [path_of(one.value if isinstance(one, ast.FormattedValue) else one, module, depth - 1) for one in node.values]
        return "".join(map(str, parts)) if None not in parts else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
        left, right = path_of(node.left, module, depth - 1), path_of(node.right, module, depth - 1)
        if left is None or right is None:
            return None
        return left + right if isinstance(node.op, ast.Add) else os.path.join(left, right)
    if isinstance(node, ast.Attribute):
        inner = path_of(node.value, module, depth - 1) if node.attr in UP else None
        return {"pardir": "..", "curdir": ".", "sep": "/"}.get(node.attr) if inner is None else os.path.dirname(inner)
    if isinstance(node, ast.Subscript):
        return part_of(node, module, depth - 1)
    return called(node, module, depth - 1) if isinstance(node, ast.Call) else None


def named(name: str, module: Module, depth: int) -> str | None:
    """What the file's only assignment gives a name."""
    if name == "__file__":
        return str(module.path)
    statements = module.bindings.get(name, ())
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign):
        return None
    return path_of(statements[0].value, module, depth - 1)


def part_of(node: ast.Subscript, module: Module, depth: int) -> str | None:
    """`os.path.split(p)[0]` and `p.parents[1]`."""
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and isinstance(index, int):
        inner = path_of(node.value.value, module, depth)
        return None if inner is None or not 0 <= index < DEPTH else str(Path(inner, *[".."] * (index + 1)))
    if isinstance(node.value, ast.Call) and ast.unparse(node.value.func).endswith("split") and index == 0 and node.value.args:
        inner = path_of(node.value.args[0], module, depth)
        return None if inner is None else os.path.dirname(inner)
    return None


def called(node: ast.Call, module: Module, depth: int) -> str | None:
    """`os.path.dirname(p)`, `os.path.join(p, q)`, `Path(p).resolve()`, `os.getcwd()`."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in ("getcwd", "cwd"):
        return "."
    # `p.resolve()` is of the path that it is called on, `abspath(p)` of its argument
    given = node.args or ([node.func.value] if isinstance(node.func, ast.Attribute) else [])
    if name == "joinpath" and isinstance(node.func, ast.Attribute):
        given = [node.func.value, *given]
    parts = [path_of(one, module, depth) for one in given]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    if name in ("join", "joinpath") or (name in SAME and len(known) > 1):
        return os.path.join(*known)
    if name in UP:
        return os.path.dirname(known[0])
    return known[0] if name in SAME else None
