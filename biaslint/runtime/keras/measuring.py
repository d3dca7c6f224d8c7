"""Measuring a Keras model (Keras 3 on TensorFlow, PyTorch or JAX, and tf.keras): one plain pass, and the dead-bias test.

Keras computes in float32, so the test's threshold is wider than PyTorch's. An activation inside a layer hides the place where the
bias is added; the layer's activation is wrapped for the time of the test, and gradients are taken at what goes into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from biaslint.runtime.facts.observed import LayerFacts, Observed, OutputFacts, Units
from biaslint.runtime.facts.origins import Frame
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras import changed_biases, losses, watch
from biaslint.runtime.keras.layers import NORMS, all_layers, array, bias_of, classes, histogram, is_affine, layer_facts, numbers

THRESHOLD = 1e-5
DIFFERENTIATED = ("tensorflow", "torch", "jax")
_SHAPES = ("Flatten", "Reshape", "Permute", "Activation", "Softmax", "Dropout", "Squeeze", "Transpose")
_READERS = {
    "ReLU": "relu",
    "BatchNormalization": "batch_norm",
    "LayerNormalization": "layer_norm",
    "GroupNormalization": "group_norm",
}


def _activation_name(layer: Any) -> str:
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return "" if name == "linear" else str(name)


def run_model(model: Any, inputs: Any, training: bool) -> Any:
    """The outputs in training or evaluation mode; of a model that knows no modes, its outputs."""
    try:
        return model(inputs, training=training)
    except TypeError as error:
        if "training" not in str(error):
            raise
        return model(inputs)


def _without_dropout(layers: Sequence[Any]) -> None:
    for layer in layers:
        if any("Dropout" in name or name == "GaussianNoise" for name in classes(layer)) and isinstance(
            getattr(layer, "rate", None), (int, float)
        ):
            layer.rate = 0.0


def _scalar(outputs: Sequence[Any], seed: int) -> Any:
    """A random projection of the outputs."""
    import keras
    import numpy

    generator = numpy.random.default_rng(seed)
    total: Any = 0.0
    for output in outputs:
        weights = generator.standard_normal(tuple(output.shape)).astype("float32")
        if watch.backend() == "torch":
            import torch

            total = total + (output * torch.from_numpy(weights).to(output.device)).sum()
        else:
            total = (
                total + keras.backend.sum(output * weights)
                if not hasattr(keras, "ops")
                else total + keras.ops.sum(output * weights)
            )
    return total


def ratios_of(gradients: Sequence[Any], channels: int, axis: int) -> list[float]:
    """Per channel, |sum of gradients| / sum of |gradients|; NaN where no gradient arrives."""
    import numpy

    signed: Any = 0.0
    absolute: Any = 0.0
    for gradient in gradients:
        rows = numpy.moveaxis(gradient, axis, -1) if axis != -1 else gradient
        rows = rows.reshape(-1, channels) if rows.size % channels == 0 else rows.reshape(-1, rows.shape[-1])
        signed, absolute = signed + rows.sum(0), absolute + numpy.abs(rows).sum(0)
    with numpy.errstate(all="ignore"):
        return [float(ratio) for ratio in numpy.abs(signed) / absolute]


def _dead_pass(model: Any, targets: dict[str, Any], inputs: Any, seed: int) -> tuple[dict[str, list[float] | None], Any]:
    """Per layer, the ratios of one randomised pass; None where the layer was not called."""
    watch.randomise(model, seed)
    record: Any = None
    places: list[tuple[str, Any]] = []

    def run() -> tuple[Any, list[Any]]:
        nonlocal record
        places.clear()
        with watch.watching(list(targets.values())) as record:
            outputs = watch.tensors_of(run_model(model, inputs, True))
            for name, layer in targets.items():
                places.extend((name, tensor) for tensor in record.before_activation.get(id(layer), ()))
            return _scalar(outputs, seed), [tensor for _, tensor in places]

    found = watch.gradients(run)
    gathered: dict[str, list[Any]] = {}
    for (name, _), gradient in zip(places, found, strict=True):
        gathered.setdefault(name, [])
        if gradient is not None:
            gathered[name].append(watch.as_array(gradient))
    ratios: dict[str, list[float] | None] = {}
    for name, layer in targets.items():
        bias = bias_of(layer)
        axis = 1 if getattr(layer, "data_format", "") == "channels_first" else -1
        if name not in gathered:
            ratios[name] = None
        else:
            ratios[name] = ratios_of(gathered[name], math.prod(bias.shape), axis) if bias is not None and gathered[name] else []
    return ratios, record


def _cancellers(record: Any, layer: Any, names: Mapping[int, str]) -> tuple[list[str], list[str]]:
    """The first norms on every path from the layer, as the calls were recorded."""
    pending = [call for call in record.calls if call.operation is layer]
    seen = {id(call) for call in pending}
    kinds: dict[str, None] = {}
    where: dict[str, None] = {}
    while pending:
        call = pending.pop(0)
        for reader in record.readers(call.output):
            if id(reader) in seen:
                continue
            seen.add(id(reader))
            kind = next(
                (NORMS[name] for name in classes(reader.operation) if name in NORMS),
                "softmax" if "Softmax" in type(reader.operation).__name__ else "",
            )
            if kind:
                kinds[kind] = None
                where[names.get(id(reader.operation), "")] = None
            else:
                pending.append(reader)
    return list(kinds), [name for name in where if name]


def dead_biases(
    model: Any, inputs: Any, facts: Sequence[LayerFacts], layers: dict[str, Any], threshold: float, seed: int = 0
) -> None:
    """Write into each affine layer's facts whether its bias is dead."""
    targets = {one.name: layers[one.name] for one in facts if is_affine(layers[one.name])}
    names = {id(layer): name for name, layer in layers.items()}
    everything = list(layers.values())
    with watch.preserved(model, everything):
        _without_dropout(everything)
        passes = [_dead_pass(model, targets, inputs, seed)]
        if any(_some(ratios, threshold) for ratios in passes[0][0].values()):
            passes += [_dead_pass(model, targets, inputs, seed + again) for again in (1, 2)]
            for layer in everything:
                if "BatchNormalization" in classes(layer):
                    layer.trainable = False
            frozen = _dead_pass(model, targets, inputs, seed)[0]
        else:
            frozen = {}
    for one in facts:
        if one.name in targets:
            judge_ratios(one, [ratios[one.name] for ratios, _ in passes], frozen.get(one.name), threshold)
    _let_live(model, inputs, facts, targets, everything, seed)
    for one in facts:
        if one.name not in targets:
            continue
        if one.dead.startswith(("dead", "partial")):
            one.cancelled_how, one.cancelled_by = _cancellers(passes[0][1], targets[one.name], names)
            if not one.cancelled_how and one.dead.endswith("_bn"):
                one.cancelled_how = ["batch norm"]


def _let_live(
    model: Any, inputs: Any, facts: Sequence[LayerFacts], targets: dict[str, Any], everything: Sequence[Any], seed: int
) -> None:
    """What was found dead must leave the outputs as they are when its values change: not every reader passes a gradient on."""
    suspects = {
        one.name: (targets[one.name], one.dead_channels or ())
        for one in facts
        if one.name in targets and one.dead.startswith(("dead", "partial"))
    }
    if not suspects:
        return

    def outputs() -> list[Any]:
        with watch.preserved(model, ()):  # each pass starts with the same stored means
            found = watch.tensors_of(run_model(model, inputs, True))
            return [array(one).astype("float64") for one in found if "float" in str(one.dtype)]

    with watch.preserved(model, everything):
        _without_dropout(everything)
        watch.randomise(model, seed)
        seen = changed_biases.seen(suspects, outputs)
    for one in facts:
        if one.name in seen:
            one.dead, one.dead_channels, one.dead_fraction = "alive", [], 0.0


def _some(ratios: list[float] | None, threshold: float) -> bool:
    return any(ratio < threshold for ratio in ratios or ())


def judge_ratios(one: LayerFacts, every: Sequence[list[float] | None], frozen: list[float] | None, threshold: float) -> None:
    """Write into a layer's facts what the ratios of several randomised passes, and of one with frozen norms, say of its bias."""
    first = every[0]
    if not one.bias_present:
        one.dead = "nobias"
    elif first is None:
        one.dead = "unused"
    else:
        known = [index for index, ratio in enumerate(first) if not math.isnan(ratio)]
        dead = [index for index in known if all(not (ratios[index] >= threshold) for ratios in every if ratios)]
        if not known:
            one.dead = "nograd"
            return
        one.ratio = max(first[index] for index in known)
        one.dead_channels, one.dead_fraction = dead, len(dead) / len(known)
        one.dead = "dead" if len(dead) == len(known) else "partial" if dead else "alive"
        if dead:
            # Without the norms' scaling, values may overflow, or no gradient arrive: that shows nothing.
            shown = [frozen[index] for index in dead if not math.isnan(frozen[index])] if frozen else []
            one.dead += "_always" if shown and all(ratio < threshold for ratio in shown) else "_bn"


def measure(
    model: Any,
    inputs: Any,
    task: Task | None = None,
    *,
    chains: Mapping[str, list[Frame]] | None = None,
    seed: int = 0,
    dead_batch: int = 4,
    threshold: float = THRESHOLD,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Observed:
    """Measure a Keras model on a batch, and leave it as it was found."""
    import keras

    task = task or Task()
    observed = Observed("keras", {"keras": keras.__version__, "backend": watch.backend()}, model=type(model).__name__)
    if not model.built or not model.weights:
        run_model(model, inputs, False)
    layers = all_layers(model)
    observed.parameters = int(sum(math.prod(variable.shape) for variable in model.weights))
    observed.layers = layer_facts(layers, dict(chains or {}))
    observed.targets = losses.targets(task)
    progress("initial outputs", 0.3)
    everything = list(layers.values())
    with watch.preserved(model, everything):
        _without_dropout(everything)
        outputs = _plain_pass(model, inputs, observed, layers, seed)
    kind = losses.of_outputs(outputs, task, observed)
    for index, values in enumerate(outputs[:8]):
        observed.outputs.append(output_facts(f"output {index}", values, kind if index == 0 else ""))
    progress("dead biases", 0.6)
    narrow = sorted({str(layer.compute_dtype) for layer in everything} & {"float16", "bfloat16"})
    if narrow:  # too few digits to tell what is cancelled
        observed.notes.append(f"dead biases not measured: layers compute in {', '.join(narrow)}")
    elif watch.backend() in DIFFERENTIATED:
        few = first_rows(inputs, dead_batch)
        try:
            dead_biases(model, few, observed.layers, layers, threshold, seed)
        except Exception as error:
            said = str(error).strip().splitlines()
            observed.inconclusive["dead-bias"] = f"{type(error).__name__}: {said[0] if said else ''}"
    else:
        observed.notes.append(f"dead biases not measured on the {watch.backend()} backend")
    progress("done", 1.0)
    return observed


def first_rows(value: Any, count: int) -> Any:
    """The first rows of a batch, however nested."""
    if isinstance(value, Mapping):
        return {key: first_rows(item, count) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [first_rows(item, count) for item in value]
    return value[:count]


def output_facts(name: str, output: Any, kind: str) -> OutputFacts:
    """The summary of one output, an array. `kind` says what the targets are."""
    facts = OutputFacts(name, list(output.shape), values=numbers(output))
    facts.histogram, facts.edges = histogram(output, 32)
    rows = output.reshape(-1, output.shape[-1] if output.ndim > 1 else 1)
    facts.class_means = [float(mean) for mean in rows.mean(0)][:5000]
    if kind in ("binary", "classes") and (kind == "binary" or rows.shape[-1] > 1):
        facts.classes = int(rows.shape[-1])
        facts.form, probabilities = losses.probabilities(rows, kind)
        facts.predicted = [float(share) for share in probabilities.mean(0)]
    return facts


def _plain_pass(model: Any, inputs: Any, observed: Observed, layers: dict[str, Any], seed: int) -> list[Any]:
    """The outputs in training mode without dropout, and what each layer put out on the way."""
    affine = [layer for layer in layers.values() if is_affine(layer)]
    record: Any = None
    results: list[Any] = []

    def run() -> tuple[Any, list[Any]]:
        nonlocal record, results
        with watch.watching(affine) as record:
            results = watch.tensors_of(run_model(model, inputs, True))
        floating = [result for result in results if "float" in str(result.dtype)]
        return _scalar(floating, seed) / max(sum(math.prod(result.shape) for result in floating), 1), [
            call.output for call in record.calls
        ]

    if watch.backend() in DIFFERENTIATED:
        slopes = watch.gradients(run)
    else:
        run()
        slopes = [None] * len(record.calls)
    by_layer = {id(layers[one.name]): one for one in observed.layers}
    last = ""
    for order, (call, slope) in enumerate(zip(record.calls, slopes, strict=False)):
        one = by_layer.get(id(call.operation))
        if one is not None:
            if one.order is None:
                one.order = order
                one.output = numbers(call.output)
                one.histogram, one.edges = histogram(call.output, 24)
            if slope is not None:
                one.gradient_scale = float((watch.as_array(slope) ** 2).mean() ** 0.5)
            last = one.name if one.kind in ("conv", "linear", "norm") else last
            one.readers = _readers(record, call)
        if "relu" in (_activation_name(call.operation).removesuffix("6"), type(call.operation).__name__.lower()):
            observed.units.append(_units(call, last))
    _mark_outputs(record, results, by_layer)
    return [array(result) for result in results if "float" in str(result.dtype)]


def _readers(record: Any, call: Any) -> list[str]:
    own = _activation_name(call.operation)
    if own:
        return [own]
    names = []
    for reader in record.readers(call.output):
        name = type(reader.operation).__name__
        names.append(_activation_name(reader.operation) or _READERS.get(name, name.lower()))
    return list(dict.fromkeys(names)) or ["output"]


def _units(call: Any, last: str) -> Units:
    values = array(call.output)
    axis = 1 if getattr(call.operation, "data_format", "") == "channels_first" and values.ndim > 2 else values.ndim - 1
    dead = (values <= 0).all(axis=tuple(other for other in range(values.ndim) if other != axis))
    return Units(str(getattr(call.operation, "name", "")), last, int(dead.size), int(dead.sum()))


def _mark_outputs(record: Any, results: Sequence[Any], by_layer: Mapping[int, LayerFacts]) -> None:
    for result in results:
        tensor, activation = result, ""
        for _ in range(6):
            call = next((call for call in reversed(record.calls) if call.output is tensor), None)
            if call is None:
                break
            name = _activation_name(call.operation) or ("softmax" if type(call.operation).__name__ == "Softmax" else "")
            activation = activation or name
            one = by_layer.get(id(call.operation))
            if one is not None:
                one.is_output, one.output_activation = True, activation
                break
            if not type(call.operation).__name__.startswith(_SHAPES) or not call.inputs:
                break
            tensor = call.inputs[0]
    if results and not any(one.is_output for one in by_layer.values()):
        # A function of the framework stands behind the last layer: one that puts out as many channels is meant.
        last = next((one for call in reversed(record.calls) if (one := by_layer.get(id(call.operation))) is not None), None)
        if last is not None and last.kind in ("conv", "linear") and last.channels == results[0].shape[-1]:
            last.is_output = True
