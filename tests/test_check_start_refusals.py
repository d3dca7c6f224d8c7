"""What `check_start` takes as a batch, and what it says of a batch, loss or optimizer that does not fit the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from biaslint import check_start

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset, TensorDataset  # noqa: E402

X, Y = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)), (torch.arange(200) % 10 == 0).long()


def net() -> Any:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))


class Module:
    """A data module, by its methods."""

    def setup(self, stage: str) -> None:
        self.data = TensorDataset(X, Y)

    def train_dataloader(self) -> Any:
        return DataLoader(self.data, batch_size=25)


class Ordered(IterableDataset):  # type: ignore[misc]
    """Examples that can only be read in order."""

    def __iter__(self) -> Iterator[Any]:
        yield from zip(X, Y, strict=True)


@pytest.mark.parametrize(
    ("batch", "rows"),
    [
        (lambda: DataLoader(TensorDataset(X, Y), batch_size=50, shuffle=True), 50),
        (lambda: iter(DataLoader(TensorDataset(X, Y), batch_size=20)), 20),
        (lambda: TensorDataset(X, Y), 64),
        (Ordered, 64),
        (Module, 25),
        (lambda: [X, Y], 200),
    ],
    ids=["loader", "iterator", "data set", "data set in order", "data module", "batch"],
)
def test_the_first_batch_of_what_yields_batches_is_measured(batch: Any, rows: int) -> None:
    model, given = net(), batch()
    torch.manual_seed(3)
    report = check_start(model, given)
    drawn = torch.rand(1).item()
    torch.manual_seed(3)
    assert drawn == torch.rand(1).item()
    assert report.observed.batch == rows
    assert report.observed.targets.count == rows


def test_what_yields_nothing_is_said_to() -> None:
    with pytest.raises(ValueError, match="the DataLoader yields no batch"):
        check_start(net(), DataLoader([]))


@pytest.mark.parametrize(
    ("model", "batch", "said"),
    [
        (net, (X[:, :5], Y), r"Sequential does not run on the batch \(float32 200x5\): .*`0` \(Linear\) expects 6 values in the last axis"),
        (net, (X.double(), Y), r"type float32, and is given float64 200x6"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), torch.randn(4, 16, 16, 3), r"expects 3 channels in axis 1, 4 axes, type float32"),
        (lambda: nn.Embedding(10, 4), torch.full((4, 6), 10), r"Embedding expects whole numbers \(int64\) below 10"),
        (net, (X, X, Y), r"takes 2 positional arguments but 3 were given. Its signature is forward\(input\)"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_an_error_that_names_the_layer_and_what_it_takes(
    model: Any, batch: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_start(model(), batch)


@pytest.mark.parametrize(
    ("labels", "loss", "said"),
    [
        (Y + 1, nn.CrossEntropyLoss(), "labels int64 200; it expects class numbers below 2 of shape 200"),
        (torch.rand(200, 3), nn.CrossEntropyLoss(), "a number for each class, of shape 200x2"),
        (Y, nn.CrossEntropyLoss(weight=torch.ones(3)), "its 3 weights are for 3 classes"),
        (Y, nn.BCEWithLogitsLoss, "expects floating-point labels between 0 and 1 of shape 200x2"),
        (torch.rand(200, 2), nn.BCELoss(), "outputs between 0 and 1; BCEWithLogitsLoss takes scores"),
        (Y.float(), nn.MSELoss(), "expects labels of shape 200x2"),
    ],
)
def test_a_loss_that_does_not_fit_is_an_error_that_says_what_it_expects(labels: Any, loss: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_start(net(), (X, labels), loss=loss)


def test_labels_that_do_not_fit_take_only_the_loss_away() -> None:
    report = check_start(net(), (X, Y[:50]))
    assert "class numbers below 2 of shape 200" in report.observed.inconclusive["initial-loss"]
    assert report.observed.layers


def test_classes_are_made_or_refused() -> None:
    assert check_start(net(), (X, Y), loss=nn.CrossEntropyLoss).observed.loss.name == "CrossEntropyLoss"
    with pytest.raises(TypeError, match="loss is 'cross_entropy'; pass a function of outputs and labels"):
        check_start(net(), (X, Y), loss="cross_entropy")
    with pytest.raises(TypeError, match="loss is the class AdaptiveLogSoftmaxWithLoss, which needs arguments"):
        check_start(net(), (X, Y), loss=nn.AdaptiveLogSoftmaxWithLoss)
    with pytest.raises(TypeError, match="optimizer is the class SGD"):
        check_start(net(), (X, Y), optimizer=torch.optim.SGD)


def test_inputs_that_cannot_be_guessed_are_asked_for() -> None:
    class Odd(nn.Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x["one"].of.some.kind)

    with pytest.raises(ValueError, match="inputs of Odd could not be guessed; pass a batch"):
        check_start(Odd(2, 2))


def test_keras_says_the_same() -> None:
    keras = pytest.importorskip("keras")
    x, y = X.numpy(), Y.numpy()

    class Batches(keras.utils.PyDataset):  # type: ignore[misc,name-defined]
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            return x[:50], y[:50]

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    assert check_start(model, Batches()).observed.batch == 50
    with pytest.raises(ValueError, match=r"expected axis -1 of input shape to have value 6.*Its input shape is \(None, 6\)"):
        check_start(model, (x[:, :5], y))
    with pytest.raises(ValueError, match="expects a number for each class, of shape 200x2"):
        check_start(model, (x, y), loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="loss is 'cross', which is no loss of Keras"):
        check_start(model, (x, y), loss="cross")
    with pytest.raises(TypeError, match="loss is 3; pass a function of labels and outputs"):
        check_start(model, (x, y), loss=3)
