"""BL407: a softmax is over one entry, or over another axis than that of the classes."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import losses
from biaslint.theory import loss_fit
from biaslint.theory.program import Program

KINDS = (loss_fit.ONE, loss_fit.ASTRAY)


def check(program: Program) -> Iterator[Report]:
    """Report softmaxes before a loss that give 1 for every input, or that compare samples instead of classes."""
    for use, one in losses.ill_fitted(program, KINDS):
        assert one.made is not None
        step, loss = losses.step_name(one), losses.loss_name(use)
        if loss_fit.misfit(one) == loss_fit.ONE:
            message = f"{step} is over a single output, so it is always {'0' if one.by == 'log_softmax' else '1'}"
            advice = "use a sigmoid for one output, or give the layer an output for each class"
        else:
            message = f"{step} is over axis {one.astray}, but `{loss}` takes the classes along axis 1"
            advice = "apply it along the axis of the classes"
        yield Report(one.made, message, layer=one.of or one.name, related=losses.places(use, one, one.made), advice=advice)
