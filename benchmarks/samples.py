"""Draw the findings that a person reads against the source: up to twenty of each rule that is on by default.

    biaslint --select ALL --format json --no-cache FOLDER > NAME.json    # once for each package
    python benchmarks/samples.py NAME.json ...

The draw is the same for the same findings: the seed is fixed, and findings are sorted before it. Prints the counts and, for each rule,
where its sampled findings stand and what they say.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from biaslint.findings.rule_book import rules

SEED = 20261123
SIZE = 20


def main(reports: list[Path]) -> None:
    """Print the sample of every rule over all reports together."""
    found: dict[str, list[tuple[str, int, int, str]]] = {}
    for report in reports:
        data = json.loads(report.read_text(encoding="utf-8"))
        summary = data["summary"]
        print(report.stem, f"{summary['files']} files, {summary['layers_with_bias']} layers", summary["rules"])
        for finding in data["findings"]:
            place = (finding["path"], finding["line"], finding["column"], finding["message"])
            found.setdefault(finding["rule"], []).append(place)
    for rule in rules():
        if not rule.default or rule.made_by != "check":
            continue
        everything = sorted(found.get(rule.code, []))
        # A generator of its own for each rule, so that a new finding of one rule does not change what is drawn of another.
        sample = sorted(random.Random(f"{SEED} {rule.code}").sample(everything, min(SIZE, len(everything))))
        print(f"\n{rule.code} {rule.name}: {len(everything)} findings, {len(sample)} to read")
        for path, line, _, message in sample:
            print(f"  {path}:{line} {message}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
