"""What the rest of a file says that a fix would break: functions that nothing in the file calls, and names of parameters in texts.

The analysis executes what the file itself calls. A function that stands there for others, such as one that loads weights, is read here: where
it takes the bias that a fix removes without asking whether there is one, the fix is withheld. So is a fix where a text names the
parameter, and one that makes groups of an optimizer's parameters where the file counts on a single group.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from biaslint.engine import reading_biases
from biaslint.findings.finding import Finding, SetArgument
from biaslint.source import file as source_file
from biaslint.theory.program import LayerUse, Place

SWITCHES = {"bias", "use_bias"}
GROUPED = "params"  # the argument that is given groups
ASKING = {
    "get",
    "pop",
    "endswith",
    "startswith",
    "print",
    "hasattr",
}  # methods and functions that a name which is missing does no harm
STEPS = re.compile(r"milestones|schedulers|betas|MultiStep|Sequential|Chained")  # lists with an entry for each step of time


def compatible(findings: Sequence[Finding], uses: Sequence[LayerUse], texts: Mapping[Path, str]) -> list[Finding]:
    """The findings, without the fixes that other code in their file would not stand."""
    if not any(removes_bias(one) or makes_groups(one) for one in findings):
        return list(findings)
    trees: dict[str, ast.Module | None] = {}
    types: dict[Place, str] = {}
    for use in uses:
        types.setdefault(use.place, use.type.rpartition(".")[2])
    return [
        replace(one, fix=None) if breaks(one, types.get(one.place, ""), lambda path: parsed(path, texts, trees)) else one
        for one in findings
    ]


def parsed(path: str, texts: Mapping[Path, str], trees: dict[str, ast.Module | None]) -> ast.Module | None:
    """The syntax tree of a file, or of the unsaved text that stands for it."""
    if path not in trees:
        try:
            trees[path] = ast.parse(source_file.read(Path(path), texts.get(Path(path))).text)
        except (source_file.Unreadable, SyntaxError, ValueError, RecursionError):
            trees[path] = None
    return trees[path]


def breaks(finding: Finding, type_: str, tree_of: Callable[[str], ast.Module | None]) -> bool:
    """Does a fix break what the rest of its file does?"""
    removes, groups = removes_bias(finding), makes_groups(finding)
    tree = tree_of(finding.place.path) if removes or groups else None
    if tree is None:
        return False
    if groups:
        return counts_on_one_group(tree)
    return named_in_text(tree, finding.layer) or reading_biases.reads(tree, finding.layer, type_)


def removes_bias(finding: Finding) -> bool:
    """Does its fix take a bias away?"""
    changes = finding.fix.changes if finding.fix is not None else ()
    return any(isinstance(one, SetArgument) and one.keyword in SWITCHES and one.text != "True" for one in changes)


def makes_groups(finding: Finding) -> bool:
    """Does its fix make groups of an optimizer's parameters?"""
    changes = finding.fix.changes if finding.fix is not None else ()
    return any(isinstance(one, SetArgument) and one.keyword == GROUPED for one in changes)


# -- groups of an optimizer --------------------------------------------------------------------------------------------------------------


def counts_on_one_group(tree: ast.Module) -> bool:
    """Does the file take one of the groups of an optimizer, or give a list with an entry for each?"""
    rounds = {id(one.iter) for one in ast.walk(tree) if isinstance(one, ast.For | ast.AsyncFor | ast.comprehension)}
    optimizers = {
        name for name, value in assigned(tree) if isinstance(value, ast.Call) and "optim" in ast.unparse(value.func).lower()
    }
    lists = {name for name, value in assigned(tree) if isinstance(value, ast.List | ast.Tuple | ast.ListComp)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "param_groups" and id(node) not in rounds:
            return True
        if isinstance(node, ast.Constant) and node.value == "param_groups":
            return True
        if isinstance(node, ast.Call) and not STEPS.search(ast.unparse(node.func)):
            given = [*node.args, *(one.value for one in node.keywords if not STEPS.search(one.arg or ""))]
            of_optimizer = any(ast.unparse(one) in optimizers for one in given)
            if of_optimizer and any(isinstance(one, ast.List | ast.ListComp) or ast.unparse(one) in lists for one in given):
                return True
    return False


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names and attributes with what they are assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield ast.unparse(target), node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), node.value


# -- names in texts ----------------------------------------------------------------------------------------------------------------------


def named_in_text(tree: ast.Module, layer: str) -> bool:
    """Does a text name the layer's bias, where that is not merely compared with other names?"""
    stem = reading_biases.last_name(layer)
    numbered = not layer.startswith("self.") or not stem
    stems = "|".join([re.escape(stem)] * bool(stem) + [r"\d+"] * numbered)
    name = re.compile(rf"(^|\.)({stems})\.bias(es)?$")
    texts, made = texts_of(tree)
    return made or any(map(name.search, texts))


@lru_cache(maxsize=8)
def texts_of(tree: ast.Module) -> tuple[tuple[str, ...], bool]:
    """The texts of a file that may name something, and whether it puts the name of a bias together; each finding of a file asks for them."""
    passed = harmless(tree)
    nodes = list(ast.walk(tree))
    texts = [
        one.value for one in nodes if isinstance(one, ast.Constant) and id(one) not in passed and isinstance(one.value, str)
    ]
    return tuple(texts), any(isinstance(one, ast.Subscript) and made_name(one.slice) for one in nodes)


def made_name(node: ast.expr) -> bool:
    """Is it a text put together that ends in the name of a bias: `f"{name}.bias"`?"""
    last = (
        node.values[-1]
        if isinstance(node, ast.JoinedStr) and node.values
        else node.right
        if isinstance(node, ast.BinOp)
        else None
    )
    return isinstance(last, ast.Constant) and isinstance(last.value, str) and last.value in (".bias", "bias")


def harmless(tree: ast.Module) -> set[int]:
    """The texts that are compared, asked for or that explain, by identity."""
    found: set[int] = set()
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ASKING
        if called or isinstance(node, ast.Compare) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            found.update(id(one) for one in ast.walk(node))
    return found
