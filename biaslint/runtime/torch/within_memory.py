"""Building a PyTorch model that the memory limit has room for: the model itself, or a twin where measuring it would take more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.facts import room as rooms
from biaslint.runtime.facts.room import used
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, is_model
from biaslint.runtime.torch.size import Size, TooLarge, bounded_building, kept_for_gradients, size_of, without_values
from biaslint.runtime.torch.twin import twin_of

_TWIN = 4000  # megabytes, of the largest twin: a larger one takes minutes and shows no more
Feed = Callable[[Any], tuple[list[Any], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Built:
    """What is measured, and what builds it again."""

    model: Any
    build: Callable[[], Any]
    twin: str = ""  # how it differs from the model that was asked for, in words
    untested: str = ""  # why dead biases cannot be tested


def built(build: Callable[[], Any], job: Job, feed: Feed) -> Built:
    """The model, if it can be measured within the limit. Raises TargetError where neither it nor a twin of it can."""
    base = used()
    room = job.memory - base
    if not job.memory or "torch" not in sys.modules:
        return Built(build(), build)
    model: Any = None
    try:
        with bounded_building(room):
            model = build()
    except TooLarge:
        hollow = without_values(build)
        if is_model(hollow) != "torch":
            model, hollow = build(), None
    else:
        hollow = None
    if hollow is None and is_model(model) != "torch":
        return Built(model, build)
    size = size_of(model) if hollow is None else size_of(hollow, kept_for_gradients(hollow, feed))
    if size.whole() <= room:
        return Built(build() if model is None else model, build)
    return _smaller(model if hollow is None else hollow, hollow is not None, build, job, size, base, feed)


def _smaller(model: Any, hollow: bool, build: Callable[[], Any], job: Job, size: Size, base: int, feed: Feed) -> Built:
    room = job.memory - base
    takes = size.whole() + base
    wanted, option = rooms.wanted(size.parameters, takes), rooms.option(takes)

    def fits(one: Any) -> bool:
        most = min(room, _TWIN)
        return size_of(one).whole() <= most and size_of(one, kept_for_gradients(one, feed)).whole() <= most

    twin = twin_of(model, fits) if not job.weights else None
    if twin is not None:
        said = f"{wanted}: this is a twin of it with {twin.in_words()}; {option} measures the model itself"
        return Built(twin.build(), twin.build, twin=said)
    if size.plain() <= room:
        why = f"{wanted}; {option} tests dead biases too"
        return Built(build() if hollow else model, build, untested=why)
    raise TargetError(rooms.refusal(size.parameters, takes, job.memory))
