"""`torch.nn.init`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import External, Raised
from biaslint.analysis.frameworks.common import signatures
from biaslint.analysis.frameworks.torch import vocabulary as torch_vocabulary
from biaslint.analysis.tensors import contents, parameter_writes
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def initializer(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """torch.nn.init.name(tensor, ...)"""
    target = args[0] if args else kwargs.get("tensor")
    if target is None:
        ex.fault(f"{name} of None")
    if isinstance(target, Node) and not parameter_writes.own_parameter(target):
        target.info.pop("unfilled", None)
        parameter_writes.record_view(ex, target)
        return target
    if not isinstance(target, (Param, Node)):
        return target
    signature = torch_vocabulary.INITIALIZERS.get(name)
    if signature is None:
        parameter_writes.record(ex, target, contents.UNKNOWN, by=f"nn.init.{name}")
        return target
    bound = {key: default for key, default in signatures.parameters(signature) if key != "tensor"}
    bound.update(zip(signatures.positional_names(signature)[1:], args[1:], strict=False))
    bound.update({key: value for key, value in kwargs.items() if key != "tensor"})
    if any(key in signatures.positional_names(signature)[: len(args)] for key in kwargs):
        ex.fault(f"{name}: multiple values for an argument")
    by = f"nn.init.{name}"
    text = ex.text(ex.node.args[1]) if isinstance(ex.node, ast.Call) and len(ex.node.args) > 1 else ""
    if name == "constant_":
        parameter_writes.record(ex, target, contents.content_of(bound.get("val")), by, text)
    elif name in ("zeros_", "ones_"):
        parameter_writes.record(ex, target, contents.constant(float(name == "ones_")), by)
    elif name in ("normal_", "trunc_normal_"):
        text = next((item for item in parameter_writes.argument_texts(ex, 2) if item), text) if bound["std"] != 1.0 else text
        parameter_writes.normal(ex, target, bound["mean"], bound["std"], by, text)
    elif name == "uniform_":
        parameter_writes.uniform(ex, target, bound["a"], bound["b"], by, text)
    else:
        scaled = name in torch_vocabulary.SCALED_INITIALIZERS and not (isinstance(target, Node) and target.rank != 1)
        parameter_writes.record(ex, target, ("scaled" if scaled else "unknown", None, None), by)
        if scaled and isinstance(target, Param) and target.which.startswith("bias") and ex.try_depth:
            raise Raised(External("builtins.ValueError"), "a weight initialiser on a bias")
    return target
