"""BL401: the layer whose output leaves the model keeps its default bias."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.graph import LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report the places that make nothing but output layers whose bias nobody sets."""
    for site in program.sites("linear", "conv"):
        if all(_unset(use) for use in site.uses):
            use = site.first
            yield Report(
                site.place,
                f"`{use.name}` puts out the model's first guess, and its bias keeps the default",
                layer=use.name,
                advice=_advice(use.output_activation),
            )


def _unset(use: LayerUse) -> bool:
    # A convolution that ends a block is more often a building block than a head, unless its activation says otherwise.
    if not use.is_output or not use.bias.present or (use.kind == "conv" and not use.output_activation):
        return False
    tied = use.weight_of is not None or use.bias_of is not None
    return not (use.bias.writes or tied or "bias_initializer" in use.texts)


def _advice(activation: str) -> str:
    balance = "; a loss or sampler that rebalances the classes makes zero right"
    if activation == "sigmoid":
        return "if a share p of the targets is positive, start it at log(p / (1 - p))" + balance
    if activation in ("softmax", "log_softmax"):
        return "start it at the logarithm of the classes' shares, unless they are alike" + balance
    return "start it at the targets' mean, or at the logit of the classes' shares" + balance
