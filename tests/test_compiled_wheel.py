"""The build hook that compiles the core (`hatch_build.py`) is off unless it is asked for, and knows its files."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

import pytest
from hatchling import build
from projects import ROOT

from biaslint.config.configuration import tomllib


def test_a_plain_build_needs_neither_the_compiler_nor_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("HATCH_BUILD_HOOKS_ENABLE", raising=False)
    assert build.get_requires_for_build_wheel() == []
    monkeypatch.setenv("HATCH_BUILD_HOOKS_ENABLE", "1")
    assert [one for one in build.get_requires_for_build_wheel() if one.startswith("mypy")]


def hook() -> dict[str, list[str]]:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = read["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    return found


def test_what_is_compiled_and_what_is_left_out_is_there() -> None:
    folders, left_out = hook()["folders"], hook()["left-out"]
    assert folders
    assert [name for name in folders if not (ROOT / name).is_dir()] == []
    assert [name for name in left_out if not (ROOT / name).is_file() or not name.startswith(tuple(folders))] == []


def unsupported(node: ast.AST, within: str = "module") -> Iterator[int]:
    """The lines with what mypyc cannot compile and nothing else in `.ci/run` complains about."""
    for child in ast.iter_child_nodes(node):
        inner = within
        if isinstance(child, ast.Compare):
            found = (one for right in child.comparators if isinstance(right, (ast.Tuple, ast.List)) for one in right.elts)
            yield from (child.lineno for one in found if isinstance(one, ast.Starred))
        if (isinstance(child, ast.Continue) and within == "finally") or (isinstance(child, ast.Lambda) and within == "lambda"):
            yield child.lineno
        if isinstance(child, (ast.FunctionDef, ast.For, ast.While)):
            inner = "function"
        elif isinstance(child, (ast.With, ast.Try)) and (isinstance(child, ast.With) or child.finalbody):
            inner = "finally"
        elif isinstance(child, ast.Lambda) and within == "module":
            inner = "lambda"
        yield from unsupported(child, inner)


def compiled() -> dict[str, ast.Module]:
    """The modules that are compiled, by the names of their files."""
    files = {path.relative_to(ROOT).as_posix() for folder in hook()["folders"] for path in (ROOT / folder).rglob("*.py")}
    return {name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in sorted(files - set(hook()["left-out"]))}


def test_the_compiled_modules_hold_nothing_that_cannot_be_compiled() -> None:
    assert [f"{name}:{line}" for name, tree in compiled().items() for line in unsupported(tree)] == []


def guarded(tree: ast.Module) -> dict[str, str]:
    """What a module imports for its annotations alone: each name, and the file that it is imported from."""
    blocks = [one for one in tree.body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"]
    imports = [one for block in blocks for one in block.body if isinstance(one, ast.ImportFrom)]
    return {alias.name: f"{(one.module or '').replace('.', '/')}.py" for one in imports for alias in one.names}


def unresolved(tree: ast.Module, left_out: Collection[str]) -> Iterator[int]:
    """The lines of fields whose class a compiled module looks up when it is imported, and does not find."""
    sources = guarded(tree)
    for cls in ast.walk(tree):
        for field in cls.body if isinstance(cls, ast.ClassDef) else ():
            named = field.annotation if isinstance(field, ast.AnnAssign) else None
            if isinstance(named, ast.Name) and sources.get(named.id) in left_out:
                yield named.lineno


def identities(tree: ast.Module) -> Iterator[int]:
    """The lines that ask for the identity of a module's own tuple: compiled code makes such tuples anew."""
    assigned = [one for one in tree.body if isinstance(one, ast.Assign) and isinstance(one.value, ast.Tuple)]
    tuples = {target.id for one in assigned for target in one.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            yield from (one.lineno for one in node.comparators if isinstance(one, ast.Name) and one.id in tuples)


def test_no_compiled_module_asks_for_the_identity_of_a_tuple() -> None:
    assert [f"{name}:{line}" for name, tree in compiled().items() for line in identities(tree)] == []


def test_the_identity_of_a_tuple_is_seen() -> None:
    assert list(identities(ast.parse("STOP = (1, 2)\nLIST = [1]\nx is LIST\nx is not STOP"))) == [4]


def test_the_fields_of_compiled_classes_name_classes_that_are_there() -> None:
    assert [f"{name}:{line}" for name, tree in compiled().items() for line in unresolved(tree, hook()["left-out"])] == []


def test_a_field_whose_class_is_not_there_is_seen() -> None:
    text = "if TYPE_CHECKING:\n    from a.b import C, D\nclass E:\n    one: C\n    two: list[D]\n    three: int"
    assert list(unresolved(ast.parse(text), ["a/b.py"])) == [4]


@pytest.mark.parametrize(
    "text",
    [
        "x in (*one, *two)",
        "TABLE = {1: lambda a: (lambda b: b)}",
        "for x in y:\n    with z:\n        if x:\n            continue",
        "for x in y:\n    try:\n        continue\n    finally:\n        pass",
    ],
)
def test_what_cannot_be_compiled_is_seen(text: str) -> None:
    assert list(unsupported(ast.parse(text)))
