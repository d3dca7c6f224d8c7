"""What a model is trained for, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from biaslint.runtime.facts.observed import TargetFacts


@dataclass(slots=True)
class Task:
    """The labels, the loss and the optimizer, and what the user said of the targets."""

    labels: Any = None  # of the batch
    more_labels: Any = None  # all that are read of the data, for the prior
    loss: Any = None
    optimiser: Any = None
    stated: TargetFacts | None = None
    output: str = ""  # what the outputs are: "softmax", "sigmoid", "regression"

    @property
    def known_labels(self) -> Any:
        """All labels that are known."""
        return self.labels if self.more_labels is None else self.more_labels
