"""The measurements in a terminal: the layers in order, then what was judged. With rich where it is installed, plain without."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from biaslint.runtime.facts.measurement import FAIL, INCONCLUSIVE, NOT_APPLICABLE, Measurement, Verdict
from biaslint.runtime.facts.observed import LayerFacts, Numbers, Observed

_MOST_ROWS = 60
_PIPE = 240  # columns where there is no terminal: nothing need be broken
HEADINGS = ("layer", "type", "bias at the start", "dead?", "output scale", "gradient scale")
_DEAD = {
    "": "",
    "nobias": "",
    "alive": "alive",
    "unused": "not called",
    "nograd": "no gradient",
    "dead_bn": "dead in training",
    "dead_always": "dead",
    "partial_bn": "partly dead",
    "partial_always": "partly dead",
}


def clean(text: str) -> str:
    """Text from the model without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def scale_of(numbers: Numbers | None) -> float | None:
    """The root mean square."""
    if numbers is None or numbers.mean is None or numbers.spread is None:
        return None
    return math.hypot(numbers.mean, numbers.spread)


def bias_text(layer: LayerFacts) -> str:
    """The bias in a few characters."""
    values = layer.bias_values
    if not layer.bias_present or values is None:
        return "none"
    if values.mean is None or values.spread is None:
        return "not finite"
    text = (
        f"{values.mean:.3g}"
        if values.spread <= 1e-7 * max(abs(values.mean), 1.0)
        else f"{values.mean:.3g} ± {values.spread:.2g}"
    )
    return text + ("" if layer.bias_trainable else ", frozen")


def dead_text(layer: LayerFacts) -> str:
    """The answer of the dead-bias test, in words."""
    if layer.dropout_sees_it:
        return "alive (dropout)"
    text = _DEAD.get(layer.dead, layer.dead)
    if layer.dead.startswith("partial"):
        text = f"{layer.dead_fraction:.0%} dead"
    return text + (f": {', '.join(layer.cancelled_by[:2]) or ', '.join(layer.cancelled_how)}" if layer.cancelled_how else "")


def row(layer: LayerFacts) -> tuple[str, ...]:
    """One layer, as text."""
    output, gradient = scale_of(layer.output), layer.gradient_scale
    return (
        clean(layer.name) or "(model)",
        clean(layer.layer),
        bias_text(layer),
        clean(dead_text(layer)),
        "" if output is None else f"{output:.3g}",
        "" if gradient is None else f"{gradient:.3g}",
    )


def in_order(observed: Observed) -> list[LayerFacts]:
    """The layers in the order of their first call, those never called last."""
    return sorted(observed.layers, key=lambda layer: (layer.order is None, layer.order or 0))


def heading(observed: Observed) -> str:
    """What was measured, in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in observed.versions.items())
    fed = ", ".join(observed.inputs)
    model = observed.target or observed.model
    twin = " of a scaled-down twin" if observed.twin else ""
    return clean(
        f"{model}: {observed.model}, {observed.parameters:,} parameters{twin}, {versions}; fed with {fed}, batch {observed.batch}, {observed.mode} mode"
    )


def notes_of(observed: Observed) -> list[str]:
    """What is to be known of the measurements, a twin first."""
    return [observed.twin] * bool(observed.twin) + observed.notes


def summary(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Per kind of measurement: name, counts, and the text where there is only one."""
    groups: dict[str, list[Measurement]] = {}
    for one in verdict.measurements:
        groups.setdefault(one.name, []).append(one)
    rows = []
    for name, group in groups.items():
        counts = Counter(one.status for one in group)
        status = (
            FAIL
            if counts[FAIL]
            else INCONCLUSIVE
            if counts[INCONCLUSIVE]
            else NOT_APPLICABLE
            if len(group) == counts[NOT_APPLICABLE]
            else "pass"
        )
        text = (
            group[0].message if len(group) == 1 else ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        )
        rows.append((name, status, clean(text)))
    return rows


def render(observed: Observed, verdict: Verdict, *, color: bool = False, width: int = 0, everything: bool = False) -> str:
    """The whole report without the findings, which have a format of their own."""
    layers = in_order(observed)
    shown = layers if everything else layers[:_MOST_ROWS]
    left = len(layers) - len(shown)
    notes = [f"{left} more layers (--all shows them)"] * bool(left) + [clean(note) for note in notes_of(observed)]
    try:
        return _rich(observed, verdict, [row(layer) for layer in shown], notes, color, width)
    except ImportError:
        return _plain(observed, verdict, [row(layer) for layer in shown], notes)


def _plain(observed: Observed, verdict: Verdict, rows: list[tuple[str, ...]], notes: list[str]) -> str:
    def columns(lines: Sequence[tuple[str, ...]]) -> list[str]:
        widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
        return ["  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in lines]

    out = [heading(observed), "", *columns([HEADINGS, *rows]), "", *columns(summary(verdict) or [("", "", "")]), *notes]
    return "\n".join(out) + "\n"


def _rich(observed: Observed, verdict: Verdict, rows: list[tuple[str, ...]], notes: list[str], color: bool, width: int) -> str:
    from io import StringIO

    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    text = StringIO()
    console = Console(
        file=text, force_terminal=color, color_system="standard" if color else None, no_color=not color, width=width or _PIPE
    )
    console.print(Text(heading(observed), style="bold"))
    table = Table(box=SIMPLE, pad_edge=False)
    for index, name in enumerate(HEADINGS):
        table.add_column(name, justify="right" if index > 3 else "left", overflow="fold")
    for cells in rows:
        style = "yellow" if cells[3].startswith("dead") else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
    judged = Table(box=None, pad_edge=False, show_header=False)
    styles = {FAIL: "red", INCONCLUSIVE: "yellow", "pass": "green", NOT_APPLICABLE: "dim"}
    for name, status, words in summary(verdict):
        judged.add_row(Text(name), Text(status, style=styles.get(status, "")), Text(words))
    console.print(judged)
    for note in notes:
        console.print(Text(note, style="dim"))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def late_rows(verdict: Verdict, *, color: bool = False) -> str:
    """What was judged after the table was shown: the comparison with the source."""
    rows = [row for row in summary(verdict) if row[0] == "bias-against-source"]
    painted = {FAIL: "\x1b[31m", "pass": "\x1b[32m"} if color else {}
    return "".join(
        f"{name}  {painted.get(status, '')}{status}{chr(27) + '[0m' if status in painted else ''}  {words}\n"
        for name, status, words in rows
    )


def progress_bar() -> tuple[Callable[[str, float], None], Callable[[], None]]:
    """What to call with each step, and at the end. Silent where standard error is no terminal."""
    if not sys.stderr.isatty():
        return (lambda stage, share: None), (lambda: None)
    try:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
    except ImportError:
        return _plain_progress, lambda: print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    from rich.console import Console

    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True), transient=True)
    task: Any = bar.add_task("starting", total=1.0)
    bar.start()
    return (lambda stage, share: bar.update(task, description=clean(stage), completed=share)), bar.stop


def _plain_progress(stage: str, share: float) -> None:
    filled = int(share * 20)
    print(f"\r\x1b[K[{'#' * filled}{'.' * (20 - filled)}] {clean(stage)}", end="", file=sys.stderr, flush=True)


def clean_lines(text: str) -> str:
    """The same as `clean`, keeping line ends."""
    return "\n".join(clean(line) for line in text.splitlines())
