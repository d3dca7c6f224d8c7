"""Plots as SVG whose parts are placed in per cent, so that they fill any width and their texts keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from biaslint.scan.report.collect import Share

ROW = 20  # height of a bar, in pixels
TALL = 130


def bar(share: Share, most: float, label: str) -> str:
    """A horizontal bar with its interval; `most` is what the full width stands for."""
    low, high = (min(100 * bound / most, 100.0) for bound in share.interval)
    width, middle = 100 * share.value / most, ROW / 2
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="100%" height="{ROW}"><title>{escape(label)}</title>'
        f'<rect class="one" x="0" y="4" width="{width:.2f}%" height="{ROW - 8}"/>{whisker(low, high, middle)}</svg>'
    )


def whisker(low: float, high: float, y: float) -> str:
    """An interval as a line with two ends."""
    ends = "".join(f'<line class="reach" x1="{x:.2f}%" x2="{x:.2f}%" y1="{y - 4:g}" y2="{y + 4:g}"/>' for x in (low, high))
    return f'<line class="reach" x1="{low:.2f}%" x2="{high:.2f}%" y1="{y:g}" y2="{y:g}"/>{ends}'


def columns(shares: Sequence[tuple[str, Share]], label: str) -> str:
    """A column with its interval for each name, from left to right."""
    most = max((share.interval[1] for _, share in shares if share.whole), default=1.0)
    foot, top, step = TALL - 18, 14, 100 / max(len(shares), 1)

    def at(value: float) -> float:
        return foot - (foot - top) * value / most

    parts = [f'<svg role="img" aria-label="{escape(label)}" width="100%" height="{TALL}"><title>{escape(label)}</title>']
    for number, (name, share) in enumerate(shares):
        middle = (number + 0.5) * step
        low, high = share.interval
        told = f"{name}: {share.value:.1%} of {share.whole} ({low:.1%} to {high:.1%})"
        parts.append(
            f'<g><title>{escape(told)}</title><rect class="one" x="{middle - 0.3 * step:.2f}%" y="{at(share.value):.1f}" width="{0.6 * step:.2f}%" height="{foot - at(share.value):.1f}"/>'
            f'<line class="reach" x1="{middle:.2f}%" x2="{middle:.2f}%" y1="{at(low):.1f}" y2="{at(high):.1f}"/></g>'
        )
        if len(shares) <= 8 or number % 2 == 0:
            parts.append(f'<text x="{middle:.2f}%" y="{TALL - 4}" text-anchor="middle">{escape(name)}</text>')
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{foot}" y2="{foot}"/><text x="0" y="10">{most:.0%}</text></svg>')
    return "".join(parts)
