"""What tells one finding from another across edits of a file: not its line number, but what stands there."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from biaslint.config import Config
from biaslint.findings.finding import Finding
from biaslint.source.file import Lines


class Key(NamedTuple):
    """A finding without its position: the file (from the project's root), the rule, the layer, and the line's words."""

    path: str
    rule: str
    layer: str
    text: str


def key(finding: Finding, config: Config, lines: Lines) -> Key:
    """The finding's key. Spaces do not count."""
    text = " ".join(lines.get(finding.place).split())
    return Key(config.relative(finding.place.path), finding.rule, finding.layer, text)


def fingerprints(findings: Iterable[Finding], config: Config, lines: Lines) -> list[str]:
    """A fingerprint for each finding; the first, second ... of equal keys differ."""
    seen: Counter[Key] = Counter()
    prints = []
    for finding in findings:
        one = key(finding, config, lines)
        digest = hashlib.sha256("\0".join([*one, str(seen[one])]).encode("utf-8", "surrogatepass"))
        prints.append(digest.hexdigest()[:32])
        seen[one] += 1
    return prints
