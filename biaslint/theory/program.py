"""What a model is made of: places in the source, layers, their biases, and the flow of tensors.

A `Graph` is one execution of one model on abstract tensors: the nodes stand in the order in which they were made, so every
reader comes after what it reads. `biaslint.theory.shift` asks it what becomes of a bias. What a check sees is the `Program`: the same
layers as plain facts, gathered over every execution and grouped by the place in the source that made them.

This module imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A stretch of source. Lines and columns count from 1, the end column is one past the last character.

    `cell` is the notebook cell (from 1, over all cells); lines then count within the cell.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class BiasWrite:
    """One assignment to a bias (or weight), in the order of execution; the last one that covers an element counts.

    `how` is one of
        "constant"     every element gets `value`
        "normal"       drawn with mean `value` and standard deviation `spread`
        "mirrored"     drawn from a normal distribution whose mean is minus its standard deviation, neither of which is known
        "uniform"      drawn from [value - spread, value + spread]
        "scaled"       a weight initialiser (Xavier, He, orthogonal, variance scaling): `by` names it
        "prior"        a value worked out from a prior or from the data (a logarithm of a ratio, say)
        "loaded"       read from a checkpoint (of weights only)
        "unknown"      something else; `value` and `spread` are None
    `span` is the part written as fractions of the vector, (0.25, 0.5) for `bias[n // 4 : n // 2]`; None for all of it.
    """

    how: str
    place: Place
    value: float | None = None
    spread: float | None = None
    span: tuple[float, float] | None = None
    by: str = ""
    text: str = ""  # the value as the source spells it
    where: str = ""  # qualified name of the function that holds the statement
    which: str = "bias"  # the parameter's name: bias, bias_ih, bias_hh, bias_ih_l0, weight ...
    target: str = ""  # the parameter as the source spells it: "self.fc.bias", "m.bias"
    call: Place | None = None  # the call that writes, where it is one
    func: str = ""  # what is called, as written: "nn.init.zeros_"
    grows: bool = False  # the spread is not known as a number, but grows with the layer's size: sqrt(fan_in)
    caught: bool = False  # stands in a `try` body: an exception need not be one for the program
    guarded: bool = False  # stands behind a question about the bias: `if m.bias is not None`
    used: int = field(default=0, compare=False)  # how often the layer had been called, or a model trained, before
    # the calls that led to it, outermost first, each with the name of the function it stands in; given where an earlier write counts
    via: tuple[tuple[str, Place], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Bias:
    """The bias of one layer. `present` and `trainable` are None where they are not known."""

    present: bool | None = None
    trainable: bool | None = True
    default: BiasWrite | None = None  # what the framework's own constructor does, or the initialiser given to it
    writes: tuple[BiasWrite, ...] = ()
    argument: str = ""  # the constructor argument that switches it: "bias", "use_bias"
    argument_text: str = ""  # that argument as written at the call, "" where it was left out

    @property
    def last(self) -> BiasWrite | None:
        """The write that decides the whole vector's initial value: the last one that covers all of it."""
        for write in reversed(self.writes):
            if write.span is None:
                return write
        return self.default


ESCAPED = "the layer is handed to code that is not known"
SCORES = "its results are the scores that softmax takes"
READ = "its bias is read by other code"
MEAN_READ = "the norm's running mean is read"
STORED = "a norm with stored statistics"  # all that sees it: this use does not train the layer
HANDED = "its model is handed to code that is not known"  # some reader sees the bias, whatever it is set to there
OTHER = "<another value>"  # of a setting: not what it is by default


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the shift that a bias adds.

    `kind` is one of
        "dead"      every reader loses it; `by` says what cancels it (`detail`: SCORES where softmax takes the layer's result itself)
        "part"      one part of a fused projection is lost (`detail` says which), the rest is seen
        "alive"     some reader sees it; `detail` says which (STORED: only norms in inference mode do)
        "unread"    the layer was called and nothing reads the result
        "uncalled"  the layer was never called
        "unknown"   the execution stopped before it could be told, or `detail`: ESCAPED, HANDED
    """

    kind: str
    by: str = (
        ""  # "batch norm", "instance norm", "group norm", "softmax"; of a living one, what takes it away from some readers
    )
    cancelled_by: str = (
        ""  # the name of the norm, as the source says it ("self.bn1"), or "softmax"; of a living one, the norm behind it
    )
    place: Place | None = (
        None  # where the norm was made, or the softmax called; of a living one before a norm, the use that sees it
    )
    detail: str = ""
    training_only: bool = False  # alive again when the norm is in eval mode (batch norm)
    guarded: bool = False  # alive because something reads it that the analysis does not know


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one call of a loss takes as the prediction, and the step that made it.

    `takes` is what the loss expects: "logits", "probabilities" or "log-probabilities"; `classes`: of classes that exclude each other.
    `by` is the step: "softmax", "sigmoid", "relu" ..., "log", "affine" (a layer's own result), "norm"; "" for one that is not known.
    """

    place: Place  # the call of the loss
    takes: str
    classes: bool
    by: str = ""
    made: Place | None = None  # where the step stands, or where its layer is made
    name: str = ""  # the step as the source says it: "F.softmax", "self.act", "self.fc"
    layer: Place | None = None  # where the affine layer before the step is made, or the step itself where it is one
    of: str = ""  # that layer's name
    size: int | None = None  # of a softmax: over how many entries
    astray: str = ""  # of a softmax: which axis it is over, where that is not the classes' axis
    aligned: bool = False  # of a softmax: it is known to be over the classes' axis
    whole: bool = False  # the loss's target is known to hold whole numbers


@dataclass(frozen=True, slots=True)
class Projection:
    """An embedding's weight used as the weight of an output layer, for which what it is multiplied with comes from a norm.

    `norm` names it; the results are logits, which nothing scales.
    """

    place: Place
    norm: str


@dataclass(slots=True)
class LayerUse:
    """One layer of one execution, as plain facts (picklable): what a check sees. Layers without parameters are left out."""

    framework: str  # "torch", "keras", "tensorflow"
    type: str  # the canonical public name: "torch.nn.Conv2d", "keras.layers.Dense", "tf.nn.conv2d"
    kind: str  # see vocabulary: conv, linear, embedding, norm, rnn, rnn_cell, attention, activation, loss, optimizer ...
    name: str  # as the source says it: "self.conv1", "layers.Conv2D", "fc"
    place: Place  # where the constructor call starts
    chain: tuple[Place, ...]  # the calls that led to it, innermost (its own) first
    owner: str = ""  # the class or function whose body makes it
    root: str = ""  # the class or function whose execution led to it
    root_path: str = ""  # the file that holds it, links resolved
    run: int = 0  # which execution; two uses of one run were made in the same model
    config: dict[str, Any] = field(
        default_factory=dict
    )  # hyperparameters of this execution, plain values; a setting that nobody gives has its default (see `texts`); what is unknown is absent
    texts: dict[str, str] = field(default_factory=dict)  # constructor arguments as written at the call
    positions: dict[str, int] = field(
        default_factory=dict
    )  # parameter -> its index among positional arguments of the call at `place`
    callee: str = ""  # what the call at `place` calls, as written: "nn.LSTM"
    bias: Bias = field(default_factory=Bias)
    fate: Fate = field(default_factory=lambda: Fate("unknown"))
    weight_writes: tuple[BiasWrite, ...] = ()
    readers: tuple[str, ...] = ()  # kinds or function names of what reads the output next: "relu", "batch_norm", "output"
    sources: tuple[int, ...] = ()  # `ident`s of the layers that feed it with nothing but linear steps between
    zeros_into: tuple[
        int, ...
    ] = ()  # its results are zero at the start, and all of them are multiplied with these layers' zero weights
    is_output: bool = False  # its result leaves the model with nothing but shape changes or an output activation between
    output_activation: str = ""  # "", "sigmoid", "softmax", "log_softmax" ... where is_output
    mixed: bool = False  # behind a softmax: something else sees what is added to all of its results alike
    focal: bool = False  # a loss on its result is weighed as a focal loss is
    settings: dict[str, Any] = field(default_factory=dict)  # parameters of the enclosing function: name -> plain value
    spelled: dict[str, str] = field(default_factory=dict)  # those whose default is a class: name -> how the source writes it
    outer_settings: tuple[
        dict[str, Any], ...
    ] = ()  # of a raw layer: the same of the functions that hold `chain[1]`, `chain[2]` ...
    choices: dict[str, bool] = field(
        default_factory=dict
    )  # what was taken for true of settings in attributes, dicts and globals
    ident: int = 0  # unique within the run
    weight_of: int | None = None  # ident of the layer whose weight it shares (tied)
    tied: BiasWrite | None = None  # the assignment that made it so
    bias_of: int | None = None  # ident of the layer whose bias it shares
    statement: Place | None = None  # the whole statement that holds the constructor call
    weight_trainable: bool | None = True
    escaped: bool = False  # handed to code that is not known: it may have been initialised there
    hooked: bool = False  # its weight is worked out from another tensor: weight norm, equalized learning rate, forward hooks
    part: bool = False  # of a model that was executed alone, although the classes of other models mention it
    configured: bool = False  # a configuration or a model that is not looked at may initialize it
    absorbed_by: int | None = None  # ident of the affine layer that takes this one's bias up, with only linear steps between
    doubles: int | None = None  # a raw bias added to the result of a layer that has one: that layer's ident
    # an optimiser's parameters as (ident, parameter, weight decay or None where unknown); `covers_all` says that the list is complete
    covers: tuple[tuple[int, str, float | None], ...] = ()
    covers_all: bool = False
    missed_by: int | None = None  # ident of the optimizer that had taken the model's parameters before this layer came into it
    parameters: tuple[str, ...] = ()  # a cell's: the constructor's positional parameters, in order
    rounds: dict[str, bool] = field(default_factory=dict)  # the conditions of the loop's round that made it, as written
    predictions: tuple[Prediction, ...] = ()  # of a loss: what it is given
    projections: tuple[Projection, ...] = ()  # of an embedding: where it is the output layer as well
    turned_away: tuple[Place, ...] = ()  # of a convolution: the `if` statements that asked whether it is of another type
    deviates: bool = False  # of an execution in which a parameter has another value than its default


@dataclass(frozen=True, slots=True)
class UnknownFact:
    """Something the analysis did not understand."""

    place: Place
    what: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """A layer in front of a norm that is not judged: `why` says what keeps its bias alive or unknown, `use` where that stands."""

    place: Place
    layer: str
    norm: str
    why: str
    use: Place | None = None


@dataclass(slots=True)
class Site:
    """A place in the source that makes layers, with every layer made there."""

    place: Place
    uses: list[LayerUse]

    @property
    def first(self) -> LayerUse:
        return self.uses[0]


@dataclass(slots=True)
class Program:
    """Everything learnt from the files: the layers of every execution, and what was not understood."""

    uses: list[LayerUse] = field(default_factory=list)
    unknowns: list[UnknownFact] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)  # executions that ended early: of what, and why
    parsed: set[str] = field(default_factory=set)  # paths of files that are known to be valid Python
    executions: list[tuple[str, int]] = field(default_factory=list)  # made for this program: the entry point, the steps
    left_out: list[tuple[str, str]] = field(default_factory=list)  # entry points that there was no time for: path, name
    worked_out: dict[str, Any] = field(default_factory=dict)  # by one check, for others

    def sites(self, *kinds: str) -> Iterator[Site]:
        """The places that make layers of these kinds (of any kind, where none is named), in order of place."""
        grouped: dict[Place, list[LayerUse]] = {}
        for use in self.uses:
            if not kinds or use.kind in kinds:
                grouped.setdefault(use.place, []).append(use)
        for place in sorted(grouped):
            yield Site(place, grouped[place])
