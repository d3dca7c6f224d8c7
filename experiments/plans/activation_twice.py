"""An activation before a loss that takes logits (BL405)."""

from __future__ import annotations

from torch import Tensor

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant
from experiments.training import binary, cross_entropy


def after_softmax(outputs: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(outputs.softmax(-1), y)


def after_relu(outputs: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(outputs.relu(), y)


def after_sigmoid(outputs: Tensor, y: Tensor) -> Tensor:
    return binary(outputs.sigmoid(), y)


LOGITS = Variant("logits")
EXPERIMENT = Experiment(
    name="activation_twice",
    title="An activation before a loss that takes logits",
    rules=("BL405",),
    hypothesis="All are evaluated as a user of the model would, by the probabilities of one activation. After a softmax or a sigmoid "
    "training is slower, and the probabilities at the end fit worse; accuracy suffers less. After a ReLU some outputs stay dead and "
    "accuracy is lower.",
    tasks=(
        Task(
            name="digits, a softmax before the cross-entropy",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("softmax, then cross-entropy", loss=after_softmax), LOGITS),
            steps=400,
            level=0.3,
        ),
        Task(
            name="breast cancer, a sigmoid before the loss with logits",
            data=data.breast_cancer,
            start=networks.mlp_start(30, 16, 1),
            forward=networks.mlp,
            variants=(Variant("sigmoid, then the loss with logits", loss=after_sigmoid), LOGITS),
            steps=400,
            level=0.3,
        ),
        Task(
            name="digits, a ReLU before the cross-entropy",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("ReLU, then cross-entropy", loss=after_relu), LOGITS),
            steps=400,
            level=0.3,
        ),
    ),
)
