"""The loss of an untrained PyTorch model, and what the best constant output would give."""

from __future__ import annotations

import contextlib
from typing import Any

from biaslint.runtime.facts import priors
from biaslint.runtime.facts.expected_labels import cannot_be_called, expected_labels
from biaslint.runtime.facts.observed import LossFacts, Observed, TargetFacts
from biaslint.runtime.facts.output_kind import LOSS_KINDS
from biaslint.runtime.facts.task import Task
from biaslint.runtime.torch.misfit import described

_MOST_CLASSES = 5000
_SOURCE = "the labels"
_KINDS = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "cross_entropy",
    "cross_entropy": "cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "BCELoss": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy",
    "binary_cross_entropy": "binary_cross_entropy",
    "MSELoss": "squared",
    "mse_loss": "squared",
    "L1Loss": "absolute",
    "l1_loss": "absolute",
}


def loss_kind(loss: Any) -> str:
    """The kind of a loss object or function, "" where it is not known."""
    for name in (type(loss).__name__, getattr(loss, "__name__", "")):
        if name in _KINDS:
            return _KINDS[name]
    return ""


def _weights(loss: Any) -> list[float]:
    weights = getattr(loss, "pos_weight", None)
    if weights is None:
        weights = getattr(loss, "weight", None) if loss_kind(loss) == "cross_entropy" else None
    return [] if weights is None else [float(weight) for weight in weights.detach().flatten()]


def targets(task: Task) -> TargetFacts | None:
    """What is known of the targets: what the user stated, else what the labels say."""
    if task.stated is not None:
        return task.stated
    import torch

    labels = task.known_labels
    if not isinstance(labels, torch.Tensor) or not labels.numel():
        return None
    kind = LOSS_KINDS.get(task.output) or loss_kind(task.loss)
    flat = labels.detach().double().flatten()
    whole = not labels.is_floating_point()
    if kind == "cross_entropy" or (whole and kind == ""):
        if not whole and labels.dim() > 1:  # class probabilities
            return TargetFacts(
                "classes", labels.detach().double().flatten(1).mean(0).tolist(), source=_SOURCE, count=labels.shape[0]
            )
        flat = flat[flat >= 0].long()  # -100 and -1 mark what the loss leaves out
        if not flat.numel() or int(flat.max()) >= _MOST_CLASSES * 20:
            return None
        counts = torch.bincount(flat).double()
        return TargetFacts("classes", (counts / counts.sum()).tolist(), source=_SOURCE, count=flat.numel())
    rows = labels.detach().double().reshape(labels.shape[0], -1) if labels.dim() > 1 else flat[:, None]
    if kind == "binary_cross_entropy" or (kind == "" and bool(((flat == 0) | (flat == 1)).all())):
        return TargetFacts("binary", rows.mean(0).tolist()[:_MOST_CLASSES], source=_SOURCE, count=labels.shape[0])
    means, spreads = rows.mean(0), rows.std(0, unbiased=False)
    return TargetFacts(
        "values", means=means.tolist()[:100], spreads=spreads.tolist()[:100], source=_SOURCE, count=labels.shape[0]
    )


def default(kind: str, output: Any, labels: Any) -> tuple[Any, str]:
    """The usual loss for targets of this kind, and its kind."""
    import torch
    from torch.nn import functional

    if kind == "classes":
        return functional.cross_entropy, "cross_entropy"
    if kind == "binary":
        squashed = bool((output >= 0).all() and (output <= 1).all())
        return (
            functional.binary_cross_entropy if squashed else functional.binary_cross_entropy_with_logits
        ), "binary_cross_entropy"
    del torch, labels
    return functional.mse_loss, "squared"


def call(loss: Any, output: Any, outputs: Any, labels: Any) -> Any:
    """The loss of an output and its labels, in the shapes that people pass them in."""
    attempts = [(output, labels)]
    if output.dim() == labels.dim() + 1 and output.shape[-1] == 1:
        attempts.insert(0, (output.squeeze(-1), labels))
    if not labels.is_floating_point():
        attempts += [(guess, known.to(output.dtype)) for guess, known in list(attempts)]
        if output.dim() == labels.dim() + 1 and tuple(labels.shape) == tuple(output.shape[:-1]):
            attempts.insert(0, (output.flatten(0, -2), labels.flatten()))
    attempts.append((outputs, labels))
    failure: Exception | None = None
    for guess, known in attempts:
        if (
            hasattr(guess, "shape")
            and guess.numel() != known.numel()
            and known.is_floating_point()
            and loss_kind(loss) != "cross_entropy"
        ):
            failure = failure or ValueError(f"outputs of shape {tuple(guess.shape)}, labels of shape {tuple(known.shape)}")
            continue
        try:
            return loss(guess, known)
        except Exception as error:
            failure = failure or error
    raise failure or ValueError("no way to call the loss")


def expected(known: TargetFacts, loss: Any = None) -> LossFacts | None:
    """What the best constant output would give, for the targets and the loss' weights."""
    weights = _weights(loss)
    name = getattr(loss, "__name__", type(loss).__name__) if loss is not None else ""
    facts = LossFacts(name, class_weights=weights)
    if known.kind == "classes":
        prior = priors.weighted(known.prior, weights)
        facts.kind, facts.best, facts.bias = "cross_entropy", priors.entropy(prior), priors.class_bias(prior)
    elif known.kind == "binary":
        facts.kind = "binary_cross_entropy"
        facts.best, facts.bias = priors.binary_loss(known.prior, weights), priors.binary_bias(known.prior, weights)
    elif known.kind == "values":
        facts.kind, facts.bias = "squared", list(known.means)
        if known.spreads:
            facts.best = sum(spread**2 for spread in known.spreads) / len(known.spreads)
    else:
        return None
    return facts


def _best_constant(loss: Any, output: Any, labels: Any, axis: int) -> tuple[float, list[float]] | None:
    """For a loss of unknown kind: the constant output that makes it least, found by descent."""
    import torch

    shape = [1] * output.dim()
    shape[axis] = output.shape[axis]
    start = output.detach().mean([dim for dim in range(output.dim()) if dim != axis % output.dim()], keepdim=True)
    constant = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([constant], lr=0.1)
    best: tuple[float, list[float]] | None = None
    for _ in range(400):
        optimiser.zero_grad()
        value = call(loss, constant.expand_as(output), constant.expand_as(output), labels)
        if not isinstance(value, torch.Tensor) or value.numel() != 1 or not bool(value.isfinite()) or not value.requires_grad:
            return best
        if best is None or value.item() < best[0]:
            best = value.item(), constant.detach().flatten().tolist()
        value.backward()
        optimiser.step()
    return best


def _refusal(name: str, kind: str, loss: Any, output: Any, labels: Any, error: Exception) -> str:
    """What a loss that cannot be called expects."""
    shape = list(output.shape)
    if kind == "cross_entropy":
        weights = getattr(loss, "weight", None)
        axis = 1 if len(shape) > 2 else -1
        expected = expected_labels(kind, shape, axis)
        expected += f" (its {len(weights)} weights are for {len(weights)} classes)" if weights is not None else ""
    else:
        expected = expected_labels(kind, shape)
    if name in ("BCELoss", "binary_cross_entropy") and not bool(((output >= 0) & (output <= 1)).all()):
        expected = "outputs between 0 and 1; BCEWithLogitsLoss takes scores"
    return cannot_be_called(name, described(output), described(labels), error, expected)


def measure(outputs: Any, output: Any, labels: Any, loss: Any, observed: Observed) -> tuple[LossFacts | None, Any]:
    """The loss on the batch, and its value to take gradients of."""
    import torch

    known = observed.targets
    if known is None:
        return None, None
    if known.kind == "classes" and output.dim() > 1 and output.shape[-1] == 1 and len(known.prior) <= 2:
        # Whole-number labels for one output: that is a yes or no.
        known.kind, known.prior = "binary", [known.prior[1] if len(known.prior) > 1 else 0.0]
    kind = loss_kind(loss)
    function = loss
    if function is None:
        function, kind = default(known.kind, output, labels)
    name = getattr(function, "__name__", type(function).__name__)
    try:
        value = call(function, output, outputs, labels)
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            value = value.mean()
    except Exception as error:
        observed.inconclusive["initial-loss"] = _refusal(name, kind, function, output, labels, error)
        return expected(known, loss), None
    facts = (expected(known, loss) if kind else None) or LossFacts(name)
    facts.name, facts.kind = name, kind
    facts.value = float(value.detach() if isinstance(value, torch.Tensor) else value)
    if kind == "absolute":
        rows = labels.detach().double().reshape(labels.shape[0], -1)
        medians = rows.median(0).values
        facts.best, facts.bias = (rows - medians).abs().mean().item(), medians.tolist()
    elif not kind:
        axis = 1 if output.dim() >= 4 else -1
        with contextlib.suppress(Exception):
            found = _best_constant(function, output, labels, axis)
            if found:
                facts.best, facts.bias = found
    return facts, value if isinstance(value, torch.Tensor) else None
