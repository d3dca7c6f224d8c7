"""What is written to a layer's parameters: every assignment, fill and initialiser, in order."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biaslint.frontends import arrays, operators, ops
from biaslint.frontends.choices import ARITHMETIC
from biaslint.frontends.values import External, Func, Layer, ListV, Obj, Param, Raised, Unknown, Value, is_constant
from biaslint.theory.dataflow import Node
from biaslint.vocabulary import torch as vocabulary
from biaslint.vocabulary.spec import parameters, positional_names

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter
    from biaslint.frontends.project import Module

METHODS = {"assign", "fill", "fill_", "zero_", "copy_", "normal_", "uniform_", "add_", "sub_", "mul_", "clamp_", "set_"}


@dataclass(eq=False, slots=True)
class Write:
    """One write, as the interpreter saw it; `biaslint.theory.program.BiasWrite` is what becomes of it."""

    how: str
    which: str
    value: float | None
    spread: float | None
    span: tuple[float, float] | None
    by: str
    text: str
    where: str
    module: Module | None
    node: ast.AST | None
    target: str = ""
    call: ast.AST | None = None
    func: str = ""
    grows: bool = False
    via: tuple[tuple[str, Module, ast.AST], ...] = ()  # the calls that led to it, each with the function it stands in


def record(
    interp: Interpreter,
    param: Param,
    how: str,
    value: float | None = None,
    spread: float | None = None,
    by: str = "",
    text: str = "",
    grows: bool = False,
) -> None:
    """Note a write to a parameter."""
    span = None
    if param.span is not None:
        span = fractions(interp, param)
        if span == (0.0, 1.0):
            span = None
        elif span is None:
            how, value, spread = "unknown", None, None
            span = (0.0, 0.0)
    target = param.layer.weight_writes if param.which.startswith("weight") else param.layer.writes
    target.append(note(interp, param.which, how, value, spread, span, by, text, grows))


def note(
    interp: Interpreter,
    which: str,
    how: str,
    value: float | None = None,
    spread: float | None = None,
    span: tuple[float, float] | None = None,
    by: str = "",
    text: str = "",
    grows: bool = False,
) -> Write:
    """A write by the statement that is being executed."""
    where = next((frame.func.qualname for frame in reversed(interp.stack) if isinstance(frame.func, Func)), "")
    call = interp.node if isinstance(interp.node, ast.Call) and by != "=" else None
    statement = interp.statement or interp.node
    target = ""
    if call is not None and by.startswith("nn.init."):
        target = interp.text(call.args[0]) if call.args else ""
    elif call is not None and isinstance(call.func, ast.Attribute):
        target = interp.text(call.func.value)
    elif isinstance(statement, ast.Assign):
        target = interp.text(statement.targets[0])
    func = interp.text(call.func) if call is not None else ""
    via = tuple((name, frame.caller, frame.call) for name, frame in zip(enclosing(interp), interp.stack, strict=True))
    return Write(how, which, value, spread, span, by, text, where, interp.module, statement, target, call, func, grows, via)


def enclosing(interp: Interpreter) -> Iterator[str]:
    """For each call in progress the function that it stands in."""
    name = ""
    for frame in interp.stack:
        yield name
        name = frame.func.qualname if isinstance(frame.func, Func) else name


def fractions(interp: Interpreter, param: Param) -> tuple[float, float] | None:
    """The part of the vector that a slice covers, as fractions of its length."""
    dims = ops.param_dims(param)
    if not dims or param.span is None:
        return None
    start, stop = param.span
    if start is stop and start is not None:
        return None  # a single element
    leaves: dict[Any, float] = {}
    length = measure(dims[0], leaves, grow=True)
    if not length:
        return None
    low = 0.0 if start is None else measure_value(start, leaves)
    high = float(length) if stop is None else measure_value(stop, leaves)
    if low is None or high is None:
        return None
    if low < 0:
        low += length
    if high < 0:
        high += length
    return (low / length, high / length)


def measure_value(value: Value, leaves: dict[Any, float]) -> float | None:
    return measure(value.key if isinstance(value, Unknown) else value, leaves, grow=False)


def measure(key: Any, leaves: dict[Any, float], grow: bool) -> float | None:
    """A symbolic number with every unknown in it set to a number that divides well."""
    if isinstance(key, bool):
        return None
    if isinstance(key, (int, float)):
        return float(key)
    if isinstance(key, tuple) and key:
        if key[0] == "op" and len(key) == 4 and key[1] in ARITHMETIC:
            one, two = measure(key[2], leaves, grow), measure(key[3], leaves, grow)
            if one is None or two is None:
                return None
            try:
                return float(ARITHMETIC[key[1]](one, two))
            except ArithmeticError:
                return None
        if key[0] == "float":
            return float(key[1])
    if key in leaves:
        return leaves[key]
    if grow:
        leaves[key] = 720720.0 * (1 + len(leaves))
        return leaves[key]
    return None


def number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def content(interp: Interpreter, value: Value) -> tuple[str, float | None, float | None]:
    """What a value that is assigned to a parameter holds: (how, value, spread)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("constant", float(value), None)
    if isinstance(value, Node) and value.info.get("write") is not None:
        return value.info["write"]  # type: ignore[no-any-return]
    array = arrays.filled(value)
    if array is not None:
        return array
    if isinstance(value, ListV):
        from biaslint.frontends.keras_initializers import content_of_value

        return content_of_value(value)
    if isinstance(value, Unknown):
        return ("prior" if has_logarithm(value.key) else "unknown", None, None)
    if isinstance(value, Node) and any("log" in node.name for node in (value, *value.inputs)):
        return ("prior", None, None)
    return ("unknown", None, None)


def has_logarithm(key: Any) -> bool:
    if isinstance(key, tuple):
        return any(has_logarithm(part) for part in key)
    return isinstance(key, str) and ("log" in key or "prior" in key)


def assign(interp: Interpreter, param: Param, value: Value) -> None:
    """param = value, param.data = value, param[...] = value"""
    how, number_, spread = content(interp, value)
    text = ""
    statement = interp.statement
    if isinstance(statement, ast.Assign):
        text = interp.text(statement.value)
    record(interp, param, how, number_, spread, by="=", text=text)


def argument_texts(interp: Interpreter, place: int) -> list[str]:
    """How the source spells the standard deviation that an initialiser is given."""
    if not isinstance(interp.node, ast.Call):
        return []
    given = [keyword.value for keyword in interp.node.keywords if keyword.arg == "std"] or interp.node.args[place : place + 1]
    return [interp.text(value) for value in given]


SIZE = re.compile(
    r"feature|channel|unit|hidden|width|dim|fan|size|input|output|neuron|^(n|num|in|out|nin|nout|d|h|c)(_|$)", re.IGNORECASE
)
POWERS: dict[str, Callable[[float, float], float]] = {**ARITHMETIC, "**": lambda one, two: one**two}


def grows(value: Value) -> bool:
    """Is it an unknown number that gets larger where the sizes that it is made of do, as sqrt(fan_in)?"""
    if not isinstance(value, Unknown) or not isinstance(value.key, tuple) or value.key[0] not in ("op", "math"):
        return False
    small, large = at_scale(value.key, 100.0), at_scale(value.key, 10000.0)
    return small is not None and large is not None and small >= 1 and large > 3 * small


def at_scale(key: Any, size: float) -> float | None:
    """A symbolic number where every size is `size` and every other unknown is 1; None where it is not arithmetic."""
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return float(key)
    if not isinstance(key, tuple) or not key:
        return None
    if key[0] == "float":
        return float(key[1])
    if key[0] == "op" and len(key) == 4 and key[1] in POWERS:
        parts = [at_scale(part, size) for part in key[2:]]
        operation = POWERS[key[1]]
    elif key[0] == "math" and len(key) == 3 and key[1] == "sqrt":
        parts = [at_scale(key[2], size), 0.5]
        operation = POWERS["**"]
    elif key[0] in ("param", "attr", "size") and isinstance(key[-1], str):
        return size if SIZE.search(key[-1]) or key[0] == "size" else 1.0
    else:
        return None
    one, two = parts
    try:
        result = operation(one, two) if one is not None and two is not None else None
    except ArithmeticError:
        return None
    return result if isinstance(result, float) else None


def set_trainable(param: Param, value: Value) -> None:
    known = value if isinstance(value, bool) else None
    if param.which.startswith("bias"):
        param.layer.trainable = known
    else:
        param.layer.weight_trainable = known


def method(interp: Interpreter, param: Param, name: str, args: list[Value], kwargs: dict[str, Value]) -> bool:
    """param.name(...), where it writes. False where it does not."""
    if name not in METHODS:
        return False
    text = interp.text(interp.node.args[0]) if isinstance(interp.node, ast.Call) and interp.node.args else ""
    if name == "zero_":
        record(interp, param, "constant", 0.0, by=name)
    elif name in ("fill", "fill_", "copy_", "set_", "assign"):
        how, value, spread = content(interp, args[0] if args else None)
        record(interp, param, how, value, spread, by=name, text=text)
    elif name == "normal_":
        mean = number(args[0] if args else kwargs.get("mean", 0.0))
        given = args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        std = number(given)
        text = next((item for item in argument_texts(interp, 1) if item), "")
        record(interp, param, "normal" if std is not None else "unknown", mean, std, by=name, text=text, grows=grows(given))
    elif name == "uniform_":
        low = number(args[0] if args else kwargs.get("from", 0.0))
        high = number(args[1] if len(args) > 1 else kwargs.get("to", 1.0))
        uniform(interp, param, low, high, name, text)
    else:
        changed = shifted(param, name, args[0] if args else None)
        record(interp, param, "unknown" if changed is None else "constant", changed, by=name, text=text)
    return True


def shifted(param: Param, name: str, by: Value) -> float | None:
    """`bias.zero_().add_(1.0)`: what adding to a constant or multiplying it makes of it."""
    before = [write for write in param.layer.writes if write.which == param.which][-1:]
    if not before or before[0].how != "constant" or before[0].span is not None or param.span is not None:
        return None
    value, amount = before[0].value, number(by)
    if value is None or amount is None or isinstance(by, bool):
        return None
    return {"add_": value + amount, "sub_": value - amount, "mul_": value * amount}.get(name)


def uniform(interp: Interpreter, param: Param, low: float | None, high: float | None, by: str, text: str = "") -> None:
    if low is None or high is None:
        record(interp, param, "unknown", by=by, text=text)
    else:
        record(interp, param, "uniform", (low + high) / 2, (high - low) / 2, by=by, text=text)


def initializer(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """torch.nn.init.name(tensor, ...)"""
    target = args[0] if args else kwargs.get("tensor")
    if (
        isinstance(target, Node)
        and name in vocabulary.SCALED_INITIALIZERS
        and target.rank == 1
        and target.info.get("parameter")
    ):
        target.info.setdefault("writes", []).append(note(interp, "bias", "scaled", by=f"nn.init.{name}"))
    if isinstance(target, Node):
        return target
    if not isinstance(target, Param):
        return target
    signature = vocabulary.INITIALIZERS.get(name)
    if signature is None:
        record(interp, target, "unknown", by=f"nn.init.{name}")
        return target
    bound = {key: default for key, default in parameters(signature) if key != "tensor"}
    bound.update(zip(positional_names(signature)[1:], args[1:], strict=False))
    bound.update({key: value for key, value in kwargs.items() if key != "tensor"})
    by = f"nn.init.{name}"
    text = interp.text(interp.node.args[1]) if isinstance(interp.node, ast.Call) and len(interp.node.args) > 1 else ""
    if name == "constant_":
        how, value, spread = content(interp, bound.get("val"))
        record(interp, target, how, value, spread, by, text)
    elif name in ("zeros_", "ones_"):
        record(interp, target, "constant", float(name == "ones_"), by=by)
    elif name in ("normal_", "trunc_normal_"):
        mean, std = number(bound["mean"]), number(bound["std"])
        text = next((item for item in argument_texts(interp, 2) if item), text) if bound["std"] != 1.0 else text
        record(interp, target, "normal" if std is not None else "unknown", mean, std, by, text, grows(bound["std"]))
    elif name == "uniform_":
        uniform(interp, target, number(bound["a"]), number(bound["b"]), by, text)
    else:
        scaled = name in vocabulary.SCALED_INITIALIZERS
        record(interp, target, "scaled" if scaled else "unknown", by=by)
        if scaled and target.which.startswith("bias") and interp.trying:
            raise Raised(External("builtins.ValueError"), "a weight initialiser on a bias")
    return target


def pieces(interp: Interpreter, param: Param, name: str, args: list[Value]) -> Value:
    """bias.chunk(4), and bias.split(size) of a recurrent layer: equal parts of the vector."""
    dims = ops.param_dims(param)
    gates = 4 if "LSTM" in param.layer.type else 3 if "GRU" in param.layer.type else 0
    count = args[0] if name == "chunk" and args else gates
    if isinstance(count, int) and dims and param.span is None and 0 < count <= 16 and args:
        total = ops.value_of(dims[0])
        each = operators.binary(interp, ast.FloorDiv(), total, count, ast.Pass()) if name == "chunk" else args[0]
        if is_constant(each) or isinstance(each, Unknown):
            cuts = [operators.binary(interp, ast.Mult(), each, index, ast.Pass()) for index in range(count + 1)]
            return ListV([Param(param.layer, param.which, (cuts[index], cuts[index + 1])) for index in range(count)], "tuple")
    return interp.fresh(name)


def written(value: Value) -> bool:
    return isinstance(value, Param)


def tie_text(interp: Interpreter) -> str:
    """What a plain assignment of one layer's weight to another assigns."""
    statement = interp.statement
    plain = isinstance(statement, ast.Assign) and len(statement.targets) == 1
    return interp.text(statement.value) if plain and isinstance(statement, ast.Assign) else ""


def replace(interp: Interpreter, obj: Obj, layer: Layer, name: str, value: Value) -> bool:
    """layer.bias = value. True where the assignment was understood as one to a parameter."""
    if name not in ("bias", "weight") and not name.startswith(("bias_", "weight_")):
        return False
    if isinstance(value, Param):
        if value.layer is not layer:
            if name == "weight":
                layer.weight_of = value.layer
                layer.tied = note(interp, "weight", "unknown", text=tie_text(interp))
            elif name == "bias":
                layer.bias_of = value.layer
                layer.bias = value.layer.bias
        return True
    if name == "bias" and value is None:
        layer.bias = False
        return True
    if name == "bias" and layer.bias is False and not is_constant(value):
        layer.bias = True
    param = Param(layer, name)
    if isinstance(value, Obj) and value.attrs.get("value") is not None:
        value = value.attrs["value"]
    assign(interp, param, value)
    return True
