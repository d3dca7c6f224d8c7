"""A Keras callback: checks how the model starts on a batch that it is given, before the first step."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from biaslint.runtime.check import check_start
from biaslint.runtime.report.start import StartReport


class StartCheck(keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]
    """`model.fit(x, y, callbacks=[StartCheck((x[:64], y[:64]))])`: warns of findings, or raises with `fail=True`."""

    def __init__(self, batch: Any = None, *, fail: bool = False, **options: Any) -> None:
        super().__init__()
        self.batch, self.fail, self.options = batch, fail, options
        self.report: StartReport | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Measure the model before anything is trained."""
        self.report = check_start(self.model, self.batch, **self.options)
        bad = self.report.at_least("warning")
        if bad:
            text = "the model does not start well: " + "; ".join(f"{one.rule} {one.message}" for one in bad)
            if self.fail:
                raise RuntimeError(text)
            warnings.warn(text, stacklevel=2)
