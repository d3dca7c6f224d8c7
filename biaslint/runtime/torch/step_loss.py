"""The loss that a training step computes, of the model (as in a LightningModule) or of its trainer, found by watching the step once."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.torch.function_watch import preserved, watching
from biaslint.runtime.torch.losses import loss_kind

# Where each function takes the settings that shift its best constant, if they are not given by name.
_SETTINGS = {
    "cross_entropy": {"weight": 2, "ignore_index": 4, "label_smoothing": 7},
    "nll_loss": {"weight": 2, "ignore_index": 4},
    "binary_cross_entropy_with_logits": {"weight": 2, "pos_weight": 6},
    "binary_cross_entropy": {"weight": 2},
}


class StepLoss:
    """A function of `torch.nn.functional` with the settings that the step gives it."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.__name__, self.settings = name, settings
        self.weight, self.pos_weight = settings.get("weight"), settings.get("pos_weight")

    def __call__(self, output: Any, labels: Any) -> Any:
        from torch.nn import functional

        return getattr(functional, self.__name__)(output, labels, **self.settings)


class _Named:
    def __init__(self, name: str) -> None:
        self.__name__ = name


def step_loss(model: Any, batch: Any, trainer: Any = None) -> StepLoss | None:
    """The last loss that a trainer, or the model's `training_step`, computes on a batch; None where there is none that can be told."""
    import torch

    if trainer is None and not callable(getattr(model, "training_step", None)):
        return None
    found: list[StepLoss] = []

    def listen(function: str, inputs: Any, keywords: dict[str, Any], result: Any, module: Any) -> None:
        if loss_kind(_Named(function)) and isinstance(result, torch.Tensor):
            places = _SETTINGS.get(function, {})
            given = {name: inputs[at] for name, at in places.items() if len(inputs) > at} | {
                name: value for name, value in keywords.items() if name in places
            }
            found.append(StepLoss(function, {name: value for name, value in given.items() if value is not None}))

    try:
        with preserved(model), torch.no_grad(), watching(listen):
            model.training_step(batch, 0) if trainer is None else trainer.compute_loss(model, batch)
    except Exception:
        return found[-1] if found else None
    return found[-1] if found else None


def own_optimiser(model: Any, trainer: Any = None) -> Any:
    """What the trainer makes for the model, or `configure_optimizers` gives; None where it cannot be told."""
    try:
        if trainer is not None:
            trainer.model, trainer.optimizer = model, None
            made = trainer.create_optimizer()
        else:
            made = model.configure_optimizers()
    except Exception:
        return None
    for _ in range(3):
        if isinstance(made, dict):
            made = made.get("optimizer")
        elif isinstance(made, (list, tuple)) and made:
            made = made[0]
    return made if hasattr(made, "param_groups") else None
