"""How often biaslint is right about dead biases, measured on real libraries. Rerun with `python benchmarks/accuracy.py`.

Installs the libraries into an environment of its own (in the cache folder), builds their models, measures which biases are dead by
the gradient test of `biaslint.runtime.torch.gradient_test`, lints the libraries' sources, and compares. Tools that look for the same in live
models are asked about the same layers. The result is written to `accuracy.md`, with every miss and every false report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accuracy_models import LIBRARIES, PEERS

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "biaslint-accuracy"
TORCH = "torch==2.13.0"
RULES = "BL101,BL102"
Place = tuple[str, int]


@dataclass
class Score:
    """The counts for one library."""

    models: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0
    unseen: int = 0
    misses: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    layers: dict[str, list[int]] = field(default_factory=dict)  # tool -> dead and flagged, dead, alive and flagged
    conditions: dict[Place, str] = field(default_factory=dict)  # what a finding says that it holds under


def prepare(libraries: list[str], python: str | None) -> str:
    """The interpreter of an environment that has the libraries."""
    if python:
        return python
    place = CACHE / "venv"
    binary = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not binary.exists():
        venv.create(place, with_pip=True)
    wanted = [one for library in libraries for one in LIBRARIES[library][0]] + [one for peer in PEERS.values() for one in peer]
    stamp = place / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(wanted):
        subprocess.run([binary, "-m", "pip", "install", "-q", TORCH, "numpy"], check=True)
        # Without their dependencies: some would bring a second torch.
        subprocess.run([binary, "-m", "pip", "install", "-q", "--no-deps", *dict.fromkeys(wanted)], check=True)
        subprocess.run([binary, "-m", "pip", "install", "-q", "huggingface_hub", "tqdm", "requests"], check=True)
        stamp.write_text(" ".join(wanted))
    return str(binary)


def measured(python: str, library: str, models: list[str], timeout: float, score: Score) -> list[dict[str, Any]]:
    """The measurements of the library's models; kept in the cache as long as the way of measuring stays the same."""
    sources = [
        HERE / "accuracy_models.py",
        *(
            HERE.parent / "biaslint" / "runtime" / f"{name}.py"
            for name in ("deadness", "recorder", "smooth", "flow", "origins")
        ),
    ]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = CACHE / "measured" / version / library
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for model in models:
        file = folder / f"{model}.json"
        if not file.exists():
            there = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
            command = [python, str(HERE / "accuracy_models.py"), library, model, str(file)]
            try:
                done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=timeout)
                error = "" if file.exists() else (done.stderr.strip().splitlines() or ["no result"])[-1]
            except subprocess.TimeoutExpired:
                error = f"took longer than {timeout:g} s"
            if error:
                score.failed.append(f"{model}: {error}")
                print(f"  {model}: {error}", file=sys.stderr)
                continue
        result = json.loads(file.read_text())
        print(f"  {model}: {len(result['layers'])} layers, {result['seconds']} s", file=sys.stderr)
        score.models.append(model)
        results.append(result)
    return results


def linted(python: str, library: str, score: Score) -> dict[Place, set[str]]:
    """The lines that biaslint reports in the library's sources."""
    where = subprocess.run(
        [python, "-c", f"import importlib.util as u; print(u.find_spec({library!r}).origin)"],
        capture_output=True,
        text=True,
        check=True,
    )
    # A copy that stands alone: beside the installed package lie the sources of everything else.
    package = CACHE / "sources" / library / library
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(Path(where.stdout.strip()).parent, package)
    command = [
        sys.executable,
        "-m",
        "biaslint",
        "--isolated",
        "--no-cache",
        "--select",
        RULES,
        "--format",
        "json",
        str(package),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode not in (0, 1):
        sys.exit(f"biaslint failed on {package}:\n{done.stderr[-2000:]}")
    flagged: dict[Place, set[str]] = defaultdict(set)
    for one in json.loads(done.stdout)["findings"]:
        if one["rule"] in RULES.split(","):
            path = os.path.relpath(os.path.join(HERE.parent, one["path"]), package.parent)
            flagged[path, one["line"]].add(one["rule"])
            if one.get("when"):
                score.conditions[path, one["line"]] = one["when"]
    return flagged


def frames(layer: dict[str, Any]) -> list[Place]:
    """The calls that made a layer, innermost first, without its own constructors."""
    return [(path, line) for path, line, own in layer["chain"] if not own] or [(path, line) for path, line, _ in layer["chain"]]


def is_dead(layer: dict[str, Any]) -> bool:
    """Dead in every channel."""
    return bool(layer["status"].startswith("dead"))


def compare(results: list[dict[str, Any]], flagged: dict[Place, set[str]], score: Score) -> None:
    """Places: recall over the innermost calls that made only dead layers, precision over the reported lines that the models reach."""
    seen: dict[Place, Counter[str]] = defaultdict(Counter)
    everything = [(result["model"], layer) for result in results for layer in result["layers"] if layer["chain"]]
    for _, layer in everything:
        state = "dead" if is_dead(layer) else layer["status"]
        for frame in set(frames(layer)):
            seen[frame][state] += 1
    units: dict[tuple[Place, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for model, layer in everything:
        if is_dead(layer):
            kind = "batch norm" if layer["status"] == "dead_bn" else "instance norm or softmax"
            own = next((frame for frame in frames(layer) if not seen[frame]["alive"]), None)
            units[own or frames(layer)[0], kind + ("" if own else ", under a condition")].append((model, layer))
    for (place, kind), members in sorted(units.items()):
        score.units[kind] += 1
        if any(frame in flagged for _, layer in members for frame in frames(layer)):
            score.found[kind] += 1
        else:
            model, layer = members[0]
            score.misses.append(f"{place[0]}:{place[1]} {layer['layer']} `{layer['name']}` of {model}, cancelled by {kind}")
    for place, rules in sorted(flagged.items()):
        states = seen.get(place, Counter())
        if states["dead"]:
            score.right += 1
        elif states["alive"]:
            score.wrong += 1
            when = f", said to be dead when `{score.conditions[place]}`" if place in score.conditions else ""
            score.false.append(
                f"{place[0]}:{place[1]} {'/'.join(sorted(rules))}: alive in all {states['alive']} layers made here{when}"
            )
        else:
            score.unseen += 1


def compare_layers(results: list[dict[str, Any]], flagged: dict[Place, set[str]], score: Score) -> None:
    """Layers: what each tool says of each measured layer that has a bias and is alive or dead."""
    for result in results:
        tools = {"biaslint": None, **result["peers"]}
        for tool, names in tools.items():
            if tool != "biaslint" and names is None:
                continue
            counts = score.layers.setdefault(tool, [0, 0, 0])
            for layer in result["layers"]:
                dead = is_dead(layer)
                if not dead and layer["status"] != "alive":
                    continue
                places = frames(layer) if layer["chain"] else []
                said = (
                    any(place in flagged for place in (places if dead else places[:1]))
                    if names is None
                    else layer["name"] in names
                )
                counts[0] += dead and said
                counts[1] += dead
                counts[2] += said and not dead


def share(part: int, whole: int) -> str:
    """`3 of 4 (0.750)`."""
    return f"{part} of {whole} ({part / whole:.3f})" if whole else "-"


def report(scores: dict[str, Score]) -> str:
    """The page."""
    asked = " ".join(["", *sys.argv[1:]])
    out = ["# Accuracy", "", f"Made by `python benchmarks/accuracy.py{asked}`; what is counted is said at the end.", ""]
    out += [
        "## By place in the source",
        "",
        "| library | models | recall, batch norm | recall, instance norm or softmax | under a condition | precision | not reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, score in scores.items():
        conditional = [key for key in score.units if "condition" in key]
        out.append(
            f"| {name} | {len(score.models)} | {share(score.found['batch norm'], score.units['batch norm'])} "
            f"| {share(score.found['instance norm or softmax'], score.units['instance norm or softmax'])} "
            f"| {share(sum(score.found[key] for key in conditional), sum(score.units[key] for key in conditional))} "
            f"| {share(score.right, score.right + score.wrong)} | {score.unseen} |"
        )
    tools = list(dict.fromkeys(tool for score in scores.values() for tool in score.layers))
    out += ["", "## By layer, with other tools", "", "| library | tool | recall | precision |", "|---|---|---|---|"]
    for name, score in scores.items():
        for tool in tools:
            if tool in score.layers:
                hit, dead, false = score.layers[tool]
                out.append(f"| {name} | {tool} | {share(hit, dead)} | {share(hit, hit + false)} |")
    out += ["", "TorchFix has no rule about biases, so it has no row."]
    for title, what in (("Missed", "misses"), ("False", "false"), ("Models that could not be measured", "failed")):
        out += ["", f"## {title}", ""]
        lines = [f"- {name}: {line}" for name, score in scores.items() for line in getattr(score, what)]
        out += lines or ["None."]
    out += [
        "",
        "## What is counted",
        "",
        "A place is the innermost call on a dead layer's chain of constructors through which no layer with a live bias was made; where",
        "there is none, the layer's own constructor, counted apart as conditional. It is found when a finding stands on any line of the",
        "chain. A finding is false when every bias made on its line is alive; lines that no model here reaches count for neither. By",
        "layer, a live layer counts as reported only where its own constructor call is. torch-audit and torch.profiler look at the live",
        "model, so they need it built and run; biaslint reads the source alone.",
        "",
    ]
    return "\n".join(out)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--library", action="append", choices=list(LIBRARIES), help="only these (repeatable)")
    parser.add_argument("--models", type=int, default=None, help="only the first so many models of each")
    parser.add_argument("--python", help="an interpreter that has the libraries already")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one model")
    parser.add_argument("--output", type=Path, default=HERE / "accuracy.md")
    options = parser.parse_args()
    libraries = options.library or list(LIBRARIES)
    python = prepare(libraries, options.python)
    scores: dict[str, Score] = {}
    for library in libraries:
        print(library, file=sys.stderr)
        score = scores[library] = Score()
        results = measured(python, library, LIBRARIES[library][1][: options.models], options.timeout, score)
        flagged = linted(python, library, score)
        compare(results, flagged, score)
        compare_layers(results, flagged, score)
    text = report(scores)
    options.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
