"""What checks want to know beside the layers: logarithms of odds, raw biases, biases that the next layer takes up."""

from __future__ import annotations

import ast
import heapq
import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from biaslint.frontends.values import Layer, Origin, Param, Value
from biaslint.theory import shift
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter
    from biaslint.frontends.project import Module

REST = re.compile(r"\(?1(\.0*)? - ")


def logarithm(interp: Interpreter, argument: Value) -> None:
    """Note a logarithm of odds, p / (1 - p) or (1 - p) / p, with the p that it was worked out from."""
    node = interp.node
    if not isinstance(node, ast.Call) or not node.args or not isinstance(argument, (int, float)):
        return
    ratio = node.args[0]
    if not isinstance(ratio, ast.BinOp) or not isinstance(ratio.op, ast.Div):
        return
    above, below = interp.text(ratio.left), interp.text(ratio.right)
    if REST.match(below) and below.strip("()").endswith(f" {above}"):
        odds = float(argument)
    elif REST.match(above) and above.strip("()").endswith(f" {below}"):
        odds = 1 / argument if argument else float("inf")
    else:
        return
    prior = 1.0 if odds == float("inf") else odds / (1 + odds) if odds != -1 else float("inf")
    fact = Layer(
        "math.log",
        "logarithm",
        "python",
        {"argument": float(argument), "prior": prior},
        interp.origin(),
        name=interp.text(node),
    )
    interp.facts.append(fact)


def noted(interp: Interpreter, name: str, kind: str) -> None:
    """Note a call that tells something of the targets or the loss."""
    interp.facts.append(Layer(name, kind, "torch", {}, interp.origin(), name=name.rpartition(".")[2]))


IGNORED_STEPS = {"dropout", "masked_fill", "where", "tril", "triu"}
LINEAR_STEPS = {"keep", "remap", "smooth", "window", "affine", "layer"}
TAKES = {"linear", "conv"}


def heir(layer: Layer) -> Layer | None:
    """The affine layer with a bias that every path from this one ends in, with nothing but linear steps between."""
    if layer.kind not in TAKES or layer.bias is not True or layer.escaped:
        return None
    starts = [node for node in layer.calls if node.bias_of is layer]
    state = {node.id: shift.front(layer.axes, node.rank) for node in starts}
    waiting = [(reader.id, reader) for node in starts for reader in node.readers]
    heapq.heapify(waiting)
    done: set[int] = set()
    found: Layer | None = None
    while waiting:
        _, node = heapq.heappop(waiting)
        if node.id in done:
            continue
        done.add(node.id)
        if node.op not in LINEAR_STEPS or node.name in IGNORED_STEPS or node.op not in shift.TRANSFER:
            return None
        try:
            after = shift.TRANSFER[node.op](node, state)
        except shift.Seen:
            return None
        if after is None:
            return None
        taker = node.bias_of
        if isinstance(taker, Layer):
            known = taker is not layer and taker.kind in TAKES and taker.bias is True
            if not known or not shift.front(after, node.rank) <= shift.front(taker.axes, node.rank):
                return None
            found = found or taker
            continue
        state[node.id] = shift.front(after, node.rank)
        for reader in node.readers:
            heapq.heappush(waiting, (reader.id, reader))
        if not node.readers:
            return None
    return found


def sources(layer: Layer) -> list[Layer]:
    """The layers with a bias that feed this one with nothing but linear steps between."""
    found: list[Layer] = []
    for node in layer.calls[:4]:
        before = node.inputs[0] if node.inputs else None
        while before is not None and before.bias_of is None and before.op in ("keep", "remap", "smooth") and before.inputs:
            before = before.inputs[0]
        if before is not None and isinstance(before.bias_of, Layer) and before.op == "affine":
            found.append(before.bias_of)
    return found


def raw_biases(interp: Interpreter) -> list[Layer]:
    """Vectors of the program's own that are added to an affine step: `x @ w + b`, F.linear(x, w, b), layer(x) + b."""
    found: dict[int, Layer] = {}
    for node in interp.flow.nodes:
        bias: Node | None = node.info.get("raw_bias")
        step: Node | None = node
        doubles: Layer | None = None
        if bias is None:
            if node.op != "add" or len(node.inputs) != 2:
                continue
            one, two = node.inputs
            bias, step = (two, one) if two.op == "const" else (one, two) if one.op == "const" else (None, None)
            if bias is None or step is None:
                continue
            while step.op == "keep" and len(step.inputs) == 1 and len(step.readers) == 1:
                step = step.inputs[0]
            if step.op != "affine":
                continue
            if isinstance(step.bias_of, Layer) and step.bias_of.bias is not False:
                if step.bias_of.bias is not True or len(step.readers) != 1:
                    continue
                doubles = step.bias_of
        if not is_vector(bias) or "called" not in bias.info:
            continue
        layer = found.get(bias.id)
        if layer is None:
            layer = found[bias.id] = raw(bias, step)
        layer.calls.append(node)
        layer.doubles = doubles
    return list(found.values())


def is_vector(bias: Node) -> bool:
    """Does it hold a number per channel? (n,), or (1, n, 1, 1)."""
    dims = bias.dims
    return dims is not None and (
        len(dims) == 1 or (len(dims) in (3, 4) and dims[0] == 1 and dims[1] != 1 and all(dim == 1 for dim in dims[2:]))
    )


def learns(step: Node | None) -> bool | None:
    """Is the weight of an affine step trained? None where that is not known."""
    if step is None:
        return None
    if isinstance(step.bias_of, Layer):
        return step.bias_of.weight_trainable is True or None
    weight = step.info.get("raw_weight", step.inputs[1] if len(step.inputs) == 2 else None)
    if isinstance(weight, Param):
        return weight.layer.weight_trainable is True or None
    return bool(weight.info["parameter"]) if isinstance(weight, Node) and "parameter" in weight.info else None


def chosen(interp: Interpreter, keyword: str) -> bool:
    """Is the argument of the present call given as anything but a literal? Then whoever sets that decides."""
    given = interp.node.keywords if isinstance(interp.node, ast.Call) else []
    return any(one.arg == keyword and not isinstance(one.value, ast.Constant) for one in given)


def raw(bias: Node, step: Node | None) -> Layer:
    made = bias.info.get("made") or Origin((bias.origin,) if isinstance(bias.origin, tuple) else ())
    layer = Layer("torch.nn.Parameter", "affine", "torch", {}, made, name=bias.info["called"], bias=True)
    layer.trainable = bool(bias.info.get("parameter"))
    layer.weight_trainable = learns(step)
    kind = "frozen" if "variable" in bias.info else "parameter" if "parameter" in bias.info else "tensor"
    layer.config["made as"] = "buffer" if bias.info.get("buffer") else kind
    written = bias.info.get("write")
    if written is not None and made.chain:
        from biaslint.frontends.writes import Write

        how, value, spread = written
        layer.writes.append(Write(how, "bias", value, spread, None, "", "", made.owner, *made.chain[0]))
    layer.writes.extend(bias.info.get("writes", ()))
    return layer


_TRIED: WeakKeyDictionary[Module, set[int]] = WeakKeyDictionary()


def caught(module: Module, node: ast.AST) -> bool:
    """Does it stand in the body of a `try`?"""
    known = _TRIED.get(module)
    if known is None:
        tries = (item for item in ast.walk(module.tree) if isinstance(item, ast.Try))
        known = _TRIED[module] = {id(part) for item in tries for statement in item.body for part in ast.walk(statement)}
    return id(node) in known


_ASKED: WeakKeyDictionary[Module, set[int]] = WeakKeyDictionary()


def asked(module: Module, node: ast.AST) -> bool:
    """Does it stand behind a question about a bias: `if m.bias is not None`?"""
    known = _ASKED.get(module)
    if known is None:
        tests = (item for item in ast.walk(module.tree) if isinstance(item, ast.If) and "bias" in ast.unparse(item.test))
        known = _ASKED[module] = {id(part) for item in tests for statement in item.body for part in ast.walk(statement)}
    return id(node) in known
