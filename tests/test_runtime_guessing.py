"""Inputs that nobody named: worked out from the signature, the source of the forward pass, the layers and the model's own answers."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.target.targets import TargetError, load_loss, load_object  # noqa: E402
from biaslint.runtime.torch.devices import NOTE, on_processor  # noqa: E402
from biaslint.runtime.torch.saved import load_weights  # noqa: E402
from biaslint.runtime.torch.session import feed  # noqa: E402


def fed(model: nn.Module) -> list[str]:
    """What the model was fed with, as written for --input."""
    return [one.removesuffix(" (guessed)") for one in feed(model, Job("net.py:Net"))[2]]


class Keys(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(24, 3)
        self.image = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.words, self.meta = nn.Embedding(500, 8), nn.Linear(5, 8)

    def forward(self, batch):
        meta = batch["meta"]
        return self.head(torch.cat([self.image(batch["image"]), self.words(batch["ids"]).mean(1), self.meta(meta)], 1))


def test_each_key_of_a_dictionary_is_fed_as_the_layer_that_reads_it_takes() -> None:
    assert fed(Keys()) == ["{meta=5;image=3x64x64;ids=16:int[0,500]}"]


class Places(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text, self.numbers = nn.Linear(7, 4), nn.Linear(3, 4)

    def forward(self, inputs):
        first, second = inputs
        return self.join(first, second)

    def join(self, a, b):
        return self.text(a) + self.numbers(b)


def test_places_of_a_tuple_are_fed_as_the_layers_that_a_method_hands_them_to_take() -> None:
    assert fed(Places()) == ["(7;3)"]


class Tables(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(13, 16)
        self.tables = nn.ModuleList([nn.EmbeddingBag(count, 16, mode="sum") for count in (100, 20)])

    def forward(self, dense: Tensor, sparse: list[Tensor]) -> Tensor:
        return self.dense(dense) + sum(table(one) for table, one in zip(self.tables, sparse))  # noqa: B905


def test_a_list_has_a_part_for_each_module_that_it_goes_along_with() -> None:
    assert fed(Tables()) == ["13", "(16:int[0,100];16:int[0,20])"]


class Translator(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.one, self.two = nn.Embedding(120, 32), nn.Embedding(90, 32)
        self.transformer = nn.Transformer(32, 4, 1, 1, 64, batch_first=batch_first)

    def forward(self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask):
        padding = (src_padding_mask, tgt_padding_mask, None)
        return self.transformer(self.one(src), self.two(trg), src_mask, tgt_mask, None, *padding)


@pytest.mark.parametrize("batch_first", [True, False])
def test_masks_whose_shapes_cannot_be_told_are_left_out(batch_first: bool) -> None:
    inputs = fed(Translator(batch_first))
    assert [one.endswith("int[0,120]") for one in inputs[:1]] == [True]
    assert [one.rpartition(":=")[2] for one in inputs[2:]] == ["None"] * 4


class Graph(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(20, 7)), nn.Parameter(torch.zeros(7))

    def forward(self, x, adj):
        return torch.spmm(adj, torch.mm(x, self.weight)) + self.bias


def test_a_graph_is_all_its_nodes_and_a_square_adjacency_without_a_batch() -> None:
    assert fed(Graph()) == ["16x20!", "16x16!:float[0,1]"]


class Patches(nn.Module):
    def __init__(self, size: int, patch: int, channels: int, tokens: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(channels, 8, patch, patch)
        self.tokens = nn.Parameter(torch.zeros(1, tokens, 8))
        self.places = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + tokens, 8))

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        return torch.cat([self.tokens.expand(len(x), -1, -1), x], 1) + self.places


@pytest.mark.parametrize(("size", "patch", "tokens"), [(48, 8, 1), (96, 16, 0), (40, 4, 2)])
def test_the_number_of_places_says_how_large_an_image_is(size: int, patch: int, tokens: int) -> None:
    assert fed(Patches(size, patch, 1, tokens)) == [f"1x{size}x{size}"]


class Asserted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.img_size, self.conv = (40, 56), nn.Conv2d(3, 4, 3)

    def forward(self, x):
        assert tuple(x.shape[2:]) == self.img_size
        return self.conv(x)


def test_a_size_that_a_part_of_the_model_states_is_tried_first() -> None:
    assert fed(Asserted()) == ["3x40x56"]


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.rnn = nn.Embedding(50, 8), nn.GRU(8, 8, batch_first=True)

    def forward(self, tokens, lengths):
        return self.rnn(nn.utils.rnn.pack_padded_sequence(self.words(tokens), lengths, batch_first=True))[1]


def test_lengths_that_have_to_be_in_order_are_all_the_same() -> None:
    assert fed(Packed()) == ["16:int[0,50]", "scalar:int[16,17]"]


def test_scripted_layers_are_known_by_their_weights() -> None:
    layers = nn.Sequential(nn.Conv2d(5, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert fed(torch.jit.script(layers)) == ["5x64x64"]
    assert fed(torch.jit.script(nn.Sequential(nn.Linear(6, 2)))) == ["6"]


def test_what_cannot_be_guessed_says_what_was_tried() -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            raise ValueError("never")

    with pytest.raises(TargetError, match=r"guesses failed .*never"):
        fed(Stubborn())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)


def _wrapped(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    "shape",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "model_state": _wrapped(state, "module.")},
        lambda state: {"ema": _wrapped(state, "_orig_mod.module."), "optimizer": {"state": {}, "param_groups": []}},
        lambda state: {"state_dict": {**_wrapped(state, "model."), "loss.weight": torch.ones(2)}},
    ],
)
def test_the_state_dict_that_fits_is_found_in_a_checkpoint(tmp_path: Path, shape) -> None:
    saved, model = Net(), Net()
    nn.init.constant_(saved.b.bias, 7.0)
    torch.save(shape(saved.state_dict()), tmp_path / "net.pt")
    load_weights(model, tmp_path / "net.pt", False)
    assert model.b.bias.tolist() == [7.0, 7.0]


def test_a_state_dict_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    torch.save({"model": nn.Linear(4, 8).state_dict()}, tmp_path / "net.pt")
    with pytest.raises(TargetError, match="does not fit"):
        load_weights(Net(), tmp_path / "net.pt", False)


def test_code_for_a_gpu_runs_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    notes: list[str] = []
    with on_processor(notes):
        torch.cuda.set_device(0)
        torch.cuda.synchronize()
        torch.set_default_device("cuda")
        mask = torch.cuda.FloatTensor(4, 1).fill_(1.0)
        model = nn.DataParallel(Net().cuda()).module
        out = model.a(torch.ones(4, 4, device="cuda")) * mask.type(torch.cuda.FloatTensor)
        torch.set_default_device("cpu")
    assert out.device.type == "cpu"
    assert notes == [NOTE]
    with pytest.raises((AttributeError, AssertionError, RuntimeError)):
        torch.cuda.set_device(0)


SCRIPT = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

criterion = nn.BCEWithLogitsLoss()
print("runs")
"""


def test_a_loss_of_the_models_own_file_is_found_though_the_model_needed_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "script_with_loss.py").write_text(SCRIPT)
    load_object(f"{tmp_path}/script_with_loss.py:Net", notes=[])
    assert type(load_loss(f"{tmp_path}/script_with_loss.py:criterion")).__name__ == "BCEWithLogitsLoss"
