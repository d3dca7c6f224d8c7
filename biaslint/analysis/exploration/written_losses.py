"""Losses that are written out as formulas: cross-entropies and distances, each as a fact, as a call of the framework's loss is one.

A loss is what training descends. Its summands are products whose core is the logarithm of a probability or a distance to the target. One
factor of a logarithm is the target; any other weighs the entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer, LossCall, Origin
from biaslint.analysis.domain.values import Unknown
from biaslint.analysis.exploration import loss_weights
from biaslint.analysis.exploration.gates import SIGMOIDS
from biaslint.analysis.exploration.predictions import NEGATED
from biaslint.analysis.tensors import reconstruction
from biaslint.theory import terms
from biaslint.theory.dataflow import VIEWS, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


CROSS_ENTROPY, LIKELIHOOD = "BCELoss", "NLLLoss"
LOG_SIGMOIDS = ("logsigmoid", "log_sigmoid")
LOGARITHMS = ("log", "log_")
DISTANCES = {
    **dict.fromkeys(("**", "pow", "pow_", "square", "power"), "MSELoss"),
    **dict.fromkeys(("abs", "absolute"), "L1Loss"),
}
REDUCED = ("mean", "sum")
PICKED = {"gather", "gather_nd", "select", "index_select", "take_along_axis"}  # the entries of the targets' classes
BOUNDED = {"clamp", "clamp_", "clip", "clip_by_value", "nan_to_num", "maximum", "minimum"}
TESTS = {"eq", "==", "one_hot", "gt", "ge", "lt", "le", ">", ">=", "<", "<="}  # of targets
SPELLED = {"float", "to", "double", "view", "reshape", "unsqueeze", "squeeze", "astype", "type", "cuda", "cpu", "view_as"}
ENCODED = re.compile(r"(\w+\.)*one_hot\(")  # of targets
TINY = 0.01  # what keeps a logarithm finite
MANY = 200  # nodes that are looked at for one loss


@dataclass(frozen=True)
class Summand:
    """A product that a loss is the sum of, in each entry: its core, and what it is multiplied with."""

    core: Node
    within: bool = False  # the reductions: it is an entry, and no longer the sum
    factors: int = 0
    plain: bool = True  # may each factor be a target?
    scale: float = 1.0  # known numbers
    targets: tuple[Value, ...] = ()  # the factors


def written_losses(ex: Execution) -> Iterator[Layer]:
    """The losses of an execution that are written out, each with the prediction that it takes."""
    for node in ex.flow.nodes:
        if node.info.get("descended") and isinstance(node.origin, tuple) and None not in node.origin:
            yield from losses_of(node)


def losses_of(loss: Node) -> Iterator[Layer]:
    """The losses that one is the sum of."""
    found: dict[tuple[str, int], tuple[Node, list[Summand]]] = {}
    for summand in summands(loss):
        kind, taken = kind_of(summand.core)
        if taken is not None:
            found.setdefault((kind, taken.id), (taken, []))[1].append(summand)
    for (kind, _), (taken, parts) in found.items():
        if kind == CROSS_ENTROPY and len({is_rest(part.core) for part in parts}) < 2:
            continue  # the logarithm of one of two classes alone
        origin = Origin((loss.origin,))  # type: ignore[arg-type]
        fact = Layer(kind, "loss", "python", {"reduction": "written out"}, origin, name="loss", bias=False)
        if weighs(kind, parts):
            fact.config[loss_weights.KEY] = True
        rebuilds = any(reconstruction.is_own_input(taken, target) for part in parts for target in part.targets)
        fact.loss_calls.append(LossCall(taken, "", False, 1, None, rebuilds=rebuilds))
        yield fact


# -- the products ------------------------------------------------------------------------------------------------------------------------


def summands(loss: Node) -> Iterator[Summand]:
    """The products that a loss adds up."""
    todo, seen = [Summand(loss)], 0
    while todo and seen < MANY:
        seen += 1
        product = todo.pop()
        inner = list(inside(product))
        todo += inner
        if not inner:
            yield product


def inside(product: Summand) -> Iterator[Summand]:
    """What a product is made of: the summands of a sum, what a number or factor is multiplied with."""
    node = product.core
    if node.op == "add":
        yield from (replace(product, core=one) for one in node.inputs)
    elif node.op == "mul":
        predicted = [one for one in node.inputs if loss_weights.is_predicted(one)]
        others = [one for one in node.inputs if one not in predicted]
        if len(predicted) == 1:
            yield from (multiplied(product, predicted[0], one, may_be_target(one)) for one in others)
    elif node.op == "keep" and "times" in node.info:
        times = node.info["times"]
        if isinstance(times, (int, float)):
            yield replace(product, core=node.inputs[0], scale=product.scale * (times if product.within else 1.0))
        else:
            yield multiplied(product, node.inputs[0], times, may_be_target_number(times))
    elif node.name in REDUCED and len(node.inputs) == 1:
        yield replace(product, core=node.inputs[0], within=True)
    elif node.op == "keep" and "plus" not in node.info and node.inputs:
        yield replace(product, core=node.inputs[0])


def multiplied(product: Summand, core: Node, factor: Value, plain: bool) -> Summand:
    """One factor less. Before the entries are added up it weighs all of them alike; a mask weighs none."""
    if not product.within or loss_weights.is_mask(product.core):
        return replace(product, core=core)
    targets = (*product.targets, factor)
    return replace(product, core=core, factors=product.factors + 1, plain=product.plain and plain, targets=targets)


def may_be_target(node: Node) -> bool:
    """Is it a tensor from outside, one minus it, or what a test makes of it?"""
    while len(node.inputs) == 1 and "times" not in node.info and (node.op != "opaque" or node.name in VIEWS | TESTS):
        if "plus" in node.info and not (node.info["plus"] == 1 and node.info.get("subtracted")):
            return False
        node = node.inputs[0]
    return node.name in TESTS or (not node.inputs and "times" not in node.info)


def may_be_target_number(value: Value) -> bool:
    """Is it something from outside whose value is not known?"""
    return isinstance(value, Unknown) and (ENCODED.match(value.text) is not None or may_be_target_term(value.key))


def may_be_target_term(term: object) -> bool:
    """Is it a value from outside, or one minus it?"""
    if isinstance(term, terms.Operation):
        return term.symbol == "-" and term.left == 1 and may_be_target_term(term.right)
    if isinstance(term, terms.CallOf):
        function = term.function
        return isinstance(function, terms.Attribute) and function.name in SPELLED and may_be_target_term(function.base)
    return isinstance(term, (terms.Parameter, terms.Item, terms.Attribute))


def weighs(kind: str, parts: list[Summand]) -> bool:
    """Are entries weighed? Of a logarithm one factor may be the target."""
    if kind == CROSS_ENTROPY:
        return len({part.scale for part in parts}) > 1 or any(part.factors != 1 or not part.plain for part in parts)
    if kind == LIKELIHOOD:
        return any(part.factors > (0 if is_picked(part.core) else 1) or not part.plain for part in parts)
    return any(part.factors for part in parts)


# -- the core ----------------------------------------------------------------------------------------------------------------------------


def kind_of(core: Node) -> tuple[str, Node | None]:
    """Which loss a product is part of, by its core, and what that takes."""
    node = unshaped(core)
    if node.op == "softmax":
        return LIKELIHOOD, node if node.name == "log_softmax" else None
    if node.op != "opaque" or not node.inputs:
        return "", None
    if node.name in LOGARITHMS:
        inner = probability(node.inputs[0])[0]
        if inner.op == "softmax":
            return LIKELIHOOD, inner
        return CROSS_ENTROPY, inner if inner.op == "opaque" and inner.name in SIGMOIDS else None
    if node.name in LOG_SIGMOIDS:
        return CROSS_ENTROPY, unshaped(node.inputs[0])
    if node.name in DISTANCES:
        return DISTANCES[node.name], predicted_of(unshaped(node.inputs[0]))
    return "", None


def is_rest(core: Node) -> bool:
    """Is it the logarithm of one minus the probability?"""
    node = unshaped(core)
    if node.name in LOG_SIGMOIDS:
        return node.inputs[0].op == "keep" and node.inputs[0].name in NEGATED
    return probability(node.inputs[0])[1]


def probability(node: Node) -> tuple[Node, bool]:
    """What makes a probability, and whether one minus it is taken."""
    rest = False
    while True:
        node = unshaped(node)
        plus = node.info.get("plus")
        if node.op != "keep" or not isinstance(plus, (int, float)) or "times" in node.info:
            return node, rest
        if node.info.get("subtracted") and 0 <= plus - 1 <= TINY:
            rest = not rest
        elif abs(plus) > TINY:
            return node, rest
        node = node.inputs[0]


def predicted_of(difference: Node) -> Node | None:
    """The prediction of which the target is subtracted, or the other way round."""
    if difference.op == "keep" and isinstance(difference.info.get("plus"), Unknown):
        return difference.inputs[0] if loss_weights.is_predicted(difference) else None
    if difference.op != "add" or difference.name not in ("-", "sub", "subtract"):
        return None
    predicted = [one for one in difference.inputs if loss_weights.is_predicted(one)]
    return predicted[0] if len(predicted) == 1 else None


def unshaped(node: Node) -> Node:
    """A tensor before what changes its shape, picks entries or bounds them."""
    while node.inputs and (
        (node.op == "keep" and not {"plus", "times"} & node.info.keys())
        or node.op == "remap"
        or (node.op == "opaque" and node.name in VIEWS | PICKED | BOUNDED)
    ):
        node = node.inputs[0]
    return node


def is_picked(core: Node) -> bool:
    """Are entries picked?"""
    node = core
    while node.inputs and node.op in ("keep", "remap", "opaque"):
        if node.name in PICKED:
            return True
        node = node.inputs[0]
    return False
