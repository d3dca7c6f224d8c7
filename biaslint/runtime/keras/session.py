"""From a built Keras model and a job to measurements: inputs, labels and loss."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras import measuring, tracing
from biaslint.runtime.keras.guessing import guesses
from biaslint.runtime.keras.layers import all_layers, array
from biaslint.runtime.keras.starts import apply
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def shaped(model: Any, positional: list[Any], named: dict[str, Any]) -> Any:
    """Inputs as the model takes them."""
    if named:
        return named
    return positional[0] if len(positional) == 1 else positional


def _fails(model: Any, fed: Any) -> str:
    try:
        measuring.run_model(model, fed, False)
    except Exception as error:
        text = _COLOR.sub("", str(error))
        lines = [
            line for line in text.splitlines() if line.strip() and not line.startswith("Exception encountered when calling")
        ]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ""


def refusal(model: Any, fed: Any) -> str:
    """Why the model does not run on a batch, and what it expects; "" where it does run."""
    why = _fails(model, fed)
    expects = getattr(model, "input_shape", None)
    return (
        f"{type(model).__name__} does not run on the batch: {why}" + (f". Its input shape is {expects}" if expects else "")
        if why
        else ""
    )


def feed(model: Any, job: Job) -> tuple[Any, list[str]]:
    """Inputs by `--input`, or by guessing."""
    if job.inputs:
        specs = [inputs.parse(text) for text in job.inputs]
        made = [(spec, inputs.arrays(spec, job.batch, job.seed + index)) for index, spec in enumerate(specs)]
        fed = shaped(
            model, [value for spec, value in made if not spec.name], {spec.name: value for spec, value in made if spec.name}
        )
        failure = _fails(model, fed)
        if failure:
            raise TargetError(
                f"the model could not be run on {', '.join(map(str, specs))} (batch {job.batch}): {failure}. Its input shape is {getattr(model, 'input_shape', 'not known')}"
            )
        return fed, [str(spec) for spec in specs]
    tried = []
    for specs in guesses(model):
        fed = shaped(model, [inputs.arrays(spec, job.batch, job.seed + index) for index, spec in enumerate(specs)], {})
        failure = _fails(model, fed)
        if not failure:
            return fed, [f"{spec} (guessed)" for spec in specs]
        tried.append(f"{', '.join(map(str, specs))}: {failure}")
    raise TargetError(
        f"no --input was given, and guesses failed ({'; '.join(tried[:4])}). Pass --input SHAPE for each input, without the batch, as in --input 64x64x3"
    )


def observe(model: Any, job: Job, stated: TargetFacts | None, say: Any) -> Observed:
    """Measure a Keras model as the job says."""
    import numpy

    if job.weights:
        if not Path(job.weights).is_file():
            raise TargetError(f"no such file: {job.weights}")
        model.load_weights(job.weights)
    loss: Any = None
    if job.loss:
        loss = load_loss(job.loss)
    elif getattr(model, "loss", None) is not None and not isinstance(model.loss, (dict, list)):
        loss = model.loss
    say("feeding", 0.15)
    labels = more = None
    if job.data:
        taken, first = [], None
        for batch in data.batches(job.data, job.batch, job.data_batches, job.seed):
            positional, named, found = inputs.split_batch(batch)
            first = first if first is not None else shaped(model, positional, named)
            if found is not None:
                taken.append(array(found))
        if first is None:
            raise TargetError(f"--data {job.data} yielded no batch")
        failure = _fails(model, first)
        if failure:
            raise TargetError(f"the model could not be run on the first batch of {job.data}: {failure}")
        fed, described = first, [f"{job.data} (first batch)"]
        if taken:
            labels = taken[0]
            more = numpy.concatenate([one for one in taken if one.shape[1:] == labels.shape[1:]]) if labels.ndim else None
    else:
        fed, described = feed(model, job)
    layers = all_layers(model)
    notes = apply(layers, job.changes)
    observed = measuring.measure(
        model,
        fed,
        Task(labels, more, loss, stated=stated, output=job.output),
        chains=tracing.origins(layers),
        seed=job.seed,
        threshold=max(job.dead_ratio or 0.0, measuring.THRESHOLD),
        progress=say,
    )
    observed.notes += notes
    first_array = fed if hasattr(fed, "shape") else next(iter(fed.values() if isinstance(fed, dict) else fed))
    observed.inputs, observed.batch = described, int(first_array.shape[0])
    return observed
