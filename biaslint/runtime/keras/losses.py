"""The initial loss in numpy, for Keras and TensorFlow; a loss of the user's own is called as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biaslint.runtime.facts import priors
from biaslint.runtime.facts.expected_labels import cannot_be_called, expected_labels, shape_text
from biaslint.runtime.facts.observed import LossFacts, Observed, TargetFacts
from biaslint.runtime.facts.output_kind import LOSS_KINDS, known_kind, settle
from biaslint.runtime.facts.task import Task
from biaslint.runtime.keras.layers import array

_KINDS = {
    "categoricalcrossentropy": "cross_entropy",
    "sparsecategoricalcrossentropy": "cross_entropy",
    "binarycrossentropy": "binary_cross_entropy",
    "meansquarederror": "squared",
    "mse": "squared",
    "meanabsoluteerror": "absolute",
    "mae": "absolute",
}
_MOST_CLASSES = 5000
_SOURCE = "the labels"


def loss_kind(loss: Any) -> str:
    """The kind of a Keras loss: an object, a function or a name."""
    for name in (loss if isinstance(loss, str) else "", type(loss).__name__, getattr(loss, "__name__", "")):
        found = _KINDS.get(name.replace("_", "").lower())
        if found:
            return found
    return ""


def targets(task: Task) -> TargetFacts | None:
    """What is known of the targets: what the user stated, else what the labels say."""
    import numpy

    if task.stated is not None or task.known_labels is None:
        return task.stated
    labels = numpy.asarray(task.known_labels)
    if not labels.size:
        return None
    kind, count = LOSS_KINDS.get(task.output) or loss_kind(task.loss), int(labels.shape[0])
    whole = labels.dtype.kind in "iub"
    one_hot = (
        labels.ndim == 2
        and labels.shape[1] > 1
        and bool((labels.sum(1) == 1).all())
        and bool(((labels == 0) | (labels == 1)).all())
    )
    if one_hot and kind in ("", "cross_entropy"):
        return TargetFacts("classes", [float(share) for share in labels.mean(0)], source=_SOURCE, count=count)
    if kind == "cross_entropy" or (kind == "" and whole):
        flat = labels.ravel().astype("int64")
        flat = flat[flat >= 0]
        if not flat.size or flat.max() >= 20 * _MOST_CLASSES:
            return None
        counts = numpy.bincount(flat)
        return TargetFacts("classes", [float(share) for share in counts / counts.sum()], source=_SOURCE, count=int(flat.size))
    rows = labels.reshape(count, -1).astype("float64")
    if kind == "binary_cross_entropy" or (kind == "" and bool(((rows == 0) | (rows == 1)).all())):
        return TargetFacts("binary", [float(share) for share in rows.mean(0)][:_MOST_CLASSES], source=_SOURCE, count=count)
    means, spreads = [float(mean) for mean in rows.mean(0)][:100], [float(spread) for spread in rows.std(0)][:100]
    return TargetFacts("values", means=means, spreads=spreads, source=_SOURCE, count=count)


def probabilities(rows: Any, kind: str) -> tuple[str, Any]:
    """Whether rows of scores are logits or probabilities, and the probabilities."""
    import numpy

    rows = rows.astype("float64")
    bounded = bool((rows >= 0).all() and (rows <= 1).all())
    if kind == "binary":
        return ("probabilities", rows) if bounded else ("logits", 1 / (1 + numpy.exp(-numpy.clip(rows, -500, 500))))
    if bounded and numpy.allclose(rows.sum(-1), 1, atol=1e-3):
        return "probabilities", rows
    powers = numpy.exp(rows - rows.max(-1, keepdims=True))
    return "logits", powers / powers.sum(-1, keepdims=True)


def expected(known: TargetFacts, kind: str = "") -> LossFacts | None:
    """What the best constant output would give."""
    if known.kind == "classes":
        return LossFacts("", "cross_entropy", None, priors.entropy(known.prior), priors.class_bias(known.prior))
    if known.kind == "binary":
        return LossFacts("", "binary_cross_entropy", None, priors.binary_loss(known.prior), priors.binary_bias(known.prior))
    if known.kind == "values":
        best = sum(spread**2 for spread in known.spreads) / len(known.spreads) if known.spreads and kind != "absolute" else None
        return LossFacts("", "squared", None, best, list(known.means))
    return None


def of_outputs(outputs: Sequence[Any], task: Task, observed: Observed) -> str:
    """Settle what the first output stands for, and measure its loss or work out the best one; the kind of the targets."""
    known = observed.targets
    if known is None:
        return ""
    if len(outputs):
        width = outputs[0].shape[-1] if outputs[0].ndim > 1 else 1
        settle(known, int(width), known_kind(task.output, loss_kind(task.loss), observed.layers))
    if task.labels is not None and len(outputs):
        observed.loss = measure(outputs[0], array(task.labels), known, task.loss, observed.inconclusive)
    else:
        observed.loss = expected(known, loss_kind(task.loss))
    return known.kind


def measure(output: Any, labels: Any, known: TargetFacts, loss: Any, inconclusive: dict[str, str]) -> LossFacts | None:
    """The loss on the batch, by the user's own loss where there is one."""
    import numpy

    if known.kind == "classes" and output.shape[-1] == 1 and len(known.prior) <= 2:
        known.kind, known.prior = "binary", [known.prior[1] if len(known.prior) > 1 else 0.0]
    facts = expected(known, loss_kind(loss))
    if facts is None:
        return None
    if loss is not None and not isinstance(loss, str):
        facts.name = str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))
        try:
            facts.value = float(numpy.mean(numpy.asarray(loss(labels, output))))
        except Exception as error:
            inconclusive["initial-loss"] = _refusal(facts.name, loss_kind(loss), output, labels, error)
        if loss_kind(loss) == "":
            facts.best = None
        return facts
    facts.name = facts.kind
    rows = output.reshape(-1, output.shape[-1]).astype("float64") if output.ndim > 1 else output[:, None].astype("float64")
    try:
        if _wants_one_hot(loss) not in (None, labels.shape == output.shape):
            raise ValueError("the labels have another form")
        facts.value = _value(rows, labels, known, loss_kind(loss))
    except ValueError as error:
        inconclusive["initial-loss"] = _refusal(loss or facts.name, facts.kind, output, labels, error)
    return facts


def _wants_one_hot(loss: Any) -> bool | None:
    """Whether a loss takes a number for each class (True) or class numbers (False); None where it is no matter."""
    name = str(loss if isinstance(loss, str) else getattr(loss, "name", type(loss).__name__)).replace("_", "").lower()
    return {"categoricalcrossentropy": True, "sparsecategoricalcrossentropy": False}.get(name)


def _refusal(name: Any, kind: str, output: Any, labels: Any, error: Exception) -> str:
    """What a loss that cannot be called expects."""
    outputs, wanted = (f"{one.dtype} {shape_text(one.shape)}" for one in (output, labels))
    expected = expected_labels(kind, output.shape, one_hot=_wants_one_hot(name))
    return cannot_be_called(str(name), outputs, wanted, error, expected)


def check_name(loss: str) -> None:
    """Raises ValueError where no loss has this name."""
    import keras

    try:
        keras.losses.get(loss)
    except (ValueError, TypeError):
        raise ValueError(f"loss is {loss!r}, which is no loss of Keras; for classes: sparse_categorical_crossentropy") from None


def _value(rows: Any, labels: Any, known: TargetFacts, kind: str) -> float:
    import numpy

    if known.kind == "classes":
        shares = numpy.clip(probabilities(rows, "classes")[1], 1e-12, 1)
        if labels.ndim > 1 and labels.shape[-1] == rows.shape[-1]:
            return float(-(labels.reshape(rows.shape) * numpy.log(shares)).sum(-1).mean())
        flat = labels.ravel().astype("int64")
        if flat.shape[0] != rows.shape[0] or flat.max() >= rows.shape[1]:
            raise ValueError(f"{flat.shape[0]} labels up to {flat.max()} for {rows.shape[0]} rows of {rows.shape[1]} scores")
        return float(-numpy.log(shares[numpy.arange(flat.shape[0]), flat]).mean())
    wanted = labels.reshape(labels.shape[0], -1).astype("float64")
    if wanted.size != rows.size:
        raise ValueError(f"outputs of shape {rows.shape}, labels of shape {wanted.shape}")
    rows = rows.reshape(wanted.shape)
    if known.kind == "binary":
        shares = numpy.clip(probabilities(rows, "binary")[1], 1e-12, 1 - 1e-12)
        return float(-(wanted * numpy.log(shares) + (1 - wanted) * numpy.log(1 - shares)).mean())
    return float(numpy.abs(rows - wanted).mean() if kind == "absolute" else ((rows - wanted) ** 2).mean())
