"""Executing the entry points that reach a place a second time, on an edited text, with the choices of the first.

`replay` says what is not as it was. It is what a fix is held against before it is offered (`biaslint.engine.proofs`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.path_condition import PathCondition
from biaslint.analysis.domain.values import Class, FunctionValue, Instance, Method, Raised, Stopped
from biaslint.analysis.exploration import harness, paths, witness
from biaslint.analysis.exploration.results import ExplorationResult, Root
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project.project import Project

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.exploration.witness import Complaints, Shown
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.dependencies import Dependencies
    from biaslint.theory.program import LayerUse

Entry = tuple[str, str]  # the file that holds an entry point, links resolved, and its name
METHOD_STEPS = 20_000
SIDES = ("data", "fresh", "required", "dim")  # conditions that are told apart by numbers of this execution or lines of its text


@dataclass(slots=True)
class Run:
    """One execution: its choices, what it has shown, and what methods that nothing calls would do."""

    given: dict[Any, bool]
    prefers_false: bool
    released: frozenset[Any]
    made: list[tuple[Any, bool]]  # every side it took, by `blurred` condition
    shown: Shown
    complaints: Complaints
    uses: list[LayerUse]


Pair = tuple[Run, Run]  # an execution before an edit, and the same one after it


class Replay(PathCondition):
    """The choices of an execution that is to go the way of another one."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.given, run.prefers_false, run.released)
        self.sides: dict[Any, list[bool]] = {}
        for key, side in run.made:
            self.sides.setdefault(key, []).append(side)

    def usual(self, key: Any, default: Any) -> bool:
        """The side that the other execution took of the same condition, when it first met it."""
        taken = self.sides.get(blurred(key))
        return taken.pop(0) if taken else super().usual(key, default)


def blurred(key: Any, exact: bool = True) -> Any:
    """A condition's key without what differs between two executions: objects, and the numbers of what is told apart by them."""
    if isinstance(key, tuple):
        inexact = bool(key) and key[0] in SIDES
        return tuple(blurred(part, exact and not inexact) for part in key)
    if isinstance(key, bool) or key is None or isinstance(key, (str, float)):
        return key
    if isinstance(key, int):
        return key if exact else 0
    return str(getattr(key, "name", type(key).__name__))


Texts = Mapping[Path, str]


class Stage:
    """A project and its texts before an edit, with the executions that were made there."""

    def __init__(self, root: Path, texts: Texts, layers: Mapping[str, Mapping[str, Any]], files: Sequence[Path]) -> None:
        self.root = root.resolve()
        self.texts = {path.resolve(): text for path, text in texts.items()}
        self.layers = layers
        self.shown = {path.resolve(): str(path) for path in files}
        self.known: dict[tuple[Entry, ...], tuple[list[list[Run]], Dependencies]] = {}

    def project(self, edited: Texts) -> Project:
        """The project with some texts edited."""
        project = Project(self.root, {**self.texts, **{path.resolve(): text for path, text in edited.items()}})
        project.layers = self.layers
        project.shown = self.shown
        return project

    def before(self, entries: tuple[Entry, ...]) -> tuple[list[list[Run]], Dependencies]:
        """The executions of each entry point as the texts are, and what they depend on.

        What they share is executed once, by the first that asks for it: so the executions belong to this set of entry points.
        """
        known = self.known.get(entries)
        if known is None:
            project = self.project({})
            project.tracker.begin()
            runs = [explored(project, one) for one in entries]
            known = self.known[entries] = (runs, project.needed())
        return known

    def replay(self, entries: tuple[Entry, ...], edited: Texts) -> dict[Entry, list[Pair]]:
        """The executions of each entry point before and after the edit. An entry point that is gone raises LookupError."""
        pairs: dict[Entry, list[Pair]] = {}
        project = self.project(edited)
        number = 0
        for one, runs in zip(entries, self.before(entries)[0], strict=True):
            root = root_named(project, one)
            if root is None:
                raise LookupError(one[1])
            pairs[one] = []
            for run in runs:
                pairs[one].append((run, again(project, root, run, number)))
                number += 1
        return pairs


def root_named(project: Project, one: Entry) -> Root | None:
    """The entry point of a file that is called so: of several the last one, as for Python."""
    path, name = Path(one[0]), one[1]
    module = project.open(path)
    if module is None:
        return None
    for node in reversed(module.definitions):
        if node.name == name:
            return Root(module, node)
    return Root(module, None) if name == path.name else None


def explored(project: Project, one: Entry) -> list[Run]:
    """All executions of an entry point that matter."""
    runs: list[Run] = []
    root = root_named(project, one)
    if root is not None:
        paths.explore_paths(project, root, ExplorationResult(observer=lambda *seen: runs.append(observed(*seen))))
    return runs


def again(project: Project, root: Root, run: Run, number: int) -> Run:
    """One execution, with the choices of another."""
    found: list[Run] = []
    reached = ExplorationResult(observer=lambda *seen: found.append(observed(*seen)), runs=number)
    paths.one_run(project, root, Replay(run), reached, first=False, steps=project.limits.steps)
    return found[0]


def observed(ex: Execution, value: Value, ended: str | None, uses: list[LayerUse]) -> Run:
    """What an execution has shown, and what the methods of its models that nothing has called would do."""
    path = ex.path
    first = witness.shown(ex, value, ended)
    made = [(blurred(key), side) for key, side in path.assumed.items()]
    for func, obj in uncalled(ex):
        ex.max_steps = ex.steps + METHOD_STEPS
        try:
            args, kwargs = harness.inputs(ex, func)
            ex.call(Method(obj, func), args, kwargs, func.node)
        except (Raised, Stopped, RecursionError):
            continue
        except Exception as error:  # a fault of ours: the same on both texts tells nothing
            ex.fault(paths.failed(error))
    return Run(path.prescribed, path.prefers_false_branch, path.released, made, first, witness.complaints(ex), uses)


def may_be_called(func: FunctionValue) -> bool:
    """Is it a method that users may call on a finished model?"""
    plain = func.kind == "function" and not isinstance(func.node, ast.Lambda) and bool(func.node.args.args)
    return plain and func.name not in ("__init__", "train")


def uncalled(ex: Execution) -> list[tuple[FunctionValue, Instance]]:
    """The methods of the models that were built, with one instance for each, that nothing has called."""
    found: dict[int, tuple[FunctionValue, Instance]] = {}
    for obj in list(ex.objects):
        if not isinstance(obj.cls, Class) or not framework.is_module(obj):
            continue
        for base in obj.cls.mro:
            for func in base.attrs.values() if isinstance(base, Class) else ():
                if isinstance(func, FunctionValue) and func not in ex.functions and may_be_called(func):
                    found.setdefault(id(func), (func, obj))
    return list(found.values())
