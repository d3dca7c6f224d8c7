"""BL601: weights are drawn with a standard deviation that grows with the layer, or that is 1 or more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import ELSEWHERE, ORDINARY, into_relu, set_argument, sets_only, the_layer
from biaslint.checks.support.spelling import scaled_text
from biaslint.findings.finding import Fix, ReplaceExpression, Safety, SetArgument
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

KINDS = ("conv", "linear", "bilinear")
LARGE = 1.0
# What reads a layer of a plain stack. A norm would take the scale away; a quantizer's or a mixture's logits may be wide on purpose.
STACKED = (ORDINARY | {"tanh", "sigmoid"}) - {"layer norm", "group norm", "RMS norm", "softmax"}


def check(program: Program) -> Iterator[Report]:
    """Report the statements whose every use gives a hidden layer's weight too wide a spread."""
    written: dict[Place, list[tuple[LayerUse, BiasWrite]]] = {}
    for use in program.uses:
        if use.weight_writes and not use.is_output and use.fate.kind not in ("uncalled", "unread", "unknown"):
            write = use.weight_writes[-1]
            written.setdefault(write.place, []).append((use, write))
    for place in sorted(written):
        if all(_wide(use, write) for use, write in written[place]):
            use, write = written[place][0]
            grown = any(write.grows for _, write in written[place])
            spelled = write.text if grown or use.framework == "torch" else ""
            drawn = f"`{spelled}`" if spelled else f"{write.spread:.3g}"
            why = (
                "which grows with the layer size"
                if grown
                else f"which is {write.spread:.3g}"
                if spelled
                else "which is far too large"
            )
            owner = "this weight" if use.framework == "tensorflow" else f"the weight of `{use.name}`"
            yield Report(
                place,
                f"{owner} is drawn with a standard deviation of {drawn}, {why}: outputs explode",
                layer=use.name,
                related=the_layer(use, place),
                fix=_fix(use, write, grown) if _alone(program, place, written[place]) else None,
                advice="use sqrt(2 / fan_in) before a ReLU and sqrt(1 / fan_in) elsewhere",
            )


def _alone(program: Program, place: Place, pairs: list[tuple[LayerUse, BiasWrite]]) -> bool:
    """Does the statement set weights of such layers and nothing else? What a helper is given by its callers may be any tensor."""
    given = any(re.fullmatch(r"\w+(\.data)?", write.target) and write.place != use.place for use, write in pairs)
    weights = all(write.place != place for use, _ in pairs for write in use.bias.writes)
    return not given and weights and sets_only(program, place, [use for use in program.uses if use.kind in KINDS])


def _fix(use: LayerUse, write: BiasWrite, grown: bool) -> Fix | None:
    """He's standard deviation before a ReLU, Xavier's elsewhere."""
    he = into_relu(use)
    gain = 2 if he else 1
    if use.framework == "torch" and write.call is not None and write.by in ("nn.init.normal_", "normal_"):
        root = re.fullmatch(r"([\w.]*sqrt)\((.+)\)", write.text)
        if grown and root:
            text = f"{root[1]}({gain} / {root[2]})" if re.fullmatch(r"[\w.]+", root[2]) else f"{root[1]}({gain} / ({root[2]}))"
            position = 2 if write.by == "nn.init.normal_" else 1
            return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (SetArgument(write.call, "std", text, position),))
        head = write.func.rpartition(".")[0]
        if grown or write.by == "normal_" or not head or not write.target:
            return None
        text = (
            f'{head}.kaiming_normal_({write.target}, nonlinearity="relu")' if he else f"{head}.xavier_normal_({write.target})"
        )
        return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (ReplaceExpression(write.call, text),))
    if use.framework == "keras" and write.place == use.place and "kernel_initializer" in use.texts and "**" not in use.texts:
        text = '"he_normal"' if he else '"glorot_normal"'
        change = set_argument(use, "kernel_initializer", text)
        return Fix(Safety.UNSAFE, f"`kernel_initializer={text}` {ELSEWHERE}", (change,))
    text = scaled_text(write.text, gain)
    change = SetArgument(write.place, "initial_value", text, 0)
    return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (change,)) if text and use.framework == "tensorflow" else None


def _wide(use: LayerUse, write: BiasWrite) -> bool:
    if use.kind not in KINDS or write.span is not None or not write.which.startswith("weight") or use.hooked:
        return False
    if not use.readers or not STACKED.issuperset(use.readers):
        return False
    return write.grows or (write.how == "normal" and (write.spread or 0) >= LARGE)
