"""Every operation of the vocabulary held against the real one, over configurations drawn at random.

    python benchmarks/operations.py --count 30 [--seed 1] [--framework torch] [--only roll]

writes operations.md beside it.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import operation_cases_flax
import operation_cases_tensorflow
import operation_cases_torch
import operation_model

from biaslint import __version__

RESULT = Path(__file__).with_suffix(".md")
FRAMEWORKS: dict[str, ModuleType] = {
    "torch": operation_cases_torch,
    "tensorflow": operation_cases_tensorflow,
    "flax": operation_cases_flax,
}


@dataclass
class Tally:
    """What one operation came to."""

    probes: int = 0
    refused: int = 0  # the framework does not take these arguments
    compared: int = 0
    claims: int = 0
    exact: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)


def examine(framework: ModuleType, name: str, seed: str, count: int, enough: int | None = None, shifts: int = 4) -> Tally:
    """Compare `count` configurations of one operation, each with so many shifts; `enough` that the framework takes end it sooner."""
    tally = Tally()
    for number in range(count):
        if enough is not None and tally.probes - tally.refused >= enough:
            break
        chance = random.Random(f"{seed}:{name}:{number}")
        probe = framework.make(name, chance)
        tally.probes += 1
        try:
            outcome = operation_model.compare(
                probe,
                framework.execute,
                chance,
                rank_known=number % 4 != 3 or not framework.rank_may_be_unknown(probe),
                shifts=shifts,
            )
        except ValueError:
            tally.refused += 1
            continue
        tally.compared += outcome.compared
        tally.claims += outcome.claims
        tally.exact += outcome.exact
        tally.wrong += [(f"{number}: {probe.body} of {probe.shapes}", why) for why in outcome.wrong]
    return tally


def names_of(framework: ModuleType) -> list[str]:
    return sorted({*framework.NAMED, *framework.LAYERS})


def total(tallies: Iterable[Tally]) -> Tally:
    """Their sum."""
    found = Tally()
    for one in tallies:
        for part in ("probes", "refused", "compared", "claims", "exact", "wrong"):
            setattr(found, part, getattr(found, part) + getattr(one, part))
    return found


def versions() -> str:
    import flax
    import jax
    import keras
    import tensorflow
    import torch

    others = f"Flax {flax.__version__}, JAX {jax.__version__}"
    return f"PyTorch {torch.__version__.partition('+')[0]}, Keras {keras.__version__}, TensorFlow {tensorflow.__version__}, {others}"


def report(found: dict[str, dict[str, Tally]], command: str) -> str:
    """The page."""
    lines = [
        "# Operations",
        "",
        "Every operation and layer of the vocabulary that says that a shift is carried on, held against the real one: shapes, axes, sizes,",
        "strides, padding and modes are drawn at random, a shift along some axes is added to an input, in float64, and the axes along which",
        "the result varies must be among those that the transfer functions say. A *claim* is one result of one shift of which something is",
        "said; it is *exact* where the result varies along all of the axes that are said.",
        "",
        f"    {command}",
        "",
        f"biaslint {__version__}, Python {platform.python_version()}, {versions()}, {time.strftime('%Y-%m-%d', time.gmtime())}.",
        "",
        "| framework | operations | configurations | refused by the framework | shifts | claims | exact | wrong |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for key, tallies in found.items():
        sum_ = total(tallies.values())
        exact = f"{sum_.exact / max(sum_.claims, 1):.1%}"
        lines.append(
            f"| {key} | {len(tallies)} | {sum_.probes:,} | {sum_.refused:,} | {sum_.compared:,} | {sum_.claims:,} | {exact} | {len(sum_.wrong):,} |"
        )
    for key, tallies in found.items():
        silent = [name for name, tally in sorted(tallies.items()) if not tally.claims]
        if silent:
            lines += ["", f"Of these nothing is claimed ({key}): {', '.join(f'`{name}`' for name in silent)}."]
        wrong = [(name, *one) for name, tally in sorted(tallies.items()) for one in tally.wrong]
        if wrong:
            lines += ["", f"## Wrong ({key})", "", *(f"- `{name}` {what!r}: {why}" for name, what, why in wrong[:60])]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--framework", choices=list(FRAMEWORKS))
    parser.add_argument("--only")
    options = parser.parse_args()
    found: dict[str, dict[str, Tally]] = {}
    for key, framework in FRAMEWORKS.items():
        if options.framework not in (None, key):
            continue
        for name in names_of(framework):
            if options.only in (None, name):
                tally = found.setdefault(key, {})[name] = examine(framework, name, options.seed, options.count)
                print(
                    f"{key} {name}: {tally.probes} probes, {tally.refused} refused, {tally.claims} claims, {tally.exact} exact, {len(tally.wrong)} wrong"
                )
                for what, why in tally.wrong[:4]:
                    print(f"    {what!r}: {why}")
    if options.framework is None and options.only is None:
        command = f"python benchmarks/operations.py --count {options.count} --seed {options.seed}"
        RESULT.write_text(report(found, command), encoding="utf-8")
    raise SystemExit(1 if any(tally.wrong for tallies in found.values() for tally in tallies.values()) else 0)


if __name__ == "__main__":
    main()
