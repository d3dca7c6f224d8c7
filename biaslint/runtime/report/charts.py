"""Small pictures as SVG text, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_LEFT, _BOTTOM, _TOP = 48, 18, 8


def _open(width: float, height: float, label: str) -> str:
    return f'<svg role="img" aria-label="{escape(label)}" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'


def histogram(
    counts: Sequence[int], edges: Sequence[float], width: float, height: float, label: str, *, small: bool = False
) -> str:
    """Counts in equal bins; with the two ends written below unless `small`."""
    if not counts or not max(counts):
        return f"<span class='faint'>all {edges[0]:.3g}</span>" if edges else ""
    foot = 0 if small else _BOTTOM
    step, most = width / len(counts), max(counts)
    low, high = edges
    out = [_open(width, height, label), f"<title>{escape(label)}: {low:.4g} to {high:.4g}</title>"]
    for index, count in enumerate(counts):
        tall = (height - foot) * count / most
        out.append(
            f'<rect class="one" x="{index * step:.2f}" y="{height - foot - tall:.2f}" width="{max(step - 1, 0.5):.2f}" height="{tall:.2f}"/>'
        )
    if not small:
        out.append(f'<line class="axis" x1="0" x2="{width:g}" y1="{height - foot}" y2="{height - foot}"/>')
        out.append(
            f'<text x="0" y="{height - 4:g}">{low:.3g}</text><text x="{width:g}" y="{height - 4:g}" text-anchor="end">{high:.3g}</text>'
        )
    return "".join(out) + "</svg>"


def bars(ones: Sequence[float], twos: Sequence[float], width: float, height: float) -> str:
    """Pairs of bars, for values that may be negative."""
    values = [value for value in [*ones, *twos, 0.0] if math.isfinite(value)]
    high, low = max(values), min(values)
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return _TOP + (height - _TOP - _BOTTOM) * (high - value) / span

    step = (width - _LEFT) / max(len(ones), 1)
    thick = step * (0.38 if twos else 0.7)
    out = [_open(width, height, "predicted at the start against the targets")]
    for index in range(len(ones)):
        for offset, (name, numbers) in enumerate((("one", ones), ("two", twos))):
            if index < len(numbers) and math.isfinite(numbers[index]):
                top, foot = sorted((at(numbers[index]), at(0.0)))
                x = _LEFT + index * step + step * 0.12 + offset * thick
                out.append(
                    f'<rect class="{name}" x="{x:.2f}" y="{top:.2f}" width="{thick:.2f}" height="{max(foot - top, 0.5):.2f}"><title>{index}: {numbers[index]:.4g}</title></rect>'
                )
        if len(ones) <= 20 or index % 10 == 0:
            out.append(f'<text x="{_LEFT + (index + 0.5) * step:.2f}" y="{height - 4:g}" text-anchor="middle">{index}</text>')
    out.append(f'<line class="axis" x1="{_LEFT}" x2="{width:g}" y1="{at(0):.2f}" y2="{at(0):.2f}"/>')
    out.append(f'<text x="{_LEFT - 4}" y="{at(high) + 4:.2f}" text-anchor="end">{high:.3g}</text>')
    out.append(f'<text x="{_LEFT - 4}" y="{at(low) + 4:.2f}" text-anchor="end">{low:.3g}</text>' if low < 0 else "")
    return "".join(out) + "</svg>"


def depth(names: Sequence[str], ones: Sequence[float | None], twos: Sequence[float | None], width: float, height: float) -> str:
    """Two lines over the layers, on a logarithmic scale."""
    logs = [math.log10(value) for value in [*ones, *twos] if value and math.isfinite(value) and value > 0]
    if not logs:
        return ""
    low, high = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    step = (width - _LEFT - 8) / max(len(names) - 1, 1)

    def at(value: float) -> float:
        return _TOP + (height - _TOP - _BOTTOM) * (high - value) / (high - low)

    out = [_open(width, height, "scale of outputs and gradients through depth")]
    every = max(1, (high - low) // 5)
    for power in range(low, high + 1, every):
        out.append(f'<line class="axis" x1="{_LEFT}" x2="{width:g}" y1="{at(power):.2f}" y2="{at(power):.2f}"/>')
        out.append(f'<text x="{_LEFT - 4}" y="{at(power) + 4:.2f}" text-anchor="end">1e{power}</text>')
    for style, values in (("one", ones), ("two", twos)):
        points = [
            (_LEFT + index * step, at(math.log10(value)), index, value)
            for index, value in enumerate(values)
            if value and math.isfinite(value)
        ]
        out.append(f'<polyline class="line-{style}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)}"/>')
        out += [
            f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="2.2"><title>{escape(names[index])}: {value:.4g}</title></circle>'
            for x, y, index, value in points
        ]
    out.append(
        f'<text x="{_LEFT}" y="{height - 3:g}">{escape(names[0])}</text><text x="{width:g}" y="{height - 3:g}" text-anchor="end">{escape(names[-1])}</text>'
    )
    return "".join(out) + "</svg>"
