"""From a built Keras model and a job to measurements: inputs, labels and loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.keras import measuring, tracing
from biaslint.runtime.keras.layers import all_layers, array
from biaslint.runtime.target import inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss, load_object


def guesses(model: Any) -> list[list[inputs.Spec]]:
    """What a model may want: the shapes that it was built for, unknown sizes filled in."""
    shapes = getattr(model, "input_shape", None)
    found: list[list[inputs.Spec]] = []
    embedding = next((layer for layer in all_layers(model).values() if type(layer).__name__ == "Embedding"), None)
    if shapes is not None:
        several = shapes if isinstance(shapes, list) else list(shapes.values()) if isinstance(shapes, dict) else [shapes]
        for size in (64, 224, 32):
            made = []
            for shape in several:
                wanted = tuple(part if part is not None else size if len(shape) > 3 else 16 for part in shape[1:])
                made.append(
                    inputs.Spec(wanted, type="int", low=0, high=embedding.input_dim)
                    if embedding is not None and len(shape) == 2
                    else inputs.Spec(wanted)
                )
            found.append(made)
        return found
    if embedding is not None:
        found.append([inputs.Spec((16,), type="int", low=0, high=embedding.input_dim)])
    return [*found, *([inputs.Spec(shape)] for shape in ((64, 64, 3), (28, 28, 1), (32, 32, 3), (16, 8), (8,), (32,), (784,)))]


def _shaped(model: Any, positional: list[Any], named: dict[str, Any]) -> Any:
    if named:
        return named
    return positional[0] if len(positional) == 1 else positional


def _fails(model: Any, fed: Any) -> str:
    try:
        measuring._call(model, fed, False)
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ""


def _feed(model: Any, job: Job) -> tuple[Any, list[str]]:
    if job.inputs:
        specs = [inputs.parse(text) for text in job.inputs]
        made = [(spec, inputs.arrays(spec, job.batch, job.seed + index)) for index, spec in enumerate(specs)]
        fed = _shaped(
            model, [value for spec, value in made if not spec.name], {spec.name: value for spec, value in made if spec.name}
        )
        failure = _fails(model, fed)
        if failure:
            raise TargetError(
                f"the model could not be fed with {', '.join(map(str, specs))} (batch {job.batch}): {failure}. Its input shape is {getattr(model, 'input_shape', 'not known')}"
            )
        return fed, [str(spec) for spec in specs]
    tried = []
    for specs in guesses(model):
        fed = _shaped(model, [inputs.arrays(spec, job.batch, job.seed + index) for index, spec in enumerate(specs)], {})
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
        for batch in inputs.batches(load_object(job.data), job.data_batches):
            positional, named, found = inputs.split_batch(batch)
            first = first if first is not None else _shaped(model, positional, named)
            if found is not None:
                taken.append(array(found))
        if first is None:
            raise TargetError(f"--data {job.data} gave no batch")
        failure = _fails(model, first)
        if failure:
            raise TargetError(f"the model could not be fed with the first batch of {job.data}: {failure}")
        fed, described = first, [f"{job.data} (first batch)"]
        if taken:
            labels = taken[0]
            more = numpy.concatenate([one for one in taken if one.shape[1:] == labels.shape[1:]]) if labels.ndim else None
    else:
        fed, described = _feed(model, job)
    layers = all_layers(model)
    observed = measuring.measure(
        model,
        fed,
        labels=labels,
        more_labels=more,
        loss=loss,
        stated=stated,
        chains=tracing.origins(layers),
        seed=job.seed,
        threshold=max(job.dead_ratio or 0.0, measuring.THRESHOLD),
        progress=say,
    )
    first_array = fed if hasattr(fed, "shape") else next(iter(fed.values() if isinstance(fed, dict) else fed))
    observed.inputs, observed.batch = described, int(first_array.shape[0])
    return observed
