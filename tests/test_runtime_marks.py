"""`biaslint PATH --verify TARGET`: each static finding is marked by what the model really does."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT, biaslint, write

from biaslint.checks.support.common import SMALL
from biaslint.config.thresholds import Thresholds
from biaslint.findings.finding import Mark
from biaslint.runtime.options import NAMES
from biaslint.runtime.target.project_models import models

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3)
        nn.init.constant_(self.second.bias, 1.0)
        self.rnn = nn.LSTM(width, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.second(torch.relu(self.norm(self.conv(x)))).relu()
        x, _ = self.rnn(x.mean(3).transpose(1, 2))
        return self.head(x[:, -1])


class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x))
"""
MENDED = """
import torch
from net import Net


def build():
    net = Net()
    with torch.no_grad():
        net.second.bias.zero_()
        net.rnn.bias_ih_l0[4:8] = 2.0
        net.head.weight.zero_()
        net.head.bias.zero_()
    return net
"""
SELECT = ["--select", "BL101,BL201,BL301,BL401"]
FEED = ["--input", "3x12x12"]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    write(tmp_path, {"net.py": NET, "mended.py": MENDED})
    return tmp_path


@pytest.fixture
def project(written: Path, same_process: None) -> Path:
    return written


def marked(folder: Path, *options: str, target: str = "net.py:Net") -> dict[tuple[str, int], tuple[str, str]]:
    ran = biaslint(folder, "net.py", *SELECT, "--verify", target, *FEED, "--format", "json", *options)
    found: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return {(one["rule"], one["line"]): (one["measured"]["verdict"], one["measured"]["message"]) for one in found}


def test_each_finding_is_confirmed_or_refuted_or_not_measured(written: Path) -> None:
    found = marked(written)
    assert {place: verdict for place, (verdict, _) in found.items()} == {
        ("BL101", 9): "confirmed",
        ("BL201", 12): "confirmed",
        ("BL301", 13): "confirmed",
        ("BL401", 14): "not measured",
        ("BL101", 25): "not measured",
    }
    assert "no output sees the bias of `conv`" in found["BL101", 9][1]
    assert "`second`: mean 1" in found["BL201", 12][1]
    assert "pass --data, --prior or --target-mean" in found["BL401", 14][1]
    assert "creates no layer here" in found["BL101", 25][1]


def test_what_a_builder_mends_afterwards_refutes_findings(project: Path) -> None:
    found = marked(project, "--prior", "0.5,0.5", target="mended.py:build")
    assert found["BL201", 12] == (
        "refuted",
        "`second`: mean 0, standard deviation 0, from 0 to 0, trainable",
    )
    assert found["BL301", 13][0] == "refuted"
    assert found["BL401", 14][0] == "refuted"
    assert "0 nats apart" in found["BL401", 14][1]


def test_a_prior_that_the_outputs_ignore_confirms(project: Path) -> None:
    assert marked(project, "--prior", "0.99,0.01")["BL401", 14][0] == "confirmed"


def test_thresholds_of_the_project_decide_and_the_command_line_goes_first(project: Path) -> None:
    write(project, {"pyproject.toml": "[tool.biaslint.verify]\nconv-constant = 5\nforget-bias = -9\n"})
    found = marked(project)
    assert (found["BL201", 12][0], found["BL301", 13][0]) == ("refuted", "refuted")
    assert marked(project, "--threshold", "conv_constant=0.5")["BL201", 12][0] == "confirmed"


def test_every_format_says_the_marks(project: Path) -> None:
    names = ["text:a.txt", "jsonl:a.jsonl", "a.sarif", "github:a.cmd", "gitlab:a.json", "a.xml"]
    outputs = [part for name in names for part in ("--output", name)]
    ran = biaslint(project, "net.py", *SELECT, "--verify", "net.py:Net", *FEED, "--quiet", *outputs)
    assert ran.status == 1
    assert [line.rpartition(" (")[2] for line in ran.out.splitlines()] == [
        "confirmed)",
        "confirmed)",
        "confirmed)",
        "not measured)",
        "not measured)",
    ]
    text = {name: (project / name.rpartition(":")[2]).read_text() for name in names}
    assert "= measured: confirmed: no output sees" in biaslint(project, "net.py", "--verify", "net.py:Net", *FEED).out
    verdicts = [json.loads(line)["measured"]["verdict"] for line in text["jsonl:a.jsonl"].splitlines()]
    assert verdicts == ["confirmed"] * 3 + ["not measured"] * 2
    results = json.loads(text["a.sarif"])["runs"][0]["results"]
    assert [one["properties"]["measured"] for one in results] == verdicts
    assert all(f"measured: {verdict}" in one["message"]["text"] for one, verdict in zip(results, verdicts, strict=True))
    assert text["github:a.cmd"].count("%0Ameasured: confirmed") == 3
    described = [one["description"] for one in json.loads(text["gitlab:a.json"])]
    assert [f"(measured: {verdict}" in one for one, verdict in zip(described, verdicts, strict=True)] == [True] * 5
    cases = [str(case.text) for case in ElementTree.fromstring(text["a.xml"]).iter("failure")]
    assert ["measured: confirmed" in case for case in cases] == [True, True, True, False, False]


MORE = """
from torch import nn
import missing_library


class Lost(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.n = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.n(self.a(x))
"""
PARTS = """
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width)

    def forward(self, x):
        return self.norm(self.conv(x))


class Spare(nn.Module):
    def __init__(self, kind="old"):
        super().__init__()
        self.block = Block(3) if kind == "new" else nn.Identity()
        self.out = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.out(self.block(x))


class Base(nn.Module):
    def loss(self):
        return 0


class Plain:
    pass
"""


def test_all_models_of_a_project_are_measured_and_what_is_not_says_why(project: Path) -> None:
    write(project, {"more.py": MORE, "parts.py": PARTS})
    ran = biaslint(project, ".", *SELECT, "--verify", *FEED, "--format", "json")
    found = {(one["path"], one["line"]): one["measured"]["verdict"] for one in json.loads(ran.out)["findings"]}
    own = {line: verdict for (path, line), verdict in found.items() if path == "net.py"}
    assert own == {9: "confirmed", 25: "confirmed"}
    assert {verdict for (path, _), verdict in found.items() if path == "more.py"} == {"not measured"}
    lines = [line.removeprefix("biaslint: ") for line in ran.err.splitlines()]
    assert lines[0] == "3 of 6 models were measured"
    assert lines[1].startswith("net.py:Net: measured: bias-before-norm (1), ")
    assert (
        "more.py:Lost: not measured: building more.py:Lost failed with ModuleNotFoundError: No module named 'missing_library'"
        in "\n".join(lines)
    )
    assert "parts.py:Block: not measured: it needs width: --verify parts.py:Block --arg width=..." in lines
    assert "parts.py:Base: not measured: it has no forward pass" in lines
    assert ran.status == 1


BUILDERS = """
from pytest import fixture
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x):
        return self.norm(self.conv(x))


def small():
    model = Net(4)
    model.name = "small"
    return model


def large():
    return _make(8)


def _make(width):
    return Net(width)


def plain():
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


def sized(width):
    return _make(width)


def train():
    model = Net(4)
    model.fit()
    return model


@fixture
def made():
    return Net(4)


def other():
    return sorted("no model")
"""


def test_functions_that_return_a_model_reach_what_needs_arguments(project: Path) -> None:
    write(project, {"net.py": BUILDERS})
    ran = biaslint(project, "net.py", "--select", "BL101", "--verify", "--input", "3x8x8", "--format", "json")
    assert [one["measured"]["verdict"] for one in json.loads(ran.out)["findings"]] == ["confirmed", "not measured"]
    lines = [line.removeprefix("biaslint: ") for line in ran.err.splitlines()]
    assert lines[0] == "1 of 2 models were measured"
    assert lines[1].startswith("net.py:small: measured: bias-before-norm (1)")
    assert lines[2].startswith("net.py:plain: not measured: the model could not be run on 3x8x8")
    assert lines[3] == "measured as parts of others: Net, large, sized"


FACTORIES = """
import timm
import timm as zoo
import torch
import transformers
from keras.applications import MobileNetV2
from mine import create_model
from timm import create_model as create
from torchvision import models
from transformers import AutoModel, BertConfig, BertForSequenceClassification, BertTokenizer


def backbone(classes=10):
    return timm.create_model("resnet18", num_classes=classes)


def named(name):
    return create(name)


def headed():
    net = models.mobilenet_v3_small(weights=None)
    net.classifier[-1] = torch.nn.Linear(1024, 4)
    return net


def bert():
    return BertForSequenceClassification(BertConfig())


def auto():
    return AutoModel.from_config(transformers.BertConfig())


def keras():
    return MobileNetV2(weights=None)


def hub():
    return torch.hub.load("pytorch/vision", "resnet18")


def again():
    return backbone(3)


def other():
    return create_model("of this project")


def names():
    return zoo.list_models()


def tokenizer():
    return BertTokenizer.from_pretrained("bert")


def configuration():
    return transformers.BertConfig()
"""


def test_functions_that_return_a_library_s_model_are_tried(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": FACTORIES})
    found = {one.name: one.why_not() for one in models([tmp_path / "net.py"])}
    named = found.pop("named")
    assert named.startswith("it needs name: --verify ")
    assert found == dict.fromkeys(("backbone", "headed", "bert", "auto", "keras", "hub", "again"), "")


def test_parts_of_measured_models_are_not_measured_again(project: Path) -> None:
    write(project, {"net.py": PARTS.replace('kind="old"', 'kind="new"')})
    ran = biaslint(project, "net.py", "--select", "BL101", "--verify", *FEED, "--format", "json")
    assert [one["measured"]["verdict"] for one in json.loads(ran.out)["findings"]] == ["confirmed"]
    assert "measured as parts of others: Block" in ran.err


def test_the_summary_counts_the_marks(project: Path) -> None:
    ran = biaslint(project, "net.py", *SELECT, "--verify", "net.py:Net", *FEED)
    assert "Measured: 3 confirmed, 2 not measured." in ran.out


def test_a_model_that_cannot_be_measured_is_said_and_the_findings_are_shown(project: Path) -> None:
    ran = biaslint(project, "net.py", "--verify", "net.py:Nothing")
    assert ran.status == 2
    assert "BL101" in ran.out
    assert "--verify net.py:Nothing: net.py has no 'Nothing'; it has Net, Other" in ran.err
    ran = biaslint(project, "net.py", "--verify", "net.py:Net", "--input", "4x4")
    assert ran.status == 2
    assert "could not be run on" in ran.err


def test_findings_without_a_measured_model_carry_no_mark(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": NET})
    assert all("measured" not in one for one in json.loads(biaslint(tmp_path, "net.py", "--format", "json").out)["findings"])


def test_options_for_the_model_without_a_model_are_wrong_usage(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": ""})
    for spelling in NAMES.values():
        value = [] if spelling in ("--run-script", "--network", "--allow-pickle", "--allow-unsafe-keras") else ["1"]
        value = ["softmax"] if spelling == "--output-kind" else value
        ran = biaslint(tmp_path, "net.py", spelling, *value)
        assert (ran.status, f"{spelling} requires --verify TARGET" in ran.err) == (2, True)


def test_watching_and_measuring_do_not_go_together(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": ""})
    ran = biaslint(tmp_path, "net.py", "--verify", "net.py:Net", "--watch")
    assert ran.status == 2
    assert "--verify" in ran.err


def test_a_mark_reads_with_and_without_a_reason() -> None:
    assert str(Mark("confirmed", "so it is")) == "confirmed: so it is"
    assert str(Mark("not measured")) == "not measured"


def test_the_measurement_and_the_check_of_constant_biases_have_one_limit() -> None:
    assert Thresholds().conv_constant == SMALL
    page = (ROOT / "rules/constant-bias-on-conv.md").read_text(encoding="utf-8")
    assert f"`conv-constant` ({SMALL:g})" in page
    assert f"It is {SMALL:g} or less" in page
