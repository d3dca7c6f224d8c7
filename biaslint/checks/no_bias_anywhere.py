"""BL103: a layer without a bias goes into a nonlinearity, in a model whose other layers have one."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import RELUS, bias_added, removed_by_hand
from biaslint.theory.program import LayerUse, Program

NONLINEAR = RELUS | {"leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh", "softplus", "hardswish"}
KINDS = ("linear", "conv")


def check(program: Program) -> Iterator[Report]:
    """Report layers whose bias is switched off although nothing else can shift what their nonlinearity sees."""
    biased = {use.run for use in program.uses if use.kind in KINDS and use.bias.present and use.fate.kind == "alive"}
    for site in program.sites(*KINDS):
        used = [use for use in site.uses if use.fate.kind != "uncalled"]
        if used and all(removed_by_hand(use) and _shapes(use) and use.run in biased for use in used):
            use = used[0]
            yield Report(
                site.place,
                f"`{use.name}` has no bias, and there is no norm between it and `{use.readers[0]}`",
                layer=use.name,
                fix=bias_added(use),
                advice="add a bias, or a norm with a shift; it matters mainly for small models",
            )


def _shapes(use: LayerUse) -> bool:
    return bool(use.readers) and NONLINEAR.issuperset(use.readers) and not use.sources
