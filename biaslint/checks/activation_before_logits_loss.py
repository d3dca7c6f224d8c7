"""BL405: an activation stands before a loss that takes logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from biaslint.checks import Report
from biaslint.checks.support import losses
from biaslint.findings.finding import Fix, RemoveArgument, ReplaceExpression, Safety, Severity
from biaslint.theory import loss_fit
from biaslint.theory.program import LayerUse, Place, Prediction, Program

KINDS = (loss_fit.TWICE, loss_fit.CUT, loss_fit.REDUNDANT)
# The loss that takes what an activation gives, and arguments that it does not have.
INSTEAD = {
    ("BCEWithLogitsLoss", "sigmoid"): ("BCELoss", "binary_cross_entropy", "pos_weight"),
    ("CrossEntropyLoss", "log_softmax"): ("NLLLoss", "nll_loss", "label_smoothing"),
}


def check(program: Program) -> Iterator[Report]:
    """Report activations whose result a loss takes for logits."""
    for use, one in losses.ill_fitted(program, KINDS):
        assert one.made is not None
        kind, loss = loss_fit.misfit(one), losses.loss_name(use)
        own = "softmax" if one.classes else "sigmoid"
        step = losses.step_name(one)
        if kind == loss_fit.REDUNDANT:
            message = f"{step} is applied before `{loss}`, which applies log-softmax itself: the second one changes nothing"
        elif kind == loss_fit.CUT:
            message = f"{step} is applied before `{loss}`, so no logit can be negative"
        else:
            message = f"{step} is applied before `{loss}`, which takes logits and applies {own} itself"
        fix = _fix(program, use, one)
        yield Report(
            one.made,
            message,
            layer=one.of or one.name,
            related=losses.places(use, one, one.made),
            severity=Severity.HINT if kind == loss_fit.REDUNDANT else None,
            advice=_advice(use, one, kind),
            fix=fix,
        )


def _advice(use: LayerUse, one: Prediction, kind: str) -> str:
    if use.framework == "keras" and kind == loss_fit.TWICE:
        return "set `from_logits=False`, or remove the activation"
    instead = INSTEAD.get((use.type.rpartition(".")[2], one.by))
    if instead is not None:
        return f"remove the activation, or use `{instead[0]}`"
    return f"pass the loss the output before the {one.by}; apply the activation only for predictions"


def _fix(program: Program, use: LayerUse, one: Prediction) -> Fix | None:
    """Choose the loss that takes what it is given, where it is given nothing else."""
    short = use.type.rpartition(".")[2]
    every = [other for fact in program.uses if fact.kind == "loss" and fact.place == use.place for other in fact.predictions]
    if any(other.by != one.by for other in every) or "**" in use.texts:
        return None
    if use.framework == "keras" and use.texts.get("from_logits") == "True" and one.by in ("softmax", "sigmoid"):
        message = "`from_logits=False`, the default (changes the training loss)"
        return Fix(Safety.UNSAFE, message, (RemoveArgument(use.place, "from_logits", use.positions.get("from_logits")),))
    other, function, without = INSTEAD.get((short, one.by), ("", "", ""))
    head, _, called = use.callee.rpartition(".")
    if not other or without in use.texts or not head:
        return None
    if one.by == "log_softmax" and not all(fact.aligned and fact.whole for fact in every):
        return None  # over another axis, or of targets that are probabilities, it is not the same loss
    text = f"{head}.{other if called == short else function}"
    safety = Safety.SAFE if one.by == "log_softmax" else Safety.UNSAFE
    note = "(the same loss)" if safety is Safety.SAFE else "(changes the training loss)"
    return Fix(safety, f"`{text}` {note}", (ReplaceExpression(_callee(use), text),))


def _callee(use: LayerUse) -> Place:
    """The name that the call of the loss begins with."""
    start = use.place
    return replace(start, end_line=start.line, end_column=start.column + len(use.callee))
