"""Helpers for making layers from the arguments of their constructors."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Class, FunctionValue, Instance, Unknown
from biaslint.analysis.frameworks.common import signatures
from biaslint.analysis.interpreter.objects import instantiation
from biaslint.analysis.tensors import nodes
from biaslint.theory import terms
from biaslint.theory.dataflow import Dim, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.call_stack import Frame
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.frameworks.common.signatures import LayerSpec
    from biaslint.analysis.interpreter.execution import Execution


def is_computed_argument(ex: Execution, keyword: str) -> bool:
    """Is the argument of the present call anything but a literal? Then its caller decides."""
    given = ex.node.keywords if isinstance(ex.node, ast.Call) else []
    return any(one.arg == keyword and not isinstance(one.value, ast.Constant) for one in given)


# -- calling ---------------------------------------------------------------------------------------------------------------------


def tensor(ex: Execution, value: Value) -> Node | None:
    """A value as a tensor. An unknown value is an input of the model."""
    node = nodes.tensor(ex, value)
    if node is None and isinstance(value, Unknown):
        return ex.flow.add("input", (), None, value.text or "an unknown value", ex.here())
    return node


def shape_dims(ex: Execution, sizes: list[Value]) -> tuple[Dim, ...]:
    return tuple(ex.fresh().key if size is None else nodes.dim_of(ex, size) for size in sizes)


def size_of(layer: Layer, *names: str) -> Dim:
    """The size that a layer's configuration gives under the first of the names that it has."""
    for name in names:
        value = layer.config.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, Unknown):
            return value.key
    return terms.Size(layer, names[0])


def biased(layer: Layer, node: Node, axes: tuple[int, ...]) -> Node:
    """The node at which the layer's bias comes in."""
    node.bias_of = layer
    node.info["layer"] = layer
    layer.axes = axes
    layer.calls.append(node)
    return node


def nonlinear(ex: Execution, x: Node, name: str) -> Node:
    if x.op == "const":
        return x
    node = ex.opaque(x, name=name)
    node.dims = x.dims
    return node


KERAS_FORMATS, LOW_LEVEL_FORMATS = ("channels_first", "channels_last"), ("NCHW", "NHWC")


def is_first(ex: Execution, value: Value, formats: tuple[str, str] = KERAS_FORMATS) -> bool:
    """Is the data format channels_first? An unknown one is a branch of this execution, the usual one first."""
    if isinstance(value, Unknown) and not value.tensors and not isinstance(value.key, terms.Fresh):
        first, last = (terms.Compare("==", value.key, one) for one in formats)
        known = ex.path.known(first)
        if known is None:
            ex.path.set(terms.Compare("in", value.key, terms.SequenceTerm("tuple", *formats)), True)
            known = ex.path.known(first)
        return known if known is not None else not ex.path.branch(last, f"{value.text} == {formats[1]!r}", True)
    return isinstance(value, str) and (value in ("channels_first", "th") or value.startswith("NC"))


def positions(ex: Execution, names: tuple[str, ...], given: int | None = None) -> Iterator[tuple[int, str]]:
    """The positional arguments of the call that is being carried out: where each stands, and the parameter it sets.

    `given` is how many positional arguments arrived: what `functools.partial` holds comes before those of the call.
    """
    node = ex.node
    if not isinstance(node, ast.Call):
        return
    held = held_back(node, given) if given is not None else 0
    for index, (name, argument) in enumerate(zip(names[held:], node.args, strict=False)):
        if isinstance(argument, ast.Starred):
            return
        yield index, name


def held_back(node: ast.Call, given: int) -> int:
    """How many positional arguments come from elsewhere than the call."""
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    return max(given - len(node.args), 0) if plain else 0


def own_positions(ex: Execution, layer: Layer, names: tuple[str, ...], given: int) -> dict[str, int]:
    """The position of each argument in the call that makes a layer; none where another call stands between."""
    chain = layer.origin.chain
    if not chain or chain[0][1] is not ex.node or not isinstance(ex.node, ast.Call):
        return {}
    return {name: index for index, name in enumerate(names[held_back(ex.node, given) :])}


# Arguments that constructors take although no signature here has them.
EVERYWHERE = {"device", "dtype", "name", "trainable", "activity_regularizer", "input_shape", "autocast", "dynamic", "weights"}


def misfit(spec: LayerSpec, given: int, kwargs: Iterable[str]) -> str:
    """Why a layer's constructor would not take so many positional arguments and these keywords; "" where it does."""
    names = signatures.positional_names(spec.signature)
    if given > len(names):
        return "too many positional arguments"
    known = {*(name for name, _ in signatures.parameters(spec.signature)), *EVERYWHERE}
    for name in kwargs:
        if name in names[:given]:
            return f"multiple values for `{name}`"
        if name not in known:
            return f"unexpected keyword `{name}`"
    return ""


def argument_texts(ex: Execution, names: tuple[str, ...], given: int | None = None) -> dict[str, str]:
    """The arguments of the current call, as written."""
    node = ex.node
    if not isinstance(node, ast.Call):
        return {}
    texts: dict[str, str] = {}
    for index, name in positions(ex, names, given):
        texts[name] = ex.text(node.args[index])
    for keyword in node.keywords:
        if keyword.arg:
            texts[keyword.arg] = ex.text(keyword.value)
        else:
            texts["**"] = ex.text(keyword.value)
    return texts


def settings(ex: Execution, made: Instance | None = None) -> dict[str, Value]:
    """The parameters of the functions around the call, with their values; constructors of what is being made are passed over.

    Those of an object's constructor count in the methods that it calls as well.
    """
    for depth, frame in enumerate(reversed(ex.stack), 1):
        if made is not None and frame.self is made:
            continue
        found: dict[str, Value] = {}
        for one in frame.around():
            found = {**one.bound, **found}
        for one in constructors_of(frame, ex.stack[:-depth]):
            known = {id(value) for value in found.values()}  # what it hands on has a name of its own here
            found = {**{name: value for name, value in one.bound.items() if id(value) not in known}, **found}
        return {**fields_of(frame), **{name: value for name, value in found.items() if name != "self"}}
    return {}


def fields_of(frame: Frame) -> dict[str, Value]:
    """The fields of a module whose constructor Python or a framework writes, as its methods spell them."""
    owner = frame.self
    if not isinstance(owner, Instance) or not isinstance(owner.cls, Class) or not instantiation.fills_fields(owner.cls):
        return {}
    return {f"self.{name}": owner.attrs[name] for name in instantiation.fields_of(owner.cls) if name in owner.attrs}


def constructors_of(frame: Frame, outer: list[Frame]) -> Iterator[Frame]:
    """The constructor that has called a method of what it makes."""
    if isinstance(frame.self, Instance) and frame.func.name != "__init__":
        yield from (one for one in reversed(outer) if one.self is frame.self and one.func.name == "__init__")


CALLERS = 3  # how many functions around the one that makes a variable may decide over it


def outer_settings(ex: Execution) -> tuple[dict[str, Value], ...]:
    """The parameters of the functions that hold the calls which led here, the innermost call first."""
    frames = ex.stack[-2 : -2 - CALLERS : -1]
    return tuple({name: value for name, value in frame.bound.items() if name != "self"} for frame in frames)


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SIZE = "the size of the output"  # among a layer's texts: how the source says it where the call names only a parameter


def callee(ex: Execution) -> str:
    """The callee of the current call, as written."""
    return ex.text(ex.node.func) if isinstance(ex.node, ast.Call) else ""


def note_fact(
    ex: Execution, type_: str, kind: str, framework: str, config: dict[str, Value], names: tuple[str, ...] = (), name: str = ""
) -> Layer:
    """Remember a loss or an optimizer for what it says of layers. `names` are those of its positional arguments."""
    fact = Layer(type_, kind, framework, config, ex.origin(), name=name, bias=False)
    fact.texts, fact.settings = argument_texts(ex, names), settings(ex)
    ex.facts.append(fact)
    return fact


def note_size(ex: Execution, texts: dict[str, str]) -> None:
    """Follow the name that a layer's size is given by to what it stands for."""
    text = next((texts[name] for name in ("out_features", "out_channels", "units", "filters") if name in texts), "")
    found = spelled_out(ex, text)
    if found and found != text:
        texts[SIZE] = found


_ASSIGNMENTS = node_cache.per_node_cache()


def assignments(function: ast.AST) -> dict[str, ast.expr]:
    """The last assignment of a function to each plain name."""
    known: dict[str, ast.expr] | None = _ASSIGNMENTS.get(function)
    if known is None:
        known = _ASSIGNMENTS[function] = {
            one.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for one in node.targets
            if isinstance(one, ast.Name)
        }
    return known


def spelled_out(ex: Execution, text: str) -> str:
    """What a name is assigned in the function that is being executed, or what its caller gives for the parameter of that name."""
    frames = list(ex.stack)
    while frames:
        frame = frames.pop()
        func = frame.func
        if not text.isidentifier() or not isinstance(func, FunctionValue):
            break
        if isinstance(func.node, ast.Lambda) and text not in frame.bound:
            around = next((one for one in frame.around() if one is not frame), None)
            frames = frames[: frames.index(around) + 1] if around in frames else []
            continue
        if not isinstance(func.node, DEFINITIONS):
            break
        assigned = assignments(func.node).get(text)
        if assigned is not None:
            text = ex.text(assigned)
        if not text.isidentifier() or not isinstance(frame.call, ast.Call):
            break
        names = [one.arg for one in (*func.node.args.posonlyargs, *func.node.args.args)]
        place = names.index(text) - (frame.self is not None) if text in names else -1
        given = next((one.value for one in frame.call.keywords if one.arg == text), None)
        if given is None and 0 <= place < len(frame.call.args):
            given = frame.call.args[place]
        if given is None:
            break
        text = ex.text(given)
    return text
