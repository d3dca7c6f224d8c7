"""BL301: the forget gate of an LSTM starts half closed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from biaslint.checks import Report
from biaslint.checks.support.common import part_of_vector, set_argument
from biaslint.checks.support.gates import forget_part, misplaced, misplaced_in_own_cells
from biaslint.findings.finding import Fix, InsertAfter, Related, Safety, SetArgument, Severity
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

MOST = 8  # layers that one statement is said to concern
NOWHERE = (0.0, 0.0)  # the span of a write to a part that is not known
CLOSED_BY_DEFAULT = ("torch", "flax")  # whose cells start all gates at zero


@dataclass(frozen=True, slots=True)
class Start:
    """What the forget gate's biases add up to at the start, and the write that says so (None where it is a default)."""

    total: float
    write: BiasWrite | None = None


def check(program: Program) -> Iterator[Report]:
    """Report the LSTMs whose forget gate starts at 0.5 or below in some layer or direction, in every use.

    Where a write is meant to open it and does not, the rule of that write says so.
    """
    yield from _framework_cells(program)
    yield from _own_cells(program)


def _framework_cells(program: Program) -> Iterator[Report]:
    found: dict[Place, Report] = {}
    for site in program.sites("rnn", "rnn_cell"):
        called = [use for use in site.uses if use.fate.kind != "uncalled"]
        starts = [_lowest(use) for use in called]
        known = [start for start in starts if start is not None and start.total <= 0]
        if not known or len(known) < len(starts) or any(True for use in called for _ in misplaced(use)):
            continue
        use, start = called[0], known[0]
        missing = use.bias.present is False
        gate = 1 / (1 + math.exp(-start.total))
        kept = not missing and (
            start.write.how != "constant" if start.write is not None else use.framework in CLOSED_BY_DEFAULT
        )
        place = site.place if start.write is None else start.write.place
        related = (Related(site.place, "the layer"),) if place != site.place else ()
        if place in found:  # one statement closes the gates of several layers
            found[place] = replace(found[place], related=(*found[place].related, *related)[:MOST])
            continue
        found[place] = Report(
            place,
            f"the forget gate of `{use.name}` starts {_state(gate)} ({gate:.2g}): {_reason(use, start)}",
            layer=use.name,
            related=related,
            fix=_switch_on(use) if use.framework != "torch" else _fix(use) if kept and start.write is None else None,
            advice=_advice(use),
            severity=Severity.HINT if kept else Severity.WARNING,
        )
    yield from found.values()


def _own_cells(program: Program) -> Iterator[Report]:
    """Cells that are written out: c' = f * c + i * g."""
    found: set[Place] = set()
    judged = misplaced_in_own_cells(program)
    for site in program.sites("forget_gate"):
        starts = [use.config.get("start") for use in site.uses if use.fate.kind == "alive"]
        known = [start for start in starts if start is not None and start <= 0]
        if not known or len(known) < len(starts) or site.place in judged:
            continue
        use = site.first
        write = use.bias.writes[-1] if use.bias.writes else None
        place = write.place if write is not None and write.place.path and write.how == "constant" else site.place
        if place in found:
            continue
        found.add(place)
        part = part_of_vector(use.config["part"])
        bias = f"{part}the bias of `{use.name}`" if use.bias.present else "it has no bias to open it"
        yield Report(
            place,
            f"the forget gate of this cell starts {_state(1 / (1 + math.exp(-known[0])))} ({1 / (1 + math.exp(-known[0])):.2g}): "
            + (f"its bias, {bias}, starts at {use.config['raised'] * known[0]:g}" if use.bias.present else bias),
            layer=use.name,
            related=(Related(site.place, "the bias"),) if place != site.place else (),
            advice=f"initialize {'it' if not part else 'that part'} to {use.config['raised']} or {2 * use.config['raised']}, so the cell keeps its state early in training",
            severity=Severity.WARNING if use.config.get("added") == 0 else Severity.HINT,
        )


def _state(gate: float) -> str:
    """How far a gate at this value is open."""
    return "nearly closed" if gate < 0.2 else "half open" if gate <= 0.6 else "not fully open"


def _reason(use: LayerUse, start: Start) -> str:
    if use.bias.present is False:
        return "it has no bias to open it"
    if start.write is not None:
        return (
            f"its bias is set to {start.total:g}"
            if start.write.how == "constant"
            else f"its bias is drawn at random around {start.total:g}"
        )
    if use.framework == "flax":
        return "its bias is left at the default, zero"
    return "its bias is left at the default, about zero" if use.framework == "torch" else "`unit_forget_bias` is off"


def _advice(use: LayerUse) -> str:
    if use.framework == "flax":  # `bias_init` is for all gates
        return "add 1 or 2 to the bias of the forget gate (`hf`) in the initialized parameters, so the cell keeps its state early in training"
    return "initialize the forget gate's biases to a sum of 1 or 2, so the cell keeps its state early in training"


def _lowest(use: LayerUse) -> Start | None:
    """The lowest start among layers and directions; None where it is not an LSTM or not known."""
    if "LSTM" not in use.type.rpartition(".")[2] or use.bias.present is None or use.configured or use.fate.kind == "unknown":
        return None
    added = _added(use)
    if added is None:
        return None
    if use.bias.present is False:
        return Start(added)
    starts = []
    for vectors in _vectors(use):
        values = [_value(use, vector) for vector in vectors]
        if any(value is None for value in values):
            return None
        known = [value for value in values if value is not None]
        writes = [value.write for value in known if value.write]
        starts.append(Start(added + sum(value.total for value in known), writes[-1] if writes else None))
    return min(starts, key=lambda start: start.total, default=None)


def _added(use: LayerUse) -> float | None:
    """What the framework adds to the forget gate's bias by itself."""
    if use.framework == "torch":
        return 0.0
    if use.framework == "flax":
        return 1.0 if use.type.endswith("ConvLSTMCell") else 0.0
    if use.framework == "keras":
        raised = use.config.get("unit_forget_bias", "unit_forget_bias" not in use.texts or None)
        return None if not isinstance(raised, bool) else float(raised) if use.bias.present else 0.0
    added = use.config.get("forget_bias", None if "forget_bias" in use.texts else 1.0)
    return float(added) if isinstance(added, int | float) else None  # False and True are 0 and 1


def _vectors(use: LayerUse) -> list[tuple[str, ...]]:
    """The names of the bias vectors that add up, for each layer and direction."""
    if use.framework != "torch":
        return [("bias",)]
    if use.kind == "rnn_cell":
        return [("bias_ih", "bias_hh")]
    layers = use.config.get("num_layers", 1)
    directions = ("", "_reverse") if use.config.get("bidirectional") else ("",)
    count = layers if isinstance(layers, int) and 0 < layers < 100 else 1
    return [(f"bias_ih_l{layer}{end}", f"bias_hh_l{layer}{end}") for layer in range(count) for end in directions]


def _value(use: LayerUse, vector: str) -> Start | None:
    """The (mean) start of the forget gate's part of a bias vector; None where it is not known."""
    low, high = forget_part(use.framework)
    start: Start | None = Start(0.0)
    default = use.bias.default
    if default is not None and use.framework != "torch":
        start = None if default.value is None else Start(default.value)
    for write in use.bias.writes:
        if write.which not in (vector, "bias"):
            continue
        first, last = write.span or (0.0, 1.0)
        if write.span == NOWHERE:
            start = None
            continue
        if last <= low or first >= high:
            continue
        covers = first <= low and last >= high
        start = Start(write.value, write) if covers and write.value is not None else None
    return start


def _switch_on(use: LayerUse) -> Fix | None:
    """Keras and TensorFlow 1 raise the gate by themselves, unless they are told not to."""
    if use.framework == "tensorflow" and re.fullmatch(r"-?[\d.]+", use.texts.get("forget_bias", "")):
        change = SetArgument(use.place, "forget_bias", "1.0", use.parameters.index("forget_bias"))
        return Fix(Safety.UNSAFE, "`forget_bias=1.0` (changes the outputs of existing checkpoints)", (change,))
    if use.texts.get("unit_forget_bias") != "False" or use.bias.present is not True:
        return None
    message = "`unit_forget_bias=True` (changes the initial value of a newly trained model)"
    return Fix(Safety.UNSAFE, message, (set_argument(use, "unit_forget_bias", "True"),))


def _fix(use: LayerUse) -> Fix | None:
    """Raise the gate in the statement after the one that makes the layer, where layer and size have names."""
    size = use.texts.get("hidden_size", "")
    simple = (
        re.fullmatch(r"self\.\w+", use.name) and re.fullmatch(r"[\w.]+", size) and use.callee.endswith(("LSTM", "LSTMCell"))
    )
    if use.framework != "torch" or not simple or use.statement is None or len(_vectors(use)) != 1:
        return None
    if use.bias.argument_text not in ("", "True") or "**" in use.texts:
        return None  # where the caller says that there is none, there is nothing to raise
    assigned = use.place.column - use.statement.column == len(f"{use.name} = ") and use.place.line == use.statement.line
    if not assigned or use.texts.get("bidirectional", "False") != "False" or use.texts.get("num_layers", "1") != "1":
        return None
    vector = _vectors(use)[0][0]
    part = f"{size}:{2 * int(size)}" if size.isdigit() else f"{size} : 2 * {size}"
    text = f"{use.name}.{vector}.data[{part}].fill_(1.0)"
    return Fix(
        Safety.UNSAFE, f"`{text}` (changes the initial value of a newly trained model)", (InsertAfter(use.statement, text),)
    )
