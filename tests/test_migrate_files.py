"""`biaslint migrate` on checkpoints as they come: wrappers, optimizer states, safetensors, bad files; what is on the disk at every moment."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from kills import killed_at_each_call
from migrating import migrate

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from biaslint.runtime.migrate import placing  # noqa: E402
from biaslint.runtime.migrate.torch import files, safetensors  # noqa: E402
from biaslint.runtime.target.targets import TargetError  # noqa: E402

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


class Lit(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.net = Net(bias)

    def forward(self, x):
        return self.net(x)

    def configure_optimizers(self):
        thin = [p for p in self.parameters() if p.dim() < 2]
        return [torch.optim.AdamW([{"params": thin}, {"params": [p for p in self.parameters() if p.dim() > 1]}])], []


def swapped(model):
    return torch.optim.SGD([{"params": [p]} for p in model.parameters()][::-1], 0.1)
"""
Run = Callable[..., Result]
OLD_AND_NEW = ("net.py:Net", "net.py:Net", "--new-arg", "bias=False", "--input", "3x6x6", "--batch", "4")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *words: migrate(monkeypatch, *OLD_AND_NEW, *words)


def model(bias: bool = True, seed: int = 0, name: str = "Net") -> Any:
    space: dict[str, Any] = {"__name__": "made"}
    exec(NET, space)
    torch.manual_seed(seed)
    made = space[name](bias)
    with torch.no_grad():
        for buffer in made.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 2)
    return made


def kept(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> None:
    """The bias is gone, the mean has taken it up, and all else is as it was, bit for bit."""
    assert old.keys() - new.keys() == {f"{prefix}conv.bias"}
    mean = f"{prefix}norm.running_mean"
    torch.testing.assert_close(new[mean], old[mean] - old[f"{prefix}conv.bias"])
    assert all(torch.equal(new[key], old[key]) for key in new if key != mean)


# -- wrappers ------------------------------------------------------------------------------------------------------------------------


def test_each_copy_of_the_parameters_is_migrated_with_its_own_values(folder: Path, run: Run) -> None:
    first, second, third = (model(seed=seed).state_dict() for seed in range(3))
    old = {
        "epoch": 3,
        "state_dict": {f"module.{key}": value for key, value in first.items()},
        "state_dict_ema": second,
        "callbacks": [{"ema": {"model": {f"module.net.{key}": value for key, value in third.items()}}}],
    }
    torch.save(old, "old.pth")
    done = run("old.pth", "new.pth")
    assert done.exit_code == 0, done.output
    new = torch.load("new.pth")
    kept(old["state_dict"], new["state_dict"], "module.")
    kept(second, new["state_dict_ema"])
    kept(old["callbacks"][0]["ema"]["model"], new["callbacks"][0]["ema"]["model"], "module.net.")
    assert new["epoch"] == 3


def test_two_copies_in_one_flat_state_dict(folder: Path, run: Run) -> None:
    old = {
        f"{part}.{key}": value
        for seed, part in enumerate(("online", "target"))
        for key, value in model(seed=seed).state_dict().items()
    }
    torch.save(old, "old.pt")
    assert run("old.pt", "new.pt").exit_code == 0
    new = torch.load("new.pt")
    for part in ("online.", "target."):
        kept(*({k: v for k, v in one.items() if k.startswith(part)} for one in (old, new)), part)


def test_the_metadata_of_a_state_dict_stays(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "old.pt")
    assert run("old.pt", "new.pt").exit_code == 0
    assert torch.load("new.pt")._metadata == torch.load("old.pt")._metadata
    assert list(torch.load("new.pt")) == [key for key in torch.load("old.pt") if key != "conv.bias"]


def test_what_wrappers_put_into_the_names(folder: Path, run: Run) -> None:
    state = model().state_dict()
    put = {"conv.": "_orig_mod.conv.module.", "norm.": "_orig_mod.norm._orig_mod.", "fc.": "_orig_mod.fc."}
    name = {key: put[key.partition(".")[0] + "."] + key.partition(".")[2] for key in state}
    torch.save({name[key]: value for key, value in state.items()}, "old.pt")
    assert run("old.pt", "new.pt").exit_code == 0
    new = torch.load("new.pt")
    assert list(new) == [name[key] for key in state if key != "conv.bias"]
    kept(state, {key: new[name[key]] for key in state if name[key] in new})


def test_a_list_of_averaged_parameters_belongs_to_the_statistics_beside_it(folder: Path, run: Run) -> None:
    made = model()
    torch.save({"model": made.state_dict(), "ema": {"shadow": [p.detach() for p in made.parameters()]}}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "ema / shadow lacks norm.running_mean, norm.running_var" in done.output


def test_a_list_of_averaged_parameters_loses_the_dropped_ones(folder: Path, run: Run) -> None:
    (folder / "net.py").write_text(NET.replace("BatchNorm2d(6)", "BatchNorm2d(6, track_running_stats=False)"))
    made = model()
    state = {key: value for key, value in made.state_dict().items() if "running" not in key and "num" not in key}
    shadow = [p.detach() + 1 for p in made.parameters()]
    torch.save({"model": state, "shadow": shadow}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 0, done.output
    left = torch.load("new.pt")["shadow"]
    assert [one.tolist() for one in left] == [one.tolist() for index, one in enumerate(shadow) if index != 1]


def test_numbers_of_numpy_and_options_stay(folder: Path, run: Run) -> None:
    beside = {"best": numpy.float64(0.5), "seen": numpy.arange(3), "args": argparse.Namespace(rate=0.1)}
    torch.save({"model": model().state_dict(), **beside}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 0, done.output
    new = torch.load("new.pt", weights_only=False)
    assert repr({key: new[key] for key in beside}) == repr(beside)


def test_averaged_parameters_without_statistics_cannot_take_up_a_bias(folder: Path, run: Run) -> None:
    state = model().state_dict()
    torch.save({"model": state, "shadow": dict(model(seed=1).named_parameters())}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "shadow lacks norm.running_mean, norm.running_var (it holds parameters without running statistics" in done.output


def test_a_dropped_name_elsewhere_is_left_and_noted(folder: Path, run: Run) -> None:
    torch.save({"model": model().state_dict(), "rates": {"conv.bias": 0.1}}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 0
    assert "rates names conv.bias; it was left as it is" in done.output
    assert torch.load("new.pt")["rates"] == {"conv.bias": 0.1}


# -- optimizers ------------------------------------------------------------------------------------------------------------------------


def step(made: Any, optimiser: Any, seed: int = 0) -> None:
    torch.manual_seed(seed)
    optimiser.zero_grad()
    made(torch.randn(4, 3, 6, 6)).square().mean().backward()
    optimiser.step()


def adam(made: Any) -> Any:
    return torch.optim.Adam(made.parameters(), 0.01)


def adam_named(made: Any) -> Any:
    return torch.optim.Adam(list(made.named_parameters()), 0.01)


def decayed(made: Any) -> Any:
    thin = [p for p in made.parameters() if p.dim() < 2]
    wide = [p for p in made.parameters() if p.dim() > 1]
    return torch.optim.AdamW([{"params": wide, "weight_decay": 0.1}, {"params": thin, "weight_decay": 0.0}], 0.01)


def factored(made: Any) -> Any:
    return torch.optim.Adafactor(made.parameters(), 0.01)


@pytest.mark.parametrize("make", [adam, adam_named, decayed, factored])
def test_training_goes_on_where_it_was(folder: Path, run: Run, make: Callable[[Any], Any]) -> None:
    old = model()
    optimiser = make(old)
    step(old, optimiser)
    step(old, optimiser, 1)
    torch.save({"model": old.state_dict(), "optimizer": optimiser.state_dict()}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 0, done.output
    assert "optimizer state optimizer: 1 parameter dropped" in done.output
    checkpoint, new = torch.load("new.pt"), model(bias=False)
    resumed = make(new)
    new.load_state_dict(checkpoint["model"])
    resumed.load_state_dict(checkpoint["optimizer"])
    assert checkpoint["optimizer"]["param_groups"] == resumed.state_dict()["param_groups"]
    own = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        kept_state, before = resumed.state[parameter], optimiser.state[own[name]]
        assert kept_state.keys() == before.keys()
        assert all(torch.equal(kept_state[key], before[key]) for key in before if before[key] is not None)
    step(old, optimiser, 2)
    step(new, resumed, 2)
    x = torch.randn(4, 3, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(new.eval()(x), old.eval()(x), rtol=1e-2, atol=1e-2)


def test_groups_that_cannot_be_told_apart_are_refused_until_it_is_said_what_made_them(folder: Path, run: Run) -> None:
    old = model()
    space: dict[str, Any] = {"__name__": "made"}
    exec(NET, space)
    optimiser = space["swapped"](old)
    torch.save({"model": old.state_dict(), "optimizer": optimiser.state_dict()}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "--optimizer" in done.output
    assert run("old.pt", "new.pt", "--optimizer", "net.py:swapped").exit_code == 0
    assert [one["params"] for one in torch.load("new.pt")["optimizer"]["param_groups"]] == [[0], [1], [2], [3], [], [4]]


def test_an_optimizer_state_that_is_left_out(folder: Path, run: Run) -> None:
    torch.save({"model": model().state_dict(), "optimizer": decayed(model()).state_dict()}, "old.pt")
    done = run("old.pt", "new.pt", "--drop-optimizer")
    assert done.exit_code == 0
    assert "optimizer: left out" in done.output
    assert torch.load("new.pt")["optimizer"] is None


def test_the_model_s_own_optimizers_say_which_parameter_is_which(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = model(name="Lit")
    (optimiser,), _ = old.configure_optimizers()
    step(old, optimiser)
    torch.save({"state_dict": old.state_dict(), "optimizer_states": [optimiser.state_dict()]}, "old.ckpt")
    done = migrate(monkeypatch, *(word.replace("Net", "Lit") for word in OLD_AND_NEW), "old.ckpt", "new.ckpt")
    assert done.exit_code == 0, done.output
    new = model(bias=False, name="Lit")
    (resumed,), _ = new.configure_optimizers()
    resumed.load_state_dict(torch.load("new.ckpt")["optimizer_states"][0])
    own = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        assert torch.equal(resumed.state[parameter]["exp_avg"], optimiser.state[own[name]]["exp_avg"])


# -- bad files ---------------------------------------------------------------------------------------------------------------------------


def quantized() -> dict[str, Any]:
    state = model().state_dict()
    state["fc.weight"] = torch.quantize_per_tensor(state["fc.weight"], 0.1, 0, torch.qint8)
    return state


BAD = {
    "flat parameters": (
        lambda: {"_fsdp_wrapped_module._flat_param": torch.ones(99)},
        "holds many parameters in one, as sharded training (FSDP) keeps them",
    ),
    "no file": (None, "no such file"),
    "empty": (b"", "cannot be read as a checkpoint: it is empty"),
    "text": (b"hello, this is no checkpoint", "cannot be read as a checkpoint: torch.save writes other files"),
    "no checkpoint's pickle": (pickle.dumps({1, 2}, 4), "is a pickle that contains more than weights (Unsupported operand"),
    "another model": (lambda: torch.nn.Linear(2, 2).state_dict(), "has none of the keys conv.bias; it holds weight, bias"),
    "migrated already": (lambda: model(bias=False).state_dict(), "it may be migrated already"),
    "missing keys": (lambda: {k: v for k, v in model().state_dict().items() if "fc" not in k}, "it lacks fc.bias, fc.weight"),
    "another width": (
        lambda: model().state_dict() | {"fc.weight": torch.ones(2, 6)},
        "fc.weight has the shape 2x6, not 6x6",
    ),
    "quantized": (quantized, "fc.weight is quantized (qint8)"),
    "partly quantized": (
        lambda: {key.replace("fc.weight", "fc._packed_params"): value for key, value in model().state_dict().items()},
        "it lacks fc.weight; other values there are quantized",
    ),
    "not a number": (
        lambda: model().state_dict() | {"conv.bias": torch.full((6,), float("nan"))},
        "nothing was written",
    ),
    "no tensors": (lambda: {"epoch": 3}, "holds no state dict"),
    "a list": (lambda: [1, 2], "holds a list, not a state dict"),
}


def test_a_torchscript_model_is_no_checkpoint(folder: Path, run: Run) -> None:
    torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).save("old.pt")
    assert "is a TorchScript model, code and values together: save its state_dict()" in run("old.pt", "new.pt").output


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_ends_in_a_clear_message(folder: Path, run: Run, kind: str) -> None:
    content, said = BAD[kind]
    if isinstance(content, bytes):
        Path("old.pt").write_bytes(content)
    elif callable(content):
        torch.save(content(), "old.pt")
    before = Path("old.pt").read_bytes() if content is not None else b""
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert sorted(os.listdir()) == sorted(["net.py", *(["old.pt"] if content is not None else [])])
    assert not before or Path("old.pt").read_bytes() == before


def test_a_file_that_was_cut_off_or_damaged_is_not_migrated(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "whole.pt")
    whole = Path("whole.pt").read_bytes()
    flipped, at = bytearray(whole), whole.index(model().fc.bias.detach().numpy().tobytes())
    flipped[at] ^= 1  # PyTorch itself reads that
    for number, bad in enumerate((whole[: len(whole) // 2], b"\0" * 64 + whole[64:], flipped)):
        Path(f"bad{number}.pt").write_bytes(bad)
        done = run(f"bad{number}.pt", "new.pt")
        assert done.exit_code == 2
        assert f"bad{number}.pt cannot be read as a checkpoint: " in done.output
        assert not Path("new.pt").exists()


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def test_a_file_without_checksums_is_migrated(folder: Path, run: Run) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(model().state_dict(), "old.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert run("old.pt", "new.pt").exit_code == 0
    kept(torch.load("old.pt"), torch.load("new.pt"))


def test_code_in_a_checkpoint_is_not_run(folder: Path, run: Run) -> None:
    torch.save({"state_dict": model().state_dict(), "more": Harmful()}, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "--allow-pickle" in done.output
    assert not Path("ran").exists()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_values_of_another_precision_stay_in_it(folder: Path, run: Run, kind: Any) -> None:
    state = {key: value.to(kind) if value.is_floating_point() else value for key, value in model().state_dict().items()}
    torch.save(state, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 0, done.output
    new = torch.load("new.pt")
    assert all(new[key].dtype == state[key].dtype for key in new)
    assert "evaluation, float32: largest difference" in done.output


def test_a_bias_that_half_precision_cannot_take_up_is_refused(folder: Path, run: Run) -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in model().state_dict().items()}
    state["conv.bias"] = torch.full((6,), 3000.3).half()
    state["norm.running_mean"] = torch.full((6,), 3000.3).half()
    state["norm.running_mean"][0] = -65000.0
    torch.save(state, "old.pt")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "nothing was written: the new values of norm.running_mean do not fit torch.float16" in done.output


# -- safetensors ---------------------------------------------------------------------------------------------------------------------------

NAMES = {torch.float32: "F32", torch.int64: "I64"}


def save_tensors(path: Path, tensors: dict[str, Any], metadata: Any = None) -> None:
    """The format as its specification has it."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, one in tensors.items():
        raw = one.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": NAMES[one.dtype], "shape": list(one.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_a_safetensors_file(folder: Path, run: Run) -> None:
    state = model().state_dict()
    save_tensors(Path("old.safetensors"), state, {"format": "pt"})
    done = run("old.safetensors", "new.safetensors")
    assert done.exit_code == 0, done.output
    new = safetensors.Single(Path("new.safetensors"))
    kept(state, new.tree)
    assert new.file.metadata == {"format": "pt"}


def sharded(folder: Path, state: dict[str, Any], suffix: str = "safetensors") -> None:
    folder.mkdir()
    names = list(state)
    table = {name: f"model-0000{1 + (number > 4)}-of-00002.{suffix}" for number, name in enumerate(names)}
    for shard in set(table.values()):
        tensors = {name: state[name] for name in names if table[name] == shard}
        if suffix == "bin":
            torch.save(tensors, folder / shard)
        else:
            save_tensors(folder / shard, tensors, {"format": "pt"})
    size = sum(one.numel() * one.element_size() for one in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": table}
    (folder / f"model.{suffix}.index.json").write_text(json.dumps(index))


SUFFIXES = pytest.mark.parametrize("suffix", ["safetensors", "bin"])


@SUFFIXES
@pytest.mark.parametrize("named", ["weights", "weights/model.{}.index.json"])
def test_several_files_become_a_new_folder(folder: Path, run: Run, named: str, suffix: str) -> None:
    state = model().state_dict()
    sharded(folder / "weights", state, suffix)
    before = {file.name: file.read_bytes() for file in Path("weights").iterdir()}
    done = run(named.format(suffix), "migrated")
    assert done.exit_code == 0, done.output
    kept(state, files.read(Path("migrated"), False).tree)
    assert {file.name for file in Path("migrated").iterdir()} == before.keys()
    table = json.loads(Path(f"migrated/model.{suffix}.index.json").read_text())
    assert table["metadata"]["total_size"] == sum(one.numel() * one.element_size() for one in state.values()) - 24
    assert {file.name: file.read_bytes() for file in Path("weights").iterdir()} == before


@SUFFIXES
def test_several_files_in_place_leave_the_old_index_whole(folder: Path, run: Run, suffix: str) -> None:
    state = model().state_dict()
    sharded(folder / "weights", state, suffix)
    done = run("weights", "--in-place")
    assert done.exit_code == 0, done.output
    index = f"weights/model.{suffix}.index.json"
    kept(state, files.read(Path(index), False).tree)
    os.rename(f"{index}.old", index)
    again = files.read(Path("weights"), False).tree
    assert all(torch.equal(again[key], state[key]) for key in state)
    assert not [name for name in os.listdir("weights") if name.startswith(".")]


def test_a_shard_that_would_hold_nothing_is_not_written(folder: Path, run: Run) -> None:
    state = model().state_dict()
    Path("w").mkdir()
    table = {name: "b.bin" if name == "conv.bias" else "a.bin" for name in state}
    for shard in ("a.bin", "b.bin"):
        torch.save({name: state[name] for name in state if table[name] == shard}, f"w/{shard}")
    Path("w/m.bin.index.json").write_text(json.dumps({"weight_map": table}))
    assert run("w", "new").exit_code == 0
    assert sorted(os.listdir("new")) == ["a.bin", "m.bin.index.json"]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("checkpoint", "name one of the checkpoints in it"),
        (".metadata", "distributed checkpoint"),
        ("other", "holds no *.index.json"),
    ],
)
def test_a_folder_that_is_no_checkpoint_says_what_to_name(folder: Path, run: Run, held: str, said: str) -> None:
    Path("run").mkdir()
    Path("run", held).write_bytes(b"")
    done = run("run", "new")
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("cut", [4, 40, -1])
def test_a_damaged_safetensors_file(folder: Path, cut: int) -> None:
    save_tensors(Path("old.safetensors"), model().state_dict())
    Path("old.safetensors").write_bytes(Path("old.safetensors").read_bytes()[:cut])
    with pytest.raises(TargetError, match="is damaged"):
        safetensors.Single(Path("old.safetensors"))


# -- what is on the disk -------------------------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "old.pt")
    Path("new.pt").write_text("mine")
    done = run("old.pt", "new.pt")
    assert done.exit_code == 2
    assert "new.pt exists already" in done.output
    assert Path("new.pt").read_text() == "mine"


def test_a_dry_run_writes_nothing(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "old.pt")
    done = run("old.pt", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "- conv.bias (6)" in done.output
    assert "~ norm.running_mean (by up to" in done.output
    assert sorted(os.listdir()) == ["net.py", "old.pt"]


def test_in_place_names_no_other_file(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "old.pt")
    done = run("old.pt", "new.pt", "--in-place")
    assert done.exit_code == 2
    assert "expected OLD_TARGET NEW_TARGET OLD_FILE (with --in-place, no other)" in done.output


def test_in_place_keeps_a_copy(folder: Path, run: Run) -> None:
    torch.save(model().state_dict(), "old.pt")
    old = Path("old.pt").read_bytes()
    Path("old.pt.old").write_text("an earlier copy")
    assert run("old.pt", "--in-place").exit_code == 0
    assert Path("old.pt.old1").read_bytes() == old
    assert Path("old.pt.old").read_text() == "an earlier copy"
    kept(torch.load("old.pt.old1"), torch.load("old.pt"))


def test_a_file_that_changes_meanwhile_is_left(folder: Path) -> None:
    Path("old").write_text("old")
    with placing.place(Path("old"), None, in_place=True, dry_run=False) as where:
        assert where.waiting is not None
        where.waiting.write_text("new")
        Path("old").write_text("other")
        with pytest.raises(placing.PlaceError, match="has changed"):
            where.commit()
    assert Path("old").read_text() == "other"
    assert sorted(os.listdir()) == ["net.py", "old"]


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@FORKS
@pytest.mark.parametrize("in_place", [True, False])
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(folder: Path, in_place: bool) -> None:
    def prepare() -> None:
        for name in os.listdir():
            os.unlink(name)
        Path("old").write_text("the old one")

    def check(ended: bool) -> None:
        assert Path("old").read_text() == ("the new one" if ended and in_place else "the old one") or in_place
        assert Path("old").read_text() in ("the old one", "the new one")
        if Path("old").read_text() == "the new one":
            assert Path("old.old").read_text() == "the old one"
        assert not Path("new").exists() or Path("new").read_text() == "the new one"

    new = None if in_place else Path("new")
    assert killed_at_each_call(prepare, Path("old"), new, lambda waiting: put(waiting, "the new one"), check) > 3


@FORKS
def test_what_a_killed_process_left_waiting_is_gone_after_the_next_migration(folder: Path) -> None:
    def begin(killed: bool, new: str) -> str:
        """A process begins to write, and is killed there or waits until it is told to go on."""
        read, told = os.pipe()
        child = os.fork()
        if not child:
            with placing.place(Path("old"), Path(new), in_place=False, dry_run=False) as where:
                assert where.waiting is not None
                where.waiting.mkdir() if killed else where.waiting.write_text("half")
                os.write(told, where.waiting.name.encode())
                time.sleep(0 if killed else 60)
                os._exit(9)
        children.append(child)
        if killed:
            os.waitpid(child, 0)
        return os.read(read, 200).decode()

    children: list[int] = []
    Path("old").write_text("the old one")
    begin(True, "new")
    other, alive = begin(True, "another"), begin(False, "new")
    try:
        with placing.place(Path("old"), Path("new"), in_place=False, dry_run=False) as where:
            assert set(os.listdir()) == {"net.py", "old", other, alive}
            assert where.waiting is not None
            where.waiting.write_text("the new one")
            where.commit()
    finally:
        os.kill(children[-1], signal.SIGKILL)
        os.waitpid(children[-1], 0)
    assert set(os.listdir()) == {"net.py", "old", "new", other, alive}


def put(path: Path, text: str) -> None:
    path.write_text(text)


@FORKS
@SUFFIXES
def test_a_kill_at_any_moment_leaves_the_old_index_and_its_files_or_the_new_ones(folder: Path, suffix: str) -> None:
    state = model().state_dict()
    sharded(folder / "whole", state, suffix)
    changed = {
        name: value + 1 if name == "norm.running_mean" else value for name, value in state.items() if name != "conv.bias"
    }

    def prepare() -> None:
        shutil.rmtree("weights", ignore_errors=True)
        shutil.copytree("whole", "weights")

    def check(ended: bool) -> None:
        found = files.read(Path(f"weights/model.{suffix}.index.json"), False).tree
        wanted = [changed] if ended else [state, changed]
        assert any(found.keys() == one.keys() and all(torch.equal(found[key], one[key]) for key in one) for one in wanted)
        if found.keys() == changed.keys():
            shutil.copy(f"weights/model.{suffix}.index.json.old", f"weights/model.{suffix}.index.json")
            assert files.read(Path("weights"), False).tree.keys() == state.keys()

    def fill(waiting: Path) -> None:
        files.read(Path("weights"), False).write_beside(waiting, changed)  # type: ignore[attr-defined]

    assert killed_at_each_call(prepare, Path("weights"), None, fill, check) > 5
