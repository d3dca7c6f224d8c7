"""From a Flax model and a job to measurements: inputs, labels and loss."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.facts.expected_labels import shape_text
from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.facts.task import Task
from biaslint.runtime.flax import measuring, modes, size
from biaslint.runtime.flax.live import Live, live
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.inputs import Spec
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, load_loss

USUAL = ((64, 64, 3), (28, 28, 1), (32, 32, 3), (16, 8), (8,), (32,), (784,))


def _shapes(model: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The shapes of the model's parameters and states, as these inputs make them; nothing is computed for that."""
    import jax

    flags = modes.flags_of(type(model).__call__)

    def run() -> Any:
        if hasattr(model, "init"):
            keys = {name: jax.random.key(0) for name in ("params", "dropout", "default", "noise", "drop_path")}
            return model.init(keys, *args, **{**flags, **kwargs})
        return None

    return jax.eval_shape(run)


def _fails(model: Any, args: list[Any], kwargs: dict[str, Any], job: Job) -> str:
    """Why a model does not take these inputs. Raises TargetError where there is no room for it."""
    try:
        shapes = _shapes(model, args, kwargs)
        if shapes is not None:
            size.check(shapes, job)
        else:
            from flax import nnx

            size.check(nnx.state(model), job)
            model(*args, **{**modes.flags_of(type(model).__call__), **kwargs})
    except TargetError:
        raise
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ""


def refusal(model: Any, args: list[Any], kwargs: dict[str, Any], seed: int) -> str:
    """Why the model does not run on a batch; "" where it does run."""
    why = _fails(model, args, kwargs, Job(type(model).__name__, seed=seed))
    given = ", ".join(f"{one.dtype} {shape_text(one.shape)}" for one in (*args, *kwargs.values()) if hasattr(one, "shape"))
    return f"{type(model).__name__} does not run on the batch ({given}): {why}" if why else ""


def feed(model: Any, job: Job) -> tuple[list[Any], dict[str, Any], list[str]]:
    """Inputs by `--input`, or by guessing."""
    if job.inputs:
        specs = [inputs.parse(text) for text in job.inputs]
        made = [(spec, inputs.arrays(spec, job.batch, job.seed + index)) for index, spec in enumerate(specs)]
        args, kwargs = [value for spec, value in made if not spec.name], {spec.name: value for spec, value in made if spec.name}
        failure = _fails(model, args, kwargs, job)
        if failure:
            raise TargetError(f"the model could not be run on {', '.join(map(str, specs))} (batch {job.batch}): {failure}")
        return args, kwargs, [str(spec) for spec in specs]
    tried = []
    for shape in USUAL:
        spec = Spec(shape)
        args = [inputs.arrays(spec, job.batch, job.seed)]
        failure = _fails(model, args, {}, job)
        if not failure:
            return args, {}, [f"{spec} (guessed)"]
        tried.append(f"{spec}: {failure}")
    raise TargetError(
        f"no --input was given, and guesses failed ({'; '.join(tried[:3])}). Pass --input SHAPE for each input, without the batch, as in --input 64x64x3"
    )


def from_data(job: Job) -> tuple[list[Any], dict[str, Any], list[Any]]:
    """The inputs of the first batch, and the labels of all that are read."""
    taken, first = [], None
    for batch in data.batches(job.data, job.batch, job.data_batches, job.seed):
        positional, named, found = inputs.split_batch(batch)
        first = first if first is not None else (positional, named)
        if found is not None:
            taken.append(measuring.as_numpy(found))
    if first is None:
        raise TargetError(f"--data {job.data} yielded no batch")
    return *first, taken


def observe(model: Any, job: Job, stated: TargetFacts | None, say: Any) -> Observed:
    """Measure a Flax model as the job says."""
    import numpy

    if job.weights:
        raise TargetError("--weights is not supported for Flax models: load them where the model is built")
    loss: Any = load_loss(job.loss) if job.loss else None
    say("feeding", 0.15)
    labels = more = None
    if job.data:
        args, kwargs, taken = from_data(job)
        failure = _fails(model, args, kwargs, job)
        if failure:
            raise TargetError(f"the model could not be run on the first batch of {job.data}: {failure}")
        described = [f"{job.data} (first batch)"]
        if taken:
            labels = taken[0]
            more = numpy.concatenate([one for one in taken if one.shape[1:] == labels.shape[1:]]) if labels.ndim else None
    else:
        args, kwargs, described = feed(model, job)
    known: Live = live(model, args, kwargs, job.seed)
    observed = measuring.measure(
        known,
        Task(labels, more, loss, stated=stated, output=job.output),
        name=type(model).__name__,
        seed=job.seed,
        threshold=job.dead_ratio or 0.0,
        progress=say,
    )
    first = next((one for one in (*args, *kwargs.values()) if hasattr(one, "shape")), None)
    observed.inputs, observed.batch = described, int(first.shape[0]) if first is not None and first.ndim else 0
    return observed
