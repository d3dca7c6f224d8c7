"""The results on disk: a JSON Lines file, or a folder of parquet files. Either can be continued after a kill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Protocol

from biaslint.scan.results.lines import LinesFile, NotTheSame
from biaslint.scan.rows import Row

__all__ = ["NotTheSame", "Results", "is_folder", "opened", "read"]


class Results(Protocol):
    """Where rows go. All rows of a repository are given at once."""

    done: set[tuple[str, str]]  # the repositories whose rows are there

    def add(self, rows: list[Row]) -> None: ...

    def close(self) -> None: ...


def is_folder(output: str) -> bool:
    """Is it the name of a folder of parquet files?"""
    return output.rstrip("/").endswith(".parquet")


def opened(output: str, header: dict[str, Any], resume: bool) -> Results:
    """The results at `output`: new, or with `resume` as a scan with the same `header` left them. Raises NotTheSame."""
    if os.path.lexists(output) and not resume:
        raise NotTheSame(f"{output} exists; --resume continues it")
    if is_folder(output):
        from biaslint.scan.results.parquet import ParquetFolder

        return ParquetFolder(output, header)
    return LinesFile(output, header)


def read(output: str) -> Iterator[Row]:
    """The rows of some results. Raises NotTheSame where they are none."""
    if os.path.isdir(output):
        from biaslint.scan.results import parquet

        return parquet.read(output)
    from biaslint.scan.results import lines

    return lines.read(output)
