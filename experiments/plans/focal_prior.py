"""A detector with focal loss that starts at a probability of 0.5, or at 0.01 (BL401, and BL404 where the prior is set and lost)."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="focal_prior",
    title="Focal loss and the prior of a detector",
    rules=("BL401", "BL404"),
    hypothesis="Without the prior the loss starts a hundred times higher, and training diverges or stays at calling everything background "
    "at learning rates that the prior can use; with its own best rate it is slower to start and may catch up.",
    tasks=(
        Task(
            name="digits on a canvas, one cell in a thousand positive",
            data=data.digit_scenes,
            start=networks.detector_start,
            forward=networks.detector,
            variants=(
                Variant("output bias of zero (0.5)"),
                Variant("output bias at a prior of 0.01", change=fill("out.bias", -4.595)),
            ),
            steps=300,
            level=0.9,
            batch=8,
            evaluations=50,
            optimizer="sgd",
            rates=(1e-3, 3e-3, 1e-2, 3e-2),
            seeds=12,
            decay=1e-4,
        ),
    ),
)
