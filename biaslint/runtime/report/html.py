"""The measurements as one self-contained page: no script, no network, light and dark.

The verdict and the pictures come first, then the findings by what causes them, then every measurement and layer.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

from biaslint.findings.finding import Finding
from biaslint.runtime.compare.changes import in_words
from biaslint.runtime.compare.comparison import AFTER, BEFORE, Comparison, effect, rows
from biaslint.runtime.facts.measurement import FAIL, INCONCLUSIVE, Measurement, Verdict
from biaslint.runtime.facts.observed import LayerFacts, Observed
from biaslint.runtime.report import charts
from biaslint.runtime.report.page_style import STYLE
from biaslint.runtime.report.pictures import cards
from biaslint.runtime.report.table import bias_text, dead_text, heading, in_order, scale_of
from biaslint.source import file as source_file

_AROUND = 2  # lines of the source on either side of what is blamed
_MOST_PLACES = 20


def render(
    observed: Observed, verdict: Verdict, findings: Sequence[Finding], base: Path | None = None, both: Comparison | None = None
) -> str:
    """The whole page."""
    title = f"{observed.target or observed.model} before training"
    pictures = cards(observed, both)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>{_verdict(observed, verdict, findings)}<p class='faint'>{escape(heading(observed))}</p>",
        *([f"<p>{escape(observed.twin)}</p>"] if observed.twin else []),
        *(["<h2>At the start</h2><div class='cards'>", *pictures, "</div>"] if pictures else []),
        *(_comparison(both) if both is not None else []),
        "<h2>Findings</h2>",
        *(_findings(findings, base) or ["<p class='faint'>None.</p>"]),
        "<label class='switch'><input type='checkbox' id='failing'/> only what fails</label>",
        "<h2>Measurements</h2>",
        _measurements(verdict.measurements),
        "<h2>Layers, in the order of their first call</h2>",
        _layers(observed, verdict),
        *(f"<p class='faint'>{escape(note)}</p>" for note in observed.notes),
        "<p class='faint'>Made by biaslint verify.</p></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(observed: Observed, verdict: Verdict, findings: Sequence[Finding]) -> str:
    failed = sum(one.status == FAIL for one in verdict.measurements)
    count = (
        f"{len(findings)} finding{'' if len(findings) == 1 else 's'}; {failed} of {len(verdict.measurements)} measurements fail"
    )
    if findings:
        causes = ", ".join(dict.fromkeys(one.name for one in findings))
        return f"<p class='verdict fail'>{escape(count)}: {escape(causes)}</p>"
    if observed.inconclusive:
        return f"<p class='verdict fail'>Not everything could be measured: {escape(', '.join(observed.inconclusive))}</p>"
    return f"<p class='verdict pass'>The model starts well. {escape(count)}.</p>"


def _where(path: str, base: Path | None) -> str:
    try:
        return Path(path).relative_to(base).as_posix() if base else path
    except ValueError:
        return path


def _findings(findings: Sequence[Finding], base: Path | None) -> list[str]:
    """A card for each rule and advice, with all places that it speaks of."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.rule, one.advice), []).append(one)
    return [_group(members, base) for members in groups.values()]


def _group(members: Sequence[Finding], base: Path | None) -> str:
    first = members[0]
    head, _, code = first.advice.partition(": ")
    advice = (
        f"<p>{escape(head)}:</p><pre>{escape(code)}</pre>"
        if code
        else f"<p class='faint'>{escape(first.advice)}</p>"
        if first.advice
        else ""
    )
    said = [f"<code class='faint'>{escape(_place(one, base))}</code> {escape(one.message)}" for one in members[:_MOST_PLACES]]
    left = len(members) - len(said)
    said += [f"and {left} more"] if left else []
    text = f"<p>{said[0]}</p>" if len(said) == 1 else f"<ul>{''.join(f'<li>{one}</li>' for one in said)}</ul>"
    return (
        f"<div class='card finding {escape(str(first.severity))}'><b>{escape(first.rule)} {escape(first.name)}</b> "
        f"<span class='faint'>{escape(str(first.severity))}{f', {len(members)} times' if len(members) > 1 else ''}</span>"
        f"{text}{_excerpt(first)}{advice}</div>"
    )


def _place(one: Finding, base: Path | None) -> str:
    return f"{_where(one.place.path, base)}:{one.place.line}:{one.place.column}"


def _excerpt(one: Finding) -> str:
    """The lines of the source around the place; "" where it cannot be read."""
    if not one.place.path.endswith((".py", ".pyi")):
        return ""
    try:
        lines = source_file.read(Path(one.place.path)).text.splitlines()
    except source_file.Unreadable:
        return ""
    begin, end = max(one.place.line - _AROUND, 1), min(one.place.line + _AROUND, len(lines))
    part, shown = textwrap.dedent("\n".join(lines[begin - 1 : end])).split("\n"), []
    for number, line in enumerate(part, begin):
        text = escape(f"{number:>4} {line}")
        shown.append(f"<b>{text}</b>" if number == one.place.line else text)
    return "<pre>" + "\n".join(shown) + "</pre>" if shown else ""


def _comparison(both: Comparison) -> list[str]:
    """The model as it is and changed, side by side."""
    changes = "".join(f"<li>{escape(in_words(change))}</li>" for change in both.changes)
    body = "".join(
        f"<tr><td>{escape(name)}</td><td class='number' data-name='{BEFORE}'>{escape(before)}</td>"
        f"<td class='number' data-name='{AFTER}'>{escape(after)}</td><td class='faint'>{escape(note)}</td></tr>"
        for name, before, after, note in rows(both)
    )
    said = f"<p>In a short training, {escape(effect(both))}.</p>" if effect(both) else ""
    table = f"<table><tr class='head'><th></th><th>{BEFORE}</th><th>{AFTER}</th><th></th></tr>{body}</table>"
    return [f"<h2>With the advised starts</h2><div class='card'><ul>{changes}</ul>{table}{said}</div>"]


def _measurements(measurements: Sequence[Measurement]) -> str:
    shown = [
        one
        for one in measurements
        if one.status == FAIL or not one.layer or one.name in ("initial-outputs", "initial-loss", "forget-gate")
    ]
    rows = "".join(
        f"<tr{'' if one.status in (FAIL, INCONCLUSIVE) else ' class=ok'}><td>{escape(one.name)}</td>"
        f"<td class='{'fail' if one.status == FAIL else 'pass' if one.status == 'pass' else 'faint'}'>{escape(one.status)}</td>"
        f"<td><code>{escape(one.layer)}</code></td><td>{escape(one.message)}</td><td class='number' data-name='value'>{_number(one.value)}</td>"
        f"<td class='number' data-name='threshold'>{_number(one.threshold)}</td></tr>"
        for one in shown
    )
    left = len(measurements) - len(shown)
    more = f"<p class='faint'>{left} measurements of single layers that pass are in the table below.</p>" if left else ""
    return f"<div class='card'><table><tr class='head'><th>what</th><th></th><th>layer</th><th></th><th>value</th><th>threshold</th></tr>{rows}</table></div>{more}"


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
    return f"<div class='card'><table><tr class='head'>{head}</tr>{rows}</table></div>"


def _layer(layer: LayerFacts, bad: bool) -> str:
    made = next((f"{Path(frame[0]).name}:{frame[1]}" for frame in layer.chain if not frame[-1]), "")
    picture = charts.histogram(layer.histogram, layer.edges, 120, 26, f"outputs of {layer.name}", small=True)
    cells = (layer.name or "(model)", layer.layer)
    return (
        f"<tr class={'bad' if bad else 'ok'}>{''.join(f'<td><code>{escape(cell)}</code></td>' for cell in cells)}<td>{picture}</td>"
        f"<td class='number' data-name='output scale'>{_number(scale_of(layer.output))}</td>"
        f"<td class='number' data-name='gradient scale'>{_number(layer.gradient_scale)}</td><td data-name='bias'>{escape(bias_text(layer))}</td>"
        f"<td data-name='dead?'>{escape(dead_text(layer))}</td><td data-name='made at'><code>{escape(made)}</code></td></tr>"
    )
