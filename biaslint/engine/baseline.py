"""Findings that were there before: a file that lists them, so that only new ones fail.

An entry is a finding without its position, so it survives edits elsewhere in the file; `count` is the number of such findings.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biaslint.config import Config
from biaslint.engine.fingerprint import Key, key
from biaslint.findings.finding import Finding
from biaslint.source.file import Lines

VERSION = 1


class BrokenBaseline(Exception):
    """A baseline file that cannot be read. The message names it."""


@dataclass(slots=True)
class Compared:
    """The findings that the baseline does not know, how many it knows, and its entries that nothing answers to any more."""

    new: list[Finding] = field(default_factory=list)
    known: int = 0
    stale: list[Key] = field(default_factory=list)


def read(file: Path) -> Counter[Key]:
    """The entries of a baseline file. Raises BrokenBaseline."""
    try:
        content: Any = json.loads(file.read_bytes())
        if content["version"] != VERSION:
            raise BrokenBaseline(
                f"{file}: a baseline of version {content['version']}, not {VERSION}; recreate it with --write-baseline"
            )
        entries: Counter[Key] = Counter()
        for entry in content["entries"]:
            one = Key(*(str(entry[name]) for name in Key._fields))
            entries[one] += int(entry["count"])
    except OSError as error:
        raise BrokenBaseline(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenBaseline(f"{file}: not a baseline: {type(error).__name__}: {error}") from error
    return entries


def compare(
    findings: Sequence[Finding], entries: Counter[Key], files: Sequence[Path], config: Config, lines: Lines
) -> Compared:
    """Hold findings against a baseline. An entry is stale if its file was linted now (or is gone) and has fewer of them."""
    left = Counter(entries)
    result = Compared()
    for finding in findings:
        one = key(finding, config, lines)
        if left[one] > 0:
            left[one] -= 1
            result.known += 1
        else:
            result.new.append(finding)
    linted = {config.relative(file) for file in files}
    result.stale = [
        one for one in sorted(left) if left[one] > 0 and (one.path in linted or not (config.root / one.path).exists())
    ]
    return result


def text(findings: Sequence[Finding], old: Counter[Key], files: Sequence[Path], config: Config, lines: Lines) -> str:
    """The content of a baseline with these findings, and the old entries of files that were not linted now."""
    linted = {config.relative(file) for file in files}
    entries = Counter({one: n for one, n in old.items() if one.path not in linted and (config.root / one.path).exists()})
    entries.update(key(finding, config, lines) for finding in findings)
    rows = [{**one._asdict(), "count": entries[one]} for one in sorted(entries)]
    return json.dumps({"version": VERSION, "entries": rows}, indent=2) + "\n"
