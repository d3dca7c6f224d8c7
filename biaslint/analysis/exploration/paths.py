"""Exploring paths: an entry point is executed once, and again for each branch that may change a finding."""

from __future__ import annotations

import ast
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis import machine
from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.path_condition import PathCondition, setting_of
from biaslint.analysis.domain.values import Class, FunctionValue, Raised, Stopped
from biaslint.analysis.exploration import equivalence, extraction, harness
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.tensors import training_steps
from biaslint.theory import loss_fit, terms
from biaslint.theory.conditions import NORM, training_condition
from biaslint.theory.program import STORED, LayerUse, Place
from biaslint.theory.shift import SEEN_BY_NORM

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.exploration.results import ExplorationResult, Root
    from biaslint.analysis.project.project import Project


@dataclass(frozen=True, slots=True)
class Trial:
    """An execution to make: its prescribed branches, and the branch that it prefers where nothing decides."""

    assumptions: dict[Any, bool] = field(default_factory=dict)
    prefers_false: bool = False
    released: frozenset[Any] = frozenset()  # the parameters whose default it leaves open
    try_key: Any = None  # what another entry point may have tried before
    shows_new: bool = True  # does it vary an execution that showed biases which none before it has shown?
    tells: bool = False  # what is alive then is told, whatever is dead then


class Frontier:
    """The worklist of an entry point: the executions still to make, and those that were made."""

    def __init__(self) -> None:
        self.waiting = [Trial()]
        # the branches of each execution, which branch it preferred, and whose default it left open
        self.taken: list[tuple[bool, frozenset[Any], dict[Any, bool]]] = []

    def next(self, result: ExplorationResult) -> Trial | None:
        """The first trial that no execution covers and that no other entry point has tried; None where all are."""
        while self.waiting:
            trial = self.waiting.pop(0)
            if not self.covered(trial) and (trial.try_key is None or first_try(result, trial.try_key)):
                return trial
        return None

    def covered(self, trial: Trial) -> bool:
        """Has an execution taken these branches already?"""
        asked = trial.assumptions.items()
        return bool(asked) and any(
            side == trial.prefers_false and released == trial.released and asked <= assumed.items()
            for side, released, assumed in self.taken
        )

    def incomplete(self) -> bool:
        """Is there a trial left that no execution covers?"""
        return any(not self.covered(trial) for trial in self.waiting)


def explore_paths(project: Project, root: Root, result: ExplorationResult, steps: int | None = None) -> None:
    """Execute an entry point under each path condition that matters, and add what is found to `result`."""
    limits = project.limits
    steps = limits.steps if steps is None else steps
    if framework.built_by_functions_alone(root.module.text):
        steps = min(steps, limits.functional_steps)
    frontier, found, told = Frontier(), list[LayerUse](), set[int]()
    spent = runs = 0
    while spent < limits.entry_point_steps:
        if runs >= (limits.small_executions if spent < limits.small_steps else limits.executions):
            break
        trial = frontier.next(result)
        if trial is None:
            break
        try:
            choices = PathCondition(trial.assumptions, trial.prefers_false, trial.released)
            ex, uses, ended = one_run(project, root, choices, result, first=runs == 0, steps=steps)
        except equivalence.AlreadyExecuted:
            return
        for use in uses:
            use.deviates = bool(trial.released)
        if ex.path.others:  # a value that nothing is known of may show a bias; that one is dead needs a value that is known
            uses = [use for use in uses if not may_be_reported(use)]
        told |= {id(use) for use in uses if trial.tells}
        runs += 1
        spent += ex.steps
        known = reported_names(found)
        found.extend(uses)
        keep_what_it_saw(project, root, ex, ended, result, first=runs == 1)
        frontier.taken.append((trial.prefers_false, trial.released, ex.path.assumed))
        add_neighbours(frontier, trial, root, ex, ended, runs, found, known)
    result.uses.extend(without_frozen(without_idle_deviations(found, told)))
    if frontier.incomplete():
        place = (getattr(root.node, "lineno", 1), getattr(root.node, "col_offset", 0))
        result.unknowns.setdefault(root.module.unknown(*place, "analysis stopped here: more conditions than are tried"))


def keep_what_it_saw(
    project: Project, root: Root, ex: Execution, ended: str | None, result: ExplorationResult, first: bool
) -> None:
    """Add an execution's unknown facts, and the classes and functions that it used, to the result."""
    for fact in extraction.unknown_facts(ex):
        result.unknowns.setdefault(fact)
    if ended is None:
        result.classes.update(project.identity(cls.module, cls.node) for cls in settled(ex))
    elif first or ended.startswith(FAILED):
        name = f"{root.module.path}: {root.name}" if ended.startswith(FAILED) else f"{root.module.name}.{root.name}"
        if (name, ended) not in result.stopped:
            result.stopped.append((name, ended))
    result.functions.update(project.identity(func.module, func.node) for func in ex.functions)


def add_neighbours(
    frontier: Frontier, trial: Trial, root: Root, ex: Execution, ended: str | None, runs: int, found: list[LayerUse],
    known: frozenset[tuple[Any, ...]],
) -> None:  # fmt: skip
    """Add the executions that differ from this one in a branch that may matter."""
    path = ex.path
    repeatable = [key for key in path.open if not is_transient(key)]
    if ended is not None and ended.startswith("raises") and repeatable and runs < 4:
        last = repeatable[-1]
        other = {**trial.assumptions, last: not path.assumed[last]}
        frontier.waiting.insert(0, replace(trial, assumptions=other))
    biases = reported_names(found)
    if biases and trial.released and not trial.prefers_false and any(key not in path.by_default for key in repeatable):
        frontier.waiting.append(replace(trial, prefers_false=True, try_key=None))  # `any(flags)`, where none of them is set
    if runs == 1:
        add_contrasts(frontier, trial, repeatable, root, ex, biases)
        if not biases and any(map(seen_by_norm, found)):
            add_other_norms(frontier, trial, repeatable, ex)
    elif not biases and len(trial.assumptions) == 1 and not trial.released:
        turned = turned_flags(path, repeatable, root, ex.steps < ex.project.limits.small_steps)
        frontier.waiting += [  # a norm that two settings bring together
            replace(trial, assumptions=both, try_key=("both", *sorted(map(spelling, both))))
            for key in turned[: ex.project.limits.flags]
            if len(both := {**trial.assumptions, key: not path.assumed[key]}) == 2
        ]
    if biases and len(trial.assumptions) < (1 if trial.released else 2):
        files = {place.path for use in found if may_be_reported(use) for place in (*use.chain, *steps_of(use))}
        for key in sorted(repeatable, key=lambda one: not chooses_norm(path, one)):
            if path.where.get(key) in files:
                way: tuple[Any, ...] = () if depends_on_shape(key) else (len(trial.assumptions), trial.prefers_false, biases)
                other = {**trial.assumptions, key: not path.assumed[key]}
                others = trial.assumptions if ex.steps < ex.project.limits.small_steps else ()  # of a small model, every pair
                way = (*way, *map(spelling, sorted((*trial.released, *others), key=repr)))
                try_key = (spelling(key), path.assumed[key], *way)
                new, tells = not biases <= known, trial.tells and bool(path.others)
                frontier.waiting.append(Trial(other, trial.prefers_false, trial.released, try_key, shows_new=new, tells=tells))
        frontier.waiting.sort(key=lambda one: (len(one.assumptions), not one.shows_new))


def add_contrasts(
    frontier: Frontier, trial: Trial, repeatable: list[Any], root: Root, ex: Execution, biases: frozenset[tuple[Any, ...]]
) -> None:
    """After the first execution, add those that differ from it in more than one branch, or in a default.

    These are: one that prefers the other branches; of a small model, one for each of a few flags turned, and one for each of a few
    parameters whose default, a number or None, becomes unknown. A norm that is off by default is meant to be switched on.
    """
    path = ex.path
    small = isinstance(root.node, ast.ClassDef) and ex.steps < ex.project.limits.small_steps
    if not all(key in path.by_default for key in path.open):
        if small or biases:
            frontier.waiting.append(Trial({}, True, try_key=None if small else ("all", biases)))
        if small and not biases:
            free = [key for key in repeatable if key not in path.by_default]
            if 2 <= len(free) <= ex.project.limits.contrary_choices:
                frontier.waiting += [
                    replace(trial, assumptions={one: path.assumed[one] == (one != key) for one in free}) for key in free
                ]
    if root.node is None:
        return
    short = ex.steps < ex.project.limits.small_steps
    flags = turned_flags(path, repeatable, root, short)
    if not biases:
        frontier.waiting += [
            replace(trial, assumptions={key: not path.assumed[key]}, try_key=(spelling(key), path.assumed[key]))
            for key in flags[: ex.project.limits.flags]
        ]
    if short:
        keys = [*path.releasable, *(path.optional if biases else ())][: ex.project.limits.flags]
        frontier.waiting += [
            Trial(released=frozenset([key]), tells=bool(biases), try_key=("released", spelling(key))) for key in keys
        ]


def seen_by_norm(use: LayerUse) -> bool:
    """Is its bias alive because a norm sees it?"""
    return bool(use.bias.present) and use.fate.kind == "alive" and use.fate.detail.endswith(SEEN_BY_NORM)


def add_other_norms(frontier: Frontier, trial: Trial, repeatable: list[Any], ex: Execution) -> None:
    """Add the executions in which one setting that speaks of a norm, and that no default decided, is the other way."""
    path = ex.path
    chosen = [key for key in repeatable if key not in path.by_default and chooses_norm(path, key)]
    frontier.waiting += [
        replace(trial, assumptions={key: not path.assumed[key]}, try_key=("norm", spelling(key), path.assumed[key]))
        for key in chosen[: ex.project.limits.flags]
    ]


def chooses_norm(path: PathCondition, key: Any) -> bool:
    """Does a condition speak of a norm, and of more than whether a setting is given?"""
    text = path.texts.get(key, "")
    return NORM.search(text) is not None and not text.endswith(" is None")


def turned_flags(path: PathCondition, repeatable: list[Any], root: Root, short: bool) -> list[Any]:
    """The settings that a default decided and that speak of a norm, or decide whether there is one."""
    return [
        key
        for key in repeatable
        if root.node is not None
        and key in path.by_default
        and (NORM.search(path.texts.get(key, "")) or (short and setting_of(key) in path.flags))
    ]


def reported_names(uses: list[LayerUse]) -> frozenset[tuple[Any, ...]]:
    """The names of the biases that may be reported."""
    return frozenset(name_of(use) for use in uses if may_be_reported(use))


def settled(ex: Execution) -> set[Class]:
    """The classes whose use an execution has shown. Models that it only made are executed alone later."""
    idle: set[Value] = set()
    for obj in ex.objects:
        if not obj.used and isinstance(obj.cls, Class) and framework.is_module(obj):
            found = (class_lookup.find_in_class(obj.cls, name) for name in framework.call_methods(obj))
            if any(one is not None and isinstance(one.value, FunctionValue) for one in found):
                idle.add(obj.cls)
    return ex.classes - (idle - {obj.cls for obj in ex.objects if obj.used})


def is_transient(key: Any) -> bool:
    """Is it a condition on a value of this execution alone?"""
    return isinstance(key, terms.Term) and (isinstance(key, terms.Fresh) or any(map(is_transient, key)))


def depends_on_shape(key: Any) -> bool:
    """Is it a condition on the sizes of tensors? Biases seldom depend on them, so its other branch is taken only once."""
    return isinstance(key, terms.Term) and (isinstance(key, terms.Dimension) or any(map(depends_on_shape, key)))


def spelling(key: Any) -> str:
    """The spelling of a condition that is equal for another entry point with its own objects."""
    if isinstance(key, tuple):
        if isinstance(key, terms.Dimension):
            return f"dim {key.axis}"
        return f"({','.join(map(spelling, key))})"
    return repr(key) if isinstance(key, (str, int, float, type(None))) else str(getattr(key, "name", type(key).__name__))


def first_try(result: ExplorationResult, try_key: Any) -> bool:
    """Is this branch new? Another entry point that took it for the same biases has shown all there is."""
    fresh = try_key not in result.tried
    result.tried.add(try_key)
    result.try_queries.append((try_key, fresh))
    return fresh


def name_of(use: LayerUse) -> tuple[Any, ...]:
    """The identity of a bias in all executions of a file."""
    return use.place.path, use.owner, use.name


def may_be_reported(use: LayerUse) -> bool:
    """May its bias or its loss be reported? Then each branch on the way to it is explored."""
    if use.predictions:
        return any(map(loss_fit.misfit, use.predictions))
    return bool(use.bias.present) and (use.fate.kind in ("dead", "part") or use.absorbed_by is not None)


def steps_of(use: LayerUse) -> list[Place]:
    """Where what a loss is given is made."""
    return [place for one in use.predictions for place in (one.place, one.made, one.layer) if place is not None]


def one_run(
    project: Project, root: Root, choices: PathCondition, reached: ExplorationResult, first: bool, steps: int
) -> tuple[Execution, list[LayerUse], str | None]:
    """Execute an entry point once. Returns its layers, and why it ended early or None."""
    ex = machine.execution(project, choices, steps)
    ex.module = root.module
    ex.node = root.node
    ex.faults = None if reached.observer is None else set()
    ex.on_model = lambda cls, args, kwargs: equivalence.once(project, reached, root, cls, args, kwargs) if first else None
    try:
        ended, value = executed(ex, root)
        reached.runs += 1
        training_steps.mark_trained(ex)
        uses: list[LayerUse] = []
        try:
            uses = extraction.extract_layers(ex, extraction.Run(reached.runs, root.name, str(root.module.path), ended is None))
        except Exception as error:
            ended = failed(error)
        if reached.observer is not None:
            reached.observer(ex, value, ended, uses)
    finally:
        if reached.observer is None:
            reached.executions.append((root.name, ex.steps))
        project.state.end_execution()
    return ex, uses, ended


def executed(ex: Execution, root: Root) -> tuple[str | None, Value]:
    """Execute an entry point. Returns why it ended early or None, and its return value."""
    ended: str | None = None
    value: Value = None
    try:
        value = harness.start(ex, root)
        ex.on_model = None
        harness.forward(ex, value)
        for obj in harness.unused_models(ex, value, root):
            harness.forward(ex, obj)
        harness.compute_losses(ex)
    except Raised as raised:
        ended = f"raises {class_lookup.describe(raised.value)} at {raised.where or 'an unknown place'}"
    except Stopped as stopped:
        ended = str(stopped)
    except RecursionError:
        ended = "nested too deeply"
        ex.module = root.module
        ex.give_up_here(ended, root.node)
    except (KeyboardInterrupt, equivalence.AlreadyExecuted):
        raise
    except Exception as error:
        ended = failed(error)
    return ended, value


def without_idle_deviations(uses: list[LayerUse], told: set[int]) -> list[LayerUse]:
    """Without the layers that executions at other values than the defaults only repeat, but for those `told`, by identity."""
    places = {use.place for use in uses if use.deviates and use.bias.present and use.fate.kind in ("dead", "part")}
    return [use for use in uses if not use.deviates or use.place in places or id(use) in told]


def without_frozen(uses: list[LayerUse]) -> list[LayerUse]:
    """Without those that train a norm which the defaults freeze, where nothing tells under which setting they do."""
    frozen: dict[Place, list[LayerUse]] = {}
    dead: dict[Place, list[LayerUse]] = {}
    for use in uses:
        if use.run == uses[0].run and use.fate.detail == STORED:
            frozen.setdefault(use.place, []).append(use)
        elif use.fate.kind == "dead":
            dead.setdefault(use.place, []).append(use)
    dropped = {
        id(use)
        for place, others in frozen.items()
        if place in dead
        and all(use.run != uses[0].run for use in dead[place])
        and training_condition(dead[place], others) is None
        for use in dead[place]
    }
    return [use for use in uses if id(use) not in dropped]


FAILED = "internal error: "


def failed(error: Exception) -> str:
    """The message about a fault of the analysis itself. It ends this execution alone, and nothing is reported from it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{FAILED}{type(error).__name__}: {error}{where}"
