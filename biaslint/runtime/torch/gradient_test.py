"""The exact test for dead biases in a live PyTorch model.

In float64, with all parameters randomised, in training mode and without dropout, the gradient of any output with respect to a
dead bias is zero to rounding. A bias' gradient is the sum, over all positions of a channel, of the gradients with respect to the
layer's output; so the measure is |sum of gradients| / sum of |gradients|, per channel. The test is then repeated with the norms in
eval mode, to tell what only batch statistics cancel from what is cancelled always. What is found dead must also leave the outputs as
they are when its values change: not every reader passes a gradient on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from biaslint.runtime.torch import autograd_readers, changed_biases
from biaslint.runtime.torch.function_watch import AFFINE, NORMS, own_parameters, preserved, tensors_of, watching

THRESHOLD = 1e-9
_NOT_AFFINE = ("norm", "embedding", "scale", "shift", "rnn", "lstm", "gru")


@dataclass(slots=True)
class Deadness:
    """What the test says of one layer.

    `status` is "nobias", "unused" (never called), "nograd" (no gradient reaches it), "alive", "dead_bn" (batch norm in training
    mode cancels it), "dead_always", or "partial_bn" / "partial_always" where only some channels are dead.
    """

    name: str
    layer: str
    status: str
    fraction: float = 0.0  # dead channels, of those that a gradient reaches
    ratio: float | None = None  # the largest of the channels in training mode
    ratios: list[float] = field(default_factory=list)
    dead_channels: list[int] = field(default_factory=list)
    kinds: tuple[str, ...] = ()  # what cancels it: "batch norm", "softmax" ...
    cancellers: tuple[str, ...] = ()  # the names of the norms, as far as they can be told
    dropout_sees_it: bool = False  # dead without dropout, alive with it


def affine_layers(model: Any) -> dict[str, Any]:
    """The layers whose bias can be judged, by name: whatever has a weight and may have a bias, but norms and recurrent layers."""
    import torch

    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.modules.conv._ConvNd, torch.nn.Linear, torch.nn.Bilinear)):
            found[name] = module
        elif "bias" in own_parameters(module) and isinstance(getattr(module, "weight", None), torch.Tensor):
            lowered = "".join(kind.__name__.lower() for kind in type(module).__mro__[:-2])
            if module.weight.dim() >= 2 and not any(word in lowered for word in _NOT_AFFINE):
                found[name] = module
    return found


def randomise(model: Any, seed: int) -> None:
    """Give every parameter values that hide nothing: no zeros, no ones, scales that neither explode nor vanish."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    seen: set[int] = set()
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in own_parameters(module).items():
                if parameter is None or id(parameter) in seen or not (parameter.is_floating_point() or parameter.is_complex()):
                    continue
                seen.add(id(parameter))
                shape = tuple(parameter.shape)
                if parameter.dim() <= 1 and "bias" not in name:
                    values = torch.rand(shape, generator=generator, dtype=torch.float32) + 0.5
                else:
                    fan_in = parameter.numel() / max(shape[0], 1) if parameter.dim() > 1 else 4.0
                    values = torch.randn(shape, generator=generator, dtype=torch.float32) * math.sqrt(1.5 / max(fan_in, 1.0))
                parameter.copy_(values.to(parameter.dtype))


def widen(model: Any) -> None:
    """Give a model float64 parameters, buffers and other tensors."""
    import torch

    model.double()
    for module in model.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                vars(module)[name] = value.double()
    for parameter in model.parameters():
        if parameter.is_complex():
            parameter.data = parameter.data.to(torch.complex128)
        if parameter.is_floating_point() or parameter.is_complex():
            parameter.requires_grad_(True)


def widened(value: Any) -> Any:
    """Floating-point inputs as float64, however nested."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.is_complex():
            return value.to(torch.complex128)
        return value.double() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: widened(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(widened(item) for item in value)
    return value


def set_training(model: Any, training: bool) -> None:
    """`model.train(training)`, also for an exported program, whose mode was fixed when it was exported."""
    try:
        model.train(training)
    except NotImplementedError:
        for module in model.modules():
            module.training = training


def set_modes(model: Any, *, norms: bool = True, dropout: bool = False) -> None:
    """Training mode; the norms that keep running statistics in eval mode where `norms` is false, dropout where `dropout` is."""
    import torch

    set_training(model, True)
    for module in model.modules():
        name = getattr(module, "original_name", type(module).__name__).lower()  # a scripted module says what it was
        if hasattr(module, "running_mean") and not norms:
            module.training = False
        if not dropout and ("drop" in name or "stochasticdepth" in name) and not any(True for _ in module.children()):
            module.training = False
        if isinstance(module, (torch.nn.RNNBase, torch.nn.MultiheadAttention)) and not dropout and module.dropout:
            module.training = False


class _Sums:
    """Of one layer: per channel, the sum of the gradients at its output and the sum of their sizes."""

    def __init__(self) -> None:
        self.calls = 0
        self.signed: Any = None
        self.absolute: Any = None

    def attach(self, output: Any, channel: int) -> None:
        self.calls += 1
        if output.requires_grad:
            output.register_hook(lambda gradient: self.add(gradient, channel))

    def attach_to_node(self, node: Any, size: int) -> None:
        """The same at the node of the autograd graph that adds the bias, for want of an output."""
        self.calls += 1
        channel = 1 if "Convolution" in node.name() else -1

        def arrived(gradients: Any) -> None:
            gradient = gradients[0]
            if gradient is not None and gradient.shape[channel] == size:
                self.add(gradient, channel)

        node.register_prehook(arrived)

    def add(self, gradient: Any, channel: int) -> None:
        if gradient is None:  # a function with several results, of which this one is not used
            return
        gradient = gradient.detach()
        others = [axis for axis in range(gradient.dim()) if axis != channel % gradient.dim()]
        signed = gradient.sum(others) if others else gradient.clone()
        absolute = gradient.abs().sum(others) if others else gradient.abs()
        self.signed = signed if self.signed is None else self.signed + signed
        self.absolute = absolute if self.absolute is None else self.absolute + absolute

    def ratios(self) -> list[float]:
        """Per channel; NaN where no gradient arrives."""
        if self.signed is None:
            return []
        ratios: list[float] = (self.signed.abs() / self.absolute).tolist()
        return ratios


def channel_axis(function: str, output: Any) -> int:
    """Which axis of the output the bias runs along."""
    for dimensions in (1, 2, 3):
        if function.startswith("conv") and function.endswith(f"{dimensions}d"):
            return -1 - dimensions
    return 1 if function == "convolution" and output.dim() > 2 else -1


def _axis_of(module: Any, bias: Any, output: Any) -> int | None:
    """The output axis of a module of unknown make: for convolutions by type, else the last that has the bias' length."""
    import torch

    if isinstance(module, torch.nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    axes = [axis for axis in (-1, 1) if -output.dim() <= axis < output.dim() and output.shape[axis] == bias.numel()]
    return axes[0] if axes else None


class _Pass:
    """One forward and backward pass: the gradient sums per layer, and the graph of what read what."""

    def __init__(self, model: Any, layers: dict[str, Any]) -> None:
        self.model, self.layers = model, layers
        self.sums = {name: _Sums() for name in layers}
        self.graph = autograd_readers.Flow()
        biases = {name: own_parameters(module).get("bias") for name, module in layers.items()}
        self.owner = {id(bias): name for name, bias in biases.items() if bias is not None}
        self.names = {id(module): name for name, module in layers.items()}
        self.paths = {id(module): name for name, module in model.named_modules()}
        self.before = dict.fromkeys(layers, 0)  # the calls of each layer when its module was last left

    def run(self, args: Any, kwargs: Any, dropout: bool) -> None:
        """Run the model, and take gradients of a random projection of its outputs."""
        import torch

        with torch.enable_grad(), watching(self.listen, double=True, dropout=dropout, on_module=self.on_module):
            outputs = list(tensors_of(self.model(*args, **kwargs)))
            total: Any = 0.0
            for output in outputs:
                if output.requires_grad:
                    values = torch.view_as_real(output) if output.is_complex() else output
                    total = total + (values * torch.randn_like(values)).sum()
            self.graph.close([output.grad_fn for output in outputs if output.grad_fn is not None])
            self.attach_to_graph()
            if isinstance(total, torch.Tensor):
                # Watched, too, as `total.backward()` would not be: what is checkpointed runs again.
                engine: Any = torch.autograd.Variable._execution_engine
                engine.run_backward(
                    (total,), (torch.ones_like(total),), False, False, (), allow_unreachable=True, accumulate_grad=True
                )

    def listen(self, function: str, inputs: tuple[Any, ...], keywords: dict[str, Any], result: Any, module: Any) -> None:
        import torch

        if function in AFFINE and isinstance(result, torch.Tensor):
            at = AFFINE[function]
            bias = keywords.get("bias", inputs[at] if len(inputs) > at else None)
            name = self.owner.get(id(bias)) if bias is not None else None
            if name is not None:
                added = function.strip("_").endswith("add")
                self.sums[name].attach(result, -1 if added else channel_axis(function, result))
                self.graph.made(name, result)
        elif function in NORMS:
            for tensor in tensors_of(result):
                self.graph.cancels(NORMS[function], self.paths.get(id(module), ""), tensor)

    def on_module(self, module: Any, output: Any) -> None:
        """Attach to the output of a layer none of whose functions was seen to add its bias."""
        import torch

        name = self.names.get(id(module))
        if name is None:
            return
        sums, bias = self.sums[name], getattr(module, "bias", None)
        if sums.calls == self.before[name] and isinstance(output, torch.Tensor):
            axis = _axis_of(module, bias, output) if isinstance(bias, torch.Tensor) else None
            if axis is not None:
                sums.attach(output, axis)
                self.graph.made(name, output)
            else:
                sums.calls += 1
        self.before[name] = sums.calls

    def attach_to_graph(self) -> None:
        """Attach to the nodes of the autograd graph that add the biases of layers that were not seen called."""
        for name, module in self.layers.items():
            bias: Any = own_parameters(module).get("bias")
            for node in self.graph.takers(name, bias) if bias is not None and not self.sums[name].calls else ():
                self.sums[name].attach_to_node(node, bias.numel())


def _outputs(
    model: Any, args: Any, kwargs: Any, seed: int, before_pass: Callable[[], None] | None = None
) -> Callable[[], list[Any]]:
    """Passes as `_pass` makes them, with the parameters as they are; what they store is undone."""
    import torch

    def run() -> list[Any]:
        stored = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        set_modes(model)
        if before_pass is None:
            torch.manual_seed(seed)
        else:
            before_pass()
        try:
            with torch.enable_grad(), watching(lambda *_: None, double=True, dropout=False):
                found = [output.detach().clone() for output in tensors_of(model(*args, **kwargs))]
        finally:
            for buffer, values in stored:
                buffer.detach().copy_(values)
        return [output if output.is_complex() else output.double() for output in found]

    return run


def _dead(ratios: list[float], threshold: float) -> list[bool | None]:
    return [None if math.isnan(ratio) else ratio < threshold for ratio in ratios]


def _judge(name: str, module: Any, sums: Any, graph: Any, threshold: float) -> Deadness:
    import torch

    result = Deadness(name, type(module).__name__, "nobias")
    if not isinstance(getattr(module, "bias", None), torch.Tensor):
        return result
    result.ratios = sums.ratios()
    dead = _dead(result.ratios, threshold)
    known = [channel for channel in dead if channel is not None]
    if not sums.calls:
        result.status = "unused"
    elif not known:
        result.status = "nograd"
    else:
        result.ratio = max(ratio for ratio in result.ratios if not math.isnan(ratio))
        result.fraction = sum(known) / len(known)
        result.dead_channels = [index for index, channel in enumerate(dead) if channel]
        result.status = "dead" if all(known) else "partial" if any(known) else "alive"
        if any(known) and graph.bends(name):
            result.status, result.fraction, result.dead_channels = "alive", 0.0, []
        elif any(known):
            stops = graph.cancellers(name)
            result.kinds = tuple(dict.fromkeys(kind for kind, _ in stops))
            result.cancellers = tuple(dict.fromkeys(where for _, where in stops))
    return result


def _keep_dead(result: Deadness, dead: list[bool | None]) -> None:
    """Of the channels thought dead, keep those that are dead with these values too."""
    if result.status not in ("dead", "partial") or not dead:
        return
    known = sum(not math.isnan(ratio) for ratio in result.ratios)
    result.dead_channels = [index for index in result.dead_channels if index >= len(dead) or dead[index] is not False]
    result.fraction = len(result.dead_channels) / known
    if result.fraction < 1:
        result.status = "partial" if result.dead_channels else "alive"
    if not result.dead_channels:
        result.kinds = result.cancellers = ()


def _suspects(results: Mapping[str, Deadness]) -> list[Deadness]:
    return [result for result in results.values() if result.status in ("dead", "partial")]


def _biases(layers: Mapping[str, Any], suspects: Sequence[Deadness]) -> dict[str, tuple[Any, list[int]]]:
    """Their biases, each with the channels that seem to be dead."""
    own = {one.name: own_parameters(layers[one.name]).get("bias") for one in suspects}
    return {one.name: (own[one.name], one.dead_channels) for one in suspects if own[one.name] is not None}


def _let_live(names: Collection[str], results: Mapping[str, Deadness]) -> None:
    for name in names:
        one = results[name]
        one.status, one.fraction, one.dead_channels, one.kinds, one.cancellers = "alive", 0.0, [], (), ()


def dead_biases(
    model: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    threshold: float = THRESHOLD,
    seed: int = 0,
    before_pass: Callable[[], None] | None = None,
    noisy: bool = True,
) -> dict[str, Deadness]:
    """Of every affine layer of `model`, fed with `args` and `kwargs`, whether its bias is dead. The model is left as it was.

    `before_pass` seeds what decides the way that a pass takes; without `noisy`, no pass is made with dropout.
    """
    import torch

    layers = affine_layers(model)
    inputs, keywords = widened(tuple(args)), widened(dict(kwargs or {}))

    def one_pass(seed: int, *, norms: bool = True, dropout: bool = False) -> _Pass:
        randomise(model, seed)
        set_modes(model, norms=norms, dropout=dropout)
        made = _Pass(model, layers)
        if before_pass is None:
            torch.manual_seed(seed)
        else:
            before_pass()
        made.run(inputs, keywords, dropout)
        return made

    with preserved(model):
        widen(model)
        first = one_pass(seed)
        results = {name: _judge(name, module, first.sums[name], first.graph, threshold) for name, module in layers.items()}
        # A smooth function may happen to be flat, or the graph unreadable (scripted code); other values tell the difference.
        for again in (1, 2):
            if any(result.status == "partial" for result in results.values()):
                sums = one_pass(seed + again).sums
                for result in results.values():
                    _keep_dead(result, _dead(sums[result.name].ratios(), threshold))
        run = _outputs(model, inputs, keywords, seed, before_pass)
        _let_live(changed_biases.seen(_biases(layers, _suspects(results)), run), results)
        suspects = _suspects(results)
        if suspects:
            frozen = one_pass(seed, norms=False).sums
            dropped = one_pass(seed, dropout=True).sums if noisy else {}
            for result in suspects:
                always = _dead(frozen[result.name].ratios(), threshold)
                shown = {always[index] for index in result.dead_channels if index < len(always)} - {None}
                lasting = shown == {True}  # where no gradient arrives, nothing is shown
                result.status += "_always" if lasting else "_bn"
                with_dropout = _dead(dropped[result.name].ratios(), threshold) if noisy else []
                result.dropout_sees_it = any(
                    with_dropout[index] is False for index in result.dead_channels if index < len(with_dropout)
                )
    return results
