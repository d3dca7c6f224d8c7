"""One thing that was measured, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from biaslint.findings.finding import Related, Severity
from biaslint.runtime.facts.observed import LayerFacts
from biaslint.runtime.facts.origins import OWN, Frame
from biaslint.theory.program import Place

PASS, FAIL, NOT_APPLICABLE, INCONCLUSIVE = "pass", "fail", "not applicable", "inconclusive"
NOT_REPORTED = "not reported"  # it fails, but the rule is off


@dataclass(slots=True)
class Measurement:
    """`name` is what was measured, `rule` the rule that a failure breaks ("" where nothing depends on it)."""

    name: str
    status: str
    message: str
    rule: str = ""
    layer: str = ""
    value: float | None = None
    threshold: float | None = None
    place: Place | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A finding in the making: `rule` is a rule's name, and `severity` is None where the rule's own holds."""

    rule: str
    place: Place | None  # None where the layer's origin is not known
    message: str
    layer: str = ""
    advice: str = ""
    severity: Severity | None = None
    related: tuple[Related, ...] = ()
    layers: tuple[str, ...] = ()  # all that it speaks of, where these are several
    start: tuple[float, ...] = ()  # what the layer's bias should start at, one number for all of it


@dataclass(slots=True)
class Verdict:
    """All measurements of a model, and what to report of the failed ones."""

    measurements: list[Measurement] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def place_of(frame: Frame) -> Place:
    """A frame as a place in the source."""
    return Place(frame[0], frame[1], frame[2], frame[3], max(frame[4], frame[2] + 1) if frame[3] == frame[1] else frame[4])


def outer_frames(chain: Sequence[Frame]) -> list[Frame]:
    """The calls without the layer's own constructors: the first is the constructor call."""
    return [frame for frame in chain if not frame[OWN]] or list(chain[-1:])


def layer_place(layer: LayerFacts | None) -> Place | None:
    """Where the layer's constructor call stands, None where that is not known."""
    frames = outer_frames(layer.chain) if layer else []
    return place_of(frames[0]) if frames else None
