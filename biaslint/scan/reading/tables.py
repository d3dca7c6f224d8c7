"""Tables with a row for each file, as public code data sets have them: JSON Lines, and parquet with the extra `scan`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from biaslint.scan.limits import Limits
from biaslint.scan.reading.tally import Tally
from biaslint.scan.unit import GivenUp, Unit

ENDINGS = {".jsonl": "jsonl", ".parquet": "parquet"}
# What a table's columns are called, the first name that it has: repository, path, content.
COLUMNS = (
    ("repository", "repo", "repo_name", "repository_name", "max_stars_repo_name"),
    ("path", "file_path", "max_stars_repo_path", "filename"),
    ("content", "contents", "code", "text"),
)
Rows = dict[str, list[tuple[int, int]]]


def kind_of(name: str) -> str:
    """The kind of table by its name; "" for everything else."""
    return next((kind for ending, kind in ENDINGS.items() if name.lower().endswith(ending)), "")


def units(table: Unit, limits: Limits) -> list[Unit]:
    """The repositories of a table, in the order of their first rows. Raises GivenUp."""
    try:
        columns, rows = index_of_parquet(table) if table.kind == "parquet" else index_of_lines(table, limits)
    except (OSError, ValueError) as error:  # pyarrow's errors are one of these
        raise GivenUp("unreadable", f"damaged table: {error}") from error
    return [Unit(table.source, name, table.kind, table.location, tuple(places), columns) for name, places in rows.items()]


def files(unit: Unit, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a repository's files."""
    try:
        for path, content in of_parquet(unit) if unit.kind == "parquet" else of_lines(unit, tally):
            name = tally.enter(path) if isinstance(path, str) else None
            if name is None or not isinstance(content, (str, bytes)):
                continue
            data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            if tally.fits(len(data)):
                tally.took(len(data))
                yield name, data
    except (OSError, ValueError) as error:
        raise GivenUp("unreadable", f"damaged table: {error}") from error


def named(known: Iterable[str], chosen: tuple[str, str, str]) -> tuple[str, str, str]:
    """The names of the three columns. Raises ValueError where one is missing."""
    names = set(known)
    found = []
    for wanted, usual in zip(chosen, COLUMNS, strict=True):
        options = (wanted,) if wanted else usual
        if not names.intersection(options):
            raise ValueError(f"no column {' or '.join(options)}")
        found.append(next(one for one in options if one in names))
    return found[0], found[1], found[2]


# -- JSON Lines --------------------------------------------------------------------------------------------------------------------


def index_of_lines(table: Unit, limits: Limits) -> tuple[tuple[str, str, str], Rows]:
    """The columns' names, and where the lines of each repository start. Lines that are no objects, or too long, are passed over."""
    most = 2 * limits.file_size << 20  # JSON spells some characters with several
    columns: tuple[str, str, str] | None = None
    rows: Rows = {}
    with open(table.location, "rb") as file:
        start = 0
        while line := file.readline(most):
            place, start = start, start + len(line)
            value = parsed(line)
            if not isinstance(value, dict):
                continue
            columns = columns or named(value, table.columns)
            name = value.get(columns[0])
            if isinstance(name, str):
                rows.setdefault(name, []).append((place, len(line)))
    return columns or table.columns, rows


def of_lines(unit: Unit, tally: Tally) -> Iterator[tuple[Any, Any]]:
    """The paths and contents in the repository's lines."""
    _, path, content = unit.columns
    with open(unit.location, "rb") as file:
        for start, length in unit.rows:
            file.seek(start)
            value = parsed(file.read(length))
            if isinstance(value, dict):
                yield value.get(path), value.get(content)


def parsed(line: bytes) -> Any:
    """The value of a line; None where it has none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


# -- parquet -----------------------------------------------------------------------------------------------------------------------


def opened(location: str) -> Any:
    """A parquet file. Raises GivenUp without the extra."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise GivenUp("unreadable", "parquet needs the extra `scan`: pip install 'biaslint[scan]'") from error
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # the others reserve memory that the limit counts
    pyarrow.set_cpu_count(1)
    return parquet.ParquetFile(location)


def index_of_parquet(table: Unit) -> tuple[tuple[str, str, str], Rows]:
    """The columns' names, and the row groups and rows of each repository. Of the columns, only the repositories' names are read."""
    file = opened(table.location)
    columns = named(file.schema_arrow.names, table.columns)
    rows: Rows = {}
    for group in range(file.num_row_groups):
        for row, name in enumerate(file.read_row_group(group, [columns[0]], use_threads=False).column(0).to_pylist()):
            if isinstance(name, str):
                rows.setdefault(name, []).append((group, row))
    return columns, rows


def of_parquet(unit: Unit) -> Iterator[tuple[Any, Any]]:
    """The paths and contents in the repository's rows."""
    file = opened(unit.location)
    _, path, content = unit.columns
    groups: dict[int, list[int]] = {}
    for group, row in unit.rows:
        groups.setdefault(group, []).append(row)
    for group, numbers in groups.items():
        table = file.read_row_group(group, [path, content], use_threads=False).take(numbers)
        yield from zip(table.column(path).to_pylist(), table.column(content).to_pylist(), strict=True)
