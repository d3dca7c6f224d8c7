"""What a PyTorch model of which nothing was said may want to be fed with.

What the model says of itself comes first (a configuration, an example, a stated input size), then its signature, what its forward pass
does with each argument, and its layers. What PyTorch answers to a wrong guess often says what would be right: a guess is mended by that a
few times before it is given up.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from biaslint.runtime.target.inputs import BATCH, Spec
from biaslint.runtime.torch.forward_source import Reading, readings
from biaslint.runtime.torch.layer_inputs import LENGTH, batch_second, guesses, recurrent_state, tables
from biaslint.runtime.torch.mending import mend
from biaslint.runtime.torch.stated_inputs import image_sizes, parameters, stated

_MOST_TRIES = 28
_MENDS = 6
_NODES, _EDGES = 16, 32  # of a graph
Attempt = Callable[[list[Spec]], str]  # feeds the model; what went wrong, "" where nothing did


def find(model: Any, attempt: Attempt) -> tuple[list[Spec], list[str]]:
    """The first inputs that the model takes, [] for none, and what was tried."""
    tried: list[str] = []
    for specs in islice(candidates(model), _MOST_TRIES):
        seen: set[tuple[Spec, ...]] = set()
        for _ in range(_MENDS):
            if tuple(specs) in seen:
                break
            seen.add(tuple(specs))
            failure = attempt(specs)
            if not failure:
                return specs, tried
            tried.append(f"{', '.join(map(str, specs))}: {failure}")
            mended = mend(specs, failure, model)
            if mended is None:
                break
            specs = mended
    return [], tried


def candidates(model: Any) -> Iterator[list[Spec]]:
    """Inputs to try, most likely first."""
    yield from stated(model)
    wanted, read = _required(model), readings(model)
    single = _singles(model, wanted, read)
    if any(_GRAPH.search(one.name.lower()) for one in wanted):
        yield from ([_of_graph(one, spec) for one in wanted] for spec in single)
    if any(isinstance(key, str) for one in wanted for key in _keys(read, one.name)):
        yield from (_nested(wanted, read, spec, index, model) for index, spec in enumerate(single or [Spec((LENGTH,))]))
    state = recurrent_state(model)
    if state is not None and any(_STATE.search(one.name.lower()) for one in wanted):
        yield from _with_state(wanted, single, state, model)
    if len(wanted) < 2:
        name = wanted[0].name if wanted and wanted[0].kind is inspect.Parameter.KEYWORD_ONLY else ""
        yield from ([replace(spec, name=name)] for spec in single)
    else:
        yield from _several(wanted, read, single or [Spec((LENGTH,))], model)
    if any(_keys(read, one.name) or _is_list(one, read) for one in wanted):
        yield from (_nested(wanted, read, spec, index, model) for index, spec in enumerate(single[:3] or [Spec((LENGTH,))]))


def _required(model: Any) -> list[inspect.Parameter]:
    """The parameters of the forward pass that have no default."""
    wanted = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one for one in parameters(model).values() if one.kind in wanted and one.default is inspect.Parameter.empty]


def _singles(model: Any, wanted: Sequence[inspect.Parameter], read: Mapping[str, Reading]) -> list[Spec]:
    """What the first argument may be: by the part of the model that reads it, else by the first layers; stated image sizes first."""
    name = wanted[0].name if wanted else next((one for one in parameters(model)), "")
    found = [*_read_by(read.get(name, Reading()).modules, model), *guesses(model)]
    sized = [
        replace(spec, shape=(spec.shape[0], *size))
        for size in image_sizes(model)
        for spec in found
        if len(spec.shape) == 3 and spec.type == "float"
    ]
    return list(dict.fromkeys([*sized, *found]))


def _read_by(names: Sequence[str], model: Any) -> list[Spec]:
    """What the first of these parts of the model that has layers takes."""
    modules = dict(model.named_modules())
    return next((found for name in names if name in modules and (found := guesses(modules[name]))), [])


def _several(
    wanted: Sequence[inspect.Parameter], read: Mapping[str, Reading], main: Sequence[Spec], model: Any
) -> Iterator[list[Spec]]:
    """Inputs for several arguments."""
    for index, spec in enumerate(main):
        yield [
            _for_parameter(one, spec, number, model, _read_by(read.get(one.name, Reading()).modules, model)[index:])
            for number, one in enumerate(wanted)
        ]
    masked = [_MASK.search(one.name.lower()) for one in wanted]
    for spec in main[:2] if any(masked) else ():  # masks of shapes that cannot be guessed are left out
        for first in (spec, _second(spec)) if batch_second(model) else (spec,):
            yield [
                Spec((), one.name if one.kind is inspect.Parameter.KEYWORD_ONLY else "", value="None")
                if mask
                else _for_parameter(one, first, number, model)
                for number, (one, mask) in enumerate(zip(wanted, masked, strict=True))
            ]
    for spec in main:
        yield [_for_parameter(one, spec, number, model) for number, one in enumerate(wanted)]
    for spec in main[1:]:  # the second argument like another layer wants it
        yield [_for_parameter(wanted[0], main[0], 0, model), *(_for_parameter(one, spec, 1, model) for one in wanted[1:])]


def _second(spec: Spec) -> Spec:
    """The same with the batch as the second axis."""
    return replace(spec, shape=(LENGTH, BATCH, *spec.shape[1:]))


_MASK = re.compile(r"mask|padding")
_LENGTHS = re.compile(r"len|lengths?$|_lens?$")
_TIME = re.compile(r"^(t|ts|time|times|timesteps?|step|sigma|noise_level)$")
_TOKENS = re.compile(r"ids?$|tok|word|^src$|^tgt$|^trg$|source|target|seq|text|user|item")
_STATE = re.compile(r"hidden|state|^h$|^h0$|^hx$|^hc$|memory|carry")
_GRAPH = re.compile(r"^adj|adjacency|laplacian|^edge_(index|weight|attr)|^edges$")


def _for_parameter(parameter: inspect.Parameter, spec: Spec, index: int, model: Any, read: Sequence[Spec] = ()) -> Spec:
    """What one of several arguments may be: by its name, by the layers that read it, else like the first."""
    name = parameter.name.lower()
    said = str(parameter.annotation).lower()
    given = parameter.name if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
    if _MASK.search(name) or "bool" in said:
        return Spec(spec.shape[:1] if spec.type == "int" else spec.shape, given, "ones")
    if _LENGTHS.search(name):
        return Spec((), given, "int", 1, LENGTH + 1)
    if _TIME.match(name):
        return Spec((), given, "int", 0, 100)
    if read:
        found = read[0]
        alike = found.type == spec.type and len(found.shape) == len(spec.shape)
        return replace(
            found, name=given, shape=(found.shape[0], *spec.shape[1:]) if alike and len(spec.shape) > 2 else found.shape
        )
    if _TOKENS.search(name) and (sizes := tables(model)):
        size = sizes[min(index, len(sizes) - 1)]
        shape = spec.shape if spec.type == "int" else (LENGTH,)
        return Spec(shape, given, "int", 0, size)
    return replace(spec, name=given)


def _of_graph(parameter: inspect.Parameter, spec: Spec) -> Spec:
    """An argument of a model of graphs: all nodes of one graph at once, without a batch."""
    name = parameter.name.lower()
    given = parameter.name if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
    if "index" in name or name == "edges":
        return Spec((2, _EDGES), given, "int", 0, _NODES, fixed=True)
    if _GRAPH.search(name):
        shape = (_EDGES,) if name.startswith("edge") else (_NODES, _NODES)
        return Spec(shape, given, "float", 0, 1, fixed=True)
    if name == "batch":
        return Spec((_NODES,), given, "int", 0, 1, fixed=True)
    return replace(spec, name=given, shape=(_NODES, *spec.shape[-1:]) if spec.type == "float" else (_NODES,), fixed=True)


def _with_state(
    wanted: Sequence[inspect.Parameter], main: Sequence[Spec], state: tuple[Spec, bool], model: Any
) -> Iterator[list[Spec]]:
    """Inputs beside a recurrent state; with the batch as the second axis where the layer has it there."""
    lasting, batch_first = state
    for spec in main:
        first = spec if batch_first else _second(spec)
        yield [
            lasting if _STATE.search(one.name.lower()) else _for_parameter(one, first, index, model)
            for index, one in enumerate(wanted)
        ]


def _keys(read: Mapping[str, Reading], name: str) -> dict[str | int, list[str]]:
    return read[name].keys if name in read else {}


def _is_list(parameter: inspect.Parameter, read: Mapping[str, Reading]) -> bool:
    said = str(parameter.annotation)
    return bool(parameter.name in read and read[parameter.name].each) or bool(
        re.search(r"\b([Ll]ist|[Tt]uple|Sequence)\b", said)
    )


def _nested(wanted: Sequence[inspect.Parameter], read: Mapping[str, Reading], spec: Spec, index: int, model: Any) -> list[Spec]:
    """Arguments from which keys or places are read, or that are gone through one by one."""
    made = []
    for number, one in enumerate(wanted):
        reading = read.get(one.name, Reading())
        if reading.keys:
            made.append(_of_keys(one, reading.keys, spec, index, model))
        elif _is_list(one, read):
            made.append(_of_parts(one, reading.each, spec, model))
        else:
            made.append(_for_parameter(one, spec, number, model, _read_by(reading.modules, model)[index:]))
    return made


def _of_keys(parameter: inspect.Parameter, keys: Mapping[str | int, Sequence[str]], spec: Spec, index: int, model: Any) -> Spec:
    """A dictionary, or a tuple where places are numbers."""
    named = any(isinstance(key, str) for key in keys)
    chosen: list[str | int] = [key for key in keys if isinstance(key, str)]
    chosen = chosen or list(range(max(map(int, keys)) + 1))
    parts = []
    for number, key in enumerate(chosen):
        own = parameter.replace(name=str(key) if named else f"part_{key}")
        read = _read_by(keys.get(key, ()), model)
        part = _for_parameter(own, spec, number, model, read[min(index, len(read) - 1) :] if read else ())
        parts.append(replace(part, name=str(key) if named else ""))
    return Spec((), _given(parameter), parts=tuple(parts), nested="dict" if named else "tuple")


def _of_parts(parameter: inspect.Parameter, each: str, spec: Spec, model: Any) -> Spec:
    """A tuple: a part for each module of the list that goes along, else two."""
    modules = dict(model.named_modules())
    along = list(modules[each].children()) if each in modules else []
    parts = [found[0] for one in along if (found := guesses(one))] or [spec, spec]
    return Spec((), _given(parameter), parts=tuple(parts), nested="tuple")


def _given(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
