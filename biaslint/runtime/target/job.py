"""What the parent asks of the child: plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Job:
    """One model to build, feed and measure."""

    target: str
    arguments: list[str] = field(default_factory=list)
    weights: str = ""  # a state dict for the model
    inputs: list[str] = field(default_factory=list)
    batch: int = 8
    data: str = ""
    data_batches: int = 50  # how many batches' labels are read for the prior
    loss: str = ""
    optimiser: str = ""
    prior: list[float] = field(default_factory=list)
    script_args: str = ""  # the command line that the target's file sees
    run_script: bool = False  # all of the target's file, not only what the target needs
    output: str = ""  # what the outputs are said to be
    target_mean: list[float] = field(default_factory=list)
    seed: int = 0
    threads: int = 0
    allow_pickle: bool = False
    allow_unsafe_keras: bool = False
    network: bool = False
    memory: int = 0  # megabytes
    timeout: float = 300.0
    dead_ratio: float | None = None
    changes: list[dict[str, Any]] = field(
        default_factory=list
    )  # starts to give to biases before measuring: see `runtime/compare`
    untested: str = ""  # why dead biases are not looked for
    steps: int = 0  # of a short training
    seeds: int = 3  # that it is done with

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(found: dict[str, Any]) -> Job:
        """What `to_json` gave."""
        return Job(**found)
