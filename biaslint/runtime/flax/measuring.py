"""Measuring a Flax model: one plain pass with its own parameters, and the dead-bias test in float64 with random ones."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from biaslint.runtime.facts.observed import Gate, LayerFacts, Observed
from biaslint.runtime.facts.task import Task
from biaslint.runtime.flax.live import AFFINE, KINDS, NORMS, Live, Pass, Path, Seen
from biaslint.runtime.keras import losses
from biaslint.runtime.keras.layers import histogram, numbers
from biaslint.runtime.keras.measuring import THRESHOLD as SINGLE, judge_ratios, output_facts, ratios_of

DOUBLE = 1e-9  # the threshold where everything is computed in float64


def leaves(value: Any) -> list[Any]:
    """The arrays of floating numbers in an output, however nested."""
    import jax

    return [one for one in jax.tree_util.tree_leaves(value) if "float" in str(getattr(one, "dtype", ""))]


def by_path(tree: Any) -> dict[Path, Any]:
    """The leaves of a tree of parameters, by their names."""
    import jax

    found: dict[Path, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        keys = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", None))) for key in path]
        found[tuple(key for key in keys if key != "value")] = leaf
    return found


def double(tree: Any) -> Any:
    """A tree of arrays in double precision."""
    import jax

    return jax.tree_util.tree_map(
        lambda leaf: leaf.astype("float64") if "float" in str(getattr(leaf, "dtype", "")) else leaf, tree
    )


def randomised(parameters: Any, seed: int) -> Any:
    """Parameters that hide nothing: none is zero, and no layer outweighs another."""
    import jax
    import numpy

    generator = numpy.random.default_rng(seed)

    def draw(leaf: Any) -> Any:
        if "float" not in str(getattr(leaf, "dtype", "")):
            return leaf
        fan_in = math.prod(leaf.shape[:-1]) if leaf.ndim > 1 else 4
        return jax.numpy.asarray(
            generator.standard_normal(leaf.shape) / math.sqrt(fan_in) + (0.3 if leaf.ndim < 2 else 0.0), leaf.dtype
        )

    return jax.tree_util.tree_map(draw, parameters)


def layer_facts(live: Live, watch: Pass) -> list[LayerFacts]:
    """The layers with parameters that a pass has met, in the order of their calls."""
    tree = by_path(live.parameters)
    cells = {one.path for one in watch.seen.values() if one.name.endswith("Cell")}
    closed = cells | watch.closed
    found = []
    for order, one in enumerate(watch.seen.values()):
        own = {path[-1]: leaf for path, leaf in tree.items() if path[:-1] == one.path}
        inside = any(one.path[:length] in closed for length in range(1, len(one.path)))
        if one.name not in KINDS or inside or not (own or one.path in cells):
            continue
        facts = LayerFacts(".".join(map(str, one.path)), f"flax.{one.name}", one.name, KINDS[one.name], one.chain, order)
        facts.config, facts.bias_present, facts.bias_default = one.config, "bias" in own, "zeros"
        facts.weight_trainable = True
        if facts.bias_present:
            facts.bias_trainable, facts.bias_values = True, numbers(as_numpy(own["bias"]))
            facts.channels = int(math.prod(own["bias"].shape))
        facts.gates = forget_gates(one, tree)
        facts.bias_present = facts.bias_present or bool(facts.gates)
        found.append(facts)
    return found


def as_numpy(value: Any) -> Any:
    """An array of JAX as one of numpy."""
    import numpy

    return numpy.asarray(value)


def forget_gates(one: Seen, tree: dict[Path, Any]) -> list[Gate]:
    """The forget gate of an LSTM cell, whose parameters are parts of their own: `hf` has its bias."""
    bias = tree.get((*one.path, "hf", "bias")) if "LSTM" in one.name else None
    if bias is None:
        return []
    values = as_numpy(bias).astype("float64")
    return [
        Gate("", float(values.mean()), float(values.min()), float(values.max()), float((1 / (1 + math.e ** (-values))).mean()))
    ]


# -- dead biases -------------------------------------------------------------------------------------------------------------------


def without_rounding(gradient: Any) -> Any:
    """Gradients that are next to nothing beside the layer's others are none: behind a ReLU that is shut, rounding is all there is."""
    import numpy

    size = numpy.abs(gradient)
    return numpy.where(size < 1e-13 * size.max(initial=0.0), 0.0, gradient)


class GradientTest:
    """The gradients at the outputs of all affine layers, as compiled functions of the parameters."""

    def __init__(self, live: Live, seed: int, precise: bool = True) -> None:
        self.live, self.seed = live, seed
        widened = double if precise else (lambda tree: tree)
        self.parameters, self.others = widened(live.parameters), widened(live.others)
        self.places = self._places()
        self._compiled: dict[bool, Callable[[Any, Any, Any], Any]] = {}

    def _places(self) -> dict[tuple[Path, int], Any]:
        """The outputs of all affine layers: their shapes and types."""
        import jax

        watch = Pass()
        found: dict[tuple[Path, int], Any] = {}

        def run(parameters: Any, others: Any) -> list[Any]:
            self.live.run(parameters, others, watch)
            found.update({(path, index): out for path, one in watch.seen.items() for index, out in enumerate(one.outputs)})
            return list(found.values())

        shaped = jax.eval_shape(run, self.parameters, self.others)
        found = dict(zip(found, shaped, strict=True))
        self.order = list(watch.seen)
        self.norms = {path: one.name for path, one in watch.seen.items() if one.name in NORMS}
        return found

    def ratios(self, round_: int, frozen: bool = False) -> dict[Path, list[float]]:
        """Per layer and channel, the size of the summed gradient against the sum of the sizes, in one randomised pass."""
        import jax
        import numpy

        keys = list(self.places)
        if frozen not in self._compiled:

            def value(added: list[Any], parameters: Any, others: Any) -> Any:
                watch = Pass(dict(zip(keys, added, strict=True)), frozen)
                outputs = leaves(self.live.run(parameters, others, watch))
                generator = numpy.random.default_rng(self.seed)
                return sum((one * generator.standard_normal(one.shape)).sum() for one in outputs)

            self._compiled[frozen] = jax.jit(jax.grad(value))
        parameters = randomised(self.parameters, self.seed + round_)
        zeros = [jax.numpy.zeros(self.places[key].shape, self.places[key].dtype) for key in keys]
        gathered: dict[Path, list[Any]] = {}
        for (path, _), gradient in zip(keys, self._compiled[frozen](zeros, parameters, self.others), strict=True):
            gathered.setdefault(path, []).append(without_rounding(numpy.asarray(gradient, "float64")))
        biases = by_path(self.live.parameters)
        return {
            path: ratios_of(found, math.prod(biases[(*path, "bias")].shape), -1)
            for path, found in gathered.items()
            if (*path, "bias") in biases
        }

    def threshold(self) -> float:
        """What is rounding: wider where a layer computes in single precision."""
        return DOUBLE if all(str(one.dtype) == "float64" for one in self.places.values()) else SINGLE


def gradient_test(live: Live, seed: int) -> GradientTest:
    """The test in float64, or as the model computes where it does not take that (the carry of a scan has a type of its own)."""
    try:
        return GradientTest(live, seed)
    except TypeError:
        return GradientTest(live, seed, precise=False)


def dead_biases(live: Live, facts: Sequence[LayerFacts], threshold: float, seed: int) -> None:
    """Write into each affine layer's facts whether its bias is dead, and which norm takes it away."""
    test = gradient_test(live, seed)
    threshold = max(threshold, test.threshold())
    passes = [test.ratios(0)]
    suspects = {path for path, found in passes[0].items() if any(ratio < threshold for ratio in found)}
    frozen: dict[Path, list[float]] = {}
    if suspects:
        passes += [test.ratios(1), test.ratios(2)]
        frozen = test.ratios(0, True)
    for one in facts:
        path = next((path for path in test.order if ".".join(map(str, path)) == one.name), ())
        if one.layer not in AFFINE or not any(path == place for place, _ in test.places):
            continue
        judge_ratios(one, [found.get(path) for found in passes], frozen.get(path), threshold)
        if one.dead.startswith(("dead", "partial")):
            one.cancelled_how = ["batch norm"] if one.dead.endswith("_bn") else _next_norm(test, path)
            one.cancelled_by = [".".join(map(str, norm)) for norm in _cancellers(test, path, one.dead)]


def _norms_after(test: GradientTest, path: Path) -> Iterator[Path]:
    after = test.order[test.order.index(path) + 1 :] if path in test.order else []
    yield from (one for one in after if one in test.norms)


def _next_norm(test: GradientTest, path: Path) -> list[str]:
    return [NORMS[test.norms[one]] for one in _norms_after(test, path)][:1]


def _cancellers(test: GradientTest, path: Path, dead: str) -> list[Path]:
    """The norms that follow: the first of the kind that takes the bias away."""
    batch = [one for one in _norms_after(test, path) if (test.norms[one] == "BatchNorm") == dead.endswith("_bn")]
    return batch[:1]


# -- the plain pass ----------------------------------------------------------------------------------------------------------------


def targets_first(loss: Any) -> Any:
    """A loss that takes the targets first: Optax's take them second."""
    if not str(getattr(loss, "__module__", "")).startswith("optax"):
        return loss

    @functools.wraps(loss)
    def turned(targets: Any, outputs: Any) -> Any:
        return loss(outputs, targets)

    return turned


def measure(
    live: Live,
    task: Task | None = None,
    *,
    name: str = "",
    seed: int = 0,
    threshold: float = 0.0,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Observed:
    """Measure a Flax model on a batch."""
    import flax
    import jax

    task = task or Task()
    observed = Observed("flax", {"flax": flax.__version__, "jax": jax.__version__}, model=name)
    observed.parameters = int(sum(math.prod(leaf.shape) for leaf in by_path(live.parameters).values()))
    observed.targets = losses.targets(task)
    progress("initial outputs", 0.3)
    watch = Pass(without_dropout=True)
    results = leaves(live.run(live.parameters, live.others, watch))
    observed.layers = layer_facts(live, watch)
    _note_outputs(observed.layers, watch, results)
    outputs = [as_numpy(one).astype("float32") for one in results]
    kind = losses.of_outputs(outputs, replace(task, loss=targets_first(task.loss)), observed)
    for index, values in enumerate(outputs[:8]):
        observed.outputs.append(output_facts(f"output {index}", values, kind if index == 0 else ""))
    progress("dead biases", 0.6)
    narrow = sorted({str(out.dtype) for one in watch.seen.values() for out in one.outputs} & {"float16", "bfloat16"})
    if narrow:  # too few digits to tell what is cancelled
        observed.notes.append(f"dead biases not measured: layers compute in {', '.join(narrow)}")
    else:
        with jax.enable_x64(True):
            dead_biases(live, observed.layers, threshold, seed)
    progress("done", 1.0)
    return observed


ACTIVATIONS = ("softmax", "log_softmax", "sigmoid")


def _note_outputs(facts: Sequence[LayerFacts], watch: Pass, results: Sequence[Any]) -> None:
    """What each layer puts out, and which layers give the model's outputs, through which activation."""
    import jax
    import numpy

    arrays = [as_numpy(one).astype("float64") for one in results]
    for one in facts:
        outputs = next((seen.outputs for path, seen in watch.seen.items() if ".".join(map(str, path)) == one.name), [])
        if not outputs:
            continue
        values = as_numpy(outputs[0]).astype("float64")
        one.output = numbers(values)
        one.histogram, one.edges = histogram(values, 24)
        for name in ("", *ACTIVATIONS):
            made = values if not name else numpy.asarray(getattr(jax.nn, name)(values))
            alike = [
                other for other in arrays if other.size == made.size and numpy.allclose(other.ravel(), made.ravel(), atol=1e-5)
            ]
            if alike and one.kind in ("conv", "linear"):
                one.is_output, one.output_activation = True, name
                break
