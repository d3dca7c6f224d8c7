"""Results as a folder of parquet files: `findings/` and `repositories/`, each with numbered parts, and `scan.json`.

A part of findings is written before the part of repositories with the same number, and each is renamed when it is complete. So a part
of repositories vouches for its findings; findings without one are what a kill left behind.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

from biaslint.scan import rows as tables
from biaslint.scan.results.lines import NotTheSame, compare, lock
from biaslint.scan.rows import Row

KINDS = {"findings": tables.FINDING, "repositories": tables.REPOSITORY}
MOST_ROWS = 20_000  # in memory
MOST_SECONDS = 60.0  # between two parts


class ParquetFolder:
    """A folder that gets a part more every minute. What is not in a part yet is done again after a kill."""

    def __init__(self, path: str, header: dict[str, Any]) -> None:
        arrow()
        self.path = path
        self.done: set[tuple[str, str]] = set()
        self.waiting: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self.written = time.monotonic()
        for kind in KINDS:
            os.makedirs(os.path.join(path, kind), exist_ok=True)
        self.lock = os.open(os.path.join(path, "scan.json"), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock(self.lock, path)
            begun = os.read(self.lock, 1 << 20)
            if begun:
                compare(json.loads(begun), header, path)
            else:
                os.write(self.lock, json.dumps(header).encode())
            self.tidy()
        except BaseException:
            os.close(self.lock)
            raise

    def tidy(self) -> None:
        """Remove what no part of repositories vouches for, and find out what is done."""
        whole = set(parts(self.path, "repositories"))
        for kind in KINDS:
            folder = os.path.join(self.path, kind)
            for name in os.listdir(folder):
                if name not in whole:
                    os.remove(os.path.join(folder, name))
        self.number = 1 + max((int(name[5:-8]) for name in whole), default=0)
        for name in whole:
            file = os.path.join(self.path, "repositories", name)
            table = arrow().read_table(file, columns=["source", "repository"])
            self.done.update(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))

    def add(self, rows: list[Row]) -> None:
        """Add all rows of a repository."""
        self.waiting["findings"] += rows[:-1]
        self.waiting["repositories"].append(rows[-1])
        self.done.add((rows[-1]["source"], rows[-1]["repository"]))
        if sum(map(len, self.waiting.values())) > MOST_ROWS or time.monotonic() - self.written > MOST_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is waiting as one more part."""
        if not self.waiting["repositories"]:
            return
        name = f"part-{self.number:06}.parquet"
        for kind, columns in KINDS.items():
            file = os.path.join(self.path, kind, name)
            arrow().write_table(table_of(self.waiting[kind], columns), f"{file}.new")
            os.replace(f"{file}.new", file)
            self.waiting[kind] = []
        self.number += 1
        self.written = time.monotonic()

    def close(self) -> None:
        """Write what is left."""
        self.write()
        os.close(self.lock)


def arrow() -> Any:
    """The library for parquet files. Raises NotTheSame without the extra."""
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise NotTheSame("parquet needs the extra `scan`: pip install 'biaslint[scan]'") from error
    return parquet


def table_of(rows: list[Row], columns: dict[str, str]) -> Any:
    """Rows as a table. A text that no encoding has is written with its halves of surrogate pairs replaced."""
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "counts": pyarrow.map_(pyarrow.string(), pyarrow.int64()),
    }
    values = {name: [writable(row[name], kind) for row in rows] for name, kind in columns.items()}
    return pyarrow.table({name: pyarrow.array(values[name], types[kind]) for name, kind in columns.items()})


def writable(value: Any, kind: str) -> Any:
    """A value as the library takes it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return [(writable(name, "text"), count) for name, count in value.items()]
    return value


def parts(path: str, kind: str) -> list[str]:
    """The names of the complete parts, in order."""
    try:
        names = os.listdir(os.path.join(path, kind))
    except OSError:
        return []
    return sorted(name for name in names if name.startswith("part-") and name.endswith(".parquet"))


def read(path: str) -> Iterator[Row]:
    """The rows of a folder. Raises NotTheSame."""
    try:
        with open(os.path.join(path, "scan.json"), encoding="utf-8") as file:
            yield json.load(file)
    except (OSError, ValueError) as error:
        raise NotTheSame(f"{path} does not hold results of a scan") from error
    for name in parts(path, "repositories"):
        for kind, row in (("findings", "finding"), ("repositories", "repository")):
            for one in arrow().read_table(os.path.join(path, kind, name)).to_pylist():
                counts = {key: dict(one[key] or ()) for key, of in KINDS[kind].items() if of == "counts"}
                yield {"row": row} | one | counts
