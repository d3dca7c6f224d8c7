"""Every operation of the vocabulary held against the real one, over configurations drawn at random.

    python benchmarks/operations.py --count 200 [--seed 1] [--framework torch] [--only roll --show]

writes operations.md beside it.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, field
from types import ModuleType

import operation_cases_tensorflow
import operation_cases_torch
import operation_model

FRAMEWORKS: dict[str, ModuleType] = {"torch": operation_cases_torch, "tensorflow": operation_cases_tensorflow}


@dataclass
class Tally:
    """What one operation came to."""

    probes: int = 0
    refused: int = 0  # the framework does not take these arguments
    compared: int = 0
    claims: int = 0
    exact: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)


def examine(framework: ModuleType, name: str, seed: str, count: int) -> Tally:
    """Compare `count` configurations of one operation."""
    tally = Tally()
    for number in range(count):
        chance = random.Random(f"{seed}:{name}:{number}")
        probe = framework.make(name, chance)
        tally.probes += 1
        try:
            outcome = operation_model.compare(
                probe, framework.execute, chance, rank_known=number % 4 != 3 or not framework.rank_may_be_unknown(probe)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--framework", choices=list(FRAMEWORKS))
    parser.add_argument("--only")
    options = parser.parse_args()
    for key, framework in FRAMEWORKS.items():
        if options.framework not in (None, key):
            continue
        for name in names_of(framework):
            if options.only in (None, name):
                tally = examine(framework, name, options.seed, options.count)
                print(
                    f"{key} {name}: {tally.probes} probes, {tally.refused} refused, {tally.claims} claims, {tally.exact} exact, {len(tally.wrong)} wrong"
                )
                for what, why in tally.wrong[:4]:
                    print(f"    {what!r}: {why}")


if __name__ == "__main__":
    main()
