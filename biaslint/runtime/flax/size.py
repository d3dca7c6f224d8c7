"""What measuring a Flax model takes, told by shapes alone."""

from __future__ import annotations

import math
from typing import Any

from biaslint.runtime.facts import room
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError

_COPIES = 7  # of all values, while a model is measured: values, gradients and random values, the dead-bias test in float64


def check(shapes: Any, job: Job) -> None:
    """Raise TargetError where the limit has no room. `shapes` are the model's parameters, or what they would be."""
    import jax

    leaves = [one for one in jax.tree_util.tree_leaves(shapes) if hasattr(one, "shape") and hasattr(one.dtype, "itemsize")]
    stored = sum(math.prod(one.shape) * one.dtype.itemsize for one in leaves)
    takes = room.used() + math.ceil(_COPIES * stored / 2**20)
    if job.memory and takes > job.memory:
        raise TargetError(room.refusal(sum(math.prod(one.shape) for one in leaves), takes, job.memory))
