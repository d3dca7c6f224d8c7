"""Executing an entry point under every set of choices that matters: unknown conditions are made the other way one by one."""

from __future__ import annotations

import ast
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis import machine
from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.path_condition import Choices
from biaslint.analysis.domain.values import Class, Func, Raised, Stopped
from biaslint.analysis.exploration import equivalence, extraction, harness, references
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.execution import MAX_STEPS, Execution
from biaslint.theory.program import LayerUse

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.exploration.results import Reached, Root
    from biaslint.analysis.project.project import Project


MAX_RUNS = 8
MANY_RUNS = 24  # of what is small
ROOT_STEPS = 1_500_000
SMALL = 30_000  # steps up to which a model is executed under contrary choices although nothing was found in it
FUNCTIONAL_STEPS = 60_000  # the largest models of keras.applications take a tenth of it
FEW = 3  # choices of a small model that are each made the other way although nothing was found in it


@dataclass(frozen=True, slots=True)
class Trial:
    """An execution to make: the choices it is given, and the side on which it takes the others."""

    given: dict[Any, bool] = field(default_factory=dict)
    contrary: bool = False
    flip: Any = None  # what another entry point may have tried before
    new: bool = True  # does it vary an execution that showed biases which none before it has shown?


def explore(project: Project, root: Root, reached: Reached, steps: int) -> None:
    """Execute a root under every set of choices that matters, and keep what was found."""
    if references.functional(root.module) and not references.speaks_of_torch(root.module):
        steps = min(steps, FUNCTIONAL_STEPS)
    waiting = [Trial()]
    taken: list[tuple[bool, dict[Any, bool]]] = []  # the choices of the executions so far, and whether they began contrarily
    spent = 0
    runs = 0
    found: list[LayerUse] = []
    biases: frozenset[tuple[Any, ...]] = frozenset()  # those that may be reported
    while waiting and (runs < MAX_RUNS or (runs < MANY_RUNS and spent < SMALL)) and spent < ROOT_STEPS:
        trial = waiting.pop(0)
        given, contrary = trial.given, trial.contrary
        if covered(trial, taken):
            continue
        if trial.flip is not None and not untried(reached, trial.flip):
            continue
        try:
            ex, uses, ended = one_run(project, root, given, contrary, reached, first=runs == 0, steps=steps)
        except equivalence.Duplicate:
            return
        runs += 1
        spent += ex.steps
        found.extend(uses)
        for fact in extraction.unknown_facts(ex):
            reached.unknowns.setdefault(fact)
        if ended is None:
            reached.classes.update(project.identity(cls.module, cls.node) for cls in settled(ex))
        elif runs == 1:
            reached.stopped.append((f"{root.module.name}.{root.name}", ended))
        reached.functions.update(project.identity(func.module, func.node) for func in ex.functions)
        taken.append((contrary, ex.choices.made))
        choices = ex.choices
        repeatable = [key for key in choices.open if not passing(key)]
        if ended is not None and ended.startswith("raises") and repeatable and runs < 4:
            last = repeatable[-1]
            waiting.insert(0, Trial({**given, last: not ex.choices.made[last]}, contrary))
        small = isinstance(root.node, ast.ClassDef) and ex.steps < SMALL
        new = any(matters(use) and name_of(use) not in biases for use in uses)
        biases = frozenset(name_of(use) for use in found if matters(use))
        contrast = runs == 1 and any(key not in choices.settled for key in choices.open)
        if contrast and (small or biases):
            waiting.append(Trial({}, True, None if small else ("all", biases)))
        if contrast and small and not biases:
            free = [key for key in repeatable if key not in choices.settled]
            if 2 <= len(free) <= FEW:
                waiting += [Trial({one: choices.made[one] == (one != key) for one in free}, contrary) for key in free]
        if biases and len(given) < 2:
            files = {place.path for use in found if matters(use) for place in use.chain}
            for key in repeatable:
                if choices.where.get(key) in files:
                    flip = (spelling(key), choices.made[key], *(() if sized(key) else (len(given), contrary, biases)))
                    waiting.append(Trial({**given, key: not choices.made[key]}, contrary, flip, new))
            waiting.sort(key=lambda one: (len(one.given), not one.new))
    reached.uses.extend(found)
    if any(not covered(trial, taken) for trial in waiting):
        place = (getattr(root.node, "lineno", 1), getattr(root.node, "col_offset", 0))
        reached.unknowns.setdefault(root.module.unknown(*place, "analysis stopped here: more conditions than are tried"))


def settled(ex: Execution) -> set[Class]:
    """The classes of which an execution has shown how they are used: those of models that it has only made are judged alone."""
    idle: set[Value] = set()
    for obj in ex.objects:
        if not obj.used and isinstance(obj.cls, Class) and framework.is_module(obj):
            found = (class_lookup.find_in_class(obj.cls, name) for name in framework.call_methods(obj))
            if any(one is not None and isinstance(one.value, Func) for one in found):
                idle.add(obj.cls)
    return ex.classes - (idle - {obj.cls for obj in ex.objects if obj.used})


def covered(trial: Trial, taken: list[tuple[bool, dict[Any, bool]]]) -> bool:
    """Has an execution made these choices already?"""
    given = trial.given.items()
    return bool(given) and any(side == trial.contrary and given <= made.items() for side, made in taken)


def passing(key: Any) -> bool:
    """Is it a condition on a value that another execution will not meet again?"""
    return isinstance(key, tuple) and bool(key) and (key[0] == "fresh" or any(passing(part) for part in key))


def sized(key: Any) -> bool:
    """Is it a condition on the sizes of tensors? Biases seldom depend on them: each is made the other way once."""
    return isinstance(key, tuple) and bool(key) and (key[0] == "dim" or any(map(sized, key)))


def spelling(key: Any) -> str:
    """A condition's key such that another entry point, with objects of its own, has the same."""
    if isinstance(key, tuple):
        if key[:1] == ("dim",):
            return f"dim {key[-1]}"
        return f"({','.join(map(spelling, key))})"
    return repr(key) if isinstance(key, (str, int, float, type(None))) else str(getattr(key, "name", type(key).__name__))


def untried(reached: Reached, flip: Any) -> bool:
    """Has no execution made this choice the other way yet? An entry point that comes to the same biases by it shows nothing new."""
    fresh = flip not in reached.flipped
    reached.flipped.add(flip)
    reached.flips.append((flip, fresh))
    return fresh


def name_of(use: LayerUse) -> tuple[Any, ...]:
    """Whose bias it is, for all executions of a file."""
    return use.place.path, use.owner, use.name


def matters(use: LayerUse) -> bool:
    """Is its bias one that may be reported, so that every choice on the way to it must be tried?"""
    return bool(use.bias.present) and (use.fate.kind in ("dead", "part") or use.absorbed_by is not None)


def one_run(
    project: Project, root: Root, given: dict[Any, bool], contrary: bool, reached: Reached, first: bool, steps: int = MAX_STEPS
) -> tuple[Execution, list[LayerUse], str | None]:
    """One execution of a root. Returns what it found, and why it ended early, if it did."""
    ex = machine.execution(project, Choices(given, contrary), steps)
    ex.module = root.module
    ex.node = root.node
    ex.on_model = lambda cls, args, kwargs: equivalence.once(project, reached, root, cls, args, kwargs) if first else None
    ended: str | None = None
    try:
        value = harness.start(ex, root)
        ex.on_model = None
        harness.forward(ex, value)
        for obj in harness.orphans(ex, value):
            harness.forward(ex, obj)
    except Raised as raised:
        ended = f"raises {class_lookup.describe(raised.value)} at {raised.where or 'an unknown place'}"
    except Stopped as stopped:
        ended = str(stopped)
    except RecursionError:
        ended = "nested too deeply"
        ex.module = root.module
        ex.cut(ended, root.node)
    except (KeyboardInterrupt, equivalence.Duplicate):
        raise
    except Exception as error:
        ended = failed(error)
    finally:
        project.state.end_execution()
    reached.runs += 1
    try:
        uses = extraction.uses(ex, reached.runs, f"{root.name}", complete=ended is None)
    except Exception as error:
        uses, ended = [], failed(error)
    return ex, uses, ended


FAILED = "internal error: "


def failed(error: Exception) -> str:
    """A fault of the analysis itself ends this execution, not the others: nothing is reported from it, and it is named aloud."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{FAILED}{type(error).__name__}: {error}{where}"
