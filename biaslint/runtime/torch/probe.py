"""A short training of a PyTorch model on the given data, from several seeds: how the loss falls at first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss
from biaslint.runtime.torch import losses, session
from biaslint.runtime.torch.devices import on_processor
from biaslint.runtime.torch.function_watch import tensors_of
from biaslint.runtime.torch.random_paths import seed_all
from biaslint.runtime.torch.starts import apply

_RATE = 1e-3  # of the optimizer where none is named
Batch = tuple[list[Any], dict[str, Any], Any]


def probe(rebuild: Callable[[], Any], job: Job, observed: Observed, say: Any) -> None:
    """Write the losses of the trainings into the facts. Raises TargetError where the data has nothing to train on."""
    with on_processor(observed.notes):
        for number in range(job.seeds):
            say("training", number / job.seeds)
            seed_all(job.seed + number)
            model = rebuild()
            seed_all(job.seed + number)
            observed.curves.append(_train(model, job, job.seed + number, observed))


def _batches(model: Any, job: Job, seed: int) -> Iterator[Batch]:
    """The batches of so many steps, from the beginning again where the data ends."""
    read = list(islice(data.training_batches(job.data, job.batch, seed), job.steps))
    parts = [inputs.split_batch(batch) for batch in read]
    if any(labels is None for _, _, labels in parts) or not parts:
        raise TargetError(f"--steps: {job.data} gave {'batches without labels' if parts else 'no batch'}")
    for positional, named, labels in islice(cycle(parts), job.steps):
        yield *session.arguments(model, positional, named), session.as_labels(labels)


def _train(model: Any, job: Job, seed: int, observed: Observed) -> list[float]:
    model = getattr(model, "_orig_mod", model)
    losses_seen: list[float] = []
    loss: Any = load_loss(job.loss) if job.loss else None
    optimiser: Any = None
    for positional, named, labels in _batches(model, job, seed):
        if optimiser is None:
            if loss is None:
                loss = session.own_loss(model, job, positional, named, labels)
            model(*positional, **named)  # gives lazy layers their shapes
            apply(model, job.changes)
            optimiser = _optimiser(model, job)
            seed_all(seed)
        model.train()
        optimiser.zero_grad()
        outputs = model(*positional, **named)
        output = next(tensor for tensor in tensors_of(outputs) if tensor.is_floating_point())
        if loss is None:
            loss = losses.default(observed.targets.kind if observed.targets else "", output, labels)[0]
        value = losses.call(loss, output, outputs, labels).mean()
        losses_seen.append(float(value.detach()))
        if not math.isfinite(losses_seen[-1]):
            break
        value.backward()
        optimiser.step()
    name = getattr(loss, "__name__", type(loss).__name__)
    rate = optimiser.param_groups[0].get("lr", _RATE)
    observed.trained_with = f"{type(optimiser).__name__}, learning rate {float(rate):g}, {name}"
    return losses_seen


def _optimiser(model: Any, job: Job) -> Any:
    """The user's own for this model, else Adam."""
    import torch

    made = session.optimiser(model, job)
    mine = {id(one) for one in model.parameters()}
    if made is not None and any(id(one) in mine for group in made.param_groups for one in group["params"]):
        return made
    return torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=_RATE)
