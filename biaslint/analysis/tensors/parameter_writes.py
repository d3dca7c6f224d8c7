"""Writes to a layer's parameters: assignments, fills and initializers, in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Param, Write
from biaslint.analysis.domain.values import Instance, SequenceValue, Unknown
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.objects import operators
from biaslint.analysis.tensors import contents, nodes
from biaslint.theory import term_arithmetic, terms
from biaslint.theory.dataflow import Dims, Node
from biaslint.theory.tensor_info import Content

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


METHODS = {
    "assign",
    "fill",
    "fill_",
    "zero_",
    "copy_",
    "normal_",
    "uniform_",
    "add_",
    "sub_",
    "mul_",
    "clamp_",
    "set_",
    "set_value",
}
NOWHERE = (0.0, 0.0)  # the span of a write to a part that is not known
SOMEWHERE = (0, 0)  # bounds that say as little: those of a single element


def record(
    ex: Execution,
    param: Param | Node,
    content: Content,
    by: str = "",
    text: str = "",
    grows: bool = False,
    part: contents.Span | None = None,
) -> None:
    """Note a write to a parameter of a layer, or to one that stands for itself; or to a part of it."""
    if isinstance(param, Node):
        record_own(ex, param, note(ex, "bias", content, by, text, grows), part)
        return
    if param.which.startswith("running_"):
        return
    span = None
    if param.span is not None:
        span = fractions(ex, param)
        if span == (0.0, 1.0):
            span = None
        elif span is None:
            content, span = contents.UNKNOWN, NOWHERE
    span = within(span, part)
    in_pass = in_a_pass(ex)
    write = note(ex, param.which, contents.UNKNOWN if in_pass else content, by, text, grows)  # no start, but one for each pass
    write.span, write.used = span, ex.updates + len(param.layer.calls)
    target = param.layer.weight_writes if param.which.startswith("weight") else param.layer.writes
    target.append(write)
    if target is param.layer.writes and (in_pass or param.layer.calls):
        param.layer.rewritten = True


def in_a_pass(ex: Execution) -> bool:
    """Is the forward pass of a module being executed?"""
    return any(frame.func.name in framework.call_methods(frame.self) for frame in ex.stack if isinstance(frame.self, Instance))


def within(span: contents.Span | None, part: contents.Span | None) -> contents.Span | None:
    """A part of a part."""
    if span is None or part is None or span == NOWHERE:
        return part if span is None else span
    low, high = span
    return (low + part[0] * (high - low), low + part[1] * (high - low))


def record_own(ex: Execution, node: Node, write: Write, part: contents.Span | None = None) -> None:
    """Note a write to a parameter of the program's own, or to a part of one."""
    root, start, stop = node.info.get("part_of", (node, None, None))
    if root is not node:
        whole = root.info.get("part_of", (root,))[0]
        write.span = portion(root.dims, start, stop) if whole is root else None
        root = whole
        if write.span == (0.0, 1.0):
            write.span = None
        elif write.span is None:
            write.how, write.value, write.spread, write.span = "unknown", None, None, NOWHERE
    write.span = within(write.span, part)
    root.info.setdefault("writes", []).append(write)


def own_parameter(value: Value) -> bool:
    """Is it a parameter that stands for itself, `nn.Parameter(...)`, or a part of one?"""
    return isinstance(value, Node) and value.op == "const" and ("parameter" in value.info or "part_of" in value.info)


def record_view(ex: Execution, node: Node) -> None:
    """Note a write to a tensor that shows a parameter in another shape: it is not known to which place."""
    while node.op == "const" and len(node.inputs) == 1 and not own_parameter(node):
        node = node.inputs[0]
    read = node.info.get("read")
    if isinstance(read, Param):
        record(ex, Param(read.layer, read.which, SOMEWHERE), contents.UNKNOWN)
    elif own_parameter(node):
        while "part_of" in node.info:
            node = node.info["part_of"][0]
        write = note(ex, "bias", contents.UNKNOWN)
        write.span = NOWHERE
        node.info.setdefault("writes", []).append(write)


def augmented(ex: Execution, param: Value, symbol: str, by: Value) -> bool:
    """`f += 1`, where `f` is a parameter or a part of one: a write, too."""
    if not isinstance(param, Param) and not own_parameter(param):
        return False
    return method(ex, param, {"+": "add_", "-": "sub_", "*": "mul_"}.get(symbol, "set_"), [by if symbol in "+-*" else None], {})


def note(ex: Execution, which: str, content: Content, by: str = "", text: str = "", grows: bool = False) -> Write:
    """A write by the statement that is being executed."""
    where = ex.stack[-1].func.qualname if ex.stack else ""
    call = ex.node if isinstance(ex.node, ast.Call) and by != "=" else None
    statement = ex.statement or ex.node
    target = ""
    if call is not None and by.startswith("nn.init."):
        target = ex.text(call.args[0]) if call.args else ""
    elif call is not None and isinstance(call.func, ast.Attribute):
        target = ex.text(call.func.value)
    elif isinstance(statement, ast.Assign):
        target = ex.text(statement.targets[0])
    func = ex.text(call.func) if call is not None else ""
    via = tuple((name, frame.caller, frame.call) for name, frame in zip(enclosing(ex), ex.stack, strict=True))
    how, value, spread = content
    return Write(how, which, value, spread, None, by, text, where, ex.module, statement, target, call, func, grows, via=via)


def enclosing(ex: Execution) -> Iterator[str]:
    """For each call in progress the function that it stands in."""
    name = ""
    for frame in ex.stack:
        yield name
        name = frame.func.qualname


def fractions(ex: Execution, param: Param) -> tuple[float, float] | None:
    """The part of the vector that a slice covers, as fractions of its length."""
    return None if param.span is None else portion(nodes.param_dims(param), *param.span)


def portion(dims: Dims | None, start: Value, stop: Value) -> tuple[float, float] | None:
    """`[start:stop]` of a tensor's first axis as fractions of its length."""
    if not dims:
        return None
    if start is stop and start is not None:
        return None  # a single element
    leaves: dict[Any, float] = {}
    length = term_arithmetic.evaluate(dims[0], leaves, grow=True)
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
    return term_arithmetic.evaluate(value.key if isinstance(value, Unknown) else value, leaves, grow=False)


def assign(ex: Execution, param: Param | Node, value: Value) -> None:
    """param = value, param.data = value, param[...] = value"""
    statement = ex.statement
    text = ex.text(statement.value) if isinstance(statement, ast.Assign) else ""
    fill(ex, param, value, "=", text)


def fill(ex: Execution, param: Param | Node, value: Value, by: str, text: str) -> None:
    """Note what a value is that a parameter is given, or what its parts are."""
    for content, part in contents.parts_of(value):
        record(ex, param, content, by, text, part=part)


def filled_with(ex: Execution, value: Value) -> list[Write]:
    """The writes to the parts of a parameter that is made of a vector in parts."""
    found = []
    for content, part in contents.parts_of(value):
        if part is not None:
            found.append(note(ex, "bias", content, "="))
            found[-1].span = part
    return found


def argument_texts(ex: Execution, place: int) -> list[str]:
    """The source spelling of an initializer's standard deviation."""
    if not isinstance(ex.node, ast.Call):
        return []
    given = [keyword.value for keyword in ex.node.keywords if keyword.arg == "std"] or ex.node.args[place : place + 1]
    return [ex.text(value) for value in given]


def scales_with_size(value: Value) -> bool:
    """Is it an unknown number that gets larger where the sizes that it is made of do, as sqrt(fan_in)?"""
    if not isinstance(value, Unknown) or not isinstance(value.key, (terms.Operation, terms.Math, terms.MathCall)):
        return False
    small, large = term_arithmetic.at_scale(value.key, 100.0), term_arithmetic.at_scale(value.key, 10000.0)
    return small is not None and large is not None and small >= 1 and large > 3 * small


def set_trainable(param: Param, value: Value) -> None:
    known = value if isinstance(value, bool) else None
    if param.which.startswith("bias"):
        param.layer.trainable = known
    else:
        param.layer.weight_trainable = known


def method(ex: Execution, param: Param | Node, name: str, args: list[Value], kwargs: dict[str, Value]) -> bool:
    """param.name(...), where it writes. False where it does not."""
    if name not in METHODS:
        return False
    if args and "value" in kwargs:
        ex.fault(f"{name}: multiple values for an argument")
    text = ex.text(ex.node.args[0]) if isinstance(ex.node, ast.Call) and ex.node.args else ""
    if name == "zero_":
        record(ex, param, contents.constant(0.0), by=name)
    elif name in ("fill", "fill_", "copy_", "set_", "assign", "set_value"):
        fill(ex, param, args[0] if args else None, name, text)
    elif name == "normal_":
        std = args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        text = next((item for item in argument_texts(ex, 1) if item), "")
        normal(ex, param, args[0] if args else kwargs.get("mean", 0.0), std, name, text)
    elif name == "uniform_":
        low = args[0] if args else kwargs.get("from", 0.0)
        high = args[1] if len(args) > 1 else kwargs.get("to", 1.0)
        uniform(ex, param, low, high, name, text)
    else:
        changed = shifted(param, name, args[0] if args else None)
        record(ex, param, contents.UNKNOWN if changed is None else contents.constant(changed), by=name, text=text)
    return True


def shifted(param: Param | Node, name: str, by: Value) -> float | None:
    """`bias.zero_().add_(1.0)`: the constant after adding or multiplying."""
    if isinstance(param, Node):
        return None
    before = [write for write in param.layer.writes if write.which == param.which][-1:]
    if not before or before[0].how != "constant" or before[0].span is not None or param.span is not None:
        return None
    value, amount = before[0].value, values.number(by)
    if value is None or amount is None:
        return None
    return {"add_": value + amount, "sub_": value - amount, "mul_": value * amount}.get(name)


def normal(ex: Execution, param: Param | Node, mean: Value, std: Value, by: str, text: str) -> None:
    known, grows = values.number(std), scales_with_size(std)
    how = "normal" if known is not None else "mirrored" if opposite(mean, std) else "unknown"
    record(ex, param, (how, values.number(mean), known), by, text, grows)


def uniform(ex: Execution, param: Param | Node, low: Value, high: Value, by: str, text: str = "") -> None:
    first, last = values.number(low), values.number(high)
    if first is not None and last is not None:
        record(ex, param, ("uniform", (first + last) / 2, (last - first) / 2), by, text)
    elif opposite(low, high):
        record(ex, param, ("uniform", 0.0, None), by, text)
    else:
        record(ex, param, contents.UNKNOWN, by, text)


def opposite(low: Value, high: Value) -> bool:
    """Are they a number that is not known and the same number below zero? `uniform_(-bound, bound)`"""
    leaves: dict[Any, float] = {}
    values_ = [
        term_arithmetic.evaluate(one.key, leaves, grow=True) if isinstance(one, Unknown) else None for one in (high, low)
    ]
    return None not in values_ and values_[0] != 0 and values_[0] == -(values_[1] or 0.0)


def pieces(ex: Execution, param: Param | Node, name: str, args: list[Value]) -> Value:
    """bias.chunk(4), and bias.split(size) of a recurrent layer: equal parts of the vector."""
    if isinstance(param, Node):
        dims, gates, whole = param.dims, 0, "part_of" not in param.info
    else:
        dims, whole = nodes.param_dims(param), param.span is None
        gates = 4 if "LSTM" in param.layer.type else 3 if "GRU" in param.layer.type else 0
    count = args[0] if name == "chunk" and args else gates or (pieces_of(dims, args[0]) if dims and args else 0)
    if isinstance(count, int) and dims and whole and 0 < count <= 16 and args:
        total = nodes.value_of(dims[0])
        each = operators.binary(ex, ast.FloorDiv(), total, count, ast.Pass()) if name == "chunk" else args[0]
        if values.is_constant(each) or isinstance(each, Unknown):
            cuts = [operators.binary(ex, ast.Mult(), each, index, ast.Pass()) for index in range(count + 1)]
            return SequenceValue([piece(ex, param, each, cuts[index], cuts[index + 1]) for index in range(count)], "tuple")
    return ex.fresh(name)


def pieces_of(dims: Dims, size: Value) -> int:
    """How many pieces of this size a vector has; zero where that is not known."""
    leaves: dict[Any, float] = {}
    whole, each = term_arithmetic.evaluate(dims[0], leaves, grow=True), measure_value(size, leaves)
    return int(whole / each) if whole and each and whole % each == 0 else 0


def piece(ex: Execution, param: Param | Node, size: Value, start: Value, stop: Value) -> Value:
    """`param[start:stop]`"""
    if isinstance(param, Param):
        return Param(param.layer, param.which, (start, stop))
    return nodes.const(ex, (nodes.dim_of(ex, size),), "[]", part_of=(param, start, stop))


def written(value: Value) -> bool:
    return isinstance(value, Param)


def tie_text(ex: Execution) -> str:
    """The source spelling of the weight that a plain assignment ties."""
    statement = ex.statement
    plain = isinstance(statement, ast.Assign) and len(statement.targets) == 1
    return ex.text(statement.value) if plain and isinstance(statement, ast.Assign) else ""


def replace(ex: Execution, obj: Instance, layer: Layer, name: str, value: Value) -> bool:
    """layer.bias = value. True where the assignment was understood as one to a parameter."""
    if name not in ("bias", "weight") and not name.startswith(("bias_", "weight_")):
        return False
    if isinstance(value, Param):
        if value.layer is not layer:
            if name == "weight":
                layer.weight_of = value.layer
                layer.tied = note(ex, "weight", contents.UNKNOWN, text=tie_text(ex))
            elif name == "bias":
                layer.bias_of = value.layer
                value.layer.shared_with.append(layer)
                layer.bias = value.layer.bias
        return True
    if name == "bias" and value is None:
        layer.bias = False
        return True
    if name == "bias" and layer.bias is False and not values.is_constant(value):
        layer.bias = True
    param = Param(layer, name)
    if isinstance(value, Instance) and value.attrs.get("value") is not None:
        value = value.attrs["value"]
    assign(ex, param, value)
    return True
