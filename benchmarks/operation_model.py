"""What the analysis says that an operation does to a shift, beside what the operation really does to it.

A probe is a function of tensors, as source. The analysis executes it on abstract tensors; for a shift that varies along some axes of
one input, the transfer functions then say along which axes it may vary in the result, that it is gone, or that it is seen (which is
no claim). The framework executes it too, in float64, with the shift and without.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from biaslint.analysis import machine
from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.path_condition import PathCondition
from biaslint.analysis.domain.values import DictValue, FunctionValue, Raised, SequenceValue, Stopped, Unknown, Value
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.interpreter.objects import namespaces
from biaslint.analysis.project.project import Project
from biaslint.theory import shift
from biaslint.theory.dataflow import Node

PATH = Path("/nowhere/probe.py")
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}  # by the type of the result
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Probe:
    """A function of tensors: the body of `def probe(x, y)`, an expression or several lines, and the shapes of its inputs.

    `names` are the entries of the vocabulary that it covers. `real` is the same in today's spelling, where the source has an old one.
    """

    names: tuple[str, ...]
    body: str
    shapes: tuple[Shape, ...]
    head: str = ""
    real: str = ""

    def source(self, real: bool = False) -> str:
        body = self.real or self.body if real else self.body
        lines = body.splitlines()
        lines[-1] = f"return {lines[-1]}"
        names = ", ".join("xyzw"[: len(self.shapes)])
        return f"{self.head}\n\ndef probe({names}):\n" + "".join(f"    {line}\n" for line in lines)


@dataclass
class Claim:
    """What the analysis says of one result: `axes` (None: no claim), and the dimensions of the tensor."""

    axes: frozenset[int] | None
    gone: bool = False  # it is said that nothing is left of the shift


@dataclass
class Outcome:
    """What a comparison came to."""

    compared: int = 0
    claims: int = 0
    exact: int = 0
    wrong: list[str] = field(default_factory=list)


class Abstract:
    """One abstract execution of a probe, with the knowledge of the sizes that `known` says: all, some, none, no rank."""

    def __init__(self, probe: Probe, known: Sequence[tuple[Any, ...] | None]) -> None:
        project = Project(PATH.parent, {PATH: probe.source()})
        module = project.open(PATH)
        assert module is not None, probe.source()
        interp = machine.execution(project, PathCondition())
        interp.module, interp.node = module, module.tree
        function = namespaces.module_attribute(interp, module, "probe")
        assert isinstance(function, FunctionValue)
        self.inputs = []
        for place, dims in enumerate(known):  # they come from a layer: what is given to a model may be a list as well
            given = interp.flow.add("input", (), dims, "xyzw"[place], interp.here())
            self.inputs.append(interp.flow.add("smooth", (given,), dims, "xyzw"[place], interp.here(), mixes=()))
        self.interp = interp
        self.raised = ""
        self.value: Value = None
        try:
            self.value = interp.call(function, list(self.inputs), {}, function.node)
        except Raised as raised:
            self.raised = f"raises {class_lookup.describe(raised.value)}"
        except Stopped as stopped:
            self.raised = str(stopped)
        self.results = [interp.flow.now(leaf) if isinstance(leaf, Node) else leaf for leaf in leaves(self.value, interp)]

    def claims(self, source: int, axes: frozenset[int]) -> list[Claim]:
        """What becomes of a shift of the input number `source` that varies along `axes`, in each of the results."""
        start = self.inputs[source]
        state: dict[int, shift.Axes] = {start.id: shift.along(axes, start)}
        seen: set[int] = set()
        for node in self.interp.flow.nodes[start.id + 1 :]:
            if any(one.id in seen for one in node.inputs):
                seen.add(node.id)
            elif any(one.id in state for one in node.inputs):
                try:
                    carried: shift.Axes | None = shift.TRANSFER[node.op](node, state)
                except shift.Stored as stored:
                    carried = stored.axes
                except shift.Seen:
                    seen.add(node.id)
                    continue
                if carried is not None:
                    state[node.id] = shift.along(carried, node)
        return [self._claim(result, state, seen) for result in self.results]

    def _claim(self, result: Value, state: dict[int, shift.Axes], seen: set[int]) -> Claim:
        if isinstance(result, Node):
            if result.id in seen:
                return Claim(None)
            return Claim(state[result.id]) if result.id in state else Claim(shift.NONE, gone=True)
        if seen or (isinstance(result, Unknown) and result.tensors):
            return Claim(None)
        return Claim(shift.NONE, gone=True)


def leaves(value: Value, interp: Execution) -> list[Value]:
    """The parts of nested sequences, in order."""
    if isinstance(value, Node) and {"pieces", "unbind"} & value.info.keys():
        return [interp.opaque(value, name="an unknown number of pieces")]
    if isinstance(value, SequenceValue):
        return [leaf for item in value.items for leaf in leaves(item, interp)]
    if isinstance(value, DictValue):
        return [leaf for item in value.items.values() for leaf in leaves(item, interp)]
    return [value]


def real_leaves(value: Any, to_array: Callable[[Any], Any]) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in real_leaves(item, to_array)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in real_leaves(item, to_array)]
    return [to_array(value)]


def knowledge(chance: random.Random, shape: Shape, place: int) -> tuple[Any, ...] | None:
    """What the analysis knows of an input's dimensions. It takes a size that it does not know for one that is not 1."""
    how = chance.choice(("all", "some", "some", "none"))
    return tuple(
        size if size == 1 or how == "all" or (how == "some" and chance.random() < 0.5) else ("size", place, axis)
        for axis, size in enumerate(shape)
    )


def compare(
    probe: Probe,
    execute: Callable[[Probe, list[Any]], list[Any]],
    chance: random.Random,
    rank_known: bool = True,
    shifts: int = 4,
) -> Outcome:
    """Hold the analysis against the framework. `execute` runs the probe on arrays; ValueError where it takes no such arguments."""
    seed = chance.randrange(2**32)
    generator = np.random.default_rng(seed)
    arrays = [generator.uniform(0.5, 1.5, shape) * generator.choice((-1.0, 1.0), shape) for shape in probe.shapes]
    before = execute(probe, arrays)
    rank_known = rank_known or len({len(shape) for shape in probe.shapes}) > 1
    known = [knowledge(chance, shape, place) if rank_known else None for place, shape in enumerate(probe.shapes)]
    abstract = Abstract(probe, known)
    outcome = Outcome()
    if abstract.raised:
        return outcome
    dims_wrong = sizes_differ(abstract, before, known, probe.shapes)
    if dims_wrong:
        outcome.wrong.append(dims_wrong)
    for _ in range(shifts):
        place = chance.randrange(len(arrays))
        rank = len(probe.shapes[place])
        wanted = frozenset(axis for axis in range(rank) if chance.random() < 0.4)
        if chance.random() < 0.5 and rank:
            wanted = frozenset({chance.choice((1 % rank, rank - 1))})
        size = tuple(length if axis in wanted else 1 for axis, length in enumerate(probe.shapes[place]))
        moved = list(arrays)
        moved[place] = arrays[place] + generator.normal(size=size)
        after = execute(probe, moved)
        said = abstract.claims(place, wanted if rank_known else frozenset(counted(chance, wanted, rank)))
        outcome.compared += 1
        if len(said) != len(after) and any(claim.axes is not None for claim in said):
            outcome.wrong.append(f"{len(after)} results, of which the analysis has {len(said)}")
            continue
        for claim, one, two in zip(said, before, after, strict=False):
            if claim.axes is None:
                continue
            outcome.claims += 1
            varies = axes_of_difference(one, two)
            if varies is None:
                outcome.wrong.append("the result has another shape for other values")
                continue
            claimed = {axis if axis >= 0 else axis + one.ndim for axis in claim.axes}
            if not varies <= claimed:
                moved_by = f"a shift of {'xyzw'[place]} along {sorted(wanted)}"
                outcome.wrong.append(f"{moved_by} varies along {sorted(varies)}; said: {sorted(claimed)}")
            elif claim.gone and differs(one, two):
                outcome.wrong.append(f"a shift of {'xyzw'[place]} along {sorted(wanted)} is said to be gone and is not")
            outcome.exact += varies == claimed
    return outcome


def counted(chance: random.Random, axes: frozenset[int], rank: int) -> list[int]:
    """Axes as a layer would name them: a convolution its channels from the front, a linear layer its features from the back."""
    back = chance.random() < 0.5
    return [axis - rank if back and axis == rank - 1 else axis for axis in axes]


def difference(one: Any, two: Any) -> Any:
    """`two - one`; NaN where both are infinite, which takes any shift up."""
    with np.errstate(invalid="ignore"):
        return two - one


def differs(one: Any, two: Any) -> bool:
    return one.shape != two.shape or bool(np.any(np.abs(difference(one, two)) > tolerance(one)))


def tolerance(array: Any) -> float:
    return TOLERANCE[str(array.dtype)]


def axes_of_difference(one: Any, two: Any) -> set[int] | None:
    """The axes along which the difference of two arrays varies; None where their shapes are different."""
    if one.shape != two.shape:
        return None
    change = difference(one, two)
    found = set()
    for axis in range(one.ndim):
        if one.shape[axis] > 1:
            low = np.where(np.isnan(change), np.inf, change).min(axis)
            high = np.where(np.isnan(change), -np.inf, change).max(axis)
            if np.any(high - low > tolerance(one)):
                found.add(axis)
    return found


def sizes_differ(abstract: Abstract, results: list[Any], known: Sequence[Any], shapes: Sequence[Shape]) -> str:
    """Where the analysis is wrong about the dimensions of a result."""
    sizes: dict[Any, int] = {}
    for dims, shape in zip(known, shapes, strict=True):
        if dims is not None:
            sizes.update({dim: size for dim, size in zip(dims, shape, strict=True) if not isinstance(dim, int)})
    for node, array in zip(abstract.results, results, strict=False):
        if not isinstance(node, Node) or node.dims is None or node.op == "opaque":
            continue
        if len(node.dims) != array.ndim:
            return f"the result has {array.ndim} axes; said: {len(node.dims)}"
        for axis, (dim, size) in enumerate(zip(node.dims, array.shape, strict=True)):
            said = dim if isinstance(dim, int) else sizes.get(dim)
            if said is not None and said != size:
                return f"axis {axis} of the result has {size} entries; said: {said}"
    return ""


def run_source(probe: Probe, names: dict[str, Any]) -> Callable[..., Any]:
    """The probe as a function."""
    space: dict[str, Any] = dict(names)
    exec(compile(ast.parse(probe.source(real=True)), "<probe>", "exec"), space)
    function: Callable[..., Any] = space["probe"]
    return function
