"""BL101: a layer adds a bias that the norm after it subtracts again."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import condition_of, removal, replacement
from biaslint.findings.finding import Related
from biaslint.theory.conditions import Verdict, verdicts
from biaslint.theory.program import LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report every place whose bias a norm cancels, with the condition it holds under."""
    for verdict in verdicts(program, cancelled_by_norm, ("conv", "linear", "bilinear")):
        use = verdict.use
        yield Report(
            verdict.place,
            message(verdict),
            layer=use.name,
            related=related(verdict),
            when=verdict.when,
            fix=removal(verdict),
            advice=advice(verdict),
        )


def cancelled_by_norm(use: LayerUse) -> bool:
    """Does a norm take the bias away?"""
    return use.fate.kind == "dead" and use.fate.by != "softmax"


def message(verdict: Verdict) -> str:
    """What is found, with the names from the code."""
    use = verdict.use
    norm = f"`{use.fate.cancelled_by}`" if use.fate.cancelled_by else f"the {use.fate.by}"
    condition = condition_of(verdict)
    if verdict.through:
        return f"this call creates a layer (`{use.name}`) whose bias {norm} subtracts again{condition}"
    where = f" (where `{verdict.where}`)" if verdict.where else ""
    return f"`{use.name}` adds a bias{where} that {norm} subtracts again{condition}"


def related(verdict: Verdict) -> tuple[Related, ...]:
    """The norms, and the layer where the finding stands at a call further out."""
    found: dict[object, Related] = {}
    for use in verdict.uses[:8]:
        if use.fate.place is not None:
            mode = " (in training mode)" if use.fate.training_only else ""
            found.setdefault(use.fate.place, Related(use.fate.place, f"this {use.fate.by} subtracts the mean{mode}"))
    if verdict.through:
        found.setdefault(verdict.use.place, Related(verdict.use.place, "the layer is created here"))
    return tuple(found.values())[:3]


def advice(verdict: Verdict) -> str:
    """What to write instead, and what that saves."""
    use = verdict.use
    keyword = use.bias.argument or "bias"
    if verdict.through:
        return f"create the layer without a bias (`{keyword}=False`); the norm's own shift takes its place"
    if use.type.startswith("tf_slim."):
        return "pass the norm as `normalizer_fn`, or write `biases_initializer=None`; the norm's own shift takes its place"
    if not use.bias.argument and use.framework != "torch":
        return f"remove `{use.name}`; the norm's own shift takes its place"
    names = ("out_features", "units") if use.kind == "linear" else ("out_channels", "filters")
    channels = next((use.config[name] for name in names if name in use.config), None)
    saved = f"; saves {channels} parameters" if isinstance(channels, int) and not verdict.when else ""
    return f"write `{keyword}={replacement(verdict)}`{saved}; the norm's own shift takes its place"
