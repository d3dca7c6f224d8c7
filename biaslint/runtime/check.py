"""Checking in Python how a model starts: `check_start` and `assert_good_start`, in the process that has the model."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from biaslint.config.thresholds import Thresholds
from biaslint.runtime.facts.observed import Observed, TargetFacts
from biaslint.runtime.facts.output_kind import OUTPUTS
from biaslint.runtime.facts.task import Task
from biaslint.runtime.report.start import StartReport
from biaslint.runtime.target.data import first_batch
from biaslint.runtime.target.inputs import split_batch
from biaslint.runtime.target.targets import TargetError, is_model
from biaslint.runtime.verdict.result import judged_result


def check_start(
    model: Any,
    batch: Any = None,
    *,
    labels: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    prior: Sequence[float] | float | None = None,
    target_mean: Sequence[float] | float | None = None,
    output: str = "",
    thresholds: Thresholds | None = None,
    variables: Any = None,
    seed: int = 0,
) -> StartReport:
    """Measure how a PyTorch, Keras or Flax model starts, and leave it and every source of chance as they were.

    `batch` is what a data loader yields: inputs, or inputs and labels; with `labels`, all of it are inputs. Of a data loader, a data set
    or a data module, the first batch is taken. Without a batch, inputs are worked out. A linen module is measured with its `variables`
    (all collections, or the parameters alone), or as `init` makes them with `seed`. `prior` are the classes' shares (or the share of
    positives), `output` is "softmax", "sigmoid" or "regression". A batch or loss that the model does not take is a ValueError that says
    what is expected, a loss or optimizer of the wrong type a TypeError.
    """
    if output not in ("", *OUTPUTS):
        raise ValueError(f"output is {output!r}; choose {', '.join(OUTPUTS)}")
    framework = is_model(model)
    if framework not in ("torch", "keras", "flax"):
        raise TypeError(f"{type(model).__name__} is not a PyTorch, Keras or Flax model")
    if variables is not None and not hasattr(model, "init_with_output"):
        raise TypeError(f"a {type(model).__name__} has its own parameters: `variables` is for linen modules")
    if isinstance(optimizer, type):
        raise TypeError(f"optimizer is the class {optimizer.__name__}; pass one that was made for the model's parameters")
    task = Task(labels, None, _usable(loss, framework), optimizer, _stated(prior, target_mean), output)
    with _chance_kept():
        try:
            batch = first_batch(batch, seed=seed)
            if framework == "flax":
                observed = _flax(model, batch, task, seed, variables)
            else:
                observed = (_torch if framework == "torch" else _keras)(model, batch, task, seed)
        except TargetError as error:
            what = f"inputs of {type(model).__name__} could not be guessed; pass a batch" if batch is None else str(error)
            raise ValueError(what) from error
    if loss is not None and (why := observed.inconclusive.get("initial-loss")):
        raise ValueError(why)
    observed.target = observed.target or type(model).__name__
    verdict, result = judged_result(observed, thresholds)
    return StartReport(observed, verdict, result.findings)


def assert_good_start(
    model: Any, batch: Any = None, *, fail_on: str = "warning", ignore: Sequence[str] = (), **options: Any
) -> StartReport:
    """`check_start`, and an AssertionError where it finds something of this severity. `ignore` lists codes or names of rules."""
    report = check_start(model, batch, **options)
    bad = [one for one in report.at_least(fail_on) if one.rule not in ignore and one.name not in ignore]
    if bad:
        said = "\n".join(f"{one.rule} {one.message}" + (f"\n    {one.advice}" if one.advice else "") for one in bad)
        raise AssertionError(f"{type(model).__name__} does not start well:\n{said}")
    if report.observed.inconclusive:
        failed = "; ".join(f"{name}: {why}" for name, why in report.observed.inconclusive.items())
        raise AssertionError(f"how {type(model).__name__} starts could not be measured: {failed}")
    return report


def _usable(loss: Any, framework: str) -> Any:
    """A loss that can be called; a class is called without arguments first. Keras has losses by name, too."""
    if framework == "keras" and isinstance(loss, str):
        from biaslint.runtime.keras.losses import check_name

        check_name(loss)
        return loss
    if loss is not None and not callable(loss):
        raise TypeError(
            f"loss is {loss!r}; pass a function of {'labels and outputs' if framework == 'keras' else 'outputs and labels'}"
        )
    if not isinstance(loss, type):
        return loss
    try:
        return loss()
    except TypeError as error:
        raise TypeError(f"loss is the class {loss.__name__}, which needs arguments; pass one that is made ({error})") from None


def _measured(measuring: Callable[[], Observed], why_not: Callable[[], str]) -> Observed:
    """The measurements, or a ValueError that says what the model expects where it does not run on the batch."""
    try:
        return measuring()
    except Exception as error:
        if reason := why_not():
            raise ValueError(reason) from error
        raise


def _stated(prior: Any, mean: Any) -> TargetFacts | None:
    if prior is not None:
        shares = [float(share) for share in ([prior] if isinstance(prior, (int, float)) else prior)]
        return TargetFacts("binary" if len(shares) == 1 else "classes", shares, source="the prior")
    if mean is not None:
        means = [float(one) for one in ([mean] if isinstance(mean, (int, float)) else mean)]
        return TargetFacts("values", means=means, source="the target mean")
    return None


@contextlib.contextmanager
def _chance_kept() -> Iterator[None]:
    """Random numbers drawn afterwards are those that would have been drawn without the check."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    python = random.getstate()
    arrays = numpy.random.get_state() if numpy is not None else None
    with torch.random.fork_rng() if torch is not None else contextlib.nullcontext():
        try:
            yield
        finally:
            random.setstate(python)
            if numpy is not None:
                numpy.random.set_state(arrays)


def _torch(model: Any, batch: Any, task: Task, seed: int) -> Observed:
    from biaslint.runtime.target.job import Job
    from biaslint.runtime.torch import session
    from biaslint.runtime.torch.measuring import measure, observed_batch
    from biaslint.runtime.torch.step_loss import own_optimiser, step_loss

    if batch is None:
        positional, named, fed, _ = session.feed(model, Job(type(model).__name__, seed=seed))
    else:
        positional, named, found = split_batch((batch, task.labels) if task.labels is not None else batch)
        positional, named = session.arguments(model, positional, named)
        task.labels, fed = session.as_labels(found), ["the batch"]
        task.loss = task.loss if task.loss is not None else step_loss(model, batch)
    task.optimiser = task.optimiser if task.optimiser is not None else own_optimiser(model)
    observed = _measured(
        lambda: measure(model, positional, named, task, seed=seed), lambda: session.refusal(model, positional, named)
    )
    observed.inputs, observed.batch = fed, observed_batch(positional, named) or 0
    return observed


def _keras(model: Any, batch: Any, task: Task, seed: int) -> Observed:
    from biaslint.runtime.keras import session
    from biaslint.runtime.keras.measuring import measure
    from biaslint.runtime.target.job import Job

    if batch is None:
        fed, described = session.feed(model, Job(Path(type(model).__name__).name, seed=seed))
    else:
        positional, named, found = split_batch((batch, task.labels) if task.labels is not None else batch)
        fed, task.labels, described = session.shaped(model, positional, named), found, ["the batch"]
    own = getattr(model, "loss", None)
    task.loss = task.loss if task.loss is not None else own if not isinstance(own, (dict, list)) else None
    observed = _measured(lambda: measure(model, fed, task, seed=seed), lambda: session.refusal(model, fed))
    first = fed if hasattr(fed, "shape") else next(iter(fed.values() if isinstance(fed, dict) else fed))
    observed.inputs, observed.batch = described, int(first.shape[0])
    return observed


def _flax(model: Any, batch: Any, task: Task, seed: int, variables: Any) -> Observed:
    from biaslint.runtime.flax import session
    from biaslint.runtime.flax.live import live
    from biaslint.runtime.flax.measuring import as_numpy, measure
    from biaslint.runtime.target.job import Job

    if getattr(model, "scope", None) is not None:  # bound to variables
        model, bound = model.unbind()
        variables = variables if variables is not None else bound
    if batch is None:
        positional, named, described = session.feed(model, Job(type(model).__name__, seed=seed))
    else:
        positional, named, found = split_batch((batch, task.labels) if task.labels is not None else batch)
        task.labels, described = None if found is None else as_numpy(found), ["the batch"]
    observed = _measured(
        lambda: measure(live(model, positional, named, seed, variables), task, name=type(model).__name__, seed=seed),
        lambda: session.refusal(model, positional, named, seed),
    )
    observed.inputs = described
    first = next((one for one in (*positional, *named.values()) if getattr(one, "ndim", 0)), None)
    observed.batch = int(first.shape[0]) if first is not None else 0
    return observed
