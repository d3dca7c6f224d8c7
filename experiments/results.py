"""Results on disk: `docs/effects/NAME.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/effects"


def save(result: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    (FOLDER / f"{result['name']}.json").write_text(compact(text) + "\n", encoding="utf-8")


def compact(text: str) -> str:
    """Lists of numbers on one line each."""
    import re

    return re.sub(r"\[[\d\s.,e+\-nul]*\]", lambda match: " ".join(match[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def load() -> list[dict[str, Any]]:
    """All results, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
