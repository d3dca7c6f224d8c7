"""The parameters and buffers of a module and of those within it, in PyTorch's order and with its names."""

from __future__ import annotations

from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import Instance
from biaslint.analysis.interpreter import module_tree
from biaslint.theory.dataflow import Node


def parameters_of(obj: Instance, every_name: bool = False) -> list[tuple[str, Param]]:
    """The parameters of layers; with `every_name`, each under all names that its layer has, as in a state dict."""
    found: list[tuple[str, Param]] = []
    for name, module in module_tree.every_name(obj) if every_name else module_tree.walk(obj):
        layer = module.layer
        if layer is None:
            continue
        head = f"{name}." if name else ""
        if layer.kind == "rnn":
            count = layer.config.get("num_layers", 1)
            for index in range(count if isinstance(count, int) and 0 < count < 17 else 1):
                for suffix in ("", "_reverse") if layer.config.get("bidirectional") is True else ("",):
                    for which in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if layer.bias is not False else ())):
                        found.append((f"{head}{which}_l{index}{suffix}", Param(layer, f"{which}_l{index}{suffix}")))
        elif layer.kind == "rnn_cell":
            for which in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if layer.bias is not False else ())):
                found.append((f"{head}{which}", Param(layer, which)))
        elif layer.kind in ("conv", "linear", "norm", "bilinear", "embedding"):
            found.append((f"{head}weight", Param(layer, "weight")))
            if layer.bias is not False and layer.kind != "embedding":
                found.append((f"{head}bias", Param(layer, "bias")))
    return found


def own_parameters(obj: Instance) -> list[tuple[str, Node]]:
    """The parameters that modules hold themselves: `self.w = nn.Parameter(...)`."""
    return [
        (f"{name}.{key}" if name else key, value)
        for name, module in module_tree.walk(obj)
        for key, value in module.attrs.items()
        if isinstance(value, Node) and value.op == "const" and "parameter" in value.info and not value.info.get("buffer")
    ]


def buffers_of(obj: Instance) -> list[tuple[str, Param]]:
    """The running statistics of the norms within."""
    found = []
    for name, module in module_tree.walk(obj):
        layer = module.layer
        if layer is not None and layer.kind == "norm" and layer.config.get("track_running_stats") is not False:
            found += [(f"{name}.{which}" if name else which, Param(layer, which)) for which in ("running_mean", "running_var")]
    return found
