"""The session of an analysis: everything that it is given beside the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from biaslint.analysis.limits import Limits

if TYPE_CHECKING:
    from biaslint.analysis.incremental.editor_memory import EditorMemory
    from biaslint.analysis.incremental.serialization import Store


@dataclass(frozen=True, slots=True)
class AnalysisSession:
    """What is kept from one analysis to the next, and what an analysis may take.

    `memory` keeps results within a process, for a project whose `layers` do not change; there is one process then. A `store` keeps
    them for other processes, on the same condition. `jobs` is the number of processes, 0 for one per core. Where it is `sealed`, nothing is read
    from the disk: the texts are the whole project.
    """

    memory: EditorMemory | None = None
    store: Store | None = None
    jobs: int = 0
    limits: Limits = field(default_factory=Limits)
    sealed: bool = False
    deadline: float | None = None  # of `time.monotonic()`: no execution begins after it
