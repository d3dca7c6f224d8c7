"""A short training of a Keras model on the given data, from several seeds: how the loss falls at first."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.keras import measuring
from biaslint.runtime.keras.layers import all_layers, array
from biaslint.runtime.keras.session import shaped
from biaslint.runtime.keras.starts import apply
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss, load_object

_RATE = 1e-3  # of the optimizer where none is named


def probe(rebuild: Callable[[], Any], job: Job, observed: Observed, say: Any) -> None:
    """Write the losses of the trainings into the facts. Raises TargetError where the data has nothing to train on."""
    import keras

    for number in range(job.seeds):
        say("training", number / job.seeds)
        keras.backend.clear_session()  # layers get the same names again
        keras.utils.set_random_seed(job.seed + number)
        model = rebuild()
        observed.curves.append(_train(model, job, job.seed + number, observed))


def _batches(job: Job, seed: int) -> Iterator[tuple[list[Any], dict[str, Any], Any]]:
    """Inputs and labels of so many steps, from the beginning again where the data ends."""
    read = list(islice(data.training_batches(job.data, job.batch, seed), job.steps))
    parts = [inputs.split_batch(batch) for batch in read]
    if any(labels is None for _, _, labels in parts) or not parts:
        raise TargetError(f"--steps: {job.data} gave {'batches without labels' if parts else 'no batch'}")
    for positional, named, labels in islice(cycle(parts), job.steps):
        yield [array(one) for one in positional], {name: array(one) for name, one in named.items()}, array(labels)


def _train(model: Any, job: Job, seed: int, observed: Observed) -> list[float]:
    import keras

    losses: list[float] = []
    for positional, named, labels in _batches(job, seed):
        fed = shaped(model, positional, named)
        if not losses:
            measuring.run_model(model, fed, False)  # makes the variables of what has none yet
            apply(all_layers(model), job.changes)
            optimiser, loss = _optimiser(model, job), _loss(model, job, labels, observed)
            model.compile(optimizer=optimiser, loss=loss)
            keras.utils.set_random_seed(seed)
            observed.trained_with = f"{type(optimiser).__name__}, learning rate {_rate(optimiser):g}, {_name(loss)}"
        model.reset_metrics()  # the loss is a mean since the last reset
        found = model.train_on_batch(fed, labels)
        losses.append(float(found[0] if isinstance(found, (list, tuple)) else found))
        if not math.isfinite(losses[-1]):
            break
    return losses


def _optimiser(model: Any, job: Job) -> Any:
    """The user's own, as it is before its first step; else Adam."""
    import keras

    made: Any = load_object(job.optimiser) if job.optimiser else getattr(model, "optimizer", None)
    if callable(made) and not hasattr(made, "get_config"):
        for arguments in ((), (model,)):
            with contextlib.suppress(TypeError):
                made = made(*arguments)
                break
    elif isinstance(made, type):
        made = made()
    if job.optimiser and not hasattr(made, "get_config"):
        raise TargetError(f"--optimizer {job.optimiser} returned no optimizer of Keras")
    if hasattr(made, "get_config"):
        return type(made).from_config(made.get_config())
    return keras.optimizers.Adam(_RATE)


def _rate(optimiser: Any) -> float:
    rate = optimiser.learning_rate
    return float(array(rate() if callable(rate) else rate))


def _loss(model: Any, job: Job, labels: Any, observed: Observed) -> Any:
    """The user's own, else the usual one for the labels."""
    import keras

    own = load_loss(job.loss) if job.loss else getattr(model, "loss", None)
    if own is not None:
        return own
    kind = observed.targets.kind if observed.targets else ""
    first = observed.outputs[0]
    logits = first.form == "logits"
    if kind == "classes" and first.classes > 1:
        one_hot = labels.ndim > 1 and labels.shape[-1] == first.classes
        kinds = keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy
        return kinds[not one_hot](from_logits=logits)
    if kind in ("classes", "binary"):
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    return keras.losses.MeanSquaredError()


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))
