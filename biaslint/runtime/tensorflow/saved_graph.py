"""A SavedModel, measured: its graph with the variables' values written in, run for what stands on the way to the outputs.

What was exported is the model as it predicts, in inference mode: which biases a batch norm would cancel in training cannot be told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biaslint.runtime.facts.observed import LayerFacts, Observed, Units
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras import losses
from biaslint.runtime.keras.layers import array, histogram, numbers
from biaslint.runtime.keras.measuring import output_facts
from biaslint.runtime.target.targets import TargetError

_PRODUCTS = {
    "Conv2D": "conv",
    "Conv3D": "conv",
    "DepthwiseConv2dNative": "conv",
    "Conv2DBackpropInput": "conv",
    "MatMul": "linear",
    "BatchMatMulV2": "linear",
    "Einsum": "linear",
}
_SUMS = ("BiasAdd", "AddV2", "Add")
_PASSED_ON = ("Identity", "Reshape", "Squeeze", "ExpandDims")
_CALL = "StatefulPartitionedCall/"
_LAST = ("Softmax", "Sigmoid", "Tanh", *_PASSED_ON)


class SavedGraph:
    """What a SavedModel folder puts out: `inputs` are name, shape and type, as it says itself."""

    def __init__(self, path: Path) -> None:
        import tensorflow
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        loaded = tensorflow.saved_model.load(str(path))
        self._loaded = loaded  # the variables live as long as this does
        function = _function(loaded)
        if function is None:
            raise TargetError(f"{path} has neither a signature nor a __call__ that could be run")
        frozen = convert_variables_to_constants_v2(function)
        definition = frozen.graph.as_graph_def()
        wrapped = tensorflow.compat.v1.wrap_function(lambda: tensorflow.graph_util.import_graph_def(definition, name=""), [])
        self._wrapped, self.graph = wrapped, wrapped.graph
        self._feeds = [one.name for one in frozen.inputs]
        self._fetches = [one.name for one in frozen.outputs]
        self.inputs = [(one.name.split(":")[0], tuple(one.shape), one.dtype) for one in frozen.inputs]
        self.parameters = int(sum(math.prod(one.shape) for one in getattr(function, "variables", ())))

    def run(self, fed: Sequence[Any], more: Sequence[Any] = ()) -> tuple[list[Any], list[Any]]:
        """The outputs, and the values of other tensors of the graph, as arrays."""
        names = list(dict.fromkeys([*self._fetches, *(one.name for one in more)]))
        element = self.graph.as_graph_element
        values = self._wrapped.prune([element(name) for name in self._feeds], [element(name) for name in names])(*fed)
        found = dict(zip(names, map(array, values), strict=True))
        return [found[name] for name in self._fetches], [found[one.name] for one in more]

    @property
    def outputs(self) -> list[Any]:
        """The tensors that are put out."""
        return [self.graph.as_graph_element(name) for name in self._fetches]


def _function(loaded: Any) -> Any:
    """What to run: the serving signature, else another one, else the object's own call."""
    signatures = dict(getattr(loaded, "signatures", {}))
    own = getattr(type(loaded), "__call__", None) and getattr(loaded, "__call__", None)  # noqa: B004
    concrete = list(getattr(own, "concrete_functions", ()))
    return signatures.get("serving_default") or next(iter(signatures.values()), None) or next(iter(concrete), None)


def _source(tensor: Any) -> Any:
    """The operation that made a tensor's values, behind those that only hand them on."""
    while tensor.op.type in _PASSED_ON and tensor.op.inputs:
        tensor = tensor.op.inputs[0]
    return tensor.op


def _constant(tensor: Any) -> Any:
    import tensorflow

    source = _source(tensor)
    return tensorflow.make_ndarray(source.get_attr("value")) if source.type == "Const" else None


def _layers(model: SavedGraph) -> list[tuple[LayerFacts, Any]]:
    """Products with the bias that is added to them, in the graph's order, each with its last tensor."""
    ends = set()
    for tensor in model.outputs:
        while tensor.op.type in _LAST and tensor.op.inputs:
            tensor = tensor.op.inputs[0]
        ends.add(tensor.op.name)
    found: list[tuple[LayerFacts, Any]] = []
    for op in model.graph.get_operations():
        if op.type not in _PRODUCTS or not any(_constant(one) is not None for one in op.inputs):
            continue
        last, bias = op, None
        readers = [op]
        while len(readers) == 1 and (readers[0] is op or readers[0].type in _PASSED_ON):
            readers = readers[0].outputs[0].consumers()
        if len(readers) == 1 and readers[0].type in _SUMS:
            values = [value for one in readers[0].inputs if (value := _constant(one)) is not None and value.ndim <= 1]
            if values:
                last, bias = readers[0], values[0]
        inner = op.name.removeprefix(_CALL)
        name = inner.rpartition("/")[0] or inner
        one = LayerFacts(name, f"tf.{op.type}", op.type, _PRODUCTS[op.type], order=len(found))
        one.bias_present = bias is not None
        if bias is not None:
            one.bias_values, one.bias_trainable, one.channels = numbers(bias), True, int(bias.size)
        one.is_output = last.name in ends
        one.readers = ["relu" if reader.type in ("Relu", "Relu6") else reader.type for reader in last.outputs[0].consumers()]
        found.append((one, last.outputs[0]))
    return found


def _before(op: Any, layers: dict[str, str]) -> str:
    """The layer that comes before a ReLU, with a norm or little else in between."""
    for _ in range(8):
        if op.name in layers:
            return layers[op.name]
        inputs = [one.op for one in op.inputs if one.op.type != "Const"]
        if len(inputs) != 1:
            break
        op = inputs[0]
    return ""


def measure(
    model: SavedGraph,
    fed: Sequence[Any],
    task: Task,
) -> Observed:
    """Measure the graph on a batch."""
    import tensorflow

    observed = Observed("tensorflow", {"tensorflow": tensorflow.__version__}, model="SavedModel", mode="inference")
    observed.parameters = model.parameters
    observed.targets = losses.targets(task)
    layers = _layers(model)
    relus = [op for op in model.graph.get_operations() if op.type in ("Relu", "Relu6")]
    outputs, values = model.run(fed, [tensor for _, tensor in layers] + [op.outputs[0] for op in relus])
    for (one, _), value in zip(layers, values, strict=False):
        one.output = numbers(value)
        one.histogram, one.edges = histogram(value, 24)
    by_op = {tensor.op.name: one.name for one, tensor in layers}
    for op, value in zip(relus, values[len(layers) :], strict=True):
        dead = (value <= 0).all(axis=tuple(range(value.ndim - 1)))
        observed.units.append(Units(op.name, _before(op, by_op), int(dead.size), int(dead.sum())))
    observed.layers = [one for one, _ in layers]
    kind = losses.of_outputs(outputs, task, observed)
    observed.outputs = [
        output_facts(f"output {index}", value, kind if index == 0 else "")
        for index, value in enumerate(outputs[:8])
        if "float" in str(value.dtype)
    ]
    observed.notes.append("a SavedModel is a graph for inference: dead biases and gradients need the code, or a .keras file")
    return observed
