"""Measuring low-level TensorFlow 2 code: a `tf.Module` or a function over variables, run eagerly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from biaslint.runtime.facts.observed import LayerFacts, Observed, Units
from biaslint.runtime.facts.origins import Frame
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras import losses
from biaslint.runtime.keras.layers import array, histogram, numbers
from biaslint.runtime.keras.measuring import THRESHOLD, first_rows, judge_ratios, output_facts, ratios_of
from biaslint.runtime.keras.watch import tensors_of
from biaslint.runtime.tensorflow import watch


def variables_of(model: Any, traced: Sequence[tuple[Any, list[Frame]]]) -> list[tuple[Any, list[Frame]]]:
    """The model's variables with their origins: a module's own, or all that were made while a function was built."""
    owned = {id(variable) for variable in getattr(model, "variables", ())}
    return [(variable, chain) for variable, chain in traced if not owned or id(variable) in owned]


def _randomise(variables: Sequence[Any], seed: int) -> None:
    import numpy

    generator = numpy.random.default_rng(seed)
    for variable in variables:
        shape = tuple(variable.shape)
        if not variable.trainable or "float" not in str(variable.dtype):
            continue
        fan_in = float(numpy.prod(shape[:-1])) if len(shape) > 1 else 4.0
        variable.assign(
            (generator.standard_normal(shape) * math.sqrt(1.5 / max(fan_in, 1.0))).astype(variable.dtype.as_numpy_dtype)
        )


def _pass(model: Any, inputs: Sequence[Any], seed: int, *, dropout: bool = False) -> tuple[Any, list[Any], list[Any]]:
    """One forward pass and the gradients of a random projection: the record, the gradients at its sums, the outputs."""
    import numpy
    import tensorflow

    generator = numpy.random.default_rng(seed)
    with tensorflow.GradientTape() as tape, watch.watching(dropout=dropout) as record:
        outputs = [one for one in tensors_of(model(*inputs)) if "float" in str(one.dtype)]
        total: Any = 0.0
        for output in outputs:
            total = total + tensorflow.reduce_sum(
                output * generator.standard_normal(tuple(output.shape)).astype(output.dtype.as_numpy_dtype)
            )
    gradients = tape.gradient(total, [one.result for one in record.sums]) if record.sums else []
    return record, gradients, outputs


def _facts(variables: Sequence[tuple[Any, list[Frame]]], record: Any) -> list[LayerFacts]:
    """A layer for each bias that is added to a product, in the order of the additions."""
    chains = {id(variable): chain for variable, chain in variables}
    found: dict[int, LayerFacts] = {}
    for order, one in enumerate(record.sums):
        if id(one.bias) in found:
            continue
        facts = LayerFacts(
            one.bias.name.split(":")[0], one.operation, one.operation, one.kind, chains.get(id(one.bias), []), order
        )
        facts.bias_present, facts.bias_trainable = True, bool(one.bias.trainable)
        facts.bias_values, facts.channels = numbers(one.bias), int(math.prod(one.bias.shape))
        facts.bias_default = "whatever the variable is made with"
        if one.weight is not None:
            facts.weight_trainable = bool(one.weight.trainable)
        facts.output = numbers(one.result)
        facts.histogram, facts.edges = histogram(one.result, 24)
        found[id(one.bias)] = facts
    names: dict[str, int] = {}
    for facts in found.values():  # variables may share a name
        names[facts.name] = names.get(facts.name, 0) + 1
        facts.name += f" ({names[facts.name]})" if names[facts.name] > 1 else ""
    return list(found.values())


def _dead(
    model: Any, few: Sequence[Any], variables: Sequence[Any], facts: Sequence[LayerFacts], threshold: float, seed: int
) -> None:
    by_bias: list[dict[int, list[float]]] = []
    norms: list[str] = []
    for again in range(3):
        _randomise(variables, seed + again)
        record, gradients, _ = _pass(model, few, seed)
        grouped: dict[int, list[Any]] = {}
        axes: dict[int, int] = {}
        for one, gradient in zip(record.sums, gradients, strict=True):
            axes[id(one.bias)] = one.axis
            grouped.setdefault(id(one.bias), [])
            if gradient is not None:
                grouped[id(one.bias)].append(array(gradient).astype("float64"))
        channels = {id(one.bias): int(math.prod(one.bias.shape)) for one in record.sums}
        by_bias.append({key: ratios_of(found, channels[key], axes[key]) if found else [] for key, found in grouped.items()})
        norms = list(dict.fromkeys(record.norms))
    for key, one in zip(by_bias[0], facts, strict=False):
        every = [ratios.get(key) for ratios in by_bias]
        judge_ratios(one, every, every[0], threshold)
        if one.dead.startswith(("dead", "partial")):
            one.cancelled_how = norms[:1]


def measure(
    model: Any,
    inputs: Sequence[Any],
    variables: Sequence[tuple[Any, list[Frame]]],
    task: Task | None = None,
    *,
    seed: int = 0,
    dead_batch: int = 4,
    threshold: float = THRESHOLD,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Observed:
    """Measure eager TensorFlow code, and leave its variables as they were found."""
    import tensorflow

    task = task or Task()
    observed = Observed(
        "tensorflow",
        {"tensorflow": tensorflow.__version__},
        model=getattr(model, "__name__", type(model).__name__),
        mode="eager",
    )
    own = [variable for variable, _ in variables]
    observed.parameters = int(sum(math.prod(variable.shape) for variable in own))
    observed.targets = losses.targets(task)
    before = [(variable, variable.numpy()) for variable in own]
    progress("initial outputs", 0.3)
    try:
        record, gradients, outputs = _pass(model, inputs, seed)
        observed.layers = _facts(variables, record)
        _note_pass(observed, record, gradients, outputs)
        results = [array(one) for one in outputs]
        kind = losses.of_outputs(results, task, observed)
        observed.outputs = [
            output_facts(f"output {index}", result, kind if index == 0 else "") for index, result in enumerate(results[:8])
        ]
        progress("dead biases", 0.6)
        _dead(model, [first_rows(one, dead_batch) for one in inputs], own, observed.layers, threshold, seed)
    finally:
        for variable, value in before:
            variable.assign(value)
    if not observed.layers:
        observed.notes.append(
            "no bias was seen: only biases that are added to a convolution or a product with tf.nn.bias_add or + are"
        )
    progress("done", 1.0)
    return observed


def _note_pass(observed: Observed, record: Any, gradients: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Write into the layers' facts their gradients and readers, and count the ReLUs' dead units."""
    by_bias = dict(zip(dict.fromkeys(id(one.bias) for one in record.sums), observed.layers, strict=True))
    for one, gradient in zip(record.sums, gradients, strict=True):
        facts = by_bias[id(one.bias)]
        if gradient is not None:
            facts.gradient_scale = float((array(gradient).astype("float64") ** 2).mean() ** 0.5)
        facts.is_output = facts.is_output or any(one.result is result for result in outputs)
        read_by_relu = any(source is one.result for source, _ in record.relus)
        facts.readers = ["relu"] if read_by_relu else ["output"] if facts.is_output else []
    for source, result in record.relus:
        layer = next((by_bias[id(one.bias)].name for one in record.sums if one.result is source), "")
        values = array(result)
        dead = (values <= 0).all(axis=tuple(range(values.ndim - 1)))
        observed.units.append(Units("", layer, int(dead.size), int(dead.sum())))
