"""What the findings advise a bias to start at, as changes that can be made to the built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biaslint.runtime.facts.measurement import Verdict

FORGET = "forget gate"
_TO_ZERO = ("constant-bias-on-conv", "constant-bias-on-dense", "wide-random-bias", "negative-bias-before-relu")
_SHOWN = 4


def advised(verdict: Verdict) -> list[dict[str, Any]]:
    """One change for each layer that a finding speaks of; findings that do not touch the start make none."""
    found: dict[str, dict[str, Any]] = {}
    for one in verdict.failures:
        for layer in dict.fromkeys((one.layer, *one.layers)) if one.layer else ():
            if one.start:
                found[layer] = {"layer": layer, "part": "bias", "values": list(one.start)}
            elif one.rule == "forget-gate-bias":
                found.setdefault(layer, {"layer": layer, "part": FORGET, "values": [1.0]})
            elif one.rule in _TO_ZERO:
                found.setdefault(layer, {"layer": layer, "part": "bias", "values": [0.0]})
    return list(found.values())


def in_words(change: Mapping[str, Any]) -> str:
    """A change, for people."""
    values = change["values"]
    shown = ", ".join(f"{value:.4g}" for value in values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
    return f"{change['part']} of `{change['layer']}`: {f'[{shown}]' if len(values) > 1 else shown}"
