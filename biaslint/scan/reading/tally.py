"""What is read of a repository, counted while it is read: which names are taken, and when it is too much.

Names and sizes are whatever the maker of an archive wrote there. A name is taken only if it is a plain relative path, and it is used
as a key in memory, never to open or write a file. A size counts when it has been read.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from biaslint.config import Config, discovery, patterns
from biaslint.scan.limits import Limits
from biaslint.scan.unit import GivenUp

LONGEST = 1024  # characters of a name
DEEPEST = 64  # folders in a name
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control and formatting characters, halves of surrogate pairs, line separators


def plain_name(name: str) -> str | None:
    """The name as a relative path without `.`; None where it leads elsewhere, is absurd, or would not be what it looks like."""
    if len(name) > LONGEST or name.startswith("/") or "\\" in name or any(unicodedata.category(one) in HIDDEN for one in name):
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or len(parts) > DEEPEST or ".." in parts or parts[0].endswith(":"):
        return None
    return "/".join(parts)


def selection(config: Config) -> Callable[[str], bool]:
    """Which names the configuration selects."""
    excluded = (*config.exclude, *config.extend_exclude)
    is_excluded = patterns.of_names(one for one in excluded if "/" not in one.rstrip("/"))
    anchored = [one for one in excluded if "/" in one.rstrip("/")]
    return lambda name: not any(map(is_excluded, name.split("/"))) and not patterns.any_matches(anchored, name)


@dataclass(slots=True)
class Tally:
    """The counts of one repository. `skipped` says what was left out, and how often."""

    limits: Limits
    selects: Callable[[str], bool]
    entries: int = 0
    files: int = 0
    bytes: int = 0
    unpacked: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def enter(self, raw: str) -> str | None:
        """One more entry; its name if it is a file to read. Raises GivenUp."""
        self.entries += 1
        if self.entries > self.limits.entries:
            raise GivenUp("too large", f"more than {self.limits.entries:,} entries")
        if not raw.endswith(discovery.SUFFIXES):
            return None
        name = plain_name(raw)
        if name is None:
            self.skipped["unsafe name"] += 1
        elif not self.selects(name):
            self.skipped["excluded"] += 1
            name = None
        return name

    @property
    def most(self) -> int:
        """The bytes that one file may have."""
        return self.limits.file_size << 20

    def fits(self, size: int) -> bool:
        """May a file of this size be read? Otherwise it is left out."""
        if size > self.most:
            self.skipped["file too large"] += 1
        return size <= self.most

    def took(self, size: int) -> None:
        """One more file has been read. Raises GivenUp."""
        self.files += 1
        self.bytes += size
        if self.files > self.limits.files:
            raise GivenUp("too large", f"more than {self.limits.files:,} Python files and notebooks")
        if self.bytes > self.limits.size << 20:
            raise GivenUp("too large", f"more than {self.limits.size:,} MB of Python files and notebooks")

    def decompressed(self, size: int) -> None:
        """So much more has come out of a decompressor. Raises GivenUp."""
        self.unpacked += size
        if self.unpacked > self.limits.unpacked << 20:
            raise GivenUp("too large", f"more than {self.limits.unpacked:,} MB when decompressed")
