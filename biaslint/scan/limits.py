"""What one repository may take. Whatever goes beyond it is given up, and the repository's row says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in megabytes, times in seconds. Processor time counts, so that a busy machine finds no less."""

    seconds: int = 600
    wall: int = 3600  # until a process that waits for something is ended
    memory: int = 3072
    size: int = 256  # of all Python files and notebooks
    file_size: int = 16  # of one; a larger one is left out
    unpacked: int = 4096  # of everything that has to be decompressed to get at them
    files: int = 20_000  # Python files and notebooks
    entries: int = 500_000  # of an archive or a tree, of any kind
