"""Loading a script for what it defines, without the work that it does at its top level.

Of a script's statements, those run that the target needs: a backward slice from its name. Imports, settings of libraries (calls that
need nothing of the script's own), and statements that bind or change a needed name stay; training loops, downloads and reading of data
go, unless the target needs them.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


TEXTS: dict[str, str] = {}  # real path -> the text that stands for the file's own


def source_of(path: Path) -> bytes | str:
    """What a file holds, or the text that stands for that."""
    return TEXTS[text] if (text := os.path.realpath(path)) in TEXTS else path.read_bytes()


@dataclass(frozen=True, slots=True)
class Slice:
    """What of a script is run, and the first and last lines of what is not."""

    tree: ast.Module
    skipped: tuple[tuple[int, int], ...]


def sliced(path: Path, target: str) -> Slice | None:
    """The part of a script that the target needs; None where that is all of it, or where it cannot be told."""
    try:
        tree = ast.parse(source_of(path), str(path))
    except (OSError, ValueError, SyntaxError):
        return None
    body = tree.body
    bound = {name for statement in body for name in _binds(statement)}
    if target not in bound:
        return None
    imported = {name for statement in body if isinstance(statement, _IMPORTS) for name in _binds(statement)}
    defined = {one.name for one in body if isinstance(one, _DEFINITIONS)}
    settings = {
        index for index, one in enumerate(body) if _is_setting(one, imported) and not _reads(one) & bound - imported - defined
    }
    kept = settings | {index for index, statement in enumerate(body) if _stays(statement)}
    needed, waiting = set[str](), [target]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        for index, statement in enumerate(body):
            if name in _binds(statement) or (name not in imported and name in _changes(statement)):
                kept.add(index)
                waiting += [one for one in _reads(statement) if one in bound]
    left = [statement for index, statement in enumerate(body) if index not in kept and not _is_idle(statement)]
    if not left:
        return None
    chosen = ast.Module(
        [_lenient(one, needed, index in settings) for index, one in enumerate(body) if index in kept], tree.type_ignores
    )
    return Slice(ast.fix_missing_locations(chosen), tuple(_ranges(left)))


def _ranges(statements: list[ast.stmt]) -> list[tuple[int, int]]:
    """First and last lines, those of statements in a row as one."""
    found: list[tuple[int, int]] = []
    for one in statements:
        end = one.end_lineno or one.lineno
        if found and one.lineno <= found[-1][1] + 1:
            found[-1] = (found[-1][0], end)
        else:
            found.append((one.lineno, end))
    return found


def _stays(statement: ast.stmt) -> bool:
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, (*_IMPORTS, *_DEFINITIONS)) or docstring


def _is_idle(statement: ast.stmt) -> bool:
    """Whether leaving it out changes nothing worth a word: plain values, and what only a script's own run would do."""
    if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
        return True
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return not any(isinstance(part, ast.Call) for part in ast.walk(statement))
    return isinstance(statement, ast.Pass)


def _is_setting(statement: ast.stmt, imported: set[str]) -> bool:
    """A statement that may set up a library: a call such as torch.manual_seed(1), or os.environ["A"] = "b"."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _root(statement.value.func) in imported
    return isinstance(statement, ast.Assign) and any(
        not isinstance(one, ast.Name) and _root(one) in imported for one in statement.targets
    )


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _binds(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value at the top level."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, _IMPORTS):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    return {part.id for part in _outside(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _changes(statement: ast.stmt) -> set[str]:
    """The names whose objects a plain statement changes: by a method, an attribute or an item."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        return {_root(called)} if isinstance(called, ast.Attribute) else set()
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {_root(one) for one in targets if not isinstance(one, ast.Name)}
    return set()


def _outside(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that belong to the module's own level."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            pending += ast.iter_child_nodes(node)


def _reads(statement: ast.stmt) -> set[str]:
    return {part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _lenient(statement: ast.stmt, needed: set[str], setting: bool) -> ast.stmt:
    """An import of something that is not needed may fail, and so may a setting."""
    future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    if not setting and (not isinstance(statement, _IMPORTS) or future or _binds(statement) & (needed | {"*"})):
        return statement
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
    made = ast.Try([statement], [handler], [], [])
    return ast.copy_location(made, statement)
