"""BL302: the part of an LSTM's bias that is raised is not the forget gate's, or it does not stay raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from biaslint.checks import Report
from biaslint.checks.support.common import ELSEWHERE, part_of_vector, sets_only, the_layer
from biaslint.checks.support.gates import GATES, misplaced, misplaced_in_own_cells, opens
from biaslint.checks.support.spelling import quarter
from biaslint.findings.finding import (
    Fix,
    InsertAfter,
    MoveStatement,
    Related,
    RemoveArgument,
    ReplaceExpression,
    ReplaceSlice,
    Safety,
    Severity,
)
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program


def check(program: Program) -> Iterator[Report]:
    """Report the statements that raise another gate, all gates, or a forget gate that is reset afterwards."""
    found: dict[Place, list[Report | None]] = {}
    judged: list[LayerUse] = []
    for use in program.uses:
        if use.kind in ("rnn", "rnn_cell") and "LSTM" in use.type and use.bias.present and use.fate.kind != "unknown":
            reports = dict(_judge(use))
            judged.append(use)
            for parts in _statements(use):
                judgements = [reports[part] for part in parts if part in reports]
                found.setdefault(parts[0].place, []).append(judgements[0] if judgements else None)
    for place in sorted(found):
        agreed = [report for report in found[place] if report is not None]
        if len(agreed) == len(found[place]):
            yield agreed[0] if sets_only(program, place, judged) else replace(agreed[0], fix=None)
    yield from _own_cells(program, set(found))


def _statements(use: LayerUse) -> Iterator[list[BiasWrite]]:
    """The writes to a layer's biases, those together that fill one vector part by part."""
    parts: list[BiasWrite] = []
    for write in use.bias.writes:
        last = parts[-1] if parts else None
        goes_on = last is not None and last.span is not None and write.span is not None and last.span[1] == write.span[0]
        if parts and not (goes_on and last is not None and (last.place, last.which) == (write.place, write.which)):
            yield parts
            parts = []
        parts.append(write)
    if parts:
        yield parts


def _own_cells(program: Program, judged: set[Place]) -> Iterator[Report]:
    """Cells that are written out: the statements that raise another part of the bias, or another gate's."""
    for writes in misplaced_in_own_cells(program).values():
        for use, write in writes:
            if write.place not in judged:
                judged.add(write.place)
                yield _own(use, write)


def _own(use: LayerUse, write: BiasWrite) -> Report:
    """What is wrong with a write to a bias of a cell that is written out."""
    what, part = use.config["what"], part_of_vector(use.config["part"])
    advice = f"raise only the forget gate's part, {part}this bias"
    if what == "every":
        message = f"this raises all of the bias of `{use.name}`, not only the forget gate's part"
    elif what == "reset":
        message = f"the forget gate of this cell is opened here but closed again later: `{use.name}` is reset to 0"
        advice = "open the forget gate after all other initialization"
    elif what == "other":
        message = (
            f"{part_of_vector(use.config['written'])}the bias of `{use.name}` is raised, which is not the forget gate's part"
        )
    else:
        message = f"this raises the input gate's bias, `{use.name}`; the forget gate, which multiplies the old state, stays half closed"
        advice = "raise the forget gate's bias instead"
    severity = Severity.WARNING if what in ("every", "input") else None
    return Report(
        write.place, message, layer=use.name, related=_forget_bias(use, write.place), advice=advice, severity=severity
    )


def _forget_bias(use: LayerUse, place: Place) -> tuple[Related, ...]:
    return (Related(use.place, "the forget gate's bias"),) if use.place != place else ()


def _judge(use: LayerUse) -> Iterator[tuple[BiasWrite, Report]]:
    """What is wrong with the writes to one layer's biases."""
    for write, later in misplaced(use):
        yield write, _wrong(use, write, GATES[use.framework]) if later is None else _reset(use, write, later)
    writes = use.bias.writes
    if any(write.how == "unknown" for write in writes):
        return
    for write in writes:
        if (
            write.span is None
            and opens(write)
            and not any(one.which == write.which for one in writes[writes.index(write) + 1 :])
        ):
            yield write, _every(use, write)


def _wrong(use: LayerUse, write: BiasWrite, order: tuple[str, ...]) -> Report:
    assert write.span is not None
    first, last = write.span
    touched = [gate for index, gate in enumerate(order) if first < (index + 1) / len(order) and last > index / len(order)]
    names = " and ".join(f"the {gate} gate" for gate in touched) or "no gate"
    place = order.index("forget")
    part = f"{place} * n : {place + 1} * n".replace("0 * n : ", ": ").replace("1 * n", "n")
    return Report(
        write.place,
        f"this part of `{use.name}`'s bias belongs to {names}, not to the forget gate",
        layer=use.name,
        related=the_layer(use, write.place),
        advice=f"the gates are ordered {', '.join(order)}: write to `[{part}]`, where n is the hidden size",
        fix=_other_slice(write, first * len(order), order.index("forget")) if touched else None,
    )


def _other_slice(write: BiasWrite, gate: float, wanted: int) -> Fix | None:
    """The forget gate's quarter, in the words in which another gate's is written."""
    assert write.span is not None
    if write.span[1] - write.span[0] != 0.25 or gate not in (0, 1, 2, 3):
        return None
    text = quarter(write.target, int(gate), wanted)
    if not text:
        return None
    message = f"`[{text}]` {ELSEWHERE}"
    return Fix(Safety.UNSAFE, message, (ReplaceSlice(write.place, write.target, text),))


def _reset(use: LayerUse, write: BiasWrite, later: BiasWrite) -> Report:
    return Report(
        write.place,
        f"the forget gate of `{use.name}` is opened here but closed again later",
        layer=use.name,
        related=(Related(later.place, "this resets it to 0"),),
        fix=Fix(
            Safety.UNSAFE,
            f"move it after line {later.place.line} {ELSEWHERE}",
            (MoveStatement(write.place, later.place),),
        ),
        advice="open the forget gate after all other initialization",
    )


def _every(use: LayerUse, write: BiasWrite) -> Report:
    return Report(
        write.place,
        f"this opens every gate of `{use.name}`, not only the forget gate",
        layer=use.name,
        related=the_layer(use, write.place),
        advice="set only the forget gate's quarter; open input and output gates let everything through from the start",
        fix=_only_forget(use, write),
        severity=Severity.WARNING,
    )


def _only_forget(use: LayerUse, write: BiasWrite) -> Fix | None:
    """Zeros, and the forget gate's part raised."""
    if use.framework == "keras" and write.place == use.place and "bias_initializer" in use.texts:
        if use.texts.get("unit_forget_bias", "True") != "True" or "**" in use.texts:
            return None
        message = f"remove `bias_initializer`; Keras opens the forget gate by default {ELSEWHERE}"
        return Fix(
            Safety.UNSAFE, message, (RemoveArgument(use.place, "bias_initializer", use.positions.get("bias_initializer")),)
        )
    own = write.target.removesuffix(".data")
    if use.framework != "torch" or write.call is None or not re.fullmatch(r"[\w.\[\]]+", own):
        return None
    if write.by not in ("nn.init.ones_", "nn.init.constant_") or "." not in write.func:
        return None
    zeros = f"{write.func.rpartition('.')[0]}.zeros_({write.target})"
    raised = f"{own}.data[{own}.numel() // 4 : {own}.numel() // 2].fill_({write.value:.3g})"
    message = f"`{raised}`, and zero elsewhere {ELSEWHERE}"
    return Fix(Safety.UNSAFE, message, (ReplaceExpression(write.call, zeros), InsertAfter(write.place, raised)))
