"""Models whose forward pass takes random paths: every pass of a test takes the same one, and several are tried.

A bias that one path cancels and another shows is alive.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from biaslint.runtime.torch import gradient_test
from biaslint.runtime.torch.function_watch import preserved, watching
from biaslint.runtime.torch.gradient_test import THRESHOLD, Deadness

_LOOKS = 3  # passes to see whether there are several paths at all
_PATHS = 8  # seeds that are tried where there are


def seed_all(seed: int) -> None:
    """Start every source of chance that a forward pass may draw from."""
    import torch

    torch.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def drawn() -> tuple[Any, ...]:
    """The state of every source of chance; it is another one where something was drawn from one of them."""
    import torch

    numpy = sys.modules.get("numpy")
    state = numpy.random.get_state() if numpy is not None else ()
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        [getattr(part, "tolist", lambda part=part: part)() for part in state],
    )


def path_of(model: Any, args: Sequence[Any], kwargs: Mapping[str, Any], seed: int) -> int:
    """What one forward pass calls, in its order, as a number."""
    import torch

    calls: list[str] = []

    def listen(function: str, inputs: Any, keywords: Any, result: Any, module: Any) -> None:
        if not function.startswith("__get"):
            calls.append(function)

    names = {id(module): name for name, module in model.named_modules()}
    with preserved(model):
        gradient_test.set_modes(model)
        seed_all(seed)
        with (
            torch.no_grad(),
            watching(listen, dropout=False, on_module=lambda module, _: calls.append(names.get(id(module), ""))),
        ):
            model(*args, **kwargs)
    return hash(tuple(calls))


def dead_biases(
    model: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    threshold: float = THRESHOLD,
    seed: int = 0,
    chance: bool = True,
) -> tuple[dict[str, Deadness], int]:
    """Of every affine layer, whether its bias is dead on all paths; and how many paths there were.

    Without `chance` (a pass has drawn nothing at random) there is one.
    """
    kwargs = dict(kwargs or {})
    seeds: dict[int, int] = {}
    for number in range(_LOOKS if chance else 0):
        seeds.setdefault(path_of(model, args, kwargs, seed + number), seed + number)
    if not seeds:
        seeds[0] = seed
    if len(seeds) > 1:
        for number in range(_LOOKS, _PATHS):
            seeds.setdefault(path_of(model, args, kwargs, seed + number), seed + number)
    found = [
        gradient_test.dead_biases(
            model,
            args,
            kwargs,
            threshold=threshold,
            seed=seed,
            before_pass=partial(seed_all, chance),
            noisy=len(seeds) == 1,
        )
        for chance in seeds.values()
    ]
    return {name: merged([results[name] for results in found]) for name in found[0]}, len(seeds)


def merged(results: Sequence[Deadness]) -> Deadness:
    """One layer on several paths: it is dead only where it is dead on each that calls it."""
    called = [one for one in results if one.status not in ("unused", "nograd")] or list(results)
    alive = next((one for one in called if one.status in ("alive", "nobias")), None)
    if alive is not None or len(called) == 1:
        return alive or called[0]
    channels = sorted(set.intersection(*(set(one.dead_channels) for one in called)))
    if not channels:
        return replace(called[0], status="alive", fraction=0.0, dead_channels=[], kinds=(), cancellers=())
    share = len(channels) / max(len(called[0].ratios), 1)
    whole = all(one.status.startswith("dead") for one in called)
    lasting = all(one.status.endswith("_always") for one in called)
    return replace(
        called[0],
        status=("dead" if whole else "partial") + ("_always" if lasting else "_bn"),
        fraction=1.0 if whole else share,
        dead_channels=channels,
        kinds=tuple(dict.fromkeys(kind for one in called for kind in one.kinds)),
        cancellers=tuple(dict.fromkeys(name for one in called for name in one.cancellers)),
        dropout_sees_it=any(one.dropout_sees_it for one in called),
    )
