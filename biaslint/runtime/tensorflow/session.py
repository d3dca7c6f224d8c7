"""From eager TensorFlow code and a job to measurements."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras.layers import array
from biaslint.runtime.keras.measuring import THRESHOLD
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss
from biaslint.runtime.tensorflow import measuring, saved_graph, tracing
from biaslint.runtime.tensorflow.saved_graph import SavedGraph


def observe(model: Any, job: Job, stated: TargetFacts | None, say: Any) -> Observed:
    """Measure a `tf.Module` or a function as the job says."""
    import numpy
    import tensorflow as tf

    saved = isinstance(model, SavedGraph)
    if not callable(model) and not saved:
        raise TargetError(
            f"{job.target} gave a {type(model).__name__} that cannot be called: give it a __call__, or name a function that returns one"
        )
    loss = load_loss(job.loss) if job.loss else None
    labels = more = None
    if job.data:
        taken, first = [], None
        for batch in data.batches(job.data, job.batch, job.data_batches, job.seed):
            positional, named, found = inputs.split_batch(batch)
            first = first if first is not None else [*positional, *named.values()]
            taken += [] if found is None else [array(found)]
        if first is None:
            raise TargetError(f"--data {job.data} yielded no batch")
        fed, described = [tf.convert_to_tensor(array(one)) for one in first], [f"{job.data} (first batch)"]
        if taken:
            labels, more = taken[0], numpy.concatenate(taken) if taken[0].ndim else None
    elif job.inputs or saved:
        specs = [inputs.parse(text) for text in job.inputs] or _own(model)
        fed = [tf.convert_to_tensor(inputs.arrays(spec, job.batch, job.seed + index)) for index, spec in enumerate(specs)]
        described = [f"{spec}{'' if job.inputs else ' (guessed)'}" for spec in specs]
    else:
        raise TargetError(
            "TensorFlow code does not declare its inputs: pass --input SHAPE for each argument, without the batch, as in --input 224x224x3"
        )
    say("feeding", 0.15)
    task = Task(labels, more, loss, stated=stated, output=job.output)
    if saved:
        return _saved(model, fed, described, task, job)
    with tracing.tracing():  # some make their variables when they are first called
        try:
            model(*fed)
        except Exception as error:
            lines = str(error).strip().splitlines()
            raise TargetError(
                f"{job.target} could not be run on {', '.join(described)} (batch {job.batch}): {type(error).__name__}: {lines[0] if lines else ''}"
            ) from None
    observed = measuring.measure(
        model,
        fed,
        measuring.variables_of(model, tracing.variables()),
        task,
        seed=job.seed,
        threshold=max(job.dead_ratio or 0.0, THRESHOLD),
        progress=say,
    )
    observed.inputs, observed.batch = described, int(fed[0].shape[0])
    return observed


def _own(model: SavedGraph) -> list[inputs.Spec]:
    """What the graph says that it wants, sizes that it leaves open filled in."""
    return [
        inputs.Spec(
            tuple(64 if part is None and len(shape) > 3 else part or 16 for part in shape[1:]),
            type="int" if kind.is_integer else "float",
            low=0 if kind.is_integer else None,
            high=2 if kind.is_integer else None,
        )
        for _, shape, kind in model.inputs
    ]


def _saved(model: SavedGraph, fed: list[Any], described: list[str], task: Task, job: Job) -> Observed:
    import tensorflow as tf

    wanted = ", ".join(f"{name}: {'x'.join(str(part) for part in shape[1:])}" for name, shape, _ in model.inputs)
    try:
        fed = [tf.cast(one, kind) for one, (_, _, kind) in zip(fed, model.inputs, strict=True)]
        observed = saved_graph.measure(model, fed, task)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        lines = str(error).strip().splitlines()
        raise TargetError(
            f"{job.target} could not be run on {', '.join(described)} (batch {job.batch}): {type(error).__name__}: "
            f"{lines[0] if lines else ''}. Its signature is {wanted}"
        ) from None
    observed.inputs, observed.batch = described, int(fed[0].shape[0])
    return observed
