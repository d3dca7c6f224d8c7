"""How often biaslint is right about dead biases of Flax models. Rerun with `python benchmarks/flax_accuracy.py PYTHON SOURCES`.

PYTHON is an interpreter with JAX, Flax and Optax; SOURCES a folder with checkouts called OWNER+NAME. Each model of `flax_models.py` is
built and measured in float64, its repository's sources are linted, and both are compared place by place. The result is written to
`flax_accuracy.md`, with every miss and every false report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flax_models import MODELS, Model

HERE = Path(__file__).resolve().parent
RULES = "BL101,BL102"
TIMEOUT = 900


def measured(python: str, sources: Path, name: str, kept: Path) -> dict[str, Any] | str:
    """What is measured of a model, or why nothing is."""
    file = kept / f"{name}.json"
    if not file.exists():
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [python, str(HERE / "flax_models.py"), name, str(sources), str(file)]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return f"took longer than {TIMEOUT} s"
        if not file.exists():
            lines = [line for line in done.stderr.splitlines() if "Error" in line]
            return lines[-1] if lines else "no result"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def linted(sources: Path, model: Model) -> dict[tuple[str, int], str | None]:
    """The places that biaslint reports, each with the condition."""
    root = sources / model.repository.replace("/", "+")
    command = [sys.executable, "-m", "biaslint", "--isolated", "--no-cache", "--select", RULES, "--format", "json"]
    done = subprocess.run(
        [*command, str(root / (model.linted or model.root))],
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(done.stdout)["findings"]
    return {(os.path.realpath(one["path"]), one["line"]): one["when"] for one in findings}


def compare(model: Model, found: dict[str, Any], reported: dict[tuple[str, int], str | None]) -> dict[str, list[str]]:
    """The places of one model's layers: right, missed, false, and reported under a condition that this model is not built under."""
    places: dict[tuple[str, int], list[str]] = {}
    for layer in found["layers"]:
        if layer["chain"] and layer["dead"] not in ("", "unused", "nograd"):
            places.setdefault((os.path.realpath(layer["chain"][0][0]), layer["chain"][0][1]), []).append(layer["dead"])
    result: dict[str, list[str]] = {"dead": [], "alive": [], "missed": [], "false": [], "conditional": []}
    for place, fates in sorted(places.items()):
        dead = all(fate.startswith("dead") for fate in fates)
        shown = f"{model.repository} {Path(place[0]).name}:{place[1]}"
        result["dead" if dead else "alive"].append(shown)
        if dead and place not in reported:
            result["missed"].append(shown)
        elif place in reported and not dead:
            result["conditional" if reported[place] or any(fate.startswith("dead") for fate in fates) else "false"].append(
                shown
            )
    return result


def report(rows: list[tuple[str, dict[str, Any] | str, dict[str, list[str]]]]) -> str:
    """The page."""
    total = {
        key: sorted({place for _, _, row in rows for place in row.get(key, [])}) for key in ("dead", "alive", "missed", "false")
    }
    dead, false = len(total["dead"]), len(total["false"])
    hits = dead - len(total["missed"])
    versions = next((found["versions"] for _, found, _ in rows if isinstance(found, dict)), {})
    lines = [
        "# Dead biases of Flax models",
        "",
        "`python benchmarks/flax_accuracy.py PYTHON SOURCES` builds public Flax models, measures in float64 and in training mode which of their",
        "biases are dead, lints their sources and compares place by place. A place is a constructor call; it is dead when every layer made there",
        f"is. Measured with Flax {versions.get('flax', '?')} and JAX {versions.get('jax', '?')}.",
        "",
        f"Of {dead} places with dead biases, {hits} are reported: recall {hits / max(dead, 1):.3f}. Of {hits + false} reported places, {false} are",
        f"alive: precision {hits / max(hits + false, 1):.3f}. {len(total['alive'])} places with living biases were measured.",
        "",
        "| model | repository | biases | dead | missed | false |",
        "|---|---|---|---|---|---|",
    ]
    for name, found, row in rows:
        if isinstance(found, str):
            lines.append(f"| {name} | {MODELS[name].repository} | not measured: {found[:80]} | | | |")
        else:
            counts = [str(len(row[key])) for key in ("dead", "missed", "false")]
            lines.append(f"| {name} | {MODELS[name].repository} | {len(found['layers'])} | {' | '.join(counts)} |")
    for title, key in (("Missed", "missed"), ("False", "false")):
        lines += ["", f"## {title}", "", *([f"- {place}" for place in total[key]] or ["None."])]
    lines += ["", "## Reported under a condition, or for some layers of a place, alive in the model as it is built here", ""]
    conditional = sorted({place for _, _, row in rows for place in row.get("conditional", [])})
    return "\n".join([*lines, *([f"- {place}" for place in conditional] or ["None."])]) + "\n"


def main() -> None:
    python, sources = sys.argv[1], Path(sys.argv[2]).resolve()
    kept = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp())
    rows: list[tuple[str, dict[str, Any] | str, dict[str, list[str]]]] = []
    findings: dict[tuple[str, str], dict[tuple[str, int], str | None]] = {}
    for name, model in MODELS.items():
        found = measured(python, sources, name, kept)
        if isinstance(found, str):
            rows.append((name, found, {}))
            print(f"{name}: {found}", file=sys.stderr)
            continue
        key = (model.repository, model.linted or model.root)
        if key not in findings:
            findings[key] = linted(sources, model)
        row = compare(model, found, findings[key])
        rows.append((name, found, row))
        print(f"{name}: { ({key: len(value) for key, value in row.items()}) }", file=sys.stderr)
    (HERE / "flax_accuracy.md").write_text(report(rows))


if __name__ == "__main__":
    main()
