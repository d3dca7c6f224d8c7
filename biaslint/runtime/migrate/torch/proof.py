"""Holding two models against each other: the same inputs, the same random draws, evaluation and training mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.migrate.job import FLOAT64_BOUND, OWN_ERROR, Comparison
from biaslint.runtime.migrate.torch.folding import Folded, folded, recorded, tensors_by_name
from biaslint.runtime.migrate.worlds import World
from biaslint.runtime.torch import gradient_test
from biaslint.runtime.torch.function_watch import preserved, tensors_of, watching
from biaslint.runtime.torch.random_paths import seed_all

_MOST_OWN = 1e-2  # however badly the old model computes, more than this is a difference
_FAR = 1e3
MODES = ("evaluation", "training", "evaluation after a training step")


@dataclass(frozen=True, slots=True)
class Pair:
    """The two models; the new one runs in a world of its own."""

    old: Any
    new: Any
    world: World

    def inside(self, model: Any) -> contextlib.AbstractContextManager[None]:
        """The modules that a model's code sees."""
        return self.world.active() if model is self.new else contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a forward pass is given, and the seed that it starts from."""

    positional: list[Any]
    named: Mapping[str, Any]
    seed: int

    def again(self, seed: int) -> Inputs:
        """Other values of the same shapes and kinds: floats drawn anew, whole numbers shuffled."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        return Inputs(
            [_redrawn(one, generator) for one in self.positional],
            {k: _redrawn(v, generator) for k, v in self.named.items()},
            seed,
        )

    def changed(self, change: Callable[[Any], Any]) -> Inputs:
        """Each tensor as `change` makes it."""
        return Inputs([_changed(one, change) for one in self.positional], _changed(dict(self.named), change), self.seed)


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _changed(item, change) for key, item in value.items()}
    return type(value)(_changed(item, change) for item in value) if isinstance(value, (list, tuple)) else value


def _far(tensor: Any) -> Any:
    """Values beyond bounds that usual ones do not reach."""
    return tensor * _FAR if tensor.is_floating_point() else tensor


def _single(tensor: Any) -> Any:
    """A batch of one."""
    return tensor[:1] if tensor.dim() else tensor


def _redrawn(value: Any, generator: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        if value.is_floating_point() and value.numel() > 1:
            drawn = (
                torch.randn(value.shape, generator=generator, dtype=torch.float64) * value.double().std()
                + value.double().mean()
            )
            return drawn.clamp(value.min().item(), value.max().item()).to(value.dtype)
        return (
            value.flatten()[torch.randperm(value.numel(), generator=generator)].reshape(value.shape) if value.numel() else value
        )
    if isinstance(value, Mapping):
        return {key: _redrawn(item, generator) for key, item in value.items()}
    return type(value)(_redrawn(item, generator) for item in value) if isinstance(value, (list, tuple)) else value


def run(pair: Pair, inputs: Inputs, *, training: bool, wide: bool, smooth: bool = False) -> Callable[[Any], list[Any]]:
    """A forward pass, as a function from a model to copies of its outputs. `wide` computes in float64."""

    def go(model: Any) -> list[Any]:
        import torch

        gradient_test.set_training(model, training)
        positional, named = (
            (gradient_test.widened(inputs.positional), gradient_test.widened(dict(inputs.named)))
            if wide
            else (inputs.positional, dict(inputs.named))
        )
        seed_all(inputs.seed)
        with torch.no_grad(), pair.inside(model):
            if not wide:
                return [*_copies(model(*positional, **named)), *_kept(model)]
            with watching(_nobody, double=True, smooth=smooth):
                output = model(*positional, **named)
            return [*_copies(output), *_kept(model)]

    return go


def _nobody(*_: Any) -> None:
    pass


def _copies(output: Any) -> list[Any]:
    return [one.detach().clone() for one in tensors_of(output)]


def _kept(model: Any) -> list[Any]:
    """What a pass leaves in attributes: somebody may read it there."""
    import torch

    found = [
        value for module in model.modules() for _, value in sorted(vars(module).items()) if isinstance(value, torch.Tensor)
    ]
    return [one.detach().clone() for one in found]


def difference(old: list[Any], new: list[Any]) -> float:
    """The largest difference, relative to the largest value of the output it is in; infinite where the outputs cannot be compared."""
    if len(old) != len(new) or not old:
        return float("inf")
    return max((_one_difference(a, b) for a, b in zip(old, new, strict=True)), default=float("inf"))


def _one_difference(a: Any, b: Any) -> float:
    import torch

    if a.shape != b.shape:
        return float("inf")
    if not (a.is_floating_point() or a.is_complex()):
        return 0.0 if torch.equal(a, b) else float("inf")
    finite = a.isfinite()
    if not torch.equal(finite, b.isfinite()) or not torch.equal(a[~finite].nan_to_num(), b[~finite].nan_to_num()):
        return float("inf")
    if not finite.any():
        return float("inf") if a.numel() else 0.0
    a, b = a[finite], b[finite]
    size = a.abs().max().item()
    return float((a - b).abs().max().item() / (size or 1.0))


def compared(pair: Pair, inputs: Inputs, *, wide: bool, smooth: bool = False) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """The outputs of both in each mode. The training step moves running statistics, which the last mode shows."""
    for mode in MODES:
        go = run(pair, inputs, training=mode == "training", wide=wide, smooth=smooth)
        yield mode, go(pair.old), go(pair.new)


def structure(pair: Pair, inputs: Inputs, dropped: set[str], only: str = "") -> tuple[list[Comparison], Folded]:
    """Whether folding works whatever the values are: all drawn at random, and every bent function replaced by a curve.

    With `only`, all other dropped biases are zero: what is left is this one's.
    """
    import torch

    old, new = pair.old, pair.new
    with preserved(old), preserved(new):
        draw(pair, inputs, dropped, only)
        with torch.no_grad():
            go = run(pair, inputs, training=False, wide=True, smooth=True)
            record, _ = recorded(old, go)
            found, _ = folded(new, record, go)
        pairs = compared(pair, inputs.again(inputs.seed + 1), wide=True, smooth=True)
        comparisons = [Comparison(f"{mode}, random values", difference(a, b), FLOAT64_BOUND) for mode, a, b in pairs]
        return comparisons + list(_elsewhere(pair, inputs)), found


def _elsewhere(pair: Pair, inputs: Inputs) -> Iterator[Comparison]:
    """The same far away from usual values, and on a batch of one, as far as the old model has outputs there.

    Here functions keep their bends: what is meant is what stand-ins do not reach, as a condition on the values.
    """
    for what, change in (("evaluation on large inputs", _far), ("evaluation on a batch of one", _single)):
        go = run(pair, inputs.changed(change), training=False, wide=True)
        try:
            a = go(pair.old)
        except Exception:  # it wants other shapes or values
            continue
        if all(one.isfinite().all() for one in a if one.is_floating_point()):
            yield Comparison(f"{what}, random values", difference(a, go(pair.new)), FLOAT64_BOUND)


def draw(pair: Pair, inputs: Inputs, dropped: set[str], only: str) -> None:
    """Make both models float64, and give both the same random values."""
    import torch

    gradient_test.widen(pair.old)
    gradient_test.widen(pair.new)
    gradient_test.randomise(pair.old, inputs.seed)
    _randomise_statistics(pair.old, inputs.seed)
    with torch.no_grad():
        for key, tensor in tensors_by_name(pair.old).items():
            if only and key in dropped and key != only:
                tensor.zero_()
        _copy(pair.old, pair.new)


def _randomise_statistics(model: Any, seed: int) -> None:
    """Statistics away from zero and one, scales of either sign: a ReLU behind a norm hides one side of what arrives."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name, buffer in model.named_buffers():
        if buffer is not None and buffer.is_floating_point() and name.rpartition(".")[2] in ("running_mean", "running_var"):
            drawn = torch.rand(buffer.shape, generator=generator, dtype=torch.float64)
            buffer.copy_(drawn + 0.5 if name.endswith("var") else drawn - 0.5)
    for module in model.modules():
        scale = getattr(module, "weight", None)
        if "running_mean" in module._buffers and isinstance(scale, torch.Tensor):
            signs = torch.randint(0, 2, scale.shape, generator=generator) * 2 - 1
            scale.data.mul_(signs.to(scale.dtype))


def _copy(old: Any, new: Any) -> None:
    values = tensors_by_name(old)
    for key, tensor in tensors_by_name(new).items():
        if key in values:
            tensor.copy_(values[key])


def fold(pair: Pair, load: Callable[[], None], inputs: Inputs) -> tuple[Folded, dict[str, Any], list[Comparison], list[Any]]:
    """Fold one checkpoint's values, in float64: the adjusted values by key, how the models compare, the old one's outputs.

    `load` puts the checkpoint's values into both models.
    """
    import torch

    old, new = pair.old, pair.new
    with preserved(old), preserved(new):
        gradient_test.widen(old)
        gradient_test.widen(new)
        with torch.no_grad():
            load()
            go = run(pair, inputs, training=False, wide=True)
            record, _ = recorded(old, go)
            found, _ = folded(new, record, go)
            values = {
                key: tensor.detach().clone() for key, tensor in tensors_by_name(new).items() if key in _tied(new, found.changed)
            }
            pairs = list(compared(pair, inputs.again(inputs.seed + 1), wide=True))
        return (
            found,
            values,
            [Comparison(f"{mode}, float64", difference(a, b), FLOAT64_BOUND) for mode, a, b in pairs],
            pairs[0][1],
        )


def _tied(model: Any, keys: set[str]) -> set[str]:
    """The keys, and all others of the same tensors."""
    tensors = tensors_by_name(model)
    same = {id(tensors[key]) for key in keys}
    return {key for key, tensor in tensors.items() if id(tensor) in same}


def own_precision(pair: Pair, load: Callable[[], None], inputs: Inputs, wide: list[Any], least: float) -> list[Comparison]:
    """How the models compare in the precision that they have, with the values as they are written.

    `wide` are the old model's evaluation outputs in float64: the bound is widened where its own rounding errors are larger.
    """
    import torch

    old, new = pair.old, pair.new
    found = []
    with preserved(old), preserved(new):
        with torch.no_grad():
            load()
        bound = 0.0
        for mode, a, b in compared(pair, inputs.again(inputs.seed + 1), wide=False):
            if not bound:  # by the evaluation: in training, random draws depend on the precision
                own = difference([one.double() if one.is_floating_point() else one for one in a], wide)
                bound = max(least, min(OWN_ERROR * own, _MOST_OWN))
            found.append(Comparison(f"{mode}, {_precision(old)}", difference(a, b), bound))
    return found


def _precision(model: Any) -> str:
    kinds = {str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.is_floating_point()}
    return " and ".join(sorted(kinds)) or "float32"
