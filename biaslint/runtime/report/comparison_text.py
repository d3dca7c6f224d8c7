"""A comparison in a terminal."""

from __future__ import annotations

from biaslint.runtime.compare.changes import in_words
from biaslint.runtime.compare.comparison import AFTER, BEFORE, Comparison, band, effect, rows
from biaslint.runtime.report.table import clean

_POINTS = 5  # of a training that are written out


def render(one: Comparison) -> str:
    """Both starts side by side, and the trainings where there were any."""
    out = ["", "With the advised starts:", *(f"  {clean(in_words(change))}" for change in one.changes), ""]
    out += _columns([("", BEFORE, AFTER, ""), *rows(one)])
    if one.before.curves and one.after.curves:
        out += ["", f"Loss in training ({clean(one.before.trained_with)}; {len(one.before.curves)} seeds):", *_curves(one)]
    said = effect(one)
    return "\n".join([*out, *([f"{said[0].upper()}{said[1:]}."] if said else [])]) + "\n\n"


def _curves(one: Comparison) -> list[str]:
    bands = band(one.before.curves), band(one.after.curves)
    last = min(len(part.mean) for part in bands) - 1
    steps = sorted({round(last * index / (_POINTS - 1)) for index in range(_POINTS)})
    shown = [[f"{part.mean[step]:.4g} ({part.low[step]:.4g} to {part.high[step]:.4g})" for part in bands] for step in steps]
    return _columns([("step", BEFORE, AFTER, ""), *((str(step), *cells, "") for step, cells in zip(steps, shown, strict=True))])


def _columns(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    return [("  " + "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True))).rstrip() for line in lines]
