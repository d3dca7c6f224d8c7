"""The measurements as one self-contained page: no script, no network, light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from biaslint.findings.finding import Finding
from biaslint.runtime.facts.measurement import FAIL, Measurement, Verdict
from biaslint.runtime.facts.observed import LayerFacts, Observed
from biaslint.runtime.report import charts
from biaslint.runtime.report.table import bias_text, dead_text, heading, in_order, scale_of

_MOST_CLASSES = 40

_STYLE = """
:root { color-scheme: light dark; --back: #fcfcfd; --card: #fff; --text: #1c2024; --faint: #60646c; --line: #dfe3e8;
  --one: #2563eb; --two: #b45309; --bad: #b91c1c; --badback: #fef2f2; --good: #15803d; --warn: #a16207; }
@media (prefers-color-scheme: dark) { :root { --back: #111316; --card: #1a1d21; --text: #edeef0; --faint: #a0a6ae; --line: #33383f;
  --one: #7aa7ff; --two: #f5b14c; --bad: #ff8f8f; --badback: #3a1d1f; --good: #6fd38f; --warn: #e8c254; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); } code { font: .9em ui-monospace, Menlo, Consolas, monospace; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; }
.card h3 { margin: 0 0 .4rem; font-size: .95rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--faint); font-weight: 600; white-space: nowrap; } td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.bad td { background: var(--badback); } .fail { color: var(--bad); font-weight: 600; } .pass { color: var(--good); }
.finding { border-left: 4px solid var(--warn); margin: .6rem 0; } .finding.error { border-left-color: var(--bad); }
.finding.hint { border-left-color: var(--one); } pre { margin: .4rem 0 0; padding: .5rem .7rem; background: var(--back);
  border: 1px solid var(--line); border-radius: .3rem; overflow-x: auto; font: .85rem ui-monospace, Menlo, Consolas, monospace; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
.one { fill: var(--one); } .two { fill: var(--two); } .line-one { stroke: var(--one); fill: none; stroke-width: 1.6; }
.line-two { stroke: var(--two); fill: none; stroke-width: 1.6; } .axis { stroke: var(--line); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; vertical-align: -1px; }
"""


def render(observed: Observed, verdict: Verdict, findings: Sequence[Finding], base: Path | None = None) -> str:
    """The whole page."""
    failed = sum(one.status == FAIL for one in verdict.measurements)
    title = f"{observed.target or observed.model} before training"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p class='faint'>{escape(heading(observed))}</p>",
        f"<p>{len(findings)} finding{'' if len(findings) == 1 else 's'}; {failed} of {len(verdict.measurements)} measurements fail.</p>",
        *(f"<p class='faint'>{escape(note)}</p>" for note in observed.notes),
        "<h2>Findings</h2>",
        *([_finding(one, base) for one in findings] or ["<p class='faint'>None.</p>"]),
        "<h2>At the start</h2><div class='cards'>",
        *_outputs(observed),
        *_distribution(observed),
        *_depth(observed),
        "</div>",
        "<h2>Measurements</h2>",
        _measurements(verdict.measurements),
        "<h2>Layers, in the order of their first call</h2>",
        _layers(observed, verdict),
        "<p class='faint'>Made by biaslint verify.</p></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _where(path: str, base: Path | None) -> str:
    try:
        return Path(path).relative_to(base).as_posix() if base else path
    except ValueError:
        return path


def _finding(one: Finding, base: Path | None) -> str:
    place = f"{_where(one.place.path, base)}:{one.place.line}:{one.place.column}"
    head, _, code = one.advice.partition(": ")
    advice = (
        f"<p>{escape(head)}:</p><pre>{escape(code)}</pre>"
        if code
        else f"<p class='faint'>{escape(one.advice)}</p>"
        if one.advice
        else ""
    )
    return (
        f"<div class='card finding {escape(str(one.severity))}'><b>{escape(one.rule)} {escape(one.name)}</b> "
        f"<code class='faint'>{escape(place)}</code><p>{escape(one.message)}</p>{advice}</div>"
    )


def _outputs(observed: Observed) -> list[str]:
    cards = []
    for output in observed.outputs[:4]:
        if output.values.mean is None or output.values.spread is None:
            continue
        shape = " x ".join(map(str, output.shape))
        text = f"mean {output.values.mean:.4g}, standard deviation {output.values.spread:.4g}"
        picture = charts.histogram(output.histogram, output.edges, 420, 130, f"values of {output.name}")
        cards.append(
            f"<div class='card'><h3>{escape(output.name)} ({escape(shape)})</h3>{picture}<p class='faint'>{text}</p></div>"
        )
    return cards


def _distribution(observed: Observed) -> list[str]:
    if not observed.outputs:
        return []
    output, targets = observed.outputs[0], observed.targets
    predicted, prior = output.predicted, (targets.prior if targets else [])
    name = "Predicted class distribution"
    if not predicted and targets and targets.kind == "values":
        predicted, prior, name = output.class_means, targets.means, "Predicted mean"
    if not predicted or len(predicted) > 2000:
        return []
    prior = (list(prior) + [0.0] * len(predicted))[: len(predicted)] if prior else []
    left = len(predicted) - _MOST_CLASSES
    picture = charts.bars(predicted[:_MOST_CLASSES], prior[:_MOST_CLASSES], 420, 150)
    key = "<span class='key' style='background:var(--one)'></span>at the start"
    key += "<span class='key' style='background:var(--two)'></span>of the targets" if prior else ""
    more = f"; {left} more classes are not shown" if left > 0 else ""
    return [f"<div class='card'><h3>{name}</h3>{picture}<p class='faint'>{key}{more}</p></div>"]


def _depth(observed: Observed) -> list[str]:
    layers = [layer for layer in in_order(observed) if layer.kind in ("conv", "linear", "rnn") and layer.order is not None]
    outputs = [scale_of(layer.output) for layer in layers]
    gradients = [layer.gradient_scale for layer in layers]
    if len(layers) < 2:
        return []
    picture = charts.depth([layer.name for layer in layers], outputs, gradients, 420, 150)
    key = "<span class='key' style='background:var(--one)'></span>outputs<span class='key' style='background:var(--two)'></span>gradients"
    return [
        f"<div class='card'><h3>Scale through depth</h3>{picture}<p class='faint'>root mean square, logarithmic;{key}</p></div>"
    ]


def _measurements(measurements: Sequence[Measurement]) -> str:
    shown = [
        one
        for one in measurements
        if one.status == FAIL or not one.layer or one.name in ("initial-outputs", "initial-loss", "forget-gate")
    ]
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td><td class='{'fail' if one.status == FAIL else 'pass' if one.status == 'pass' else 'faint'}'>{escape(one.status)}</td>"
        f"<td><code>{escape(one.layer)}</code></td><td>{escape(one.message)}</td><td class='number'>{_number(one.value)}</td><td class='number'>{_number(one.threshold)}</td></tr>"
        for one in shown
    )
    left = len(measurements) - len(shown)
    more = f"<p class='faint'>{left} measurements of single layers that pass are in the table below.</p>" if left else ""
    return f"<div class='card wide'><table><tr><th>what</th><th></th><th>layer</th><th></th><th>value</th><th>threshold</th></tr>{rows}</table></div>{more}"


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.3g}"


def _layers(observed: Observed, verdict: Verdict) -> str:
    bad = {one.layer for one in verdict.measurements if one.status == FAIL and one.layer}
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "layer",
            "type",
            "outputs at the start",
            "output scale",
            "gradient scale",
            "bias at the start",
            "dead?",
            "made at",
        )
    )
    rows = "".join(_layer(layer, layer.name in bad) for layer in in_order(observed))
    return f"<div class='card wide'><table><tr>{head}</tr>{rows}</table></div>"


def _layer(layer: LayerFacts, bad: bool) -> str:
    made = next((f"{Path(frame[0]).name}:{frame[1]}" for frame in layer.chain if not frame[-1]), "")
    picture = charts.histogram(layer.histogram, layer.edges, 120, 26, f"outputs of {layer.name}", small=True)
    cells = (layer.name or "(model)", layer.layer)
    return (
        f"<tr{' class=bad' if bad else ''}>{''.join(f'<td><code>{escape(cell)}</code></td>' for cell in cells)}<td>{picture}</td>"
        f"<td class='number'>{_number(scale_of(layer.output))}</td><td class='number'>{_number(layer.gradient_scale)}</td>"
        f"<td>{escape(bias_text(layer))}</td><td>{escape(dead_text(layer))}</td><td><code>{escape(made)}</code></td></tr>"
    )
