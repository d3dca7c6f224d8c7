"""Does what a loss is given fit the loss?"""

from __future__ import annotations

from biaslint.theory.program import Prediction

BOUNDED = frozenset({"sigmoid", "softmax", "hardsigmoid", "hard_sigmoid"})  # probabilities
LOGS = frozenset({"log_softmax", "logsigmoid", "log_sigmoid"})
NOT_NEGATIVE = frozenset({"relu", "relu6", "softplus"})
SIGNED = frozenset({"affine", "norm", "tanh", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"})

TWICE = "twice"  # probabilities where the loss works them out itself
CUT = "cut"  # logits that cannot be negative
REDUNDANT = "redundant"  # logarithms of probabilities where logits would give the same
MISSING = "missing"  # no probabilities where the loss takes them
NO_LOGARITHM = "no logarithm"  # probabilities where the loss takes their logarithms
ONE = "one"  # a softmax over one entry: always 1
ASTRAY = "astray"  # a softmax over another axis than that of the classes


def misfit(prediction: Prediction) -> str:
    """What is wrong with a prediction; "" where nothing is, or it is not known."""
    by, takes = prediction.by, prediction.takes
    if by in ("softmax", "log_softmax") and prediction.size == 1:
        return ONE
    if takes == "logits":
        if by == "log_softmax" and prediction.classes:
            return ASTRAY if prediction.astray else REDUNDANT
        return TWICE if by in BOUNDED | LOGS else CUT if by in NOT_NEGATIVE else ""
    if by in ("softmax", "log_softmax") and prediction.astray:
        return ASTRAY
    if takes == "probabilities":
        scaled = prediction.classes and by in NOT_NEGATIVE  # which the loss may divide by its sum
        return MISSING if by in SIGNED | LOGS or (by in NOT_NEGATIVE and not scaled) else ""
    if takes == "log-probabilities":
        return NO_LOGARITHM if by in BOUNDED else MISSING if by in SIGNED | NOT_NEGATIVE else ""
    return ""
