"""What a live PyTorch model's layers are, before it is run: types, biases, forget gates, shared parameters."""

from __future__ import annotations

import math
from typing import Any

from biaslint.runtime.facts.observed import Gate, LayerFacts, Numbers
from biaslint.runtime.facts.origins import Frame
from biaslint.runtime.torch.function_watch import own_parameters

_CONFIG = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "groups",
    "in_features",
    "out_features",
    "num_embeddings",
    "embedding_dim",
    "input_size",
    "hidden_size",
    "num_layers",
    "bidirectional",
    "num_features",
    "num_groups",
    "num_channels",
    "affine",
)


_MANY = 10_000  # values that are summed up in their own precision


def numbers(tensor: Any) -> Numbers:
    """A summary of a tensor's finite values."""
    import torch

    values = tensor.detach().flatten()
    if values.dtype == torch.float32 and values.numel() > _MANY:
        least, most = values.aminmax()
        spread, mean = torch.var_mean(values, correction=0)
        summary = torch.stack([mean, spread.sqrt(), least, most]).tolist()
        if all(map(math.isfinite, summary)):
            return Numbers(values.numel(), *summary)
    values = values.double()
    finite = values[values.isfinite()]
    if not finite.numel():
        return Numbers(values.numel())
    return Numbers(
        values.numel(), finite.mean().item(), finite.std(unbiased=False).item(), finite.min().item(), finite.max().item()
    )


def canonical(module: Any) -> tuple[str, str]:
    """The public name of the torch.nn class that a module is (or extends), and its kind."""
    from torch import nn

    kinds = (
        (nn.modules.conv._ConvNd, "conv"),
        ((nn.Linear, nn.Bilinear), "linear"),
        ((nn.Embedding, nn.EmbeddingBag), "embedding"),
        (nn.RNNCellBase, "rnn_cell"),
        (nn.RNNBase, "rnn"),
        (nn.MultiheadAttention, "attention"),
        ((nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm), "norm"),
    )
    kind = next((kind for types, kind in kinds if isinstance(module, types)), "")
    for base in type(module).__mro__:
        if base.__module__.startswith("torch.nn.modules") and base.__name__ not in ("Module", "_ConvNd"):
            return f"torch.nn.{base.__name__.removeprefix('NonDynamicallyQuantizable')}", kind or "other"
    if not kind:
        weight: Any = getattr(module, "weight", None)
        dimensions = weight.dim() if hasattr(weight, "dim") else 0
        kind = (
            "norm"
            if "norm" in type(module).__name__.lower()
            else {2: "linear", 3: "conv", 4: "conv", 5: "conv"}.get(dimensions, "other")
        )
    return f"{type(module).__module__}.{type(module).__qualname__}", kind


def _gate(name: str, biases: list[Any], hidden: int) -> Gate:
    import torch

    forget = [bias.detach()[hidden : 2 * hidden].double() for bias in biases if bias is not None]
    if not forget:
        return Gate(name)
    total = torch.stack(forget).sum(0)
    return Gate(name, total.mean().item(), total.min().item(), total.max().item(), torch.sigmoid(total).mean().item())


def forget_gates(module: Any) -> list[Gate]:
    """The forget gates of an LSTM or LSTM cell (gate order i, f, g, o; two bias vectors that add up)."""
    from torch import nn

    if isinstance(module, nn.LSTMCell):
        return [_gate("", [module.bias_ih, module.bias_hh] if module.bias else [], module.hidden_size)]
    if not isinstance(module, nn.LSTM):
        return []
    found = []
    for layer in range(module.num_layers):
        for suffix in ("", "_reverse") if module.bidirectional else ("",):
            biases = [getattr(module, f"bias_{side}_l{layer}{suffix}", None) for side in ("ih", "hh")]
            found.append(_gate(f"layer {layer}{', reverse' if suffix else ''}", biases, module.hidden_size))
    return found


def _biases(module: Any) -> dict[str, Any]:
    import torch

    own = {name: p for name, p in own_parameters(module).items() if "bias" in name and p is not None}
    if not own and isinstance(getattr(module, "bias", None), torch.Tensor):
        own = {"bias": module.bias}
    return own


def _default(module: Any, kind: str) -> str:
    if kind in ("conv", "linear"):
        weight = module.weight
        fan_in = weight[0].numel() if weight.dim() > 1 else weight.numel()
        return f"drawn from U(-b, b), b = {1 / math.sqrt(max(fan_in, 1)):.4g}"
    if kind in ("rnn", "rnn_cell"):
        return f"drawn from U(-b, b), b = {1 / math.sqrt(module.hidden_size):.4g}"
    return "zeros"


def _is_lazy(module: Any) -> bool:
    from torch.nn.parameter import is_lazy

    return any(p is not None and is_lazy(p) for p in own_parameters(module).values())


def layer_facts(model: Any, chains: dict[str, list[Frame]], optimiser: Any = None) -> list[LayerFacts]:
    """All modules with parameters of their own, in the order of registration."""
    import torch

    stepped = {id(p) for group in optimiser.param_groups for p in group["params"]} if optimiser is not None else None
    weights: dict[int, str] = {}
    bias_owner: dict[int, str] = {}
    found = []
    for name, module in model.named_modules():
        if not any(p is not None for p in own_parameters(module).values()) and not isinstance(module, torch.nn.Linear):
            continue
        if _is_lazy(module):
            continue
        type_name, kind = canonical(module)
        facts = LayerFacts(name, type_name, type(module).__name__, kind, chains.get(name, []))
        facts.config = {
            key: list(value) if isinstance(value, tuple) else value
            for key in _CONFIG
            if isinstance(value := getattr(module, key, None), (int, str, tuple))
        }
        biases = _biases(module)
        facts.bias_present = bool(biases)
        if biases:
            facts.bias_trainable = all(bias.requires_grad for bias in biases.values())
            if stepped is not None:
                facts.bias_optimised = all(id(bias) in stepped for bias in biases.values())
            facts.bias_values = numbers(torch.cat([bias.detach().flatten().float() for bias in biases.values()]))
            facts.bias_default = _default(module, kind)
            facts.channels = next(iter(biases.values())).numel()
        weight = own_parameters(module).get("weight")
        if weight is not None:
            facts.weight_trainable = weight.requires_grad
            facts.weight_optimised = None if stepped is None else id(weight) in stepped
            facts.weight_of = weights.get(id(weight))
            weights.setdefault(id(weight), name)
        bias = own_parameters(module).get("bias")
        if bias is not None:
            facts.bias_of = bias_owner.get(id(bias))
            bias_owner.setdefault(id(bias), name)
        facts.gates = forget_gates(module)
        found.append(facts)
    return found
