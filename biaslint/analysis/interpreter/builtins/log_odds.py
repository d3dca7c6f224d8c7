"""Logarithms and log odds of class frequencies."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


REST = re.compile(r"\(?1(\.0*)? - ")


def logarithm(ex: Execution, argument: Value) -> None:
    """Note a logarithm of odds, p / (1 - p) or (1 - p) / p, with the p that it was worked out from."""
    node = ex.node
    if not isinstance(node, ast.Call) or not node.args or not isinstance(argument, (int, float)):
        return
    ratio = node.args[0]
    if not isinstance(ratio, ast.BinOp) or not isinstance(ratio.op, ast.Div):
        return
    above, below = ex.text(ratio.left), ex.text(ratio.right)
    if REST.match(below) and below.strip("()").endswith(f" {above}"):
        odds = float(argument)
    elif REST.match(above) and above.strip("()").endswith(f" {below}"):
        odds = 1 / argument if argument else float("inf")
    else:
        return
    prior = 1.0 if odds == float("inf") else odds / (1 + odds) if odds != -1 else float("inf")
    fact = Layer(
        "math.log",
        "logarithm",
        "python",
        {"argument": float(argument), "prior": prior},
        ex.origin(),
        name=ex.text(node),
    )
    ex.facts.append(fact)
