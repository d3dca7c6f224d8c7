"""What measuring a Keras model takes, told before its variables are made."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

from biaslint.runtime.facts import room
from biaslint.runtime.target import inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError

_COPIES = 4  # of all values, while a model is measured: as it is, kept to be restored, random ones, and what is on its way


class NoRoom(BaseException):
    """Making variables was broken off. No `Exception`: the model's own code must not catch it."""


class Count:
    """The variables made so far."""

    def __init__(self) -> None:
        self.parameters = self.stored = 0

    def add(self, shape: Any, kind: str) -> None:
        """One more."""
        numbers = math.prod(int(size) for size in shape)
        self.parameters += numbers
        self.stored += numbers * (2 if "16" in kind else 8 if "64" in kind else 1 if "8" in kind else 4)

    def megabytes(self) -> int:
        """What measuring takes."""
        return math.ceil(_COPIES * self.stored / 2**20)


@contextlib.contextmanager
def bounded(job: Job, build: Callable[[], Any]) -> Iterator[None]:
    """Inside, no variable is made with which the model cannot be measured within the limit: TargetError says what it takes."""
    base = room.used()

    def check(count: Count) -> None:
        if job.memory and count.megabytes() > job.memory - base:
            raise NoRoom

    try:
        with _counted(check):
            yield
        return
    except NoRoom:
        pass
    count = _without_values(job, build)
    if count is None:
        raise TargetError(
            f"the model has too many parameters to be measured in {job.memory:,} MB; raise --memory, or name a smaller model"
        )
    raise TargetError(room.refusal(count.parameters, count.megabytes() + base, job.memory))


def _without_values(job: Job, build: Callable[[], Any]) -> Count | None:
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False), _counted(lambda count: None) as count:
            model = build()
            if not model.built:
                specs = [inputs.parse(text) for text in job.inputs]
                fed = [
                    keras.KerasTensor((job.batch, *spec.shape), "int32" if spec.type == "int" else "float32") for spec in specs
                ]
                model(fed[0] if len(fed) == 1 else fed)
        return count
    except Exception:  # code that wants values
        return None


@contextlib.contextmanager
def _counted(check: Callable[[Count], None]) -> Iterator[Count]:
    """Count the variables that are made; `check` is asked before each of them is there."""
    count = Count()
    variable: Any = getattr(sys.modules.get("keras"), "Variable", None)
    if variable is None:
        yield count
        return
    original = variable.__init__

    def make(self: Any, initializer: Any, shape: Any = None, dtype: Any = None, *args: Any, **kwargs: Any) -> None:
        if shape is not None:
            count.add(shape, str(dtype))
            check(count)
        original(self, initializer, shape, dtype, *args, **kwargs)

    variable.__init__ = make
    try:
        yield count
    finally:
        variable.__init__ = original
