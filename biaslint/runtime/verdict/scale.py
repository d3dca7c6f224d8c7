"""Judging scale through depth: do activations and gradients keep their order of magnitude from layer to layer?

Like is compared with like: a block's query projection with those of the other blocks, whose gradients are small by nature, and not
with its values. Layers whose names differ by numbers only are alike; those that are like no other are compared within their type, by
a wider measure where it comes to gradients.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence

from biaslint.config.thresholds import Thresholds
from biaslint.runtime.facts.measurement import FAIL, NOT_APPLICABLE, PASS, Failure, Measurement, Verdict, layer_place
from biaslint.runtime.facts.observed import LayerFacts, Observed

RULE = "scale-through-depth"
_FEWEST = 3  # layers that can show a trend where they have only their type in common
_UNLIKE = 100.0  # how much wider gradients may be apart there
_ALIKE = 1e-3  # gradients of heads whose outputs are added up
_JUMP = 3.0  # from one layer to the next
Rungs = list[tuple[LayerFacts, float]]


def scale(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """Write into the verdict whether outputs and gradients keep their scale."""
    if any(output.values.count and output.values.mean is None for output in observed.outputs):
        _not_finite(observed, verdict)
        return
    called = sorted((one for one in observed.layers if one.order is not None), key=lambda one: one.order or 0)
    layers = [one for one in called if one.kind in ("conv", "linear")]
    _steady("activation-scale", "outputs", layers, _output_scale, limits.scale_ratio, 1.0, verdict)
    hidden = layers[: len(layers) - _endings(layers, {shape[-1] for one in observed.outputs if (shape := one.shape)})]
    _steady("gradient-scale", "gradients", hidden, _hidden_gradient, limits.gradient_ratio, _UNLIKE, verdict)


def _endings(layers: Sequence[LayerFacts], widths: set[int]) -> int:
    """How many of the last layers make the outputs together, as heads whose mean is taken, where no layer makes them alone."""
    if any(one.is_output for one in layers) or not layers:
        return 0
    last = layers[-1].gradient_scale or 0.0
    alike = itertools.takewhile(lambda one: math.isclose(one.gradient_scale or 0.0, last, rel_tol=_ALIKE), reversed(layers))
    return sum(1 for _ in alike) if layers[-1].channels in widths else 0


def _output_scale(layer: LayerFacts) -> float | None:
    numbers = layer.output
    if numbers is None or numbers.mean is None or numbers.spread is None:
        return None
    size = math.hypot(numbers.mean, numbers.spread)
    return None if layer.is_output and size < 1 else size  # small outputs are a good start


def _hidden_gradient(layer: LayerFacts) -> float | None:
    return None if layer.is_output else layer.gradient_scale  # the loss itself sets that of an output


def role(layer: LayerFacts) -> tuple[str, str]:
    """What a layer is in its block: layers of one role differ in the numbers of their names only."""
    return layer.type, re.sub(r"\d+", "*", layer.name)


def groups(rungs: Rungs) -> Iterator[tuple[Rungs, bool]]:
    """Layers to compare, in their order, and whether they are alike."""
    roles: dict[tuple[str, str], Rungs] = {}
    for rung in rungs:
        roles.setdefault(role(rung[0]), []).append(rung)
    single: dict[str, Rungs] = {}
    for (kind, _), members in roles.items():
        if len(members) > 1:
            yield members, True
        else:
            single.setdefault(kind, []).extend(members)
    for members in single.values():
        if len(members) >= _FEWEST:
            yield sorted(members, key=lambda rung: rung[0].order or 0), False


def _steady(
    name: str,
    what: str,
    layers: Sequence[LayerFacts],
    size: Callable[[LayerFacts], float | None],
    limit: float,
    unlike: float,
    verdict: Verdict,
) -> None:
    rungs = [(layer, value) for layer in layers if (value := size(layer)) is not None and value > 0]
    worst: tuple[float, Rungs, float] | None = None
    for members, alike in groups(rungs):
        sizes = [value for _, value in members]
        ratio = max(sizes) / min(sizes)
        allowed = limit if alike else limit * unlike
        # Infinite values leave no ratio to speak of.
        if worst is None or not ratio / allowed <= worst[0]:
            worst = (ratio / allowed, members, allowed)
    if worst is None:
        verdict.measurements.append(Measurement(name, NOT_APPLICABLE, "no layers that could be compared", RULE))
        return
    share, members, allowed = worst
    smallest, largest = min(members, key=lambda rung: rung[1]), max(members, key=lambda rung: rung[1])
    text = f"root mean square from {smallest[1]:.3g} (`{smallest[0].name}`) to {largest[1]:.3g} (`{largest[0].name}`)"
    failed = not share <= 1
    where = _first_jump(members)
    verdict.measurements.append(
        Measurement(
            name,
            FAIL if failed else PASS,
            text,
            RULE,
            where.name if failed else "",
            share * allowed,
            allowed,
            layer_place(where),
        )
    )
    # Exploding outputs and exploding gradients are one matter.
    if failed and not any(one.rule == RULE for one in verdict.failures):
        grows = (largest[0].order or 0) > (smallest[0].order or 0)
        verdict.failures.append(
            Failure(
                RULE,
                layer_place(where),
                f"the {what} of the hidden layers {'grow' if grows else 'shrink'} through depth: {text}, a factor of "
                f"{share * allowed:.3g}",
                layer=where.name,
                advice="the standard deviation of a layer's weights should be about sqrt(2 / fan_in) before a ReLU, "
                "sqrt(1 / fan_in) otherwise",
            )
        )


def _first_jump(members: Rungs) -> LayerFacts:
    """The layer at which the scale changes for the first time, else where it changes most."""
    smallest, largest = min(members, key=lambda rung: rung[1]), max(members, key=lambda rung: rung[1])
    grows = (largest[0].order or 0) > (smallest[0].order or 0)

    def factor(step: tuple[tuple[LayerFacts, float], tuple[LayerFacts, float]]) -> float:
        (_, before), (_, after) = step
        return after / before if grows else before / after

    steps = list(itertools.pairwise(members))
    first = next((step for step in steps if factor(step) > _JUMP), None) or max(steps, key=factor)
    return first[1][0]


def _not_finite(observed: Observed, verdict: Verdict) -> None:
    """An output without a single finite number: the first layer that puts out none is to blame, else the last layer."""
    called = sorted((one for one in observed.layers if one.order is not None), key=lambda one: one.order or 0)
    lost = (one for one in called if one.output and one.output.count and one.output.mean is None)
    layer = next(lost, called[-1] if called else None)
    text = "an output of the untrained model is NaN or infinite throughout"
    verdict.measurements.append(Measurement("activation-scale", FAIL, text, RULE, place=layer_place(layer)))
    verdict.failures.append(
        Failure(
            RULE,
            layer_place(layer),
            text,
            layer=layer.name if layer else "",
            advice="look for a division by zero, a logarithm or root of a negative number, or weights that are too large",
        )
    )
