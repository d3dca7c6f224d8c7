"""Load hooks that keep old checkpoints: where a removed bias went straight into one norm, its value is part of the running mean.

Only what can be read off a class is offered: `self.norm(self.conv(x))`, `x = self.conv(x)` before `x = self.norm(x)`, and neighbours in
a `Sequential`, each used in one place. Everything else is for `biaslint migrate`, which measures.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from biaslint.theory.program import LayerUse, Place, Program

HOOKS = {"torch": "_load_from_state_dict", "keras": "load_own_variables"}  # the method that a class gets
_DIRECT = {"torch": ("batch norm", "instance norm"), "keras": ("batch norm",)}
_LAYERS = {"torch": re.compile(r"torch\.nn\."), "keras": re.compile(r"keras\.layers\.(Dense$|(Depthwise|Separable)?Conv\d)")}
_MAKERS = {"torch": ("__init__",), "keras": ("__init__", "build")}


@dataclass(frozen=True, slots=True, order=True)
class Fold:
    """In a class, the layer whose bias is gone and the norm that takes it up, by their names below the module."""

    path: str
    owner: str
    layer: str
    norm: str
    framework: str
    late: bool = False  # whether they are made when the module is built


def folds(program: Program, texts: dict[str, str]) -> dict[Place, Fold]:
    """For the places that make layers with a dead bias, how old values are folded; `texts` are the files by path."""
    found: dict[Place, set[Fold | None]] = {}
    classes = {path: dict(_classes(text)) for path, text in texts.items()}
    for use in program.uses:
        if use.fate.kind == "dead":
            owner = classes.get(use.place.path, {}).get(use.owner.partition(".")[0])
            found.setdefault(use.place, set()).add(_fold(use, owner) if owner is not None else None)
    known = {place: next(iter(those)) for place, those in found.items() if len(those) == 1}
    heirs = {
        (ast.unparse(base).rpartition(".")[2], node.attr)
        for those in classes.values()
        for one in those.values()
        for base in one.bases
        for node in ast.walk(one)
        if isinstance(node, ast.Attribute)
    }
    return {place: fold for place, fold in known.items() if fold is not None and not _inherited(fold, heirs)}


def _inherited(fold: Fold, heirs: set[tuple[str, str]]) -> bool:
    """Does a class that extends the fold's use one of its parts, too?"""
    return any((fold.owner, name.partition(".")[0]) in heirs for name in (fold.layer, fold.norm))


def _classes(text: str) -> Iterator[tuple[str, ast.ClassDef]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name, node


def _fold(use: LayerUse, owner: ast.ClassDef) -> Fold | None:
    direct = _DIRECT.get(use.framework, ())
    if not direct or not _LAYERS[use.framework].match(use.type):
        return None
    if use.readers not in [(one,) for one in direct] or use.fate.by not in direct:
        return None
    made = [f"{owner.name}.{name}" for name in _MAKERS[use.framework]]
    if use.owner not in made or use.fate.place is None or not owner.bases:
        return None
    if any(isinstance(one, ast.FunctionDef) and one.name == HOOKS[use.framework] for one in owner.body):
        return None
    pair = _attributes(use, owner) or _neighbours(use, owner)
    return Fold(use.place.path, owner.name, *pair, use.framework, use.owner.endswith(".build")) if pair else None


def _attributes(use: LayerUse, owner: ast.ClassDef) -> tuple[str, str] | None:
    """`self.conv` and `self.norm`, used once each, the one straight after the other."""
    layer, norm = (name.removeprefix("self.") for name in (use.name, use.fate.cancelled_by))
    if not layer.isidentifier() or not norm.isidentifier() or f"self.{layer}" != use.name:
        return None
    place = use.fate.place
    if place is None or place.path != use.place.path or not owner.lineno <= place.line <= (owner.end_lineno or 0):
        return None
    if len(list(_loads(owner, layer))) != 1 or len(list(_loads(owner, norm))) != 1:
        return None
    return (layer, norm) if any(_follows(node, layer, norm) for node in ast.walk(owner)) else None


def _loads(owner: ast.ClassDef, name: str) -> Iterator[ast.Attribute]:
    """Where a class reads an attribute of itself. Whatever `getattr` and the like may read counts elsewhere: its name is a text."""
    for node in ast.walk(owner):
        if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load):
            yield node


def _called(node: ast.AST | None, name: str) -> ast.Call | None:
    """`self.name(x)` with one argument."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name and len(node.args) == 1:
        return node if isinstance(node.func.value, ast.Name) and node.func.value.id == "self" else None
    return None


def _follows(node: ast.AST, layer: str, norm: str) -> bool:
    outer = _called(node, norm)
    if outer is not None and _called(outer.args[0], layer) is not None:
        return True
    for block in (getattr(node, field, None) for field in ("body", "orelse")):
        for first, second in pairwise(block) if isinstance(block, list) else ():
            target = _target(first)
            if target and _called(first.value, layer) is not None and _target(second) == target:
                outer = _called(second.value, norm)
                if outer is not None and isinstance(outer.args[0], ast.Name) and outer.args[0].id == target:
                    return True
    return False


def _target(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""


def _neighbours(use: LayerUse, owner: ast.ClassDef) -> tuple[str, str] | None:
    """The layer and the norm as neighbours in `self.name = Sequential(...)`, which is used once."""
    for node in ast.walk(owner):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call) or len(node.targets) != 1:
            continue
        target, call = node.targets[0], node.value
        called = ast.unparse(call.func).rpartition(".")[2]
        if called != "Sequential" or not isinstance(target, ast.Attribute) or ast.unparse(target.value) != "self":
            continue
        items = call.args[0].elts if len(call.args) == 1 and isinstance(call.args[0], ast.List) else call.args
        plain = not any(isinstance(one, ast.Starred) for one in items) and (not call.keywords or items is not call.args)
        for number, (first, second) in enumerate(pairwise(items)):
            if plain and _at(first, use.place) and use.fate.place and _at(second, use.fate.place):
                once = len(list(_loads(owner, target.attr))) == 1
                return (f"{target.attr}.{number}", f"{target.attr}.{number + 1}") if once else None
    return None


def _at(node: ast.expr, place: Place) -> bool:
    """Whether an expression stands at a place, of which the columns count characters."""
    return (node.lineno, node.end_lineno) == (place.line, place.end_line) and node.col_offset == place.column - 1


def method(those: Sequence[Fold]) -> str:
    """The method that a class gets."""
    return _keras(those) if those[0].framework == "keras" else _torch(those)


def _torch(those: Sequence[Fold]) -> str:
    pairs = ", ".join(f'("{one.layer}", "{one.norm}")' for one in sorted(those))
    comma, hook = "," if len(those) == 1 else "", HOOKS["torch"]
    return f"""
def {hook}(self, state_dict, prefix, *args, **kwargs):
    # Older checkpoints have biases here that a norm subtracts again: make them part of its running mean.
    for layer, norm in ({pairs}{comma}):
        bias, mean = f"{{prefix}}{{layer}}.bias", f"{{prefix}}{{norm}}.running_mean"
        if bias in state_dict and self.get_submodule(layer).bias is None:
            if mean in state_dict:
                state_dict[mean] = state_dict[mean] - state_dict[bias]
            del state_dict[bias]
    super().{hook}(state_dict, prefix, *args, **kwargs)"""


def _keras(those: Sequence[Fold]) -> str:
    """Parts are loaded after the whole, each by a method of its own and in no order that can be relied upon: whichever of the two comes
    later folds. Keras asks what fails again, with no values, and is content with that where a part is not built: so its loader stays, with
    the values, and fails again. Parts that `build` makes are not there before."""
    pairs = ", ".join(f"({_held(one.layer)}, {_held(one.norm)})" for one in sorted(those))
    comma, hook = "," if len(those) == 1 else "", HOOKS["keras"]
    built = " if self.built else ()" if any(one.late for one in those) else ""
    return f"""
def {hook}(self, store):
    # Older files have biases here that a norm subtracts again: make them part of its moving mean.
    def fold(layer, norm):
        def load(part, store):
            values = stores[part] = dict(store) or stores[part]
            if part is layer and layer.built and len(values) > len(layer.variables):
                bias.append(values.pop(str(len(values) - 1))[:])
            type(part).{hook}(part, values)
            del part.{hook}
            if bias and norm.built:
                norm.moving_mean.assign(norm.moving_mean - bias[0])

        stores, bias = {{layer: {{}}, norm: {{}}}}, []
        layer.{hook} = lambda store: load(layer, store)
        norm.{hook} = lambda store: load(norm, store)

    for layer, norm in ({pairs}{comma}){built}:
        failed = "{hook}" in {{*vars(layer), *vars(norm)}}
        if not layer.use_bias and (not failed or (layer.built and norm.built)):
            fold(layer, norm)
    super().{hook}(store)"""


def _held(name: str) -> str:
    """A part of a module as an expression: `net.0` is the first layer of `self.net`."""
    first, _, number = name.partition(".")
    return f"self.{first}.layers[{number}]" if number else f"self.{first}"


def hooked(text: str, those: Sequence[Fold]) -> str:
    """The text of one file with the method in each of the classes, after their last statement, indented as their body is."""
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    for name, owner in sorted(_classes(text), key=lambda one: -one[1].lineno):
        here = [one for one in those if one.owner == name]
        if not here or len({one.framework for one in here}) > 1:
            continue
        last = owner.body[-1]
        indent = " " * owner.body[0].col_offset
        step = indent if "\t" not in lines[owner.body[0].lineno - 1][: len(indent)] else "\t"
        made = [f"{step}{_deeper(line, step)}" if line else "" for line in method(here).split("\n")]
        end = last.end_lineno or last.lineno
        if not lines[end - 1].endswith(("\n", "\r")):
            lines[end - 1] += ending
        lines[end:end] = [line + ending for line in made]
    return "".join(lines)


def _deeper(line: str, step: str) -> str:
    """A line of the method, indented by the class's own step."""
    depth = (len(line) - len(line.lstrip(" "))) // 4
    return step * depth + line.lstrip(" ")
