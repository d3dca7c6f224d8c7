"""What a model's outputs stand for: the scores of a softmax, of independent sigmoids, or the values of a regression.

It is taken from what the user says, else from the loss, else from the activation that the model ends in; what is left is assumed,
and the assumption is stated.
"""

from __future__ import annotations

from collections.abc import Sequence

from biaslint.runtime.facts.observed import LayerFacts, TargetFacts

OUTPUTS = ("softmax", "sigmoid", "regression")
LOSS_KINDS = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy", "regression": "squared"}
_OF_LOSS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}
_OF_ACTIVATION = {"softmax": "softmax", "log_softmax": "softmax", "sigmoid": "sigmoid"}
_SLACK = 0.02  # how far written shares may be from adding up to one


def known_kind(said: str, loss_kind: str, layers: Sequence[LayerFacts]) -> str:
    """What the outputs are known to be: "softmax", "sigmoid", "regression", or "" where nothing says so."""
    activation = next((layer.output_activation for layer in layers if layer.is_output), "")
    return said or _OF_LOSS.get(loss_kind, "") or _OF_ACTIVATION.get(activation, "")


def settle(targets: TargetFacts | None, width: int, kind: str) -> None:
    """Read stated shares for an output of this width, which is of this kind; what had to be assumed is said in the targets."""
    if targets is None or targets.count or not targets.prior or width < 1:
        return
    if len(targets.prior) == 1:
        _one_share(targets, width, kind)
    elif kind == "sigmoid":
        targets.kind = "binary"
    elif not kind and len(targets.prior) == width and abs(sum(targets.prior) - 1) > _SLACK:
        targets.kind, targets.assumed = (
            "binary",
            "independent sigmoids, since the frequencies do not add up to 1; --output overrides this",
        )
    else:
        total = sum(targets.prior) or 1.0
        targets.kind, targets.prior = "classes", [share / total for share in targets.prior]


def _one_share(targets: TargetFacts, width: int, kind: str) -> None:
    share = targets.prior[0]
    if width == 2 and kind in ("", "softmax"):
        targets.kind, targets.prior = "classes", [1 - share, share]
        targets.assumed = (
            "" if kind else "a softmax over two outputs, the second for the positives; --output sigmoid overrides this"
        )
    elif kind == "softmax" and width > 2:
        targets.kind = "classes"  # and says nothing of most of them
    else:
        targets.kind, targets.prior = "binary", [share] * width
        if width > 1 and not kind:
            targets.assumed = f"{width} independent sigmoids with the same frequency; for a softmax pass {width} frequencies"
