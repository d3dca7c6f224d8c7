"""The layers in front of a norm that are not judged, each with the use that keeps its bias alive or unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from biaslint.checks.support.common import ORDINARY
from biaslint.theory.program import LayerUse, Place, Silenced

SENTENCES = (" is ", " are ")  # in a detail that says all by itself


def silenced(uses: Iterable[LayerUse], judged: Collection[Place], files: Collection[str]) -> list[Silenced]:
    """Those of `files`, each place once. What stands between in an ordinary network, as an activation does, is no news.

    `judged` are the places that something is reported of.
    """
    found: dict[Place, Silenced] = {}
    for use in uses:
        fate = use.fate
        telling = fate.kind in ("alive", "unknown") and bool(fate.cancelled_by)
        usual = not fate.by and fate.detail in ORDINARY
        if not (telling and use.bias.present) or usual or use.place in judged or use.place.path not in files:
            continue
        why = fate.detail if any(word in fate.detail for word in SENTENCES) else f"{fate.detail or 'something'} sees its bias"
        found.setdefault(use.place, Silenced(use.place, use.name, fate.cancelled_by, why, fate.place))
    return [found[place] for place in sorted(found)]
