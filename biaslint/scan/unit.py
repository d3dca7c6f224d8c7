"""One unit of work: a repository, and where it is read."""

from __future__ import annotations

from dataclasses import dataclass


class GivenUp(Exception):
    """A repository that is not analysed: the status that its row gets, and why. `used` is what its process took, where that is known."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.used: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Unit:
    """A repository. `source` and `repository` name it in the results and do not depend on the machine; `location` is a path on it.

    `kind` is "folder", "git", "archive", "jsonl" or "parquet". Of a table, `rows` are the repository's: the offset of each line, or
    the row group and the row in it; `columns` says what its columns are called.
    """

    source: str
    repository: str
    kind: str
    location: str
    rows: tuple[tuple[int, int], ...] = ()
    columns: tuple[str, str, str] = ("", "", "")

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others of a scan."""
        return self.source, self.repository
