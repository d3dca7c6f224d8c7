"""How much an analysis does before it gives up, and how much it keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Steps are executed statements, with a surcharge for large values. Source is counted in characters."""

    steps: int = 400_000  # of one execution
    entry_point_steps: int = 1_500_000  # of all executions of an entry point
    functional_steps: int = (
        60_000  # of an execution where functions build models; the largest of published ones take a tenth of it
    )
    uncalled_steps: int = 30_000  # of an execution of a function that nothing calls
    small_steps: int = (
        30_000  # of an execution after which a model is executed under contrary choices although nothing was found
    )
    executions: int = 8  # of an entry point
    small_executions: int = 24  # of one whose executions are small
    contrary_choices: int = 3  # of a small model, each made the other way although nothing was found
    flags: int = 5  # settings, each given another value than its default although nothing was found
    kept_source: int = 4_000_000  # from one piece of work to the next; some 120 MB of syntax trees
    often: int = 4  # pieces of work that needed a file which is kept when others go
    serial_source: int = 400_000  # up to which one process is faster than several

    @property
    def lasting_source(self) -> int:
        """The source that eviction keeps."""
        return self.kept_source * 5 // 8
