"""Measuring a PyTorch model: one plain pass over a batch as training would start, and the dead-bias test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from biaslint.runtime.facts.observed import LayerFacts, LossFacts, Observed, OutputFacts, Units
from biaslint.runtime.facts.origins import Frame
from biaslint.runtime.facts.output_kind import known_kind, settle
from biaslint.runtime.facts.task import Task
from biaslint.runtime.torch import autograd_readers, gradient_test, losses, random_paths
from biaslint.runtime.torch.function_watch import AFFINE, RELUS, own_parameters, preserved, tensors_of, watching
from biaslint.runtime.torch.layers import layer_facts, numbers

Progress = Callable[[str, float], None]
_BINS, _LAYER_BINS = 32, 24
_SHOWN = 100_000  # values that a histogram counts


def _batched(value: Any, size: int) -> Any:
    """The first `size` rows of a batch, however nested."""
    import torch

    if isinstance(value, torch.Tensor):
        return value[:size] if value.dim() else value
    if isinstance(value, Mapping):
        return {key: _batched(item, size) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_batched(item, size) for item in value)
    return value


def _class_axis(tensor: Any, labels: Any) -> int:
    """The axis of the class scores: by the labels' shape where there are labels, else 1 for images and the last for the rest."""
    if labels is not None and not labels.is_floating_point() and labels.dim() == tensor.dim() - 1:
        if tuple(labels.shape) == tuple(tensor.shape[:-1]):
            return -1
        if tuple(labels.shape) == (tensor.shape[0], *tensor.shape[2:]):
            return 1
    return 1 if tensor.dim() >= 4 else -1


def _is_probability(rows: Any) -> bool:
    import torch

    return bool((rows >= 0).all() and torch.allclose(rows.sum(-1), torch.ones_like(rows[..., 0]), atol=1e-3))


def histogram(tensor: Any, bins: int) -> tuple[list[int], list[float]]:
    """Counts of a tensor's finite values (or of some that lie evenly) in equal bins, and the two ends; empty where all are equal."""
    import torch

    values = tensor.detach().flatten()
    values = values[:: max(1, values.numel() // _SHOWN)].float()
    values = values[values.isfinite()]
    if not values.numel():
        return [], []
    low, high = values.min().item(), values.max().item()
    if not high > low:
        return [], [low, high]
    return [int(count) for count in torch.histc(values, bins, low, high)], [low, high]


def output_facts(name: str, tensor: Any, labels: Any, kind: str) -> OutputFacts:
    """The summary of one output. `kind` says what the targets are: "classes", "binary", "values", or "" where not known."""

    tensor = tensor.detach().float()
    facts = OutputFacts(name, list(tensor.shape), values=numbers(tensor))
    facts.histogram, facts.edges = histogram(tensor, _BINS)
    if tensor.dim() < 2 and kind != "binary":
        return facts
    rows = (
        tensor.movedim(_class_axis(tensor, labels), -1).reshape(-1, tensor.shape[_class_axis(tensor, labels)])
        if tensor.dim() > 1
        else tensor[:, None]
    )
    facts.class_means = rows.mean(0).tolist()[:5000]
    if kind == "binary":
        facts.classes = rows.shape[-1]
        squashed = bool((rows >= 0).all() and (rows <= 1).all())
        facts.form = "probabilities" if squashed else "logits"
        facts.predicted = (rows if squashed else rows.sigmoid()).mean(0).tolist()
    elif kind == "classes" and rows.shape[-1] > 1:
        facts.classes = rows.shape[-1]
        squashed = _is_probability(rows)
        facts.form = "probabilities" if squashed else "logits"
        facts.predicted = (rows if squashed else rows.softmax(-1)).mean(0).tolist()
    return facts


def _mean_square(gradient: Any) -> Any:
    """Of many values: without a copy of them, scaled so that small ones are not lost."""
    import torch

    flat = gradient.detach()
    return (torch.linalg.vector_norm(flat, dtype=torch.float64) ** 2) / flat.numel()


class _Pass:
    """What one forward pass over the real values shows, layer by layer."""

    def __init__(self, model: Any, layers: Sequence[LayerFacts]) -> None:
        modules = dict(model.named_modules())
        self.flow = autograd_readers.Flow()
        self.units: list[Units] = []
        self.layers = {id(modules[facts.name]): facts for facts in layers}
        self.owner = {
            id(bias): facts
            for facts in layers
            if facts.kind in ("conv", "linear") and (bias := own_parameters(modules[facts.name]).get("bias")) is not None
        }
        self.paths = {id(module): name for name, module in model.named_modules()}
        self.shapes: dict[str, int] = {}
        self.squares: dict[str, list[Any]] = {}
        self.last: LayerFacts | None = None
        self.order = 0
        self.chance = True  # whether the pass drew anything at random

    def listen(self, function: str, inputs: tuple[Any, ...], keywords: dict[str, Any], result: Any, module: Any) -> None:
        if function in RELUS and hasattr(result, "dim") and result.dim() > 1:
            self._relu(result, self.paths.get(id(module), ""))
        elif function in AFFINE:
            at = AFFINE[function]
            bias = keywords.get("bias", inputs[at] if len(inputs) > at else None)
            facts = self.owner.get(id(bias)) if bias is not None else None
            if facts is not None:
                self.flow.made(facts.name, result)

    def _relu(self, result: Any, where: str) -> None:
        dimensions = result.dim()
        axis = 1 if dimensions >= 4 or (dimensions == 3 and self.last is not None and self.last.type.endswith("Conv1d")) else -1
        axis %= dimensions
        others = [other for other in range(dimensions) if other != axis]
        dead = (
            (result.detach() <= 0).all(others[0])
            if len(others) == 1
            else (result.detach() <= 0).transpose(0, axis).flatten(1).all(1)
        )
        self.units.append(Units(where, self.last.name if self.last else "", int(dead.numel()), int(dead.sum())))

    def on_module(self, module: Any, output: Any) -> None:
        facts = self.layers.get(id(module))
        if facts is None:
            return
        tensor = next(tensors_of(output), None)
        if tensor is None:
            return
        if facts.order is None:
            facts.order = self.order
            self.order += 1
            if tensor.is_floating_point():
                facts.output = numbers(tensor)
                facts.histogram, facts.edges = histogram(tensor, _LAYER_BINS)
        if facts.kind in ("conv", "linear", "norm"):
            self.last = facts
        if facts.kind in ("conv", "linear") and not facts.bias_present:
            self.flow.made(facts.name, tensor)
        if tensor.requires_grad:
            tensor.register_hook(lambda gradient: self._gradient(facts.name, gradient))

    def _gradient(self, name: str, gradient: Any) -> None:
        if gradient is None:  # a function with several results, of which this one is not used
            return
        self.squares.setdefault(name, []).append(_mean_square(gradient))

    def mark_outputs(self) -> None:
        """Which layers' results leave the model."""
        outputs = self.flow.output_layers()
        for facts in self.layers.values():
            if facts.name in outputs:
                facts.is_output, facts.output_activation = True, outputs[facts.name]

    def finish(self) -> None:
        """Write what was gathered into the layers' facts."""
        for facts in self.layers.values():
            means = [value.item() for value in self.squares.get(facts.name, ())]
            if means:
                facts.gradient_scale = math.sqrt(sum(means) / len(means))
            facts.readers = self.flow.readers(facts.name)


def measure(
    model: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    task: Task | None = None,
    *,
    chains: Mapping[str, list[Frame]] | None = None,
    seed: int = 0,
    dead_batch: int = 4,
    threshold: float = gradient_test.THRESHOLD,
    untested: str = "",
    progress: Progress = lambda stage, share: None,
) -> Observed:
    """Measure `model` on a batch, and leave it as it was found.

    Dead biases are looked for on `dead_batch` rows of it, 0 for all; not at all where `untested` says why.
    """
    import torch

    kwargs, task = dict(kwargs or {}), task or Task()
    observed = Observed("torch", {"torch": torch.__version__}, model=type(model).__name__)
    if any(_is_lazy(p) for p in model.parameters()):
        model(*args, **kwargs)  # a first call gives lazy layers their shapes, as training's own would
    observed.parameters = sum(p.numel() for p in model.parameters())
    observed.layers = layer_facts(model, dict(chains or {}), task.optimiser)
    observed.targets = losses.targets(task)
    seen = _Pass(model, observed.layers)
    with preserved(model):
        progress("initial outputs", 0.2)
        outputs = _first_pass(model, args, kwargs, seen, observed, seed)
        tensors = [tensor for tensor in tensors_of(outputs) if tensor.is_floating_point()]
        seen.flow.close([tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None])
        seen.mark_outputs()
        progress("initial loss", 0.4)
        value = _outputs(outputs, tensors, task, observed)
        _backward(value, tensors, observed)
        seen.finish()
    observed.units = seen.units
    progress("dead biases", 0.5)
    inputs: tuple[Any, Any] = (tuple(args), kwargs)
    if dead_batch:
        inputs = _batched(inputs, max(2, min(dead_batch, observed_batch(args, kwargs) or dead_batch)))
    if untested:
        observed.inconclusive["dead-bias"] = untested
    else:
        _dead_biases(model, *inputs, observed, threshold, seed, seen.chance)
    progress("done", 1.0)
    return observed


def _outputs(outputs: Any, tensors: list[Any], task: Task, observed: Observed) -> Any:
    """Write the outputs and the loss into the facts; the loss to take gradients of, None where there is none."""
    value, known, labels, loss = None, observed.targets, task.labels, task.loss
    if tensors and known is not None:
        width = tensors[0].shape[_class_axis(tensors[0], labels)] if tensors[0].dim() > 1 else 1
        settle(known, width, known_kind(task.output, losses.loss_kind(loss), observed.layers))
    if labels is not None and tensors:
        observed.loss, value = losses.measure(outputs, tensors[0], labels, loss, observed)
    elif known is not None:
        observed.loss = losses.expected(known, loss)
    kind = known.kind if known else ""
    for index, tensor in enumerate(tensors[:8]):
        first = index == 0
        observed.outputs.append(output_facts(f"output {index}", tensor, labels if first else None, kind if first else ""))
    return value


def _backward(value: Any, tensors: list[Any], observed: Observed) -> None:
    """Take gradients of the loss, or of a random projection of the outputs where there is none."""
    import torch

    if value is None:
        live = [tensor for tensor in tensors if tensor.requires_grad]
        value = sum((tensor * torch.randn_like(tensor)).mean() for tensor in live) if live else None
    if isinstance(value, torch.Tensor) and value.requires_grad:
        try:
            value.backward()
        except RuntimeError as error:
            observed.inconclusive["gradient-scale"] = f"the backward pass failed: {_first_line(error)}"


def _dead_biases(model: Any, args: Any, kwargs: Any, observed: Observed, threshold: float, seed: int, chance: bool) -> None:
    """Write into the layers' facts what the dead-bias test says of them."""
    try:
        dead, paths = random_paths.dead_biases(model, args, kwargs, threshold=threshold, seed=seed, chance=chance)
    except Exception as error:
        observed.inconclusive["dead-bias"] = f"{type(error).__name__}: {_first_line(error)}"
        return
    if paths > 1:
        observed.notes.append(
            f"the forward pass takes random paths: dead biases were tested on {paths} of them, everything else on one"
        )
    for facts in observed.layers:
        result = dead.get(facts.name)
        if result is not None:
            facts.dead, facts.dead_fraction, facts.ratio = result.status, result.fraction, result.ratio
            facts.dead_channels = result.dead_channels
            facts.cancelled_how, facts.cancelled_by = list(result.kinds), [name for name in result.cancellers if name]
            facts.dropout_sees_it = result.dropout_sees_it


def _is_lazy(parameter: Any) -> bool:
    from torch.nn.parameter import is_lazy

    return bool(is_lazy(parameter))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def observed_batch(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """The batch size of some inputs."""
    tensor = next((tensor for tensor in tensors_of([*args, kwargs]) if tensor.dim()), None)
    return None if tensor is None else int(tensor.shape[0])


def _first_pass(model: Any, args: Sequence[Any], kwargs: dict[str, Any], seen: _Pass, observed: Observed, seed: int) -> Any:
    """The outputs in training mode without dropout; in eval mode where training mode wants more than the inputs."""
    import torch

    gradient_test.set_modes(model)
    random_paths.seed_all(seed)
    try:
        before = random_paths.drawn()
        with torch.enable_grad(), watching(seen.listen, dropout=False, on_module=seen.on_module):
            outputs = model(*args, **kwargs)
        seen.chance = random_paths.drawn() != before
        return outputs
    except Exception as error:
        observed.notes.append(
            f"training mode failed, outputs are those of eval mode: {type(error).__name__}: {_first_line(error)}"
        )
        observed.mode = "eval"
        gradient_test.set_training(model, False)
        seen.units.clear()
        random_paths.seed_all(seed)
        with torch.enable_grad(), watching(seen.listen, dropout=False, on_module=seen.on_module):
            return model(*args, **kwargs)


__all__ = ["LossFacts", "measure", "output_facts"]
