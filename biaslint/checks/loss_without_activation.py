"""BL406: a loss that takes probabilities, or their logarithms, is given something else."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import losses
from biaslint.findings.finding import Fix, Related, Safety, SetArgument
from biaslint.theory import loss_fit
from biaslint.theory.program import LayerUse, Prediction, Program

KINDS = (loss_fit.MISSING, loss_fit.NO_LOGARITHM)


def check(program: Program) -> Iterator[Report]:
    """Report losses that take (log-)probabilities and are given logits, or probabilities without a logarithm."""
    said = set()
    for use, one in losses.ill_fitted(program, KINDS):
        assert one.made is not None
        if use.place in said:
            continue
        said.add(use.place)
        where = "the output of" if one.by in ("affine", "norm") else "the result of"
        yield Report(
            use.place,
            f"`{losses.loss_name(use)}` expects {one.takes} but gets {where} {losses.step_name(one)}",
            layer=one.of or one.name,
            related=(Related(one.made, "the input of the loss is computed here"), *losses.places(use, one, use.place)),
            advice=_advice(use, one),
            fix=_fix(program, use, one),
        )


def _advice(use: LayerUse, one: Prediction) -> str:
    if loss_fit.misfit(one) == loss_fit.NO_LOGARITHM:
        return f"use `log_{one.by}` instead of `{one.by}`" if one.by == "softmax" else "take the logarithm first"
    if use.framework == "keras":
        return f'set `from_logits=True`, or give the output layer `activation="{_activation(one)}"`'
    if one.takes == "log-probabilities":
        return "apply `log_softmax` first" + (", or use `CrossEntropyLoss`" if one.classes else "")
    return "use `BCEWithLogitsLoss`, or apply a sigmoid first"


def _activation(one: Prediction) -> str:
    return "softmax" if one.classes else "sigmoid"


def _fix(program: Program, use: LayerUse, one: Prediction) -> Fix | None:
    """Tell the loss that it is given logits."""
    every = [other for fact in program.uses if fact.kind == "loss" and fact.place == use.place for other in fact.predictions]
    plain = use.framework == "keras" and use.callee.endswith("Crossentropy") and one.by == "affine" and "**" not in use.texts
    if not plain or any(other.by != "affine" for other in every):
        return None
    message = "`from_logits=True` (changes the training loss)"
    return Fix(Safety.UNSAFE, message, (SetArgument(use.place, "from_logits", "True", use.positions.get("from_logits")),))
