"""BL205: a bias that training cannot reach."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Change, Fix, Related, RemoveArgument, Safety, Wrap
from biaslint.theory.program import LayerUse, Program

KINDS = ("conv", "linear", "bilinear")
NAMED = re.compile(r"(^|[._])(bias\w*|b\d*|\w*_bias)$")
MADE_AS = {
    "buffer": ("it is a buffer", "make it an `nn.Parameter`"),
    "tensor": ("it is a plain tensor, which is not moved or saved with the model", "make it an `nn.Parameter`"),
    "parameter": ("it is created with `requires_grad=False`", "remove `requires_grad=False`"),
    "constant": ("it is a constant", "make it a variable"),
    "frozen": ("it is created with `trainable=False`", "remove `trainable=False`"),
    "stopped": ("its gradient is stopped", "remove `stop_gradient`"),
}
IN_FLAX = {**MADE_AS, "tensor": ("it is a plain array", "make it an `nnx.Param`")}


def check(program: Program) -> Iterator[Report]:
    """Report biases of trained weights that are constants, buffers, frozen alone, or left out of the optimiser."""
    for site in program.sites("affine"):
        use = site.first
        if all(one.bias.trainable is False and one.weight_trainable is True and NAMED.search(one.name) for one in site.uses):
            why, advice = (IN_FLAX if use.framework == "flax" else MADE_AS).get(
                use.config.get("made as", ""), ("it is constant", "make it a parameter")
            )
            message = f"`{use.name}` is added as a bias but never trained: {why}"
            yield Report(site.place, message, layer=use.name, fix=_fix(use), advice=advice)
    for site in program.sites(*KINDS):
        if all(
            one.fate.kind != "unknown" and one.bias.present and one.bias.trainable is False and one.weight_trainable is True
            for one in site.uses
        ):
            use = site.first
            made = MADE_AS.get(use.config.get("made as", ""))
            yield Report(
                site.place,
                f"`{use.name}` is added as a bias but never trained: {made[0]}"
                if made
                else f"the bias of `{use.name}` is frozen while its weight is trained",
                layer=use.name,
                fix=_fix(use),
                advice=made[1] if made else "train it, or create the layer without a bias",
            )
    yield from _left_out(program)


def _fix(use: LayerUse) -> Fix | None:
    """Make a parameter of it where it is made."""
    made, head = use.config.get("made as"), use.callee.partition(".")[0]
    if made == "parameter" and use.callee.endswith("Parameter"):
        change: Change = RemoveArgument(use.place, "requires_grad", 1)
    elif made == "frozen" and use.callee.endswith(("Variable", "get_variable", "add_weight")):
        change = RemoveArgument(use.place, "trainable")
    elif made == "tensor" and head == "torch":
        change = Wrap(use.place, "torch.nn.Parameter(", ")")
    elif made == "constant" and use.callee == f"{head}.constant":
        change = Wrap(use.place, f"{head}.Variable(", ")")
    else:
        return None
    return Fix(Safety.UNSAFE, f"make it trainable (adds `{use.name}` to the trained and saved parameters)", (change,))


def _left_out(program: Program) -> Iterator[Report]:
    """Optimisers that are given a layer's weight and not its bias, where no other optimiser of the execution has it."""
    given: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        if use.kind == "optimizer":
            given.setdefault(use.run, []).append(use)
    seen = set()
    for run, optimizers in given.items():
        if not all(one.covers_all for one in optimizers):
            continue
        held = {(ident, which) for one in optimizers for ident, which, _ in one.covers}
        for use in program.uses:
            left = use.run == run and use.kind in KINDS and use.bias.present and use.bias.trainable is True
            if left and (use.ident, "weight") in held and (use.ident, "bias") not in held and use.fate.kind != "dead":
                place = optimizers[0].place
                if place not in seen:
                    seen.add(place)
                    yield Report(
                        place,
                        f"`{optimizers[0].name}` gets the weight of `{use.name}` but not its bias, which is never trained",
                        layer=use.name,
                        related=(Related(use.place, "the layer"),),
                        advice="pass the biases too, in a parameter group without weight decay if that was the intent",
                    )
