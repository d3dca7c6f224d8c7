"""Why a bias cannot be folded: which one it is, and the first call after which its shift is no longer one number per channel."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.migrate.job import FLOAT64_BOUND
from biaslint.runtime.migrate.torch import proof
from biaslint.runtime.migrate.torch.folding import Folded, folded, recorded
from biaslint.runtime.torch import gradient_test
from biaslint.runtime.torch.function_watch import preserved, watching
from biaslint.runtime.torch.random_paths import seed_all

_EVEN = 1e-9
_SHOWN = 4
_SILENT = ("__get__", "size", "dim", "clone", "detach", "__set__")


def refusal(pair: proof.Pair, inputs: proof.Inputs, dropped: set[str]) -> str:
    """What to say of a model whose dropped biases cannot all be folded: each that cannot, and what stands in its way."""
    said: list[str] = []
    for key in sorted(dropped):
        comparisons, found = proof.structure(pair, inputs, dropped, only=key)
        if all(one.difference <= FLOAT64_BOUND for one in comparisons):
            continue
        if len(said) == _SHOWN:
            said.append("and others")
            break
        said.append(f"{key} ({_reason(pair, inputs, dropped, key, comparisons, found)})")
    return "; ".join(said)


def _reason(pair: proof.Pair, inputs: proof.Inputs, dropped: set[str], key: str, comparisons: Any, found: Folded) -> str:
    twice = [f"`{name}`: {why}" for name, why in found.uneven.items() if "more than once" in why]
    if twice:
        return twice[0]
    if comparisons[0].holds and not comparisons[1].holds:
        return "evaluation outputs stay the same, training outputs do not: the bias is not dead"
    where = first_uneven(pair, inputs, dropped, key)
    if where:
        return f"its shift is not the same at every position after {where}"
    return "its shift reaches the outputs"


def first_uneven(pair: proof.Pair, inputs: proof.Inputs, dropped: set[str], only: str) -> str:
    """The first call whose result differs in another way than by one number per channel."""
    import torch

    old, new = pair.old, pair.new
    results: list[list[tuple[str, Any]]] = []
    with preserved(old), preserved(new), torch.no_grad():
        proof.draw(pair, inputs, dropped, only)
        go = proof.run(pair, inputs, training=False, wide=True, smooth=True)
        record, _ = recorded(old, go)
        folded(new, record, go)
        for model in (old, new):
            results.append(_results(pair, model, inputs))
    for (name, a), (_, b) in zip(*results, strict=False):
        if a.shape != b.shape or not _even(a - b, a.abs().max()):
            return str(name)
    return ""


def _results(pair: proof.Pair, model: Any, inputs: proof.Inputs) -> list[tuple[str, Any]]:
    import torch

    names = {id(module): name for name, module in model.named_modules()}
    found: list[tuple[str, Any]] = []

    def listen(function: str, _args: Any, kwargs: Any, result: Any, module: Any) -> None:
        if function in _SILENT or not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return
        place = names.get(id(module), "") if module is not None else ""
        padded = getattr(module, "padding", 0) not in (0, (0,), (0, 0), (0, 0, 0), "valid")
        zeros = " (padded with zeros)" if function.startswith("conv") and padded else ""
        found.append((f"`{function.strip('_')}`{f' in `{place}`' if place else ''}{zeros}", result.detach().clone()))

    gradient_test.set_training(model, False)
    seed_all(inputs.seed)
    with pair.inside(model), watching(listen, double=True):
        model(*gradient_test.widened(inputs.positional), **gradient_test.widened(dict(inputs.named)))
    return found


def _even(difference: Any, size: Any) -> bool:
    """Whether a difference is the same everywhere but along one axis."""
    if not difference.numel() or difference.abs().max() <= _EVEN * size:
        return True
    for axis in range(difference.dim()):
        others = [index for index in range(difference.dim()) if index != axis]
        centre = difference.mean(others, keepdim=True) if others else difference
        if (difference - centre).abs().max() <= _EVEN * size:
            return True
    return False
