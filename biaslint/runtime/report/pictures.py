"""The pictures of a start, as cards of the page: what is predicted, the loss, scale through depth, dead units, gates, trainings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from html import escape

from biaslint.runtime.compare.comparison import AFTER, BEFORE, Comparison, band, effect
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.report import charts
from biaslint.runtime.report.table import in_order, scale_of

_MOST_CLASSES = 40
_MOST_BARS = 16
_WIDTH = 420
_JUMP = 10.0  # from one layer to the next
_MOST_JUMPS = 4
_GOOD_GATE = 1 / (1 + math.exp(-1))  # a bias of 1


def cards(observed: Observed, both: Comparison | None = None) -> list[str]:
    """All pictures that there are numbers for."""
    made = [
        *_prediction(observed, both),
        *_loss(observed, both),
        *_training(both),
        *_depth(observed),
        *_units(observed),
        *_gates(observed),
        *_values(observed),
    ]
    return [
        f"<div class='card'><h3>{escape(name)}</h3>{picture}<p class='faint'>{text}</p></div>" for name, picture, text in made
    ]


def _key(style: str, text: str) -> str:
    return f"<span class='named'><span class='key' style='background:var(--{style})'></span>{escape(text)}</span> "


def _listed(values: Sequence[float], most: int = 6) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:most]) + (", ..." if len(values) > most else "")


def suggested(observed: Observed, classes: int) -> tuple[list[float], list[float]]:
    """The bias that fits the targets, and what it alone predicts."""
    bias = list(observed.loss.bias) if observed.loss else []
    if not bias or not observed.targets:
        return [], []
    bias = bias * classes if len(bias) == 1 else (bias + [min(bias)] * classes)[:classes]
    if observed.targets.kind == "values":
        return bias, bias
    if observed.targets.kind == "binary":
        return bias, [1 / (1 + math.exp(-min(max(one, -700.0), 700.0))) for one in bias]
    top = max(bias)
    powers = [math.exp(one - top) for one in bias]
    return bias, [power / sum(powers) for power in powers]


def _prediction(observed: Observed, both: Comparison | None) -> list[tuple[str, str, str]]:
    """What the untrained model predicts, against the targets; the suggested bias drawn in."""
    if not observed.outputs:
        return []
    output, targets = observed.outputs[0], observed.targets
    predicted, prior = output.predicted, (targets.prior if targets else [])
    name = "Predicted at the start, against the prior"
    if not predicted and targets and targets.kind == "values":
        predicted, prior, name = output.class_means, targets.means, "Mean output at the start, against the targets' mean"
    if not predicted or len(predicted) > 2000:
        return []
    prior = prior * len(predicted) if len(prior) == 1 else list(prior)
    prior = (prior + [0.0] * len(predicted))[: len(predicted)] if prior else []
    bias, marks = suggested(observed, len(predicted))
    text = _key("one", "at the start") + (_key("two", "of the targets") if prior else "")
    if both is not None and both.after.outputs and (changed := both.after.outputs[0].predicted):
        marks = changed
        text += _key("three", "changed")
    elif marks:
        text += _key("three", f"with the output bias {_listed(bias)}")
    left = len(predicted) - _MOST_CLASSES
    text += f"; {left} more classes are not shown" if left > 0 else ""
    shown = slice(None, _MOST_CLASSES)
    return [(name, charts.bars(predicted[shown], prior[shown], _WIDTH, 160, marks[shown]), text)]


def _loss(observed: Observed, both: Comparison | None) -> list[tuple[str, str, str]]:
    """The loss at the start, against that of the best constant output."""
    loss = observed.loss
    if loss is None or loss.value is None or loss.best is None or not math.isfinite(loss.value):
        return []
    after = both.after.loss.value if both is not None and both.after.loss else None
    found = [("at the start", loss.value, "one")]
    found += [("changed", after, "three")] if after is not None and math.isfinite(after) else []
    found.append(("best constant output", loss.best, "two"))
    ratio = f"{loss.value / loss.best:.3g} times the best constant output's" if loss.best > 0 else ""
    return [(f"Loss at the start ({loss.name or loss.kind})", charts.lying(found, _WIDTH), ratio)]


def _training(both: Comparison | None) -> list[tuple[str, str, str]]:
    if both is None or not both.before.curves or not both.after.curves:
        return []
    picture = charts.bands(band(both.before.curves), band(both.after.curves), _WIDTH, 180)
    said = f"{effect(both)}. " if effect(both) else ""
    text = f"{escape(said)}{escape(both.before.trained_with)}; mean of {len(both.before.curves)} seeds, and from the least to the largest;"
    return [
        (f"Loss in {len(both.before.curves[0])} steps of training", picture, text + _key("one", BEFORE) + _key("three", AFTER))
    ]


def _depth(observed: Observed) -> list[tuple[str, str, str]]:
    layers = [layer for layer in in_order(observed) if layer.kind in ("conv", "linear", "rnn") and layer.order is not None]
    if len(layers) < 2:
        return []
    names = [layer.name for layer in layers]
    sizes = [scale_of(layer.output) for layer in layers], [layer.gradient_scale for layer in layers]
    found = [jumps(one) for one in sizes]
    picture = charts.depth(names, *sizes, _WIDTH, 180, [index for one in found for index, _ in one])
    said = [
        f"{what} {'grow' if factor > 1 else 'shrink'} {max(factor, 1 / factor):.3g} times at <code>{escape(names[index])}</code>"
        for what, one in zip(("outputs", "gradients"), found, strict=True)
        for index, factor in one
    ]
    text = f"root mean square, logarithmic;{_key('one', 'outputs')}{_key('two', 'gradients')}"
    return [("Scale through depth", picture, "; ".join([text, *said]))]


def jumps(sizes: Sequence[float | None]) -> list[tuple[int, float]]:
    """The largest changes from one layer to the next, in the order of the layers: which, and by what factor."""
    known = [(index, size) for index, size in enumerate(sizes) if size and math.isfinite(size)]
    steps = [(index, size / before) for (_, before), (index, size) in itertools.pairwise(known)]
    large = sorted((one for one in steps if max(one[1], 1 / one[1]) > _JUMP), key=lambda one: -abs(math.log(one[1])))
    return sorted(large[:_MOST_JUMPS])


def _units(observed: Observed) -> list[tuple[str, str, str]]:
    found = [(one.layer or one.name, one.dead / max(one.units, 1)) for one in observed.units if one.units > 1]
    if not found:
        return []
    shown = found if len(found) <= _MOST_BARS else sorted(found, key=lambda one: -one[1])[:_MOST_BARS]
    more = f"; the {_MOST_BARS} of {len(found)} with the most" if len(found) > _MOST_BARS else ""
    bars = [(name, share, "one") for name, share in shown]
    return [
        (
            "Dead ReLU units after each layer",
            charts.lying(bars, _WIDTH, most=1.0),
            f"share that is zero for the whole batch{more}",
        )
    ]


def _gates(observed: Observed) -> list[tuple[str, str, str]]:
    found = [(f"{layer.name} {gate.name}".strip(), gate.value, "one") for layer in observed.layers for gate in layer.gates]
    if not found:
        return []
    picture = charts.lying(found[:_MOST_BARS], _WIDTH, most=1.0, mark=_GOOD_GATE)
    return [("Forget gates at the start", picture, "what is kept of the cell state at each step; the line: with a bias of 1")]


def _values(observed: Observed) -> list[tuple[str, str, str]]:
    found = []
    for output in observed.outputs[:4]:
        if output.values.mean is None or output.values.spread is None:
            continue
        shape = " x ".join(map(str, output.shape))
        picture = charts.histogram(output.histogram, output.edges, _WIDTH, 130, f"values of {output.name}")
        text = f"mean {output.values.mean:.4g}, standard deviation {output.values.spread:.4g}"
        found.append((f"Values of {output.name} ({shape})", picture, text))
    return found
