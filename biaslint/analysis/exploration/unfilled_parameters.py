"""Parameters that a model makes without values, with what becomes of them before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Class
from biaslint.analysis.exploration import fates, unused_layers
from biaslint.analysis.interpreter import framework
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

KIND = "unfilled parameter"


def unfilled_parameters(ex: Execution) -> list[Layer]:
    """A fact for each parameter made without values in a model whose forward pass was executed: is it ever filled?"""
    found: dict[int, Layer] = {}
    for obj in ex.objects:
        if isinstance(obj.cls, Class) and unused_layers.passed(ex, obj):
            for name, value in obj.attrs.items():
                if isinstance(value, Node) and value.info.get("unfilled") and value.info["made"].chain:
                    filled = {"filled": may_be_filled(value)}
                    found[value.id] = Layer(
                        KIND, KIND, framework.tensor_bias()[0], filled, value.info["made"], name=f"self.{name}"
                    )
    return list(found.values())


def may_be_filled(node: Node) -> bool:
    """Does something write to it, or may it, or does nothing use it?"""
    written = node.info.get("writes") or node.info.get("escaped") or node.later is not None or node.storage is not None
    return bool(written) or any(reader.info.get("unknown") for reader in node.readers) or not fates.reaches_output(node)
