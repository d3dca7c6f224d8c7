"""Small pictures as SVG text, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from biaslint.runtime.compare.comparison import Band

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


def bars(ones: Sequence[float], twos: Sequence[float], width: float, height: float, marks: Sequence[float] = ()) -> str:
    """Pairs of bars, for values that may be negative, and a line across each pair."""
    values = [value for value in [*ones, *twos, *marks, 0.0] if math.isfinite(value)]
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
        if index < len(marks) and math.isfinite(marks[index]):
            x, y = _LEFT + index * step, at(marks[index])
            out.append(
                f'<line class="mark" x1="{x + step * 0.06:.2f}" x2="{x + step * 0.94:.2f}" y1="{y:.2f}" y2="{y:.2f}"><title>{index}: {marks[index]:.4g}</title></line>'
            )
        if len(ones) <= 20 or index % 10 == 0:
            out.append(f'<text x="{_LEFT + (index + 0.5) * step:.2f}" y="{height - 4:g}" text-anchor="middle">{index}</text>')
    out.append(f'<line class="axis" x1="{_LEFT}" x2="{width:g}" y1="{at(0):.2f}" y2="{at(0):.2f}"/>')
    out.append(f'<text x="{_LEFT - 4}" y="{at(high) + 4:.2f}" text-anchor="end">{high:.3g}</text>')
    out.append(f'<text x="{_LEFT - 4}" y="{at(low) + 4:.2f}" text-anchor="end">{low:.3g}</text>' if low < 0 else "")
    return "".join(out) + "</svg>"


def lying(rows: Sequence[tuple[str, float, str]], width: float, *, most: float = 0.0, mark: float | None = None) -> str:
    """A bar lying on its side for each name, with its value; `mark` is a line across all."""
    each, high = 34, most or max((value for _, value, _ in rows), default=1.0) or 1.0
    room, height = width - 56, each * len(rows) + 4
    out = [_open(width, height, "values by name")]
    for index, (name, value, style) in enumerate(rows):
        y, long = index * each, max(room * min(value / high, 1.0), 0.5)
        out.append(f'<text x="0" y="{y + 12}">{escape(_short(name, 60))}</text>')
        out.append(
            f'<rect class="{style}" x="0" y="{y + 16}" width="{long:.2f}" height="12"><title>{escape(name)}: {value:.4g}</title></rect>'
        )
        out.append(f'<text x="{long + 6:.2f}" y="{y + 26}">{value:.3g}</text>')
    if mark is not None:
        out.append(f'<line class="mark" x1="{room * mark / high:.2f}" x2="{room * mark / high:.2f}" y1="0" y2="{height}"/>')
    return "".join(out) + "</svg>"


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"...{name[3 - most :]}"


def bands(one: Band, two: Band, width: float, height: float) -> str:
    """Two curves over the steps, each in the band between its least and largest values."""
    values = [value for part in (one, two) for value in (*part.low, *part.high) if math.isfinite(value)]
    if not values:
        return ""
    high, low = max(values), min(values)
    span, last = (high - low) or 1.0, max(len(one.mean), len(two.mean), 2) - 1

    def point(step: int, value: float) -> str:
        return f"{_LEFT + (width - _LEFT - 8) * step / last:.1f},{_TOP + (height - _TOP - _BOTTOM) * (high - value) / span:.1f}"

    out = [_open(width, height, "loss in training")]
    for style, part in (("one", one), ("three", two)):
        if not all(map(math.isfinite, [*part.low, *part.high])):
            continue
        around = [point(step, value) for step, value in enumerate(part.high)]
        around += reversed([point(step, value) for step, value in enumerate(part.low)])
        out.append(f'<polygon class="band-{style}" points="{" ".join(around)}"/>')
        middle = " ".join(point(step, value) for step, value in enumerate(part.mean))
        out.append(f'<polyline class="line-{style}" points="{middle}"/>')
    foot = height - _BOTTOM
    out.append(f'<line class="axis" x1="{_LEFT}" x2="{width:g}" y1="{foot}" y2="{foot}"/>')
    out.append(f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{high:.3g}</text>')
    out.append(f'<text x="{_LEFT - 4}" y="{foot}" text-anchor="end">{low:.3g}</text>')
    out.append(f'<text x="{_LEFT}" y="{height - 3:g}">step 0</text>')
    out.append(f'<text x="{width - 8:g}" y="{height - 3:g}" text-anchor="end">{last}</text>')
    return "".join(out) + "</svg>"


def depth(
    names: Sequence[str],
    ones: Sequence[float | None],
    twos: Sequence[float | None],
    width: float,
    height: float,
    named: Sequence[int] = (),
) -> str:
    """Two lines over the layers, on a logarithmic scale; some layers are named at their place."""
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
    for level, index in enumerate(dict.fromkeys(named)):
        x = _LEFT + index * step
        out.append(f'<line class="axis" stroke-dasharray="3 3" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}"/>')
        side = "end" if x > width / 2 else "start"
        out.append(
            f'<text x="{x + (-3 if side == "end" else 3):.1f}" y="{_TOP + 10 + 12 * level}" text-anchor="{side}">{escape(_short(names[index], 30))}</text>'
        )
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
        f'<text x="{_LEFT}" y="{height - 3:g}">{escape(_short(names[0], 28))}</text><text x="{width:g}" y="{height - 3:g}" text-anchor="end">{escape(_short(names[-1], 28))}</text>'
    )
    return "".join(out) + "</svg>"
