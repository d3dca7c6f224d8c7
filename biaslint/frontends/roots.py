"""What to execute: the models that the linted files build, each as it is used, and those that nothing there uses alone.

A root is something that nothing else in the linted files refers to: an entry point such as `resnet50()`, a model class, a script.
Executing a root executes everything that it leads to. Model classes that no root reached are then judged alone.
"""

from __future__ import annotations

import ast
import re
import traceback
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from biaslint.frontends import attributes, calls, export, frameworks, outline, relief, scopes, survey
from biaslint.frontends.choices import Choices
from biaslint.frontends.interpreter import MAX_STEPS, Interpreter
from biaslint.frontends.project import Project
from biaslint.frontends.reached import Reached, Whole
from biaslint.frontends.survey import Contents, Definition, Root, Summary
from biaslint.frontends.values import (
    Class,
    DictV,
    External,
    Func,
    ListV,
    Obj,
    Partial,
    Raised,
    Scope,
    Setting,
    Stopped,
    Unknown,
    Value,
    tensors_in,
    vast,
)
from biaslint.graph import LayerUse

MAX_RUNS = 8
ROOT_STEPS = 1_500_000
SMALL = 30_000  # steps up to which a model is executed under contrary choices although nothing was found in it
FUNCTIONAL_STEPS = 60_000  # the largest models of keras.applications take a tenth of it
FEW = 3  # choices of a small model that are each made the other way although nothing was found in it
LONE_STEPS = 30_000  # for a function that is executed only because nothing calls it


class Duplicate(Exception):
    """A model of this class with arguments of the same shape has been executed already."""


# -- executing -------------------------------------------------------------------------------------------------------------------------


Reference = tuple[Path, int | None]  # a definition, as `survey.find` finds it
Spread = Callable[..., list[Any]]  # does a piece of work for each of many groups: `kept.spread_what_is_new`


def run_all(spread: Spread, files: Sequence[Path]) -> tuple[Whole, list[Summary]]:
    """Execute everything that the files lead to, round by round; within a round no execution bears on another."""
    summaries = spread(summarise, files)
    contents = survey.gather(summaries)
    waiting: list[Definition] = []
    entries: list[Definition] = []
    for one in contents.definitions:
        if one.model and contents.referred.get(one.name, 0):
            waiting.append(one)
        elif survey.worth_running(one, contents) and (one.index is None or not contents.referred.get(one.name, 0)):
            entries.append(one)
    reached = Whole()
    reached.add(spread(execute_all, by_file(entries)))
    for chosen in rounds(waiting, contents, reached.sum.classes):
        reached.add(spread(execute_all, [[(one.path, one.index)] for one in chosen if one.name not in contents.parts]))
        reached.add(spread(execute_parts, [[(one.path, one.index)] for one in chosen if one.name in contents.parts]))
    # where functions build the models, those that nothing has called
    lone = [one for one in contents.definitions if one.kind == "function" and one.layers and one.path in contents.functional]
    for chosen in rounds(lone, contents, reached.sum.functions):
        reached.add(spread(execute_lone, by_file(chosen)))
    return reached, summaries


def by_file(definitions: Iterable[Definition]) -> list[list[Reference]]:
    """Those of a file are executed one after the other, since they often build the same models."""
    groups: dict[Path, list[Reference]] = {}
    for one in definitions:
        groups.setdefault(one.path, []).append((one.path, one.index))
    return list(groups.values())


def rounds(waiting: Iterable[Definition], contents: Contents, done: set[Hashable]) -> Iterator[list[Definition]]:
    """The definitions that are not yet `done`, the outer ones first: those that the fewest others refer to."""
    waiting = [one for one in waiting if one.identity not in done]
    while waiting:
        mentions = dict.fromkeys((one.name for one in waiting), 0)
        for one in waiting:
            for name in contents.refers[one]:
                if name in mentions and name != one.name:
                    mentions[name] += 1
        fewest = min(mentions.values())
        chosen = [one for one in waiting if mentions[one.name] == fewest]
        yield chosen
        waiting = [one for one in waiting if mentions[one.name] != fewest and one.identity not in done]


def summarise(project: Project, path: Path) -> Summary:
    """What a file defines."""
    summary = survey.summarise(project, path)
    module = project.modules.get(path)
    if module is not None:
        made = outline.of(module)
        summary.outline = outline.encoded(made) if made is not None else None
    relief.relieve(project)
    return summary


def execute_all(project: Project, group: Sequence[Reference], steps: int = MAX_STEPS) -> Reached:
    """Execute some roots one after the other."""
    reached = Reached()
    for path, index in group:
        root = survey.find(project, path, index)
        if root is not None and (root.node is None or project.identity(root.module, root.node) not in reached.functions):
            execute(project, root, reached, steps)
        relief.relieve(project)
    take_definitions(project, reached)
    return replace(reached, seen=set(), before=set(), asked=[], flipped=set(), flips=[])  # what only these roots bear on


def execute_parts(project: Project, group: Sequence[Reference]) -> Reached:
    """Execute some models that are parts of others, but no execution of those led to them."""
    reached = execute_all(project, group)
    return replace(reached, uses=[replace(use, part=True) for use in reached.uses])


def execute_lone(project: Project, group: Sequence[Reference]) -> Reached:
    """Execute some functions that nothing calls."""
    return execute_all(project, group, LONE_STEPS)


def execute(project: Project, root: Root, reached: Reached, steps: int = MAX_STEPS) -> None:
    """Execute a root, or recall what it led to the last time."""
    memory = project.memory
    if memory is None:
        explore(project, root, reached, steps)
        return
    found = memory.recall(root, steps, reached)
    if found is None:
        found = Reached(seen=reached.seen, before=reached.classes, flipped=reached.flipped)
        project.ledger.settle()
        project.ledger.unknowns.clear()
        project.ledger.used.clear()
        explore(project, root, found, steps)
        take_definitions(project, found)
        memory.store(root, steps, found)
    reached.add([found])


def take_definitions(project: Project, reached: Reached) -> None:
    """Add what the definitions that the work has led to used and did not understand."""
    ledger = project.ledger
    ledger.settle()
    reached.unknowns.update(dict.fromkeys(sorted(ledger.unknowns, key=lambda fact: (fact.place, fact.what))))
    reached.classes.update(one.identity for one in ledger.used if one.kind == "class")
    reached.functions.update(one.identity for one in ledger.used if one.kind == "function")


def explore(project: Project, root: Root, reached: Reached, steps: int) -> None:
    """Execute a root under every set of choices that matters, and keep what was found."""
    if survey.functional(root.module) and not survey.speaks_of_torch(root.module):
        steps = min(steps, FUNCTIONAL_STEPS)
    forced: list[tuple[dict[Any, bool], bool, Any]] = [({}, False, None)]
    taken: list[tuple[bool, dict[Any, bool]]] = []  # the choices of the executions so far, and whether they began contrarily
    spent = 0
    runs = 0
    found: list[LayerUse] = []
    while forced and runs < MAX_RUNS and spent < ROOT_STEPS:
        given, contrary, flip = forced.pop(0)
        if covered(given, contrary, taken):
            continue
        if flip is not None and not untried(reached, flip):
            continue
        try:
            interp, uses, ended = one_run(project, root, given, contrary, reached, first=runs == 0, steps=steps)
        except Duplicate:
            return
        runs += 1
        spent += interp.steps
        found.extend(uses)
        for fact in export.unknown_facts(interp):
            reached.unknowns.setdefault(fact)
        if ended is None:
            reached.classes.update(project.identity(cls.module, cls.node) for cls in interp.classes)
        elif runs == 1:
            reached.stopped.append((f"{root.module.name}.{root.name}", ended))
        reached.functions.update(project.identity(func.module, func.node) for func in interp.functions)
        taken.append((contrary, interp.choices.made))
        choices = interp.choices
        repeatable = [key for key in choices.open if not passing(key)]
        if ended is not None and ended.startswith("raises") and repeatable and runs < 4:
            last = repeatable[-1]
            forced.insert(0, ({**given, last: not interp.choices.made[last]}, contrary, None))
        small = isinstance(root.node, ast.ClassDef) and interp.steps < SMALL
        biases = frozenset((use.place.path, use.owner, use.name) for use in found if matters(use))
        contrast = runs == 1 and any(key not in choices.settled for key in choices.open)
        if contrast and (small or biases):
            forced.append(({}, True, None if small else ("all", biases)))
        if contrast and small and not biases:
            free = [key for key in repeatable if key not in choices.settled]
            if 2 <= len(free) <= FEW:
                forced += [({one: choices.made[one] == (one != key) for one in free}, contrary, None) for key in free]
        if biases and len(given) < 2:
            files = {place.path for use in found if matters(use) for place in use.chain}
            for key in repeatable:
                if choices.where.get(key) in files:
                    flip = (spelling(key), choices.made[key], *(() if sized(key) else (len(given), contrary, biases)))
                    forced.append(({**given, key: not choices.made[key]}, contrary, flip))
            forced.sort(key=lambda item: len(item[0]))
    reached.uses.extend(found)
    if any(not covered(given, contrary, taken) for given, contrary, _ in forced):
        place = (getattr(root.node, "lineno", 1), getattr(root.node, "col_offset", 0))
        reached.unknowns.setdefault(root.module.unknown(*place, "analysis stopped here: more conditions than are tried"))


def covered(given: dict[Any, bool], contrary: bool, taken: list[tuple[bool, dict[Any, bool]]]) -> bool:
    """Has an execution made these choices already?"""
    return bool(given) and any(side == contrary and given.items() <= made.items() for side, made in taken)


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


def matters(use: LayerUse) -> bool:
    """Is its bias one that may be reported, so that every choice on the way to it must be tried?"""
    return bool(use.bias.present) and (use.fate.kind in ("dead", "part") or use.absorbed_by is not None)


def one_run(
    project: Project, root: Root, given: dict[Any, bool], contrary: bool, reached: Reached, first: bool, steps: int = MAX_STEPS
) -> tuple[Interpreter, list[LayerUse], str | None]:
    """One execution of a root. Returns what it found, and why it ended early, if it did."""
    interp = Interpreter(project, Choices(given, contrary), steps)
    interp.module = root.module
    interp.node = root.node
    interp.on_model = lambda cls, args, kwargs: once(project, reached, root, cls, args, kwargs) if first else None
    ended: str | None = None
    try:
        value = start(interp, root)
        interp.on_model = None
        forward(interp, value)
        for obj in orphans(interp, value):
            forward(interp, obj)
    except Raised as raised:
        ended = f"raises {attributes.describe(raised.value)} at {raised.where or 'an unknown place'}"
    except Stopped as stopped:
        ended = str(stopped)
    except RecursionError:
        ended = "nested too deeply"
        interp.module = root.module
        interp.cut(ended, root.node)
    except (KeyboardInterrupt, Duplicate):
        raise
    except Exception as error:
        ended = failed(error)
    finally:
        project.forget()
    reached.runs += 1
    try:
        uses = export.uses(interp, reached.runs, f"{root.name}", complete=ended is None)
    except Exception as error:
        uses, ended = [], failed(error)
    return interp, uses, ended


FAILED = "internal error: "


def failed(error: Exception) -> str:
    """A fault of the analysis itself ends this execution, not the others: nothing is reported from it, and it is named aloud."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{FAILED}{type(error).__name__}: {error}{where}"


def once(project: Project, reached: Reached, root: Root, cls: Class, args: list[Value], kwargs: dict[str, Value]) -> None:
    """An entry point that gives a class no argument that an earlier one has not given it, sizes aside, shows nothing new."""
    if root.node is not None and isinstance(root.node, ast.ClassDef):
        return
    key = project.identity(cls.module, cls.node)
    given: list[Any] = [(key, place, blurred(arg)) for place, arg in enumerate(args)]
    given += [(key, name, blurred(value)) for name, value in kwargs.items()]
    given.append((key, None, len(given)))
    fresh = [one for one in given if one not in reached.seen]
    inside = key in reached.classes or key in reached.before
    reached.asked.append((tuple(given), key, fresh, inside))
    if not fresh and inside and not (root.node is not None and rebuilds(root.node)):
        raise Duplicate
    reached.seen.update(fresh)


def rebuilds(node: ast.AST) -> bool:
    """Does a function put other parts into what it has built: `model.fc = ...`, `model.head[-1] = ...`, setattr, del?"""
    for part in ast.walk(node):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            if isinstance(part, ast.Attribute) or isinstance(part.value, (ast.Attribute, ast.Call)):
                return True
        elif isinstance(part, ast.Name) and part.id == "setattr":
            return True
    return False


def blurred(value: Value, depth: int = 6) -> str:
    """A value with its sizes taken out: what remains decides which layers a model is made of."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if value < 2 else "n"
    if isinstance(value, float):
        return str(value) if value in (0.0, 1.0) else "f"
    if isinstance(value, str):
        return re.sub(r"\d+", "n", value)
    if depth == 0:
        return "..."
    if isinstance(value, (ListV, DictV)) and vast(value):
        return "..."
    if isinstance(value, ListV):
        parts = [blurred(item, depth - 1) for item in value.items]
        return f"[{','.join(part for place, part in enumerate(parts) if not place or part != parts[place - 1])}]"
    if isinstance(value, DictV):
        return "{" + ",".join(f"{key}:{blurred(item, depth - 1)}" for key, item in value.items.items()) + "}"
    if isinstance(value, Partial):
        return f"partial({blurred(value.func)},{','.join(f'{key}={blurred(item)}' for key, item in value.kwargs.items())})"
    if isinstance(value, (Class, Func, External)):
        return str(value.name)
    if isinstance(value, Obj) and frameworks.is_module(value):
        parts = [f"{part.cls.name}{'' if part.layer is None else part.layer.bias}" for _, part in frameworks.walk(value)]
        return f"<{','.join(part for place, part in enumerate(parts) if not place or part != parts[place - 1])}>"
    if isinstance(value, Obj):
        attrs = (
            ",".join(f"{key}:{blurred(item, depth - 1)}" for key, item in value.attrs.items())
            if depth > 2 and value.layer is None
            else ""
        )
        return f"{value.cls.name}({attrs})"
    return "?" if not isinstance(value, Unknown) else f"?{value.text}"


def start(interp: Interpreter, root: Root) -> Value:
    """Build the model: call the function, instantiate the class, run the script."""
    module = root.module
    if root.node is None:
        module.scope.names["__name__"] = "__main__"
        calls.run_statement_level(interp, module)
        return None
    target = scopes.module_attribute(interp, module, root.node.name)
    if isinstance(target, Func):
        args, kwargs = arguments(interp, target, skip=0)
        return calls.call(interp, target, args, kwargs, root.node)
    if isinstance(target, Class):
        init = attributes.find_in_class(target, "__init__")
        args, kwargs = arguments(interp, init.value, skip=1) if init is not None and isinstance(init.value, Func) else ([], {})
        return calls.call(interp, target, args, kwargs, root.node)
    return None


def arguments(interp: Interpreter, func: Func, skip: int) -> tuple[list[Value], dict[str, Value]]:
    """What a root is called with: flags are unknown with their defaults, a configuration object is made where its class is known."""
    spec = func.node.args
    positional = [*spec.posonlyargs, *spec.args][skip:]
    defaults: dict[str, Value] = {}
    for parameter, default in zip(reversed(positional), reversed(func.defaults), strict=False):
        defaults[parameter.arg] = default
    defaults.update(func.kw_defaults)
    kwargs: dict[str, Value] = {}
    args: list[Value] = []
    for parameter in (*positional, *spec.kwonlyargs):
        name = parameter.arg
        if name in defaults:
            default = defaults[name]
            if isinstance(default, bool):
                value: Value = Unknown(("param", func.qualname, name), name, default=default)
            elif isinstance(default, str):
                value = Setting.of(default, ("param", func.qualname, name))
            else:
                value = default
        else:
            value = configured(interp, func, parameter)
        if parameter in positional and len(args) == positional.index(parameter):
            args.append(value)
        else:
            kwargs[name] = value
    return args, kwargs


OF_SIZES = re.compile(r"(typing\.)?(Sequence|List|list|Iterable|Tuple|tuple)\[int(, \.\.\.)?\]")
SIZES = 4  # how many sizes a list of them is given


def configured(interp: Interpreter, func: Func, parameter: ast.arg) -> Value:
    """A parameter without a default: its annotated class where that is a configuration of the project, else unknown."""
    unknown = Unknown(("param", func.qualname, parameter.arg), parameter.arg)
    annotation = parameter.annotation
    if annotation is None:
        return unknown
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return unknown
    if isinstance(annotation, ast.BinOp):
        annotation = annotation.left
    if isinstance(annotation, ast.Subscript) and OF_SIZES.fullmatch(ast.unparse(annotation)):
        return ListV([interp.item_of(unknown, index) for index in range(SIZES)])
    if not isinstance(annotation, (ast.Name, ast.Attribute)):
        return unknown
    value = interp.eval(annotation, Scope(func.module, func.scope))
    if isinstance(value, Class) and not frameworks.is_module(Obj(value)):
        outer = interp.choices
        try:
            interp.choices = Choices()
            return calls.call(interp, value, [], {}, interp.node)
        except (Raised, Stopped):
            return unknown
        finally:
            interp.choices = outer
    return unknown


def forward(interp: Interpreter, value: Value) -> None:
    """Call a model on inputs and let its result leave it."""
    if isinstance(value, ListV):
        for item in value.items:
            forward(interp, item)
        return
    if isinstance(value, Obj) and frameworks.is_module(value) and not value.used:
        for result in run_model(interp, value):
            for node in tensors_in(result, 6):
                interp.flow.add("output", (node,), node.dims, "output")
    elif not isinstance(value, Obj):
        for node in tensors_in(value, 6):
            interp.flow.add("output", (node,), node.dims, "output")


NOT_FORWARD = re.compile(
    r"^_|^(configure|on_|train|val|test|predict_|load|save|get_|set_|init|reset|from_|num_|freeze|group|no_|is_|summary|backward)"
)


def run_model(interp: Interpreter, obj: Obj) -> list[Value]:
    """Call a model as training would. A class without a forward pass has its other public methods called."""
    results: list[Value] = []
    train = attributes.find_method(obj, "train")
    if train is not None:
        calls.call(interp, train, [True], {}, interp.node)
    for name in frameworks.call_methods(obj):
        found = attributes.find_in_class(obj.cls, name)
        if found is not None and isinstance(found.value, Func):
            args, kwargs = inputs(interp, found.value)
            obj.used = True
            results.append(calls.call(interp, obj, args, kwargs, found.value.node))
            return results
    if obj.layer is not None or obj.items is not None or frameworks.is_graph(obj):
        if obj.items is not None and not frameworks.has_forward(obj):
            return [
                result
                for item in list(obj.items.values())
                if isinstance(item, Obj) and frameworks.is_module(item) and not item.used
                for result in run_model(interp, item)
            ]
        node = interp.flow.add("input", (), None, "the input", interp.here())
        results.append(calls.call(interp, obj, [node], {}, interp.node))
        return results
    if isinstance(obj.cls, Class):
        for name, func in list(obj.cls.attrs.items()):
            if isinstance(func, Func) and func.kind == "function" and (name == "training_step" or not NOT_FORWARD.match(name)):
                args, kwargs = inputs(interp, func)
                results.append(calls.call(interp, attributes.load(interp, obj, name), args, kwargs, func.node))
    return results


def inputs(interp: Interpreter, func: Func) -> tuple[list[Value], dict[str, Value]]:
    """Inputs for a forward pass: a tensor for every parameter that has no default, and for the first in any case.

    A flag (`return_features=False`) is one that some callers give the other value.
    """
    spec = func.node.args
    positional = [*spec.posonlyargs, *spec.args][1:]
    required = len(positional) - len(func.defaults)
    args: list[Value] = []
    for index, parameter in enumerate(positional):
        if index < max(required, 1):
            args.append(input_for(interp, func, parameter))
    kwargs: dict[str, Value] = {}
    for parameter in spec.kwonlyargs:
        if parameter.arg not in func.kw_defaults:
            kwargs[parameter.arg] = input_for(interp, func, parameter)
    named = [
        *zip(positional[required:], func.defaults, strict=True),
        *((one, func.kw_defaults.get(one.arg)) for one in spec.kwonlyargs),
    ]
    for parameter, default in named[max(1 - required, 0) :]:
        if isinstance(default, bool) and not MODE.fullmatch(parameter.arg):
            kwargs[parameter.arg] = Unknown(("input", func.qualname, parameter.arg), parameter.arg, default=default)
    if spec.vararg and not positional:
        args.append(interp.flow.add("input", (), None, spec.vararg.arg, interp.here()))
    return args, kwargs


MODE = re.compile(r"(is_)?(train|training|eval|inference|test|predict|infer|testing)|mode")  # the pass is the one of training
SCALARS = {"int", "bool", "float", "str"}


def input_for(interp: Interpreter, func: Func, parameter: ast.arg) -> Value:
    annotation = ast.unparse(parameter.annotation) if parameter.annotation is not None else ""
    if annotation in SCALARS:
        return Unknown(("input", func.qualname, parameter.arg), parameter.arg)
    return interp.flow.add("input", (), None, parameter.arg, interp.here())


def orphans(interp: Interpreter, value: Value) -> list[Obj]:
    """Models that were built and that nothing of the execution called or took in: they are used elsewhere."""
    found = []
    for obj in interp.objects:
        if obj is value or obj.used or not frameworks.is_module(obj):
            continue
        owner = obj.owner
        if owner is not None and frameworks.is_module(owner):
            continue
        if obj.layer is not None and (obj.layer.calls or obj.layer.kind in ("loss", "activation")):
            continue
        found.append(obj)
    return found
