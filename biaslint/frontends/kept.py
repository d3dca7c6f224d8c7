"""Pieces of the analysis that need not be made again: their results as JSON, and back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from biaslint import facts_as_json, states
from biaslint.frontends.dependencies import Dependencies
from biaslint.frontends.reached import Reached
from biaslint.frontends.survey import Definition, Summary
from biaslint.frontends.workers import Team, Work
from biaslint.graph import LayerUse

NAMES = tuple(one.name for one in fields(LayerUse))
COLUMNS = attrgetter(*NAMES)


class Store(Protocol):
    """Where pieces are kept from one run to the next."""

    def recall(self, name: str) -> bytes | None:
        """What is kept under this name, if nothing that it depends on has changed."""

    def keep(self, name: str, value: bytes, needed: Dependencies) -> None:
        """Keep a piece with what it depends on."""

    def keep_outline(self, path: str, value: bytes) -> None:
        """Keep what tells how far the next change of a file reaches."""


@dataclass(slots=True)
class Values:
    """What has been unpacked: whole fields of layers by their text, and parts of them."""

    by_text: dict[str, Any] = field(default_factory=dict)
    parts: dict[Any, Any] = field(default_factory=dict)


def spread_what_is_new(spread: Team, store: Store | None, setting: str) -> Callable[[Work, Sequence[Any]], list[Any]]:
    """`spread` such that pieces in the `store` are not made again. `setting` tells apart what the pieces themselves do not say."""
    values = Values()

    def spread_new(work: Work, groups: Sequence[Any]) -> list[Any]:
        results: dict[int, Any] = {}
        names = [name_of(setting, work, group) for group in groups]
        for place, name in enumerate(names):
            known = None if store is None else store.recall(name)
            if known is not None:
                with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):  # it is made anew
                    results[place] = unpacked(known, values)
        missing = [place for place in range(len(groups)) if place not in results]
        for place, (result, needed) in zip(missing, spread(work, [groups[place] for place in missing]), strict=True):
            if store is not None:
                text = packed(result)
                kept, _, outline = (text if isinstance(text, bytes) else b"").partition(b"\n")  # b"" cannot be unpacked
                store.keep(names[place], kept, needed)
                if outline:
                    store.keep_outline(str(groups[place]), outline)
            results[place] = unpacked(result, values)
        return [results[place] for place in range(len(groups))]

    return spread_new


def name_of(setting: str, work: Work, group: Any) -> str:
    """What a piece is kept under."""
    return states.digest(json.dumps([setting, work.__name__, group], default=str).encode())


def packed(result: Any) -> Any:
    """A `Summary` or a `Reached` as JSON, a file's outline in a line of its own; the result itself where that cannot be, or is already."""
    if isinstance(result, bytes):
        return result
    try:
        value = _summary_out(result) if isinstance(result, Summary) else _reached_out(result)
        text = json.dumps(value, separators=(",", ":")).encode()
        outline = result.outline if isinstance(result, Summary) else None
        return text if outline is None else text + b"\n" + json.dumps(outline, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        return result


def unpacked(text: Any, values: Values) -> Any:
    """What `packed` was given. Raises LookupError, TypeError, ValueError or AttributeError on any other text.

    What equals one of the `values` that were unpacked before becomes the same.
    """
    if not isinstance(text, bytes):
        return text
    value = json.loads(text.partition(b"\n")[0])
    return _summary_in(value) if "state" in value else _reached_in(value, values)


def _summary_out(one: Summary) -> dict[str, Any]:
    return {
        "state": one.state,
        "functional": one.functional,
        "aliases": one.aliases,
        "path": str(one.definitions[0].path) if one.definitions else "",
        "definitions": [
            [
                made.index,
                made.name,
                made.kind,
                made.identity,
                " ".join(made.mentions),
                " ".join(made.calls),
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
        Definition(path, index, name, kind, tuple(identity), tuple(mentions.split()), tuple(calls.split()), *flags)
        for index, name, kind, identity, mentions, calls, *flags in value["definitions"]
    ]
    return Summary(definitions, value["aliases"], value["functional"], value["state"])


def _reached_out(one: Reached) -> dict[str, Any]:
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
        "functions": sorted(one.functions, key=str),
        "classes": sorted(one.classes, key=str),
        "runs": one.runs,
        "stopped": one.stopped,
    }


def _reached_in(value: Any, known: Values) -> Reached:
    for text in value["values"]:
        if text not in known.by_text:
            known.by_text[text] = facts_as_json.decode(json.loads(text), known.parts)
    values = [known.by_text[text] for text in value["values"]]
    return Reached(
        uses=[LayerUse(*[values[number] for number in row]) for row in value["uses"]],
        unknowns={facts_as_json.decode(fact, known.parts): None for fact in value["unknowns"]},
        functions=_identities(value["functions"], known.parts),
        classes=_identities(value["classes"], known.parts),
        runs=value["runs"],
        stopped=[(root, why) for root, why in value["stopped"]],
    )


def _identities(rows: list[list[Any]], same: dict[Any, Any]) -> set[Any]:
    """The identities of definitions: where they stand."""
    found = set()
    for path, *place in rows:
        one = (same.setdefault(path, path), *place)
        found.add(same.setdefault(one, one))
    return found
