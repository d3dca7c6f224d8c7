"""BL502: an optimiser decays biases and norm shifts with the weights."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Fix, InsertAfter, Safety, SetArgument
from biaslint.theory.program import LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report optimisers that are given biases with a weight decay other than zero."""
    for site in program.sites("optimizer"):
        if all(_decays(use) for use in site.uses):
            use = site.first
            decay = next(decay for _, which, decay in use.covers if which.startswith("bias") and decay)
            yield Report(
                site.place,
                f"`{use.name}` decays biases and norm shifts by {decay:g} like the weights",
                layer=use.name,
                fix=None if _uninitialized(program, site.uses) else _fix(use),
                advice=_advice(use),
            )


def _advice(use: LayerUse) -> str:
    if use.framework == "flax":
        return "pass a `mask` that is false for biases and norm scales"
    return "put the biases in a parameter group with `weight_decay=0`"


def _uninitialized(program: Program, optimizers: list[LayerUse]) -> bool:
    """Are some of the parameters without a shape until the first input is known?"""
    covered = {(use.run, ident) for use in optimizers for ident, _, _ in use.covers}
    return any(".Lazy" in use.type and (use.run, use.ident) in covered for use in program.uses)


def _fix(use: LayerUse) -> Fix | None:
    """Two groups for one: matrices with the decay, vectors without."""
    given = use.texts.get("params", "")
    if use.framework == "keras" and use.statement is not None and re.fullmatch(r"[\w.]+", use.name):
        if use.place.column - use.statement.column != len(f"{use.name} = ") or use.place.line != use.statement.line:
            return None
        text = f'{use.name}.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])'
        return Fix(Safety.UNSAFE, f"`{text}`", (InsertAfter(use.statement, text),))
    if use.framework != "torch" or not re.fullmatch(r"[\w.]+\.parameters\(\)", given):
        return None
    lines = [f"[p for p in {given} if p.dim() > 1]", f'[p for p in {given} if p.dim() <= 1], "weight_decay": 0.0']
    deeper = 4 * (use.place.end_line > use.place.line)  # a call over several lines has its arguments indented
    indent = " " * (deeper + (use.statement.column - 1 if use.statement is not None else 0))
    groups = "[\n" + "".join(f'{indent}    {{"params": {line}}},\n' for line in lines) + f"{indent}]"
    message = "a group without weight decay for vectors (changes the groups of a saved optimizer state)"
    return Fix(Safety.UNSAFE, message, (SetArgument(use.place, "params", groups, 0),))


def _decays(use: LayerUse) -> bool:
    return any(which.startswith("bias") and decay for _, which, decay in use.covers)
