"""What is measured and what it is fed with: outputs and their prior, random paths, data in the forms that people have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from same_process import measured as run

torch = pytest.importorskip("torch")

import numpy  # noqa: E402

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.process import parent  # noqa: E402
from biaslint.runtime.process.parent import VerifyError  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402

run_apart = parent.run  # before a fixture replaces it
pytestmark = pytest.mark.usefixtures("same_process")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


HEADS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=2, end="", bias=None):
        super().__init__()
        self.a, self.fc, self.end = nn.Linear(8, 16), nn.Linear(16, width), end
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)
        if bias is not None:
            self.fc.bias.data = torch.tensor(bias)

    def forward(self, x):
        y = self.fc(self.a(x).relu())
        return getattr(torch, self.end)(y, *[1] * (self.end != "sigmoid")) if self.end else y
"""


def said(folder: Path, *arguments: str, prior: list[float], output: str = "") -> tuple[str, str, str]:
    """Status and text of the measured outputs, and the advice."""
    (folder / "net.py").write_text(HEADS)
    observed = run(Job("net.py:Net", list(arguments), inputs=["8"], prior=prior, output=output))
    verdict = judge(observed)
    one = next(one for one in verdict.measurements if one.name == "initial-outputs")
    return one.status, one.message, next((one.advice for one in verdict.failures if one.rule == "unset-output-bias"), "")


@pytest.mark.parametrize("end", ["log_softmax", "softmax"])
def test_one_share_for_a_softmax_over_two_is_that_of_the_second(folder: Path, end: str) -> None:
    status, text, advice = said(folder, f"end={end}", prior=[0.1])
    assert status == "fail"
    assert "prior 0.9, 0.1" in text
    assert "assumed" not in text
    assert "[1.099, -1.099]" in advice


def test_two_outputs_of_which_nothing_is_known_are_taken_for_a_softmax_and_that_is_said(folder: Path) -> None:
    _, text, _ = said(folder, prior=[0.1])
    assert "prior 0.9, 0.1" in text
    assert "assumed: a softmax over two outputs" in text


def test_two_sigmoids_are_two_where_it_is_said_or_seen(folder: Path) -> None:
    for arguments, output in (([], "sigmoid"), (["end=sigmoid"], "")):
        _, text, advice = said(folder, *arguments, prior=[0.1], output=output)
        assert "prior 0.1, 0.1" in text
        assert "assumed" not in text
        assert "-2.197" in advice


def test_shares_that_do_not_add_up_to_one_are_those_of_sigmoids(folder: Path) -> None:
    _, text, _ = said(folder, "width=3", prior=[0.5, 0.2, 0.1])
    assert "prior 0.5, 0.2, 0.1" in text
    assert "assumed: independent sigmoids" in text
    _, text, _ = said(folder, "width=3", prior=[0.5, 0.2, 0.1], output="softmax")
    assert "prior 0.625, 0.25, 0.125" in text


def test_one_share_says_nothing_of_a_softmax_over_three(folder: Path) -> None:
    status, text, _ = said(folder, "width=3", "end=softmax", prior=[0.1])
    assert status == "not applicable"
    assert "pass one for each" in text


def test_the_advice_about_the_prior_silences_the_finding(folder: Path) -> None:
    assert said(folder, "bias=[1.099, -1.099]", prior=[0.1])[0] == "pass"
    assert said(folder, "width=1", "bias=[-2.197]", prior=[0.1])[0] == "pass"


def test_the_nats_are_those_between_the_two_distributions_that_are_named(folder: Path) -> None:
    (folder / "net.py").write_text(HEADS.replace("nn.init.zeros_(self.fc.weight)", "nn.init.normal_(self.fc.weight, std=2.0)"))
    observed = run(Job("net.py:Net", inputs=["8"], prior=[0.9, 0.1]))
    one = next(one for one in judge(observed).measurements if one.name == "initial-outputs")
    predicted = observed.outputs[0].predicted
    assert one.value == pytest.approx(sum(p * numpy.log(p / q) for p, q in zip([0.9, 0.1], predicted, strict=True)))


def test_a_prior_for_a_regression_is_wrong_usage(folder: Path) -> None:
    (folder / "net.py").write_text(HEADS)
    for options in (["--prior", "0.1", "--output", "regression"], ["--target-mean", "5", "--output", "softmax"]):
        result = CliRunner().invoke(verify, ["net.py:Net", *options])
        assert result.exit_code == 2
        assert re.search(r"needs a (softmax|regression)", result.output)


def test_labels_of_a_regression_may_be_whole_numbers(folder: Path) -> None:
    (folder / "net.py").write_text(HEADS + "\ndef data():\n    return torch.randn(40, 8), torch.arange(40)\n")
    observed = run(Job("net.py:Net", ["width=1"], data="net.py:data", output="regression"))
    assert observed.targets.kind == "values"
    assert observed.targets.means == [pytest.approx(19.5)]


# Random paths

PATHS = """
import random
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, always=False):
        super().__init__()
        self.a, self.b, self.norm, self.out, self.always = nn.Linear(8, 8), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 3), always

    def forward(self, x):
        x = self.a(x)
        x = self.norm(x) if self.always or random.random() < 0.5 else x
        if torch.rand(()) < 0.5:
            x = self.b(x)
        return self.out(x.relu())
"""


def test_a_bias_is_alive_where_one_of_the_random_paths_shows_it(folder: Path) -> None:
    (folder / "net.py").write_text(PATHS)
    observed = run(Job("net.py:Net", inputs=["8"]))
    assert {one.name: one.dead for one in observed.layers if one.dead} == {"a": "alive", "b": "alive", "out": "alive"}
    assert "takes random paths" in observed.notes[0]
    assert observed.inconclusive == {}


def test_a_bias_that_all_random_paths_cancel_is_dead(folder: Path) -> None:
    (folder / "net.py").write_text(PATHS)
    observed = run(Job("net.py:Net", ["always=True"], inputs=["8"]))
    assert next(one.dead for one in observed.layers if one.name == "a") == "dead_bn"


def test_a_measurement_that_fails_is_neither_well_nor_a_finding(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(4, 4)\n"
        "    def forward(self, x):\n        if x.dtype == torch.float64:\n            raise TypeError('too many digits')\n"
        "        return super().forward(x)\n"
    )
    result = CliRunner().invoke(verify, ["net.py:Net", "--input", "4", "--format", "json"])
    assert result.exit_code == 3
    found = json.loads(result.output)
    assert found["model"]["inconclusive"] == {"dead-bias": "TypeError: too many digits"}
    assert [one["status"] for one in found["measurements"] if one["name"] == "dead-bias"] == ["inconclusive"]
    assert CliRunner().invoke(verify, ["net.py:Net", "--input", "4", "--fail-on", "never"]).exit_code == 0
    assert "inconclusive" in CliRunner().invoke(verify, ["net.py:Net", "--input", "4"]).output


# The source

SETTING = """
from torch import nn

class Net(nn.Module):
    def __init__(self, start=True):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.head = nn.Conv2d(8, 3, 1)
        if start:
            nn.init.normal_(self.head.weight, std=0.01)
            nn.init.constant_(self.head.bias, -4.0)
        getattr(self, 'ap' + 'ply')(globals()['AGAIN'])

    def forward(self, x):
        return self.head(self.body(x).relu())

def reset(m):
    if getattr(m, 'bias', None) is not None:
        m.bias.data.zero_()

def leave(m):
    pass
"""


@pytest.mark.parametrize(
    ("start", "again", "codes"), [(True, False, []), (False, False, []), (True, True, ["BL704"]), (False, True, [])]
)
def test_a_statement_that_a_setting_keeps_from_running_is_not_what_the_source_sets(
    folder: Path, start: bool, again: bool, codes: list[str]
) -> None:
    (folder / "net.py").write_text(SETTING.replace("AGAIN", "reset" if again else "leave"))
    options = ["--input", "3x8x8", "--format", "json", "--arg", f"start={start}"]
    result = CliRunner().invoke(verify, ["net.py:Net", *options])
    assert [one["rule"] for one in json.loads(result.output)["findings"]] == codes


# Data

DATA = """
import numpy, torch

X, Y = numpy.random.default_rng(0).normal(size=(100, 8)).astype("float32"), (numpy.arange(100) % 10 == 0).astype("int64")

def arrays():
    return X, Y

class Examples(torch.utils.data.Dataset):
    def __init__(self):
        order = numpy.argsort(Y)
        self.x, self.y = X[order], Y[order]
    def __len__(self):
        return 100
    def __getitem__(self, index):
        return torch.from_numpy(self.x[index]), int(self.y[index])

class Named(Examples):
    def __getitem__(self, index):
        return {"x": self.x[index], "label": self.y[index]}

def loader():
    return torch.utils.data.DataLoader(Examples(), batch_size=10, shuffle=True)

class Module:
    def prepare_data(self):
        self.steps = ["prepared"]
    def setup(self, stage):
        self.steps.append(stage)
    def train_dataloader(self):
        assert self.steps == ["prepared", "fit"]
        return [loader()]

class Trainer:
    def get_train_dataloader(self):
        return loader()

trainer = Trainer()
pair = (X, Y)
"""


@pytest.mark.parametrize("name", ["arrays", "Examples", "Named", "loader", "Module", "trainer", "pair"])
def test_data_is_taken_in_the_forms_that_people_have(folder: Path, name: str) -> None:
    (folder / "net.py").write_text(HEADS)
    (folder / "data.py").write_text(DATA)
    observed = run(Job("net.py:Net", data=f"data.py:{name}"))
    assert observed.targets.kind == "classes"
    assert observed.targets.prior == [pytest.approx(0.9), pytest.approx(0.1)]
    assert observed.loss.value == pytest.approx(numpy.log(2), abs=1e-3)
    assert observed.batch <= 10


def write_table(path: Path, separator: str) -> None:
    rows = [["f0", "label", *[f"f{i}" for i in range(1, 8)], "note"]]
    rows += [[str(i), "yes" if i % 10 == 0 else "no", *["0.5"] * 7, "text"] for i in range(100)]
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".npz", ".parquet"])
def test_data_is_read_from_files(folder: Path, suffix: str) -> None:
    (folder / "net.py").write_text(HEADS)
    path = folder / f"data{suffix}"
    if suffix == ".npz":
        numpy.savez(path, x=numpy.zeros((100, 8)), y=numpy.arange(100) % 10 == 0)
    elif suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table = {f"f{i}": [float(i)] * 100 for i in range(8)} | {"target": [int(i % 10 == 0) for i in range(100)]}
        parquet.write_table(__import__("pyarrow").table(table), path)
    else:
        write_table(path, "," if suffix == ".csv" else "\t")
    width = {".npz": 1}.get(suffix, 2)
    observed = run(Job("net.py:Net", [f"width={width}"], data=f"data{suffix}"))
    assert observed.targets.prior[-1] == pytest.approx(0.1)
    assert observed.targets.count == 100


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("missing.csv", "no such file: missing.csv"),
        ("data.csv::other", "has no column 'other'; it has f0, label"),
        ("data.py:Needs", "cannot be called without arguments"),
        ("data.py:number", "names a int: neither batches nor a callable that makes them"),
    ],
)
def test_data_that_cannot_be_read_is_said_to_be(folder: Path, data: str, text: str) -> None:
    (folder / "net.py").write_text(HEADS)
    (folder / "data.py").write_text("number = 3\nclass Needs:\n    def __init__(self, where): pass\n")
    write_table(folder / "data.csv", ",")
    with pytest.raises(VerifyError, match=text.replace("(", r"\(")):
        run(Job("net.py:Net", data=data))


def test_a_file_of_values_is_told_from_a_model(folder: Path) -> None:
    (folder / "m.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(VerifyError, match=r"contains weights but no model.*--weights m\.safetensors"):
        run(Job("m.safetensors"))


def test_keras_inputs_are_fed_by_their_own_type(folder: Path) -> None:
    pytest.importorskip("keras")
    (folder / "net.py").write_text(
        "import keras\nfrom keras import layers\ndef model(dtype='int32'):\n    a, b = keras.Input((20,), dtype=dtype), keras.Input((4,))\n"
        "    c = keras.Input((3,), dtype='bool')\n    x = layers.GlobalAveragePooling1D()(layers.Embedding(50, 6)(layers.Reshape((20,))(a)))\n"
        "    x = layers.Concatenate()([x, b, layers.Lambda(lambda t: keras.ops.cast(t, 'float32'))(c)])\n"
        "    return keras.Model([a, b, c], layers.Dense(1)(x))\n"
    )
    fed: Any = ["20:int[0,50] (guessed)", "4 (guessed)", "3:bool (guessed)"]
    assert run(Job("net.py:model")).inputs == fed
    assert run(Job("net.py:model", ["dtype=float32"])).inputs == fed


# Inputs

INPUTS = {
    "Two": "def __init__(self):\n        super().__init__()\n        self.a, self.b = nn.Linear(5, 4), nn.Linear(7, 4)\n"
    "    def forward(self, x, other):\n        return self.a(x) + self.b(other)\n",
    "Flat": "def __init__(self):\n        super().__init__()\n        self.c, self.f = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4 * 14 * 14, 2)\n"
    "    def forward(self, x):\n        return self.f(nn.functional.max_pool2d(self.c(x), 2).flatten(1))\n",
    "Masked": "def __init__(self):\n        super().__init__()\n        self.e, self.f = nn.Embedding(30, 6), nn.Linear(6, 2)\n"
    "    def forward(self, tokens, mask, lengths):\n"
    "        return self.f((self.e(tokens) * mask[..., None]).sum(1) / lengths[:, None])\n",
    "Timed": "def __init__(self):\n        super().__init__()\n        self.c, self.t = nn.Conv2d(3, 8, 3), nn.Embedding(1000, 8)\n"
    "    def forward(self, x, t):\n        return self.c(x) + self.t(t)[:, :, None, None]\n",
    "Sized": "def __init__(self):\n        super().__init__()\n        self.c = nn.Conv2d(3, 8, 16, 16)\n"
    "    def forward(self, x):\n        assert x.shape[-1] == 96, f'Input height ({x.shape[-1]}) doesn\\'t match model (96).'\n        return self.c(x)\n",
    "Stepwise": "def __init__(self):\n        super().__init__()\n        self.e, self.r = nn.Embedding(9, 4), nn.LSTM(4, 6, num_layers=2)\n"
    "    def forward(self, tokens, hidden):\n        return self.r(self.e(tokens), hidden)[0]\n",
    "Cell": "def __init__(self):\n        super().__init__()\n        self.c, self.f = nn.GRUCell(5, 6), nn.Linear(6, 2)\n"
    "    def forward(self, x, h):\n        return self.f(self.c(x, h))\n",
    "Keyed": "def __init__(self):\n        super().__init__()\n        self.e, self.f = nn.Embedding(9, 4), nn.Linear(4, 2)\n"
    "    def forward(self, batch):\n        x = self.e(batch['input_ids']) * batch.get('mask')[..., None]\n        return self.f(x.sum(1))\n",
    "Double": "def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(6, 2).double()\n"
    "    def forward(self, x):\n        return self.f(x)\n",
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_which_nothing_was_said_are_worked_out(folder: Path, name: str) -> None:
    (folder / "net.py").write_text(f"import torch\nfrom torch import nn\nclass {name}(nn.Module):\n    {INPUTS[name]}")
    observed = run(Job(f"net.py:{name}"))
    assert all(one.endswith("(guessed)") for one in observed.inputs)
    assert observed.inconclusive == {}


LSTM = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 6)
    def forward(self, x, hidden, options, deep):
        assert deep is True and options["mask"].shape == x.shape[1:2] and options["scale"].shape == (3,)
        return self.rnn(x, hidden)[0]
"""


def test_inputs_may_be_nested_have_their_batch_elsewhere_and_hold_plain_values(folder: Path) -> None:
    (folder / "net.py").write_text(LSTM)
    inputs = ["16xBx8", "(1xBx6;1xBx6)", "{mask=scalar:ones;scale=3!}", "deep:=True"]
    observed = run(Job("net.py:Net", inputs=inputs, batch=5))
    assert observed.inputs == inputs
    assert observed.outputs[0].shape == [16, 5, 6]


@pytest.mark.parametrize("text", ["3x", "(3;x)", "{3}", "x=", "3:int", "3xB:float[1]"])
def test_inputs_that_are_not_understood_are_said_to_be(folder: Path, text: str) -> None:
    (folder / "net.py").write_text(LSTM)
    with pytest.raises(VerifyError, match="--input"):
        run(Job("net.py:Net", inputs=[text]))


# Scripts

SCRIPT = """
import argparse, sys
import torch
import not_installed_anywhere
from torch import nn

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=6)
args = parser.parse_args([])
rows = open("training.csv").read()
device = torch.device("cuda")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(args.width, 2)
    def forward(self, x):
        return self.layer(x)

def loss(a, b):
    return nn.functional.mse_loss(a, b)

model = Net().to(device)
data = [(torch.zeros(4, 6), torch.ones(4, 2))]
for epoch in range(10**9):
    model(rows)
"""


def test_of_a_script_only_what_the_target_needs_is_run(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT)
    observed = run(Job("train.py:Net", inputs=["6"], loss="train.py:loss", data="train.py:data"))
    assert observed.layers[0].config["in_features"] == 6
    assert observed.loss.value is not None
    assert "lines 11-12, 24-27 of train.py were not run" in observed.notes[0]


def test_what_a_script_builds_may_be_the_target_and_its_gpu_is_the_processor(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT)
    observed = run(Job("train.py:model", inputs=["6"]))
    assert "lines 11, 25-27 of train.py were not run" in observed.notes[0]
    assert "runs on the CPU" in observed.notes[1]


def test_a_command_line_that_a_script_wants_can_be_given(folder: Path) -> None:
    text = SCRIPT.replace("parse_args([])", "parse_args()").replace('"--width", type=int, default=6', '"width", type=int')
    (folder / "train.py").write_text(text)
    with pytest.raises(VerifyError, match=r"arguments are required: width \(usage: train\.py .*--script-args"):
        run_apart(Job("train.py:Net", inputs=["6"]))
    assert run_apart(Job("train.py:Net", inputs=["9"], script_args="9")).layers[0].config["in_features"] == 9


def test_a_script_is_run_whole_where_that_is_asked_for(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT.replace("import not_installed_anywhere\n", ""))
    with pytest.raises(VerifyError, match="FileNotFoundError"):
        run(Job("train.py:Net", inputs=["6"], run_script=True))


def test_a_script_that_ends_while_it_is_loaded_is_said_to(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT.replace("parse_args([])", "parse_args(['--unknown'])"))
    with pytest.raises(VerifyError, match="exited while it was loaded or built"):
        run(Job("train.py:Net", inputs=["6"]))


def test_code_that_moves_to_a_gpu_that_is_not_there_is_measured_on_the_processor(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.f = nn.Linear(4, 3).cuda()\n        self.g = nn.Linear(4, 3, device='cuda:0')\n"
        "    def forward(self, x):\n        x = x.cuda().to('cuda', non_blocking=True)\n"
        "        return self.f(x) + self.g(x.to(device=torch.device('cuda'))) + torch.zeros(3, device='cuda')\n"
    )
    if torch.cuda.is_available():
        pytest.skip("there is one")
    observed = run(Job("net.py:Net", inputs=["4"]))
    assert observed.inconclusive == {}
    assert any("runs on the CPU" in note for note in observed.notes)


def test_a_folder_with_a_configuration_and_no_weights_is_built(folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=30
    )
    config.architectures = ["BertForSequenceClassification"]
    config.save_pretrained(folder / "bert")
    observed = run(Job("bert"))
    assert observed.model == "BertForSequenceClassification"
    assert observed.inputs == ["input_ids=16:int[0,30] (guessed)"]


def test_a_folder_whose_configuration_cannot_be_read_is_said_to_be(folder: Path) -> None:
    (folder / "bert").mkdir()
    (folder / "bert/config.json").write_text("{}")
    with pytest.raises(VerifyError, match=r"bert(/config\.json:| holds a configuration for transformers)"):
        run(Job("bert"))
