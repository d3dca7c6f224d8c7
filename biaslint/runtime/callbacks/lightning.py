"""A Lightning callback: the first training batch is used to check how the model starts, before the first step."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

try:
    from lightning.pytorch import Callback  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from pytorch_lightning import Callback  # type: ignore[import-not-found,no-redef,unused-ignore]

from biaslint.runtime.check import check_start
from biaslint.runtime.report.start import StartReport


class StartCheck(Callback):  # type: ignore[misc,unused-ignore]
    """`Trainer(callbacks=[StartCheck()])`: warns of findings, or raises with `fail=True`; the figures go to the trainer's logger."""

    def __init__(self, *, fail: bool = False, **options: Any) -> None:
        self.fail, self.options = fail, options
        self.report: StartReport | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Measure on the first batch, on the device that training uses."""
        loader = trainer.train_dataloader
        batch = next(iter(loader))
        with contextlib.suppress(AttributeError):
            batch = trainer.strategy.batch_to_device(batch)
        self.report = check_start(pl_module, batch, **self.options)
        for logger in trainer.loggers:
            logger.log_metrics(self.report.figures(), step=0)
        tell(self.report, self.fail)


def tell(report: StartReport, fail: bool) -> None:
    """Say what was found: as a warning, or as an error."""
    bad = report.at_least("warning")
    if bad:
        text = "; ".join(f"{one.rule} {one.message}" for one in bad)
        if fail:
            raise RuntimeError(f"the model does not start well: {text}")
        warnings.warn(f"the model does not start well: {text}", stacklevel=3)
