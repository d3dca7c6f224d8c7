"""BL101: a layer adds a bias that the norm after it subtracts again."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.finding import Fix, Related, Safety, SetArgument
from biaslint.graph import LayerUse, Program

KINDS = ("conv", "linear")


def check(program: Program) -> Iterator[Report]:
    """Report the places whose every layer with a bias has a dead one."""
    for site in program.sites(*KINDS):
        biased = [use for use in site.uses if use.bias.present]
        unsure = any(use.bias.present is None for use in site.uses)
        if not biased or unsure or any(use.fate.kind != "dead" or use.fate.by == "softmax" for use in biased):
            continue
        use = biased[0]
        yield Report(
            site.place,
            f"`{use.name}` adds a bias that {_norm(use)} subtracts again",
            layer=use.name,
            related=tuple(
                {other.fate.place: Related(other.fate.place, _why(other)) for other in biased if other.fate.place}.values()
            ),
            fix=_fix(use),
            advice=_advice(use),
        )


def _norm(use: LayerUse) -> str:
    return f"`{use.fate.cancelled_by}`" if use.fate.cancelled_by else f"the {use.fate.by}"


def _why(use: LayerUse) -> str:
    return f"this {use.fate.by} takes the mean of each channel away" + (" (in training mode)" if use.fate.training_only else "")


def _advice(use: LayerUse) -> str:
    keyword = use.bias.argument or "bias"
    channels = use.config.get("out_features" if use.kind == "linear" else "out_channels")
    saved = f"; that saves {channels} parameters" if isinstance(channels, int) else ""
    return f"write `{keyword}=False`{saved}; the norm has a shift of its own"


def _fix(use: LayerUse) -> Fix | None:
    if not use.bias.argument:
        return None
    reason = "removes the bias from checkpoints: drop its key when an old one is loaded"
    change = SetArgument(use.place, use.bias.argument, "False")
    return Fix(Safety.UNSAFE, f"`{use.bias.argument}=False` ({reason})", (change,))
