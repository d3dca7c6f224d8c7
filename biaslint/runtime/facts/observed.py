"""What was measured of one model, in no framework's terms: plain facts that travel as JSON from the child to its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from biaslint.runtime.facts.origins import Frame


@dataclass(slots=True)
class Numbers:
    """A summary of many numbers."""

    count: int = 0
    mean: float | None = None
    spread: float | None = None  # the standard deviation
    least: float | None = None
    most: float | None = None


@dataclass(slots=True)
class Gate:
    """The forget gate of one layer and direction of a recurrent layer, as it starts."""

    name: str  # "layer 0, reverse"; "" for a cell
    bias: float = 0.0  # the mean, over its units, of the sum of the gate's biases
    least: float = 0.0
    most: float = 0.0
    value: float = 0.5  # the mean of the sigmoid of that sum


@dataclass(slots=True)
class LayerFacts:
    """One layer with parameters (or a part of the model that makes some)."""

    name: str
    type: str  # the canonical public name: "torch.nn.Conv2d"
    layer: str  # the class' own name
    kind: str  # conv, linear, embedding, norm, rnn, rnn_cell, attention, other
    chain: list[Frame] = field(default_factory=list)
    order: int | None = None  # of its first call; None where it was never called
    config: dict[str, Any] = field(default_factory=dict)
    bias_present: bool = False
    bias_trainable: bool | None = None
    bias_optimised: bool | None = None  # None where no optimiser was given
    weight_trainable: bool | None = None
    weight_optimised: bool | None = None
    bias_values: Numbers | None = None
    bias_default: str = ""  # what the framework itself does, in words
    dead: str = ""  # a status of biaslint.runtime.torch.gradient_test, "" where it was not measured
    dead_fraction: float = 0.0
    dead_channels: list[int] = field(default_factory=list)
    channels: int = 0
    ratio: float | None = None
    cancelled_how: list[str] = field(default_factory=list)
    cancelled_by: list[str] = field(default_factory=list)
    dropout_sees_it: bool = False
    readers: list[str] = field(default_factory=list)
    is_output: bool = False
    output_activation: str = ""
    gates: list[Gate] = field(default_factory=list)
    output: Numbers | None = None
    histogram: list[int] = field(default_factory=list)  # of the layer's output, between the two `edges`
    edges: list[float] = field(default_factory=list)
    gradient_scale: float | None = None  # root mean square, at the layer's output
    weight_of: str | None = None
    bias_of: str | None = None


@dataclass(slots=True)
class Units:
    """One application of a ReLU: how many of its units are zero for the whole batch."""

    name: str
    layer: str  # the layer with parameters before it
    units: int
    dead: int


@dataclass(slots=True)
class OutputFacts:
    """One output tensor of the model before any training."""

    name: str
    shape: list[int]
    classes: int = 0  # length of the class axis, 0 where it is not a class score
    form: str = "values"  # "logits" or "probabilities" where `classes`, "values" else
    values: Numbers = field(default_factory=Numbers)
    class_means: list[float] = field(default_factory=list)  # of the values, along the class axis (or the feature axis)
    predicted: list[float] = field(default_factory=list)  # mean predicted probability of each class
    histogram: list[int] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)


@dataclass(slots=True)
class LossFacts:
    """The loss on the batch, and what the best constant output would give."""

    name: str
    kind: str = ""  # "cross_entropy", "binary_cross_entropy", "squared", "absolute", "" for any other
    value: float | None = None
    best: float | None = None
    bias: list[float] = field(default_factory=list)  # the constant output that gives `best`
    class_weights: list[float] = field(default_factory=list)


@dataclass(slots=True)
class TargetFacts:
    """The labels of the batch (or what was said of them)."""

    kind: str = ""  # "classes", "binary", "values"
    prior: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    source: str = ""  # "the labels", "--prior"
    count: int = 0  # how many labels, 0 where it was stated
    assumed: str = ""  # of the outputs, where nothing says what they are


@dataclass(slots=True)
class Observed:
    """Everything that was measured of one model."""

    framework: str
    versions: dict[str, str] = field(default_factory=dict)
    target: str = ""
    model: str = ""
    batch: int = 0
    inputs: list[str] = field(default_factory=list)
    mode: str = "training"  # the mode in which outputs were measured
    parameters: int = 0
    layers: list[LayerFacts] = field(default_factory=list)
    outputs: list[OutputFacts] = field(default_factory=list)
    units: list[Units] = field(default_factory=list)
    loss: LossFacts | None = None
    targets: TargetFacts | None = None
    notes: list[str] = field(default_factory=list)  # what could not be measured, and why
    isolation: dict[str, str] = field(default_factory=dict)
    inconclusive: dict[str, str] = field(default_factory=dict)  # measurement -> why it failed
    executed: dict[str, list[int]] = field(default_factory=dict)  # file -> lines that ran while the model was built
    curves: list[list[float]] = field(default_factory=list)  # of a short training: the losses step by step, for each seed
    trained_with: str = ""  # the optimizer and the loss of that
    twin: str = ""  # how what was measured differs from the model that was asked for, and why


def to_json(value: Observed) -> dict[str, Any]:
    """As plain data."""
    return asdict(value)


_NESTED: dict[str, Any] = {
    "layers": LayerFacts,
    "outputs": OutputFacts,
    "units": Units,
    "loss": LossFacts,
    "targets": TargetFacts,
    "gates": Gate,
    "bias_values": Numbers,
    "output": Numbers,
    "values": Numbers,
}


def _make(kind: Any, data: Mapping[str, Any]) -> Any:
    made: dict[str, Any] = {}
    for item in fields(kind):
        if item.name not in data:
            continue
        value, nested = data[item.name], _NESTED.get(item.name)
        if nested is not None and isinstance(value, list):
            value = [_make(nested, part) for part in value]
        elif nested is not None and isinstance(value, Mapping):
            value = _make(nested, value)
        made[item.name] = value
    return kind(**made)


def from_json(data: Mapping[str, Any]) -> Observed:
    """From what `to_json` gave; unknown keys are left out."""
    observed: Observed = _make(Observed, data)
    return observed
