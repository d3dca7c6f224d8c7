"""A result as a picture: loss curves with their bands, and paired differences."""

from __future__ import annotations

import math
import statistics
from typing import Any

from experiments.comparison import Comparison, comparisons
from experiments.drawing import COLORS, GRID, INK, Picture, Scale, linear, log_ticks, logarithmic, shown, ticks

WIDTH, LEFT, PANEL, SIDE, GAP = 820, 58, 420, 222, 74
HEIGHT = 190
LETTER = 6.3  # the width of one at size 11
MANY = 5


def picture(result: dict[str, Any]) -> str:
    """One row for each task; of many tasks, the curves of the first and all differences."""
    found = comparisons(result)
    page = Picture(WIDTH)
    page.text(16, 26, result["title"], size=15, weight="600")
    y = 40.0
    for one in found if len(found) < MANY else found[:1]:
        y = row(page, one, y)
    if len(found) >= MANY:
        y = forest(page, found, y)
    page.height = round(y + 8)
    return page.svg(result["title"])


def row(page: Picture, one: Comparison, top: float) -> float:
    """The curves of a task on the left, its differences on the right."""
    page.text(16, top + 14, one.task["name"], weight="600")
    y = legend(page, one, top + 30)
    box = (LEFT, y + 2, LEFT + PANEL, y + 2 + HEIGHT)
    curves(page, one, box)
    strip(page, one, (box[2] + GAP, box[1], box[2] + GAP + SIDE, box[3]))
    return box[3] + 46


def legend(page: Picture, one: Comparison, y: float) -> float:
    """What each colour stands for, on as many lines as that takes."""
    x: float = LEFT
    for number, variant in enumerate(one.task["variants"]):
        role = ("flagged: ", "fixed: ")[number] if number < 2 and one.result["rules"] else ""
        rates = f"{variant['rate']:g}" + (
            f", at the end {variant['end_rate']:g}" if variant["end_rate"] != variant["rate"] else ""
        )
        words = f"{role}{variant['name']} (learning rate {rates})"
        wide = 24 + LETTER * len(words) + 22
        if x > LEFT and x + wide > WIDTH:
            x, y = LEFT, y + 16
        page.line(x, y - 4, x + 18, y - 4, COLORS[number], 2.5, "5 3" if number > 1 else "")
        page.text(x + 24, y, words, size=11)
        x += wide
    return y + 16


def curves(page: Picture, one: Comparison, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    drawn = [variant["curve"] for variant in one.task["variants"]]
    values = [value for curve in drawn for name in ("low", "high") for value in curve[name]]
    low, high = max(min(values) * 0.9, 1e-3), max(max(values) * 1.1, 1.1)
    x = linear(0, one.task["steps"], left, right)
    y = logarithmic(low, high, bottom, top)
    axes(page, box, x, y, ticks(0, one.task["steps"]), log_ticks(low, high), "step", "validation loss / constant prediction's")
    page.line(left, y(one.task["level"]), right, y(one.task["level"]), INK, 0.8, "2 3")
    for number, curve in reversed(list(enumerate(drawn))):
        color = COLORS[number]
        points = [
            [(x(at), y(value)) for at, value in zip(curve["at"], curve[name], strict=True)]
            for name in ("low", "high", "median")
        ]
        if number < 2:
            page.area([*points[0], *reversed(points[1])], color)
        page.path(points[2], color, "5 3" if number > 1 else "")


def axes(
    page: Picture,
    box: tuple[float, float, float, float],
    x: Scale,
    y: Scale,
    across: list[float],
    up: list[float],
    below: str,
    beside: str,
) -> None:
    left, top, right, bottom = box
    for value in up:
        page.line(left, y(value), right, y(value))
        page.text(left - 6, y(value) + 4, shown(value), "end", 10)
    for value in across:
        page.line(x(value), bottom, x(value), bottom + 4, INK)
        page.text(x(value), bottom + 16, shown(value), "middle", 10)
    page.line(left, bottom, right, bottom, INK)
    page.text((left + right) / 2, bottom + 31, below, "middle", 10)
    page.shapes.append(f'<g transform="rotate(-90 16 {(top + bottom) / 2:.1f})">')
    page.text(16, (top + bottom) / 2 + 4, beside, "middle", 10)
    page.shapes.append("</g>")


def strip(page: Picture, one: Comparison, box: tuple[float, float, float, float]) -> None:
    """Flagged minus fixed for each seed, for the steps and for the test loss, with mean and 95 % interval."""
    left, top, right, bottom = box
    budget = one.task["steps"]
    spent = [
        (budget if a is None else a) - (budget if b is None else b)
        for a, b in zip(one.flagged["reached"], one.fixed["reached"], strict=True)
    ]
    lost = [a - b for a, b in zip(one.flagged["test"], one.fixed["test"], strict=True)]
    half = (bottom - top) / 2
    page.text(
        (left + right) / 2,
        top - 4,
        "flagged - fixed, by seed" if one.result["rules"] else "first - second, by seed",
        "middle",
        10,
    )
    for number, (found, difference, name) in enumerate(
        ((spent, one.steps, "steps to the dotted level"), (lost, one.test, "test loss / constant prediction's"))
    ):
        base = top + half * number
        differences(
            page, found, (difference.mean, difference.low, difference.high), name, (left, base + 8, right, base + half - 26)
        )


def differences(
    page: Picture, found: list[float], mean: tuple[float, float, float], name: str, box: tuple[float, float, float, float]
) -> None:
    least = 1.0 if name.startswith("steps") else 1e-3
    left, top, right, bottom = box
    reach = max(*(abs(value) for value in (*found, *mean)), least) * 1.08
    x = linear(-reach, reach, left, right)
    middle = (top + bottom) / 2
    for value in ticks(-reach, reach):
        page.line(x(value), top, x(value), bottom, INK if abs(value) < 1e-9 else GRID)
        page.text(x(value), bottom + 12, shown(value), "middle", 10)
    for number, value in enumerate(found):
        page.dot(x(value), middle + ((number * 7) % 11 - 5) * (bottom - top) / 13, INK)
    page.line(x(mean[1]), middle, x(mean[2]), middle, COLORS[0], 3)
    page.dot(x(mean[0]), middle, COLORS[0], 4.5, 1)
    page.text((left + right) / 2, bottom + 25, name, "middle", 10)


def forest(page: Picture, found: list[Comparison], top: float) -> float:
    """One line for each comparison: how many times the steps, and the difference of test losses, each with its interval."""
    page.text(16, top + 14, "All tables: flagged against fixed", weight="600")
    return intervals(page, [(one, one.task["name"].removesuffix(" (KEEL)")) for one in found], top + 30)


def intervals(page: Picture, rows: list[tuple[Comparison, str]], top: float, height: int = 18, label: int = 190) -> float:
    """The lines of a forest plot with their two axes."""
    bottom = top + height * len(rows)
    half = (WIDTH - label - 16 - 60) / 2
    first = (label + 16, label + 16 + half)
    second = (first[1] + 44, first[1] + 44 + half)
    most = max(max(math.exp(abs(v)) for v in (one.ratio.low, one.ratio.high)) for one, _ in rows)
    most = min(max(most, 2.0) * 1.1, 100.0)
    steps = logarithmic(1 / most, most, *first)
    least, greatest = min(-0.02, *(one.test.low for one, _ in rows)), max(0.02, *(one.test.high for one, _ in rows))
    least, greatest = max(least, -1.0) * 1.1, min(greatest, 1.0) * 1.1
    test = linear(least, greatest, *second)
    for scale, values, name in (
        (steps, log_ticks(1 / most, most), "times as many steps to the level"),
        (test, ticks(least, greatest), "more test loss (in constant predictions)"),
    ):
        for value in values:
            none = abs(value - (1 if scale is steps else 0)) < 1e-9
            page.line(scale(value), top - 4, scale(value), bottom, INK if none else GRID)
            page.text(scale(value), bottom + 13, shown(value), "middle", 10)
        page.text(statistics.fmean(first if scale is steps else second), bottom + 28, name, "middle", 10)
    for number, (one, name) in enumerate(rows):
        y = top + height * (number + 0.5)
        page.text(label + 8, y + 4, name, "end", 11)
        for scale, difference, back, verdict in ((steps, one.ratio, math.exp, one.speed), (test, one.test, float, one.end)):
            color = INK if verdict == "same" else COLORS[verdict in ("faster", "better", "slightly better")]
            page.line(scale(back(difference.low)), y, scale(back(difference.high)), y, color, 2)
            page.dot(scale(back(difference.mean)), y, color, 3.5, 1)
    return bottom + 38


def overview(found: list[tuple[Comparison, str]]) -> str:
    """All comparisons of all experiments."""
    page = Picture(WIDTH)
    page.text(16, 26, "Flagged against fixed, all experiments", size=15, weight="600")
    page.text(
        16,
        44,
        "Means and 95 % intervals. Orange: surely slower or worse; blue: surely faster or better; black: no sure difference.",
        size=11,
    )
    page.height = round(intervals(page, found, 62, label=330) + 8)
    return page.svg("Flagged against fixed, all experiments")
