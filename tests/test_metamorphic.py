"""What does not change a program does not change what is found in it; what does, does.

Every fixture that is one file is rewritten in several ways, and the rule and the layer's own line of each finding are compared, with
the lines that the rewriting moved mapped back.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest
from test_fixtures import FOLDER, selected, shown

from biaslint import engine
from biaslint.config import Config
from biaslint.findings.finding import Finding

FILES = sorted(path for path in FOLDER.glob("*/*.py"))
Found = list[tuple[str, str]]  # rule, and the statement that it stands on


def lint(texts: dict[Path, str], select: tuple[str, ...] | None) -> engine.Result:
    result = engine.lint_files(list(texts), Config(FOLDER, select=select), texts)
    assert (result.errors, result.notes) == ([], [])
    return result


def found(text: str, path: Path, select: tuple[str, ...] | None, spelled: Callable[[str], str] = str) -> Found:
    """The findings of one text, each with its rule and the code that it stands on, without spaces and comments."""
    return spots({path: text}, lint({path: text}, select), spelled)


def spots(texts: dict[Path, str], result: engine.Result, spelled: Callable[[str], str] = str) -> Found:
    pieces = []
    for finding in result.findings:
        lines = texts[Path(finding.place.path)].split("\n")[finding.place.line - 1 : finding.place.end_line]
        lines[-1] = lines[-1][: finding.place.end_column - 1]
        pieces.append((finding.rule, spelled(bare("\n".join(lines)[finding.place.column - 1 :]))))
    return sorted(pieces)


def bare(code: str) -> str:
    """The code as the parser sees it: spaces, quotes, brackets around lines and comments make no difference."""
    for tried in (code.strip(), f"({code}\n)"):  # a chain of calls over several lines stands in brackets
        try:
            return ast.unparse(ast.parse(tried))
        except SyntaxError:
            continue
    return re.sub(r"#.*|\s+|,(?=\s*[)\]])", "", code)


@cache
def original(path: Path) -> tuple[str, Found]:
    text = path.read_text(encoding="utf-8")
    return text, found(text, path, selected(path))


def same(path: Path, text: str, spelled: Callable[[str], str] = str) -> None:
    old = sorted((rule, spelled(code)) for rule, code in original(path)[1])
    assert found(text, path, selected(path), spelled) == old


def commented(text: str) -> str:
    ends = {token.end[0] for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.NEWLINE}
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        lines.append(line)
        if number in ends:
            lines += ["", "# nn.BatchNorm2d(8) bias=False", ""]
    return "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_comments_and_blank_lines_change_nothing(path: Path) -> None:
    same(path, commented(original(path)[0]))


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_the_parser_s_own_spelling_changes_nothing(path: Path) -> None:
    same(path, ast.unparse(ast.parse(original(path)[0])))


def formatted(text: str, width: int) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("ruff is not installed")
    return done.stdout


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_formatter_changes_nothing(path: Path) -> None:
    for width in (40, 200):
        same(path, formatted(original(path)[0], width))


class Renamed(ast.NodeTransformer):
    """Local variables of every function get other names; parameters, attributes, globals and names in nested scopes stay."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        parameters = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        inner = [
            part
            for part in ast.walk(node)
            if part is not node and isinstance(part, (ast.FunctionDef, ast.Lambda, ast.ClassDef))
        ]
        taken = {name for part in inner for name in names(part)}
        declared = {name for part in ast.walk(node) if isinstance(part, (ast.Global, ast.Nonlocal)) for name in part.names}
        stored = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        local = stored - parameters - taken - declared
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in local:
                part.id = f"{part.id}_renamed"
        return node


def names(node: ast.AST) -> set[str]:
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return found | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_other_names_for_local_variables_change_nothing(path: Path) -> None:
    if "locals()" in original(path)[0]:
        pytest.skip("it looks its local variables up by name")
    tree = Renamed().visit(ast.parse(original(path)[0]))
    same(path, ast.unparse(tree), lambda code: code.replace("_renamed", ""))


def reordered(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and not item.decorator_list]
            named = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            if len(set(named)) == len(named):  # of two definitions of one name, the later one counts
                turned = iter(reversed(methods))
                node.body = [next(turned) if item in methods else item for item in node.body]
    return ast.unparse(tree)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_another_order_of_methods_changes_nothing(path: Path) -> None:
    same(path, reordered(original(path)[0]))


def lines(findings: Iterable[Finding]) -> set[tuple[str, int]]:
    return {(finding.rule, finding.place.line) for finding in findings}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_layers_made_in_a_function_of_their_own_change_nothing(path: Path) -> None:
    """`nn.X(...)` becomes `wrapped(lambda: nn.X(...))`, and `wrapped` calls what it is given."""
    tree = ast.parse(original(path)[0])

    class Wrapped(ast.NodeTransformer):
        def visit_Assign(self, node: ast.Assign) -> ast.Assign:
            made = isinstance(node.value, ast.Call) and re.match(r"nn\.(Conv|Linear|BatchNorm)", ast.unparse(node.value.func))
            if made and isinstance(node.targets[0], ast.Attribute):
                nothing = ast.arguments([], [], None, [], [], None, [])
                node.value = ast.Call(ast.Name("wrapped", ast.Load()), [ast.Lambda(nothing, node.value)], [])
            return node

    tree = Wrapped().visit(tree)
    tree.body.append(ast.parse("def wrapped(make):\n    return make()").body[0])
    text = ast.unparse(ast.fix_missing_locations(tree))
    before, after = (lint({path: one}, selected(path)).findings for one in (ast.unparse(ast.parse(original(path)[0])), text))
    assert lines(after) == lines(before)


def test_the_rewritings_do_something() -> None:
    texts = [original(path)[0] for path in FILES]
    assert sum("_renamed" in ast.unparse(Renamed().visit(ast.parse(text))) for text in texts) > 5
    assert sum(len(original(path)[1]) for path in FILES) > 50


# -- real models ----------------------------------------------------------------------------------------------------------------

REAL = ("resnet", "densenet", "googlenet", "inception", "shufflenetv2", "mnasnet", "segmentation/fcn", "segmentation/deeplabv3")


@pytest.mark.parametrize("name", REAL)
def test_what_changes_no_model_of_torchvision_changes_nothing_that_is_found_in_it(name: str) -> None:
    """Each convolution gets a bias, so that there is something to find."""
    installed = importlib.util.find_spec("torchvision")
    if installed is None or installed.origin is None:
        pytest.skip("torchvision is not installed")
    path = Path(installed.origin).parent / "models" / f"{name}.py"
    text = path.read_text(encoding="utf-8").replace("bias=False", "bias=True")
    before = found(text, path, ("BL101",))
    assert before
    assert found(commented(text), path, ("BL101",)) == before
    assert found(formatted(text, 60), path, ("BL101",)) == before
    assert found(reordered(text), path, ("BL101",)) == before
    renamed = ast.unparse(Renamed().visit(ast.parse(text)))
    assert found(renamed, path, ("BL101",), lambda code: code.replace("_renamed", "")) == before
    without = ast.unparse(WithoutNorms().visit(ast.parse(text)))
    assert [one for one in found(without, path, ("BL101",)) if "Conv" in one[1]] == []


# -- two files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_file_that_is_split_into_two_is_found_the_same(path: Path) -> None:
    """The first half of the classes moves to a file of its own, with the file's imports; the rest imports them from there."""
    text, old = original(path)
    if re.search(r"^(setattr\(nn\.\w+, |nn\.\w+\.\w+ = )", text, re.MULTILINE):
        pytest.skip("the file changes the framework when it is run")
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.decorator_list]
    defined = {name for node in tree.body if node not in imports for name in bound(node)}
    moved = []
    for node in classes:
        if names(node) & (defined - {one.name for one in moved} - {node.name}):
            continue  # it needs what stays
        moved.append(node)
    moved = moved[: max(len(moved) // 2, 1)]
    if not moved:
        pytest.skip("nothing that can be moved")
    head = "\n".join(ast.unparse(node) for node in imports)
    first = f"{head}\n" + "\n\n".join(ast.unparse(node) for node in moved) + "\n"
    rest = f"{head}\nfrom moved import {', '.join(node.name for node in moved)}\n"
    rest += "\n\n".join(ast.unparse(node) for node in tree.body if node not in imports and node not in moved) + "\n"
    texts = {path.parent / "moved.py": first, path: rest}
    assert spots(texts, lint(texts, selected(path))) == old


def bound(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return {node.name}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


# -- without the norm -----------------------------------------------------------------------------------------------------------


class WithoutNorms(ast.NodeTransformer):
    """Batch and instance norms become the identity."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if re.fullmatch(r"(Lazy)?(Sync)?(BatchNorm|InstanceNorm)(\dd)?", node.attr):
            node.attr = "Identity"
        return node


@pytest.mark.parametrize(
    "path", [FOLDER / "torch" / name for name in ("conv_then_batch_norm.py", "ways_of_writing.py")], ids=shown
)
def test_without_the_norm_no_bias_is_cancelled(path: Path) -> None:
    text, old = original(path)
    assert any(rule == "BL101" for rule, _ in old)
    new = found(ast.unparse(WithoutNorms().visit(ast.parse(text))), path, ("BL101",))
    assert [code for rule, code in new if "instance norm" not in code] == []
