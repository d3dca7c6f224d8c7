"""From a built PyTorch model and a job to measurements: inputs, labels, loss and optimiser."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.facts.task import Task
from biaslint.runtime.target import data, inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TRAINERS, TargetError, load_loss, load_object
from biaslint.runtime.torch import gradient_test, guessing, tracing
from biaslint.runtime.torch.devices import on_processor
from biaslint.runtime.torch.function_watch import preserved
from biaslint.runtime.torch.measuring import measure, observed_batch
from biaslint.runtime.torch.misfit import described, reason
from biaslint.runtime.torch.saved import load_weights
from biaslint.runtime.torch.starts import apply
from biaslint.runtime.torch.step_loss import own_optimiser, step_loss


def tensors(value: Any) -> Any:
    """Arrays as tensors, however nested."""
    import numpy
    import torch

    if isinstance(value, numpy.ndarray):
        return torch.from_numpy(numpy.ascontiguousarray(value))
    if isinstance(value, Mapping):
        return {key: tensors(item) for key, item in value.items()}
    if type(value) in (list, tuple):  # a named tuple stays what it is
        return type(value)(tensors(item) for item in value)
    return value


def arguments(model: Any, positional: list[Any], named: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What a forward pass is called with: tensors, and the whole dictionary where the model takes one that it reads by key."""
    named = {key: tensors(value) for key, value in named.items()}
    if named and not positional and _takes_a_dictionary(model, named):
        return [named], {}
    return [tensors(value) for value in positional], named


def _takes_a_dictionary(model: Any, named: dict[str, Any]) -> bool:
    """Whether the forward pass has one parameter without a default, and none with a name of these."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [one for one in parameters if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return len(required) == 1 and not takes_any and not any(one.name in named for one in parameters)


def _try(model: Any, specs: list[inputs.Spec], job: Job) -> tuple[list[Any], dict[str, Any], str]:
    """Feed the model; the inputs, and what went wrong ("" where nothing did)."""
    import torch

    own = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    made = [(spec, _fed(inputs.arrays(spec, job.batch, job.seed + index), spec, own)) for index, spec in enumerate(specs)]
    positional = [value for spec, value in made if not spec.name]
    named = {spec.name: value for spec, value in made if spec.name}
    return positional, named, _fails(model, positional, named)


def _fed(value: Any, spec: inputs.Spec, own: Any) -> Any:
    """Arrays as tensors where the model is; floats in the type that it has, since one of float16 wants its like."""
    import torch

    if spec.nested == "dict":
        return {part.name: _fed(value[part.name], part, own) for part in spec.parts}
    if spec.nested:
        return tuple(_fed(one, part, own) for one, part in zip(value, spec.parts, strict=True))
    if spec.value:
        return value
    tensor = torch.as_tensor(value).to(own.device)
    if spec.type == "bfloat16":
        return tensor.bfloat16()
    return tensor.to(own.dtype) if spec.type == "float" else tensor


def _fails(model: Any, positional: list[Any], named: dict[str, Any]) -> str:
    import torch

    try:
        with preserved(model), torch.no_grad():
            gradient_test.set_training(model, False)
            model(*positional, **named)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ""


def _signature(model: Any) -> str:
    try:
        return f"forward{inspect.signature(model.forward)}"
    except (TypeError, ValueError):
        return "forward"


def refusal(model: Any, positional: list[Any], named: dict[str, Any]) -> str:
    """Why the model does not run on a batch, and what it expects; "" where it does run."""
    why, given = reason(model, positional, named), described([*positional, *named.values()])
    return (
        f"{type(model).__name__} does not run on the batch ({given}): {why}. Its signature is {_signature(model)}"
        if why
        else ""
    )


def feed(model: Any, job: Job) -> tuple[list[Any], dict[str, Any], list[str], bool]:
    """Inputs by `--input`, or by guessing; what they are, and whether their first axis is the batch."""
    if job.inputs:
        specs = [inputs.parse(text) for text in job.inputs]
        positional, named, failure = _try(model, specs, job)
        if failure:
            given = ", ".join(f"{spec} (batch {job.batch})" for spec in specs)
            raise TargetError(
                f"the model could not be run on {given}: {reason(model, positional, named) or failure}. Its signature is {_signature(model)}; pass one --input for each argument without a default, or real data with --data"
            )
        return positional, named, [str(spec) for spec in specs], all(map(inputs.has_plain_batch, specs))
    specs, tried = guessing.find(model, lambda specs: _try(model, specs, job)[2])
    if specs:
        positional, named, _ = _try(model, specs, job)
        return positional, named, [f"{spec} (guessed)" for spec in specs], all(map(inputs.has_plain_batch, specs))
    raise TargetError(
        f"no --input was given, and guesses failed ({'; '.join(tried[:4]) or 'nothing to go by'}). "
        f"Its signature is {_signature(model)}; pass --input SHAPE for each argument, without the batch, as in --input 3x224x224 or --input tokens=20:int[0,1000]"
    )


def as_labels(value: Any) -> Any:
    """Labels as a tensor."""
    import torch

    if value is None:
        return None
    value = tensors(value)
    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def _data(model: Any, job: Job) -> tuple[list[Any], dict[str, Any], Any, Any]:
    """A real batch: its inputs and labels, and the labels of the following batches too."""
    import torch

    taken: list[Any] = []
    first: tuple[list[Any], dict[str, Any]] | None = None
    for batch in data.batches(job.data, job.batch, job.data_batches, job.seed):
        positional, named, labels = inputs.split_batch(batch)
        if first is None:
            first = positional, named
        if labels is not None:
            taken.append(as_labels(labels))
    if first is None:
        raise TargetError(f"--data {job.data} yielded no batch")
    positional, named = arguments(model, *first)
    failure = _fails(model, positional, named)
    if failure:
        given = described([*positional, *named.values()])
        raise TargetError(
            f"the model could not be run on the first batch of {job.data} ({given}): {reason(model, positional, named) or failure}. Its signature is {_signature(model)}"
        )
    alike = [labels for labels in taken if labels.dim() == taken[0].dim() and labels.shape[1:] == taken[0].shape[1:]]
    return positional, named, taken[0] if taken else None, torch.cat(alike) if taken and taken[0].dim() else None


def optimiser(model: Any, job: Job) -> Any:
    """The optimizer that the user names, else that of the trainer or the model; None where there is none."""
    if not job.optimiser:
        return own_optimiser(model, TRAINERS.get(job.data))
    made = load_object(job.optimiser)
    if not callable(made):
        return made
    for argument in (model, list(model.parameters())):
        try:
            found = made(argument)
        except Exception:
            continue
        found = found[0] if isinstance(found, (list, tuple)) else found
        if hasattr(found, "param_groups"):
            return found
    raise TargetError(f"--optimizer {job.optimiser} returned no optimizer for the model or its parameters")


def own_loss(model: Any, job: Job, positional: list[Any], named: dict[str, Any], labels: Any) -> Any:
    """The loss that the trainer or the model itself computes on a batch, None where there is none that can be told."""
    batch = {**named, "labels": labels} if named else [*positional, labels]
    return step_loss(model, batch, TRAINERS.get(job.data))


def observe(model: Any, job: Job, stated: TargetFacts | None, say: Any) -> Observed:
    """Measure a PyTorch model as the job says."""
    notes: list[str] = []
    with on_processor(notes):
        observed = _observe(model, job, stated, say)
    observed.notes += notes
    return observed


def _observe(model: Any, job: Job, stated: TargetFacts | None, say: Any) -> Observed:
    import torch

    model = getattr(model, "_orig_mod", model)  # what torch.compile was given
    if any(one.is_meta for one in model.parameters()):
        raise TargetError("the model has no values to measure: it was built on the meta device")
    if job.threads:
        torch.set_num_threads(job.threads)
    chains = tracing.origins(model) if not isinstance(model, torch.jit.ScriptModule) else {}
    if job.weights:
        load_weights(model, Path(job.weights), job.allow_pickle)
    loss: Any = None
    if job.loss:
        loss = load_loss(job.loss)
    say("feeding", 0.15)
    labels, more, plain = None, None, True
    if job.data:
        positional, named, labels, more = _data(model, job)
        if loss is None and labels is not None:
            loss = own_loss(model, job, positional, named, labels)
        fed = [f"{job.data} (first batch)"]
    else:
        positional, named, fed, plain = feed(model, job)
    notes = apply(model, job.changes)
    observed = measure(
        model,
        positional,
        named,
        Task(labels, more, loss, optimiser(model, job), stated, job.output),
        chains=chains,
        seed=job.seed,
        threshold=job.dead_ratio or gradient_test.THRESHOLD,
        dead_batch=4 if plain else 0,
        untested=job.untested,
        progress=say,
    )
    observed.notes += notes
    observed.inputs, observed.batch = fed, (plain and observed_batch(positional, named)) or job.batch
    return observed
