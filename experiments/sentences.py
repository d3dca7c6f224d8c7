"""Results in words. Every number in them comes from a result's file."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from typing import Any

from experiments.comparison import Comparison, comparisons, median_steps
from experiments.student import Difference, paired

MINUS = "\N{MINUS SIGN}"
MANY = 5  # tasks from which on they are counted and not told one by one


def headline(result: dict[str, Any]) -> str:
    """One sentence on the whole experiment."""
    found = comparisons(result)
    seeds = sorted({len(one.flagged["test"]) for one in found})
    head = f"Measured with {' to '.join(map(str, seeds))} seeds, learning rates tuned for both, losses in units of a constant prediction's"
    if len(found) >= MANY:
        return f"{head}: {counted(found)}."
    sides = {(one.flagged["name"], one.fixed["name"]) for one in found}
    if len(sides) == 1:
        flagged, fixed = sides.pop()
        head += f", {sides_of(flagged, fixed)}"
    clauses = [clause(one, named=len(sides) > 0) for one in found]
    return f"{head}: {'; '.join(clauses)}{cost(result)}."


def sides_of(flagged: str, fixed: str) -> str:
    """Both variants by their names; code that has quotation marks of its own stands between backquotes."""
    return " against ".join(f"`{name}`" if '"' in name else f'"{name}"' for name in (flagged, fixed))


def clause(one: Comparison, named: bool) -> str:
    """One task: what differs, or that nothing does."""
    sides = f"{sides_of(one.flagged['name'], one.fixed['name'])}, " if named else ""
    starts = [start(variant) for variant in (one.flagged, one.fixed)]
    higher = f"a start at {number(starts[0])} instead of {number(starts[1])}"
    parts = [higher] if starts[0] > 1.2 * starts[1] else []
    if one.speed != "same":
        parts.append(f"{counts(one)} to {level(one.task)}")
    if one.end != "same":
        parts.append(f"a {one.end} end")
    else:
        parts.append("no sure difference at the end" if parts else one.nothing)
    told = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    return f"{sides}{told} on {one.task['name']} ({quality(one)}; {losses(one)})"


def counted(found: list[Comparison]) -> str:
    """Many tasks of one kind."""
    flagged, fixed = found[0].flagged["name"], found[0].fixed["name"]
    saved = [one.steps.mean for one in found]
    medians = [statistics.median(median_steps(getattr(one, side), one.task) for one in found) for side in ("flagged", "fixed")]
    starts = [statistics.median(start(getattr(one, side)) for one in found) for side in ("flagged", "fixed")]
    ends = Counter(one.end.removeprefix("slightly ") for one in found)
    return (
        f'on {len(found)} tables, "{flagged}" starts at a median of {number(starts[0])} where "{fixed}" starts at {number(starts[1])}, '
        f"and takes a median of {medians[0]:.0f} steps instead of {medians[1]:.0f} to {level(found[0].task)} "
        f'(the mean difference is {min(saved):.0f} to {max(saved):.0f} steps); at the end, "{flagged}" has the higher test loss on '
        f"{sum(one.test.mean > 0 for one in found)} of {len(found)} tables and the lower on {sum(one.test.mean < 0 for one in found)} "
        f"(surely on {ends['worse']} and on {ends['better']}), on average {difference_over(found)}{untuned(found)}"
    )


def difference_over(found: list[Comparison]) -> str:
    """The mean difference of test losses, and its interval over the tables."""
    over = paired(*([statistics.fmean(getattr(one, side)["test"]) for one in found] for side in ("flagged", "fixed")))
    return f"{signed(over.mean, 3)} (95 % interval over the tables {interval(over)})"


def untuned(found: list[Comparison]) -> str:
    """On how many tables the end is worse with one learning rate for both, where that was measured."""
    if any("test_by_rate" not in one.flagged for one in found):
        return ""
    pairs = [list(zip(one.flagged["test_by_rate"], one.fixed["test_by_rate"], strict=True)) for one in found]
    counts = [sum(flagged > fixed for flagged, fixed in of_rate) for of_rate in zip(*pairs, strict=True)]
    told = ", ".join(map(str, counts))
    return f"; without tuning, with one learning rate for both, the higher on {told}, from the smallest rate of the grid to the largest"


def start(variant: dict[str, Any]) -> float:
    """The loss before the first step."""
    values = variant["initial"]
    return math.inf if None in values else statistics.fmean(values) / variant["constant"]


def counts(one: Comparison) -> str:
    """Steps to the level."""
    medians = [median_steps(variant, one.task) for variant in (one.flagged, one.fixed)]
    total = len(one.flagged["reached"])
    missed = [variant["reached"].count(None) for variant in (one.flagged, one.fixed)]
    if 2 * missed[0] > total:
        return f"{total - missed[0]} of {total} runs instead of {total - missed[1]} within {one.task['steps']} steps"
    return f"{medians[0]:.0f} steps instead of {medians[1]:.0f} ({signed(one.steps.low, 0)} to {signed(one.steps.high, 0)})"


def level(task: dict[str, Any]) -> str:
    """What has to be reached."""
    share = task["level"]
    return "beat a constant prediction" if share == 1 else f"come to a loss of {share:g}"


def losses(one: Comparison) -> str:
    """Test losses at the end, and the interval of their difference."""
    ones, others = (statistics.fmean(variant["test"]) for variant in (one.flagged, one.fixed))
    return f"test loss {ones:.3f} against {others:.3f}, 95 % interval {interval(one.test)}"


def interval(one: Difference) -> str:
    """The 95 % interval of a difference of losses."""
    return f"{signed(one.low, 3)} to {signed(one.high, 3)}"


def quality(one: Comparison) -> str:
    mean = [f"{statistics.fmean(variant['quality']):.3f}".replace("-", MINUS) for variant in (one.flagged, one.fixed)]
    return f"{one.task['quality']} {mean[0]} against {mean[1]}"


def cost(result: dict[str, Any]) -> str:
    """Bytes and seconds, where they were measured."""
    if "cost" not in result:
        return ""
    found = result["cost"]
    more = 100 * (found["bytes"][0] / found["bytes"][1] - 1)
    return (
        f"; for {found['what']}, the bias makes the state dict {more:.2f} % larger and a training step "
        f"{found['time_ratio']:.2f} times as long ({found['milliseconds'][0]:g} against {found['milliseconds'][1]:g} ms)"
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("+-")
