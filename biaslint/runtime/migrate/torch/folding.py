"""Moving what dropped biases did into what is left: the running means and the biases that the shift reaches.

The old model's evaluation pass is recorded in float64; then the new model runs on the same inputs. Where what arrives differs by one
number for each channel, that number goes into the mean or the bias that stands there, and the pass goes on as the old one did. Where it
differs in any other way, nothing can take it up, and the comparison of the outputs says so.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from biaslint.runtime.migrate.torch.arrivals import MEAN, MODULE, met

_EVEN = 1e-10  # of the largest value: what a shift may differ by from position to position
_NOISE = 1e-12  # of a channel's largest value: less than that is rounding


@dataclass(slots=True)
class Record:
    """What arrived in the old model's pass: by key, in the order of calls, less the mean that is subtracted."""

    arrived: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    means: set[str] = field(default_factory=set)

    def finish(self) -> None:
        """A norm that was met as a function is not met as a module, too."""
        for key in [key for key in self.arrived if key.endswith(MODULE) and key.removesuffix(MODULE) in self.means]:
            del self.arrived[key]


@dataclass(slots=True)
class Folded:
    """What the new model's pass came to."""

    changed: set[str] = field(default_factory=set)  # keys whose values were adjusted
    uneven: dict[str, str] = field(default_factory=dict)  # key -> why the shift that arrives there cannot be taken up


def tensors_by_name(model: Any) -> dict[str, Any]:
    """Parameters and buffers by key, as a state dict names them."""
    return dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))


def recorded(model: Any, run: Any) -> tuple[Record, Any]:
    """Run the old model and keep what arrives."""
    record, tensors = Record(), tensors_by_name(model)

    def visit(kind: str, key: str, tensor: Any, axis: int) -> None:
        mean = tensors[key.removesuffix(MODULE)] if kind == MEAN else None
        record.arrived[key].append(_less(tensor, mean, axis).clone())
        if kind == MEAN and not key.endswith(MODULE):
            record.means.add(key)

    with met(model, visit):
        outputs = run(model)
    record.finish()
    return record, outputs


def folded(model: Any, record: Record, run: Any) -> tuple[Folded, Any]:
    """Run the new model, and adjust its means and biases on the way."""
    found, tensors = Folded(), tensors_by_name(model)
    calls: dict[str, int] = defaultdict(int)

    def visit(kind: str, key: str, tensor: Any, axis: int) -> None:
        if key not in record.arrived:
            return
        number, name = calls[key], key.removesuffix(MODULE)
        calls[key] += 1
        before = record.arrived[key][number] if number < len(record.arrived[key]) else None
        now = _less(tensor, tensors[name] if kind == MEAN else None, axis)
        if before is None or before.shape != now.shape:
            found.uneven.setdefault(name, "the two models use it differently")
            return
        shift, size, even = _shift(before, now, axis)
        moved = shift.abs() > _NOISE * size
        if not even:
            found.uneven.setdefault(name, "its input does not differ by one number per channel")
        elif moved.any() and number:
            found.uneven.setdefault(name, "it is used more than once, with different inputs")
        elif moved.any():
            shift = shift * moved
            found.changed.add(name)
            if kind == MEAN:
                tensors[name].sub_(shift.reshape(tensors[name].shape))
            else:
                tensors[name].add_(shift.reshape(tensors[name].shape))
                tensor.add_(_along(shift, tensor.dim(), axis))

    with met(model, visit):
        outputs = run(model)
    return found, outputs


def _less(tensor: Any, mean: Any, axis: int) -> Any:
    return tensor if mean is None else tensor - _along(mean.to(tensor.dtype), tensor.dim(), axis)


def _along(vector: Any, dimensions: int, axis: int) -> Any:
    shape = [1] * dimensions
    shape[axis] = -1
    return vector.reshape(shape)


def _shift(before: Any, now: Any, axis: int) -> tuple[Any, Any, bool]:
    """By channel: what `before` is more than `now`, the largest value, and whether it is the same number at every position."""
    others = [index for index in range(now.dim()) if index != axis % now.dim()]
    difference = before - now
    size = before.abs().maximum(now.abs())
    shift, size = (difference.mean(others), size.amax(others)) if others else (difference, size)
    spread = (difference - _along(shift, now.dim(), axis)).abs().max()
    return shift, size, bool(spread <= _EVEN * size.max())
