"""A trainer is a target and a source of data: its model, batches, loss and optimizer are measured, as of Hugging Face's `Trainer`."""

from __future__ import annotations

from pathlib import Path

import pytest
from same_process import measured as run

torch = pytest.importorskip("torch")

from biaslint.runtime.process.parent import VerifyError  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402

TRAINER = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x, labels=None):
        logits = self.head(x)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return (logits,) if loss is None else (loss, logits)


class Trainer:
    def __init__(self, model):
        self.model, self.optimizer = model, None

    def get_train_dataloader(self):
        labels = (torch.arange(100) % 10 == 0).long()
        rows = [{"x": torch.randn(4), "labels": label} for label in labels]
        return torch.utils.data.DataLoader(rows, batch_size=20)

    def compute_loss(self, model, inputs, return_outputs=False):
        return model(**inputs)[0]

    def create_optimizer(self):
        self.optimizer = torch.optim.SGD([self.model.head.weight], lr=0.25)
        return self.optimizer


class Weighted(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False):
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        return nn.functional.cross_entropy(model(**inputs)[0], labels, weight=torch.tensor([1.0, 9.0]))


def plain():
    return Trainer(Net())


def weighted():
    return Weighted(Net())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAINER)
    return tmp_path


def failed(job: Job) -> set[str]:
    return {one.rule for one in judge(run(job)).failures}


def test_a_trainer_brings_its_data_and_its_optimizer() -> None:
    assert failed(Job("train.py:plain")) == {"unset-output-bias", "untrainable-bias"}
    assert failed(Job("train.py:Net", data="train.py:plain")) == {"unset-output-bias", "untrainable-bias"}


def test_the_weights_in_a_trainer_s_loss_count() -> None:
    assert failed(Job("train.py:weighted")) == {"untrainable-bias"}


def test_a_trainer_s_model_is_trained_with_its_own_loss_and_optimizer() -> None:
    observed = run(Job("train.py:weighted", steps=3, seeds=2))
    assert observed.trained_with == "SGD, learning rate 0.25, cross_entropy"
    assert [len(curve) for curve in observed.curves] == [3, 3]


def test_what_brings_no_data_cannot_be_trained() -> None:
    with pytest.raises(VerifyError, match="pass --data"):
        run(Job("train.py:Net", steps=3))
