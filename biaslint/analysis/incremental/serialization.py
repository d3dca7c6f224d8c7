"""Serialization: results of pieces of work as JSON, and recalling them instead of working."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from biaslint.analysis.exploration.references import Definition, Summary
from biaslint.analysis.exploration.results import ExplorationResult
from biaslint.analysis.incremental import file_states
from biaslint.findings import as_json as facts_as_json
from biaslint.theory.program import LayerUse

if TYPE_CHECKING:
    from biaslint.analysis.exploration.results import Facts
    from biaslint.analysis.incremental.parallel import Team, Work
    from biaslint.analysis.project.dependencies import Dependencies


NAMES = tuple(one.name for one in fields(LayerUse))
COLUMNS = attrgetter(*NAMES)
BAD = (OSError, LookupError, TypeError, ValueError, AttributeError)  # what unpacking something else raises


class Store(Protocol):
    """A store of results that lasts from one run to the next."""

    def recall(self, name: str) -> tuple[bytes, Callable[[], bytes]] | None:
        """The entry of this name, if its dependencies are unchanged: its first text, and a function that gives the second."""

    def keep(self, name: str, value: bytes, needed: Dependencies, rest: bytes = b"") -> None:
        """Keep an entry of two texts, with its dependencies."""

    def keep_outline(self, path: str, value: bytes) -> None:
        """Keep the outline of a file, for the impact of its next change."""


@dataclass(slots=True)
class Values:
    """Caches of unpacking: whole fields of layers by their text, and parts of them."""

    by_text: dict[str, Any] = field(default_factory=dict)
    parts: dict[Any, Any] = field(default_factory=dict)


def run_or_recall(spread: Team, store: Store | None, setting: str) -> Callable[[Work, Sequence[Any]], list[Any]]:
    """`spread` that recalls pieces from the `store`. `setting` is part of their keys."""
    values = Values()

    def spread_new(work: Work, groups: Sequence[Any]) -> list[Any]:
        results: dict[int, Any] = {}
        names = [name_of(setting, work, group) for group in groups]
        for place, name in enumerate(names):
            known = None if store is None else store.recall(name)
            if known is not None:
                with contextlib.suppress(*BAD):  # a damaged entry is none
                    results[place] = unpacked(*known, values)
                    forget_executions(results[place])
        missing = [place for place in range(len(groups)) if place not in results]
        for place, (result, needed) in zip(missing, spread(work, [groups[place] for place in missing]), strict=True):
            text = serialize(result) if store is not None else None
            if isinstance(result, bytes):  # from another process
                first, _, rest = result.partition(b"\n")
                result = unpacked(first, partial(bytes, rest), values)
            if store is not None and not (isinstance(result, ExplorationResult) and result.left_out):
                keep(store, names[place], groups[place], text, needed)
            results[place] = result
        return [results[place] for place in range(len(groups))]

    return spread_new


def forget_executions(result: Any) -> None:
    """A recalled result, marked as made by an earlier analysis."""
    if isinstance(result, ExplorationResult):
        result.executions.clear()


def keep(store: Store, name: str, group: Any, text: Any, needed: Dependencies) -> None:
    """Keep what `packed` has made of a piece's result; a file's outline by itself, for it says more than what the piece is."""
    if not isinstance(text, bytes):
        text = os.urandom(16)  # which cannot be unpacked, and is never the same
    first, _, rest = text.partition(b"\n")
    if not isinstance(group, Path):
        store.keep(name, first, needed, rest)
        return
    store.keep(name, first, needed)
    if rest:
        store.keep_outline(str(group), rest)


def name_of(setting: str, work: Work, group: Any) -> str:
    """The key of a piece in the store."""
    return file_states.digest(json.dumps([setting, work.__name__, group], default=str).encode())


def serialize(result: Any) -> Any:
    """A `Summary` or a `ExplorationResult` as lines of JSON; the result itself where that cannot be, or is already.

    What is not always needed has a line of its own: a file's outline, and the facts that were reached.
    """
    if isinstance(result, bytes):
        return result
    try:
        parts = (
            [_summary_out(result), result.outline]
            if isinstance(result, Summary)
            else [_reached_out(result), _facts_out(result)]
        )
        return b"\n".join(json.dumps(part, separators=(",", ":")).encode() for part in parts if part is not None)
    except (TypeError, ValueError, RecursionError):
        return result


def unpacked(first: bytes, rest: Callable[[], bytes], values: Values) -> Any:
    """What `packed` was given, the facts still packed. Raises one of BAD on any other text.

    What equals one of the `values` that were unpacked before becomes the same.
    """
    value = json.loads(first)
    return _summary_in(value) if "state" in value else _reached_in(value, rest, values)


def _summary_out(one: Summary) -> dict[str, Any]:
    return {
        "state": one.state,
        "functional": one.functional,
        "aliases": one.aliases,
        "imports": one.imports,
        "path": str(one.definitions[0].path) if one.definitions else "",
        "definitions": [
            [
                made.index,
                made.name,
                made.kind,
                made.identity,
                " ".join(made.mentions),
                " ".join(made.calls),
                " ".join(made.bases),
                made.layers,
                made.model,
                made.constructs,
            ]
            for made in one.definitions
        ],
    }


def _summary_in(value: Any) -> Summary:
    path = Path(value["path"])
    definitions = [
        Definition(path, index, name, kind, identity, words(mentions), words(calls), words(bases), *flags)
        for index, name, kind, identity, mentions, calls, bases, *flags in value["definitions"]
    ]
    return Summary(definitions, value["aliases"], value["functional"], value["state"], tuple(value["imports"]))


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _reached_out(one: ExplorationResult) -> dict[str, Any]:
    return {
        "functions": sorted(one.functions, key=str),
        "classes": sorted(one.classes, key=str),
        "runs": one.runs,
        "executions": one.executions,
        "stopped": one.stopped,
        **({"left_out": sorted(one.left_out, key=str)} if one.left_out else {}),
    }


def _facts_out(one: ExplorationResult) -> dict[str, Any]:
    """Layers are rows of numbers: where each field's value stands in a list of all values, each a JSON text."""
    places: dict[str, int] = {}  # where each text stands
    seen: dict[Any, int] = {}

    def number(value: Any) -> int:
        key = (type(value), value) if type(value) in (str, int, bool) else id(value)
        known = seen.get(key)
        if known is None:
            text = json.dumps(facts_as_json.encode(value), separators=(",", ":"))
            known = seen[key] = places.setdefault(text, len(places))
        return known

    return {
        "uses": [[number(value) for value in COLUMNS(use)] for use in one.uses],
        "values": list(places),
        "unknowns": [facts_as_json.encode(fact) for fact in one.unknowns],
    }


def _reached_in(value: Any, facts: Callable[[], bytes], known: Values) -> ExplorationResult:
    return ExplorationResult(
        packed=partial(_facts_in, facts, known),
        functions=set(value["functions"]),
        classes=set(value["classes"]),
        runs=value["runs"],
        executions=[(name, steps) for name, steps in value["executions"]],
        stopped=[(root, why) for root, why in value["stopped"]],
        left_out={(path, index) for path, index in value.get("left_out", ())},
    )


def _facts_in(facts: Callable[[], bytes], known: Values) -> Facts:
    value = json.loads(facts())
    for one in value["values"]:
        if one not in known.by_text:
            known.by_text[one] = facts_as_json.decode(json.loads(one), known.parts)
    values = [known.by_text[one] for one in value["values"]]
    uses = [LayerUse(*[values[number] for number in row]) for row in value["uses"]]
    return uses, {facts_as_json.decode(fact, known.parts): None for fact in value["unknowns"]}
