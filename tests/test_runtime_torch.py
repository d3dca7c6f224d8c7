"""Real PyTorch models, measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from same_process import measured as run

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.facts.observed import Observed, from_json, to_json  # noqa: E402
from biaslint.runtime.facts.task import Task  # noqa: E402
from biaslint.runtime.process.parent import VerifyError  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.torch.gradient_test import dead_biases  # noqa: E402
from biaslint.runtime.torch.measuring import measure  # noqa: E402
from biaslint.runtime.torch.tracing import origins, tracing  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402


def failed(observed: Any) -> list[str]:
    return [failure.rule for failure in judge(observed).failures]


def status(model: Any, *inputs: Any) -> dict[str, str]:
    return {name: result.status for name, result in dead_biases(model, inputs).items()}


class Chain(nn.Module):
    """Layers one after another, by name."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Any) -> Any:
        for layer in self.children():
            x = layer(x)
        return x


IMAGES = torch.zeros(0)


@pytest.fixture
def images() -> Any:
    return torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("between", "norm", "expected"),
    [
        ([], nn.BatchNorm2d(4), "dead_bn"),
        ([], nn.InstanceNorm2d(4), "dead_always"),
        ([], nn.GroupNorm(4, 4), "dead_always"),
        ([], nn.GroupNorm(2, 4), "alive"),
        ([], nn.LayerNorm([4, 10, 10]), "alive"),
        ([nn.ReLU()], nn.BatchNorm2d(4), "alive"),
        ([nn.AvgPool2d(2)], nn.BatchNorm2d(4), "dead_bn"),
        ([nn.AvgPool2d(2, padding=1)], nn.BatchNorm2d(4), "alive"),
        ([nn.MaxPool2d(2)], nn.BatchNorm2d(4), "dead_bn"),
        ([nn.PixelShuffle(2)], nn.BatchNorm2d(1), "alive"),
        ([nn.Conv2d(4, 4, 1)], nn.BatchNorm2d(4), "dead_bn"),
        ([nn.Conv2d(4, 4, 3, padding=1)], nn.BatchNorm2d(4), "alive"),
    ],
)
def test_what_stands_between_a_conv_and_a_norm_decides(images: Any, between: list[Any], norm: Any, expected: str) -> None:
    model = Chain(conv=nn.Conv2d(3, 4, 3), between=nn.Sequential(*between), norm=norm, act=nn.ReLU())
    assert status(model, images)["conv"] == expected


def test_a_second_reader_keeps_the_bias_alive(images: Any) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            return self.norm(x).relu() + x

    assert status(Two(), images) == {"conv": "alive"}


def test_a_residual_sum_before_the_norm_is_dead_in_both_branches_and_names_the_norm(images: Any) -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.norm = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Any) -> Any:
            return self.norm(self.left(x) + self.right(x)).relu_()

    results = dead_biases(Sum(), [images])
    assert {result.status for result in results.values()} == {"dead_bn"}
    assert {result.cancellers for result in results.values()} == {("norm",)}


def test_dropout_between_is_seen_although_the_test_runs_without(images: Any) -> None:
    model = Chain(conv=nn.Conv2d(3, 4, 3), drop=nn.Dropout(0.5), norm=nn.BatchNorm2d(4), act=nn.ReLU())
    result = dead_biases(model, [images])["conv"]
    assert result.status == "dead_bn"
    assert result.dropout_sees_it
    assert "bias-before-norm" not in failed(measure(model, [images]))


class Attention(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out((q @ k.transpose(1, 2)).softmax(-1) @ v)


def test_the_keys_part_of_a_fused_projection_is_found() -> None:
    result = dead_biases(Attention(), [torch.randn(4, 5, 8)])["qkv"]
    assert result.status == "partial_always"
    assert result.dead_channels == list(range(8, 16))
    assert result.kinds == ("softmax",)
    assert "bias-before-softmax" in failed(measure(Attention(), [torch.randn(4, 5, 8)]))


def test_layers_without_bias_and_layers_never_called_are_told_apart(images: Any) -> None:
    model = Chain(conv=nn.Conv2d(3, 4, 3, bias=False), act=nn.ReLU())
    model.conv.extra = nn.Linear(2, 2)
    assert status(model, images) == {"conv": "nobias", "conv.extra": "unused"}


def test_a_model_that_asks_for_float32_is_still_measured_in_float64(images: Any) -> None:
    class Casts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Any) -> Any:
            x = self.conv(x.float()).to(torch.float32)
            return (self.norm(x).float() * torch.ones(1, dtype=torch.float32)).relu()

    assert dead_biases(Casts(), [images])["conv"].ratio < 1e-12


def test_the_model_is_left_as_it_was_found(images: Any) -> None:
    model = Chain(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), drop=nn.Dropout(), act=nn.ReLU())
    model.norm.eval()
    model.conv.weight.requires_grad_(False)
    before = {name: (value, value.clone()) for name, value in model.state_dict(keep_vars=True).items()}
    modes = [module.training for module in model.modules()]
    dictionaries = [set(vars(module)) for module in model.modules()]
    measure(model, [images])
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(before)
    for name, (value, copy) in before.items():
        assert after[name] is value, name
        assert after[name].dtype == copy.dtype
        assert torch.equal(value, copy), name
        assert value.grad is None
    assert [module.training for module in model.modules()] == modes
    assert [set(vars(module)) for module in model.modules()] == dictionaries
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not model.conv.weight.requires_grad
    assert torch.get_default_dtype() == torch.float32


def test_the_model_is_left_as_it_was_found_when_it_fails(images: Any) -> None:
    class Breaks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            raise ArithmeticError("half way")

    model = Breaks().eval()
    weight = model.conv.weight.clone()
    with pytest.raises(ArithmeticError):
        dead_biases(model, [images])
    assert torch.equal(model.conv.weight, weight)
    assert model.conv.weight.dtype == torch.float32
    assert not model.training


def test_each_layer_is_traced_to_the_call_that_made_it() -> None:
    with tracing():
        model = Chain(first=nn.Linear(3, 3), inner=Chain(second=nn.Conv2d(3, 4, 1)))
    found = origins(model)
    line = (
        Path(__file__)
        .read_text()
        .splitlines()
        .index("        model = Chain(first=nn.Linear(3, 3), inner=Chain(second=nn.Conv2d(3, 4, 1)))")
        + 1
    )
    assert [frame[1] for name in ("first", "inner.second") for frame in found[name][:1]] == [line, line]
    assert found["first"][0][0] == __file__
    assert not any("_biaslint_origin" in vars(module) for module in model.modules())
    assert nn.Module.__init__.__name__ == "__init__"


def test_copies_made_inside_a_framework_keep_their_origin() -> None:
    with tracing():
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3)
    found = origins(encoder)
    assert found["layers.2.linear1"] == found["layers.0.linear1"]
    assert found["layers.2.linear1"][0][0] == __file__


# The output layer


def head(bias: list[float] | None = None, width: int = 2) -> Any:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, width))
    if bias is not None:
        with torch.no_grad():
            model[2].bias.copy_(torch.tensor(bias))
    return model


ONE_IN_TEN = torch.tensor([0] * 200 + [1] * 20)


def test_a_classifier_that_ignores_its_prior_is_found_and_its_own_advice_mends_it() -> None:
    x = torch.randn(220, 6)
    model = head()
    observed = measure(model, [x], task=Task(labels=ONE_IN_TEN))
    found = [one for one in judge(observed).failures if one.rule == "unset-output-bias"]
    assert len(found) == 1
    code = found[0].advice.partition(": ")[2]
    assert code.startswith("with torch.no_grad(): model[2].bias.copy_(torch.tensor([1.151, -1.151]))")
    exec(code, {"torch": torch, "model": model})
    mended = measure(model, [x], task=Task(labels=ONE_IN_TEN))
    assert failed(mended) == []
    assert mended.loss.value < observed.loss.value
    assert observed.loss.best == pytest.approx(0.3046, abs=1e-3)


def test_class_weights_that_rebalance_make_zero_right_again() -> None:
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 10.0]))
    observed = measure(head([0.0, 0.0]), [torch.randn(220, 6)], task=Task(labels=ONE_IN_TEN, loss=loss))
    assert "unset-output-bias" not in failed(observed)
    assert observed.loss.best == pytest.approx(math.log(2))
    assert "unset-output-bias" in failed(
        measure(head([2.3, 0.0]), [torch.randn(220, 6)], task=Task(labels=ONE_IN_TEN, loss=loss))
    )


def test_a_sigmoid_output_starts_from_the_logit_of_its_prior() -> None:
    labels = ONE_IN_TEN.float()[:, None]
    observed = measure(head(width=1), [torch.randn(220, 6)], task=Task(labels=labels))
    assert observed.loss.bias == [pytest.approx(math.log(0.1), abs=1e-6)]
    assert "unset-output-bias" in failed(observed)
    assert "unset-output-bias" not in failed(measure(head([-2.3], 1), [torch.randn(220, 6)], task=Task(labels=labels)))
    balanced = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([10.0]))
    assert "unset-output-bias" not in failed(
        measure(head([0.0], 1), [torch.randn(220, 6)], task=Task(labels=labels, loss=balanced))
    )


def test_the_best_constant_of_an_unknown_loss_is_searched_for() -> None:
    class Focal(nn.Module):
        def forward(self, scores: Any, labels: Any) -> Any:
            p = scores.sigmoid()
            return -(labels * (1 - p) ** 2 * p.log() + (1 - labels) * p**2 * (1 - p).log()).mean()

    observed = measure(head(width=1), [torch.randn(220, 6)], task=Task(labels=ONE_IN_TEN.float()[:, None], loss=Focal()))
    grid = min(
        (Focal()(torch.full((220, 1), point / 100), ONE_IN_TEN.float()[:, None]).item(), point / 100)
        for point in range(-400, 100)
    )
    assert observed.loss.best == pytest.approx(grid[0], rel=1e-3)
    assert observed.loss.bias[0] == pytest.approx(grid[1], abs=0.03)


def test_a_regressor_of_values_around_50_should_start_there() -> None:
    x, y = torch.randn(100, 6), torch.randn(100, 1) + 50
    observed = measure(head(width=1), [x], task=Task(labels=y))
    found = [one for one in judge(observed).failures if one.rule == "unset-output-bias"]
    assert found[0].advice.startswith(f"start at the mean: torch.nn.init.constant_(model[2].bias, {y.mean().item():.4g})")
    assert observed.loss.best == pytest.approx(y.var(unbiased=False).item(), rel=1e-3)
    assert failed(measure(head([50.0], 1), [x], task=Task(labels=y))) == []


def test_few_labels_say_nothing_of_many_classes() -> None:
    observed = measure(head(width=100), [torch.randn(8, 6)], task=Task(labels=torch.arange(8)))
    assert "unset-output-bias" not in failed(observed)
    assert {one.status for one in judge(observed).measurements if one.name == "initial-outputs"} == {"not applicable"}
    loss = next(one for one in judge(observed).measurements if one.name == "initial-loss")
    assert "ln 100" in loss.message


# Depth, units, gates, ties


def stack(std: Any, depth: int = 6, width: int = 64) -> Any:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layer = nn.Linear(width, width)
        nn.init.normal_(layer.weight, std=std(width))
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 2))


def test_an_inverted_he_helper_shows_as_growth_through_depth() -> None:
    inverted = measure(stack(lambda fan_in: math.sqrt(fan_in)), [torch.randn(16, 64)])
    assert "scale-through-depth" in failed(inverted)
    right = measure(stack(lambda fan_in: math.sqrt(2 / fan_in)), [torch.randn(16, 64)])
    assert failed(right) == []
    tiny = measure(stack(lambda fan_in: 0.01), [torch.randn(16, 64)])
    assert "shrink" in next(one.message for one in judge(tiny).failures if one.rule == "scale-through-depth")


class Block(nn.Module):
    """Attention with a query that hardly matters, since all positions are nearly alike."""

    def __init__(self, width: int, last: float = 1.0) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        nn.init.normal_(self.value.weight, std=last / math.sqrt(width))
        for layer in (self.query, self.key):
            nn.init.normal_(layer.weight, std=1e-8)

    def forward(self, x: Any) -> Any:
        weights = (self.query(x) @ self.key(x).transpose(1, 2)).softmax(-1)
        return x + weights @ self.value(x)


def scales(model: nn.Module, x: Any) -> dict[str, tuple[str, str]]:
    return {one.name: (one.status, one.layer) for one in judge(measure(model, [x])).measurements if one.name.endswith("-scale")}


def test_gradients_of_queries_are_not_held_against_those_of_values() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(Block(32) for _ in range(4)))
    observed = measure(model, [torch.randn(4, 6, 32)])
    sizes = [one.gradient_scale for one in observed.layers]
    assert max(sizes) / min(sizes) > 1e4
    assert "scale-through-depth" not in failed(observed)


@pytest.mark.parametrize("names", [[f"fc{index}" for index in range(12)], list("abcdefghijkl")])
def test_gradients_that_fade_through_sigmoids_fail_at_the_first_jump(names: list[str]) -> None:
    torch.manual_seed(0)
    model = Chain(**{name: nn.Sequential(nn.Linear(24, 24), nn.Sigmoid()) for name in names})
    for part in model.children():
        nn.init.normal_(part[0].weight, std=0.02)
    status, layer = scales(model, torch.randn(8, 24))["gradient-scale"]
    assert status == "fail"
    assert layer == f"{names[1]}.0"


def test_one_layer_of_its_kind_is_compared_with_no_other() -> None:
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(24, 3))
    nn.init.constant_(model[2].weight, 1e9)
    assert {status for status, _ in scales(model, torch.randn(4, 1, 8)).values()} == {"not applicable"}


class Branched(nn.Module):
    """Branches that start small, as those with a layer scale do."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(8, 8) for _ in range(3))
        self.head, self.other = nn.Linear(8, 4), nn.Linear(8, 4) if heads > 1 else None

    def forward(self, x: Any) -> Any:
        x = x + 1e-9 * self.c(self.b(self.a(x)))
        return self.head(x) if self.other is None else (self.head(x) + self.other(x)) / 2


@pytest.mark.parametrize("heads", [1, 2])
def test_gradients_of_outputs_are_not_held_against_those_of_hidden_layers(heads: int) -> None:
    assert "scale-through-depth" not in failed(measure(Branched(heads), [torch.randn(8, 8)]))


def test_units_that_start_dead_are_counted() -> None:
    observed = with_dead_units(70, 100)
    assert [(units.dead, units.units) for units in observed.units] == [(70, 100)]
    assert "dead-relu-units" in failed(observed)


def with_dead_units(dead: int, units: int) -> Observed:
    model = nn.Sequential(nn.Linear(4, units), nn.ReLU(), nn.Linear(units, 2))
    nn.init.constant_(model[0].bias, -50.0)
    with torch.no_grad():
        model[0].bias[dead:] = 50.0
    observed = measure(model, [torch.randn(16, 4)])
    observed.batch = 16
    return observed


@pytest.mark.parametrize(
    ("dead", "units", "fails"), [(52, 100, False), (11, 16, False), (16, 16, True), (8, 8, True), (6, 8, False)]
)
def test_half_of_the_units_and_more_of_a_few_may_start_dead_by_chance(dead: int, units: int, fails: bool) -> None:
    assert ("dead-relu-units" in failed(with_dead_units(dead, units))) is fails


def test_an_lstm_that_keeps_its_default_forget_gate_is_a_hint_and_a_raised_one_is_fine() -> None:
    model = nn.LSTM(4, 5, num_layers=2, bidirectional=True)
    found = judge(measure(model, [torch.randn(7, 3, 4)])).failures
    assert [(one.rule, str(one.severity)) for one in found] == [("forget-gate-bias", "hint")]
    assert "4 of 4" in found[0].message
    for name, parameter in model.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
    zeroed = judge(measure(model, [torch.randn(7, 3, 4)])).failures
    assert [(one.rule, str(one.severity)) for one in zeroed] == [("forget-gate-bias", "warning")]
    for name, parameter in model.named_parameters():
        if "bias_ih" in name:
            parameter.data[5:10].fill_(1.0)
    observed = measure(model, [torch.randn(7, 3, 4)])
    assert judge(observed).failures == []
    assert [round(gate.value, 3) for gate in observed.layers[0].gates] == [0.731] * 4


def test_an_lstm_cell_without_bias_starts_half_closed() -> None:
    observed = measure(nn.LSTMCell(4, 5, bias=False), [torch.randn(3, 4)])
    assert observed.layers[0].gates[0].value == 0.5
    assert [(one.rule, str(one.severity)) for one in judge(observed).failures] == [("forget-gate-bias", "warning")]


def test_an_lstm_language_model_is_fed_and_measured() -> None:
    class Language(nn.Module):
        def __init__(self, words: int = 50, width: int = 16) -> None:
            super().__init__()
            self.embed, self.rnn, self.out = (
                nn.Embedding(words, width),
                nn.LSTM(width, width, batch_first=True),
                nn.Linear(width, words),
            )
            self.out.weight = self.embed.weight

        def forward(self, tokens: Any) -> Any:
            return self.out(self.rnn(self.embed(tokens))[0])

    tokens = torch.randint(0, 50, (8, 12))
    observed = measure(Language(), [tokens], task=Task(labels=tokens))
    by_name = {layer.name: layer for layer in observed.layers}
    assert by_name["out"].is_output
    assert by_name["out"].weight_of == "embed"
    assert observed.outputs[0].classes == 50
    assert observed.loss.value == pytest.approx(math.log(50), rel=0.5)
    assert "shared-weights-separate-biases" not in failed(observed)


def test_tied_layers_with_biases_of_their_own_are_found() -> None:
    model = Chain(one=nn.Linear(4, 4), act=nn.ReLU(), two=nn.Linear(4, 4))
    model.two.weight = model.one.weight
    assert failed(measure(model, [torch.randn(8, 4)])) == ["shared-weights-separate-biases"]
    model.two.bias = model.one.bias
    assert failed(measure(model, [torch.randn(8, 4)])) == []


def test_constants_frozen_biases_and_biases_outside_the_optimiser_are_found() -> None:
    model = Chain(conv=nn.Conv2d(3, 4, 3), act=nn.ReLU(), second=nn.Conv2d(4, 4, 3), last=nn.ReLU(), out=nn.Conv2d(4, 2, 1))
    nn.init.ones_(model.conv.bias)
    nn.init.constant_(model.out.bias, -2.19)
    model.second.bias.requires_grad_(False)
    observed = measure(model, [torch.randn(4, 3, 12, 12)])
    assert [(one.rule, one.layer) for one in judge(observed).failures] == [
        ("constant-bias-on-conv", "conv"),
        ("untrainable-bias", "second"),
    ]
    model.second.bias.requires_grad_(True)
    optimiser = torch.optim.SGD([parameter for name, parameter in model.named_parameters() if name != "second.bias"], lr=0.1)
    observed = measure(model, [torch.randn(4, 3, 12, 12)], task=Task(optimiser=optimiser))
    assert ("untrainable-bias", "second") in [(one.rule, one.layer) for one in judge(observed).failures]


def test_measurements_survive_the_way_through_json(images: Any) -> None:
    observed = measure(
        Chain(conv=nn.Conv2d(3, 4, 3), rnn=nn.Flatten(), out=nn.Linear(400, 2)),
        [images],
        task=Task(labels=torch.tensor([0, 1, 0, 1])),
    )
    assert from_json(json.loads(json.dumps(to_json(observed)))) == observed


# Through the command

MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, hidden=8, prior=None):
        super().__init__()
        self.conv = nn.Conv2d(3, hidden, 3)
        self.norm = nn.BatchNorm2d(hidden)
        self.head = nn.Linear(hidden, 2)
        if prior is not None:
            with torch.no_grad():
                self.head.bias.copy_(torch.tensor(prior).log())

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))

def data():
    for _ in range(10):
        yield torch.randn(22, 3, 16, 16), torch.tensor([0] * 20 + [1] * 2)

class Silenced(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 4, 3),  # biaslint: ignore[BL101]
            nn.BatchNorm2d(4),
        )
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


@pytest.fixture
def folder(written: Path, same_process: None) -> Path:
    return written


def invoke(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(verify, [*arguments, "--format", "json"])
    return result.exit_code, json.loads(result.output) if result.exit_code < 2 else result.output


def test_the_command_reports_findings_at_the_lines_that_made_the_layers(written: Path) -> None:
    code, report = invoke("model.py:Net", "--arg", "hidden=4", "--data", "model.py:data")
    assert code == 1
    assert report["version"] == 1
    assert [(one["rule"], one["path"], one["line"], one["layer"]) for one in report["findings"]] == [
        ("BL101", "model.py", 8, "conv"),
        ("BL401", "model.py", 10, "head"),
    ]
    assert report["findings"][0]["related"][0]["line"] == 9
    assert {one["name"] for one in report["measurements"]} >= {
        "initial-outputs",
        "initial-loss",
        "dead-bias",
        "initial-bias",
        "dead-units",
        "activation-scale",
    }
    assert all(one["status"] in ("pass", "fail", "not applicable") for one in report["measurements"])
    assert report["model"]["batch"] == 22


def test_setting_the_prior_silences_the_command(folder: Path) -> None:
    code, report = invoke("model.py:Net", "--arg", "prior=[0.909, 0.091]", "--data", "model.py:data")
    assert [one["rule"] for one in report["findings"]] == ["BL101"]
    assert code == 1


def test_a_stated_prior_needs_no_data(folder: Path) -> None:
    _, report = invoke("model.py:Net", "--prior", "0.9,0.1", "--input", "3x16x16")
    assert "BL401" in [one["rule"] for one in report["findings"]]
    _, report = invoke("model.py:Net", "--prior", "0.5,0.5", "--input", "3x16x16")
    assert "BL401" not in [one["rule"] for one in report["findings"]]


def test_a_comment_in_the_source_silences_a_measured_finding(folder: Path) -> None:
    code, report = invoke("model.py:Silenced", "--input", "3x16x16")
    assert (code, report["findings"]) == (0, [])
    assert [one["status"] for one in report["measurements"] if one["name"] == "dead-bias"] == ["not reported"]


def test_inputs_are_guessed_where_none_are_given(folder: Path) -> None:
    _, report = invoke("model.py:Net")
    assert report["model"]["inputs"] == ["3x64x64 (guessed)"]


def test_what_cannot_be_fed_is_told_what_to_pass(folder: Path) -> None:
    with pytest.raises(VerifyError, match=r"could not be run on 5x16x16 \(batch 8\).*Its signature is forward\(x\).*--data"):
        run(Job("model.py:Net", inputs=["5x16x16"]))
    with pytest.raises(VerifyError, match=r"tokens=20: say which whole numbers|say which whole numbers"):
        run(Job("model.py:Net", inputs=["tokens=20:int"]))
    with pytest.raises(VerifyError, match=r"expected \[NAME=\]SHAPE"):
        run(Job("model.py:Net", inputs=["three"]))


def test_a_state_dict_is_loaded_and_a_greedy_pickle_refused(folder: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    nn.init.constant_(model[0].bias, 7.0)
    torch.save(model.state_dict(), folder / "weights.pt")
    torch.save({"model": model}, folder / "greedy.pt")
    options = {"inputs": ["3x16x16"]}
    observed = run(Job("model.py:Silenced", weights="weights.pt", **options))
    assert observed.layers[0].bias_values.mean == 7.0
    with pytest.raises(VerifyError, match="pass --allow-pickle"):
        run(Job("model.py:Silenced", weights="greedy.pt", **options))
    with pytest.raises(VerifyError, match="does not fit the model"):
        run(Job("model.py:Net", weights="weights.pt", **options))
    with pytest.raises(VerifyError, match=r"--weights weights\.pt"):
        run(Job("weights.pt", **options))


class Greedy:
    """Unpickling it writes a file."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_a_pickle_runs_nothing_unless_it_is_trusted(folder: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), folder / "whole.pt")
    torch.save({"model": Greedy()}, folder / "greedy.pt")
    for name in ("whole.pt", "greedy.pt"):
        result = CliRunner().invoke(verify, [name])
        assert result.exit_code == 2
        assert "contains more than weights" in result.output
        assert "--allow-pickle" in result.output
    assert not (folder / "ran").exists()
    assert [layer.dead for layer in run(Job("whole.pt", allow_pickle=True)).layers] == ["dead_bn", ""]
    with pytest.raises(VerifyError, match="contains weights but no model"):
        run(Job("greedy.pt", allow_pickle=True))
    assert (folder / "ran").exists()


def test_the_same_seed_gives_the_same_numbers(folder: Path) -> None:
    def numbers(seed: int) -> list[float]:
        return [layer.bias_values.mean for layer in run(Job("model.py:Net", seed=seed)).layers if layer.bias_values]

    first = numbers(3)
    assert numbers(3) == first
    assert numbers(4) != first


def test_a_generator_is_fed_with_noise_where_nothing_is_said(folder: Path) -> None:
    (folder / "gan.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.ConvTranspose2d(9, 8, 4), nn.BatchNorm2d(8), nn.ReLU(),\n"
        "        nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(192, 1))\n"
    )
    observed = run(Job("gan.py:build"))
    assert observed.inputs == ["9x1x1 (guessed)"]
    assert [layer.dead for layer in observed.layers if layer.dead] == ["dead_bn", "alive", "alive"]


def test_a_torchscript_file_and_an_exported_program_are_measured(folder: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 2))
    nn.init.zeros_(model[3].bias)
    torch.jit.trace(model, torch.randn(2, 3, 16, 16)).save(str(folder / "scripted.pt"))
    torch.export.save(torch.export.export(model, (torch.randn(8, 3, 16, 16),)), str(folder / "exported.pt2"))
    for name in ("scripted.pt", "exported.pt2"):
        observed = run(Job(name, inputs=["3x16x16"] if name == "scripted.pt" else [], prior=[0.9, 0.1]))
        assert observed.inputs[0].startswith("3x16x16" if name == "scripted.pt" else "8x3x16x16!")
        assert [layer.bias_present for layer in observed.layers] == [True, True], name
        assert observed.layers[-1].bias_values.mean == 0
        assert "unset-output-bias" in failed(observed)


def test_a_value_that_is_set_and_then_overwritten_is_held_against_the_source(folder: Path) -> None:
    (folder / "over.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n"
        "        self.head = nn.Conv2d(8, 1, 1)\n"
        "        nn.init.constant_(self.head.bias, -2.19)\n"
        "        nn.init.constant_(self.conv.bias, 0.0)\n"
        "        getattr(self, 'ap' + 'ply')(globals()['reset'])\n"
        "    def forward(self, x):\n"
        "        return self.head(torch.relu(self.conv(x)))\n"
        "def reset(m):\n"
        "    if getattr(m, 'bias', None) is not None:\n"
        "        m.bias.data.zero_()\n"
    )
    code, report = invoke("over.py:Net")
    assert code == 1
    assert [(one["rule"], one["line"], one["layer"]) for one in report["findings"]] == [("BL704", 8, "head")]
    held = {one["layer"]: one["status"] for one in report["measurements"] if one["name"] == "bias-against-source"}
    assert held == {"conv": "pass", "head": "fail"}


def test_a_relu_that_is_open_for_the_whole_batch_still_sees_the_bias() -> None:
    # Pooled to one position, a unit is on or off for all samples alike, and gradients cancel as if there were no ReLU.
    model = Chain(pool=nn.AdaptiveAvgPool2d(1), conv=nn.Conv2d(3, 4, 1), act=nn.ReLU(), norm=nn.BatchNorm2d(4), last=nn.Tanh())
    assert status(model, torch.full((4, 3, 8, 8), 9.0) + 0.01 * torch.randn(4, 3, 8, 8)) == {"conv": "alive"}


@pytest.mark.parametrize(
    ("act", "expected"),
    [(nn.Identity(), "dead_bn"), (nn.ReLU(inplace=True), "alive"), (nn.ELU(), "alive"), (nn.Hardtanh(), "alive")],
)
def test_an_activation_that_is_straight_on_this_batch_still_sees_the_bias(act: Any, expected: str) -> None:
    model = Chain(pool=nn.AdaptiveAvgPool2d(1), conv=nn.Conv2d(3, 4, 1), act=act, norm=nn.BatchNorm2d(4), last=nn.Tanh())
    assert status(model, torch.full((4, 3, 8, 8), 9.0) + 0.01 * torch.randn(4, 3, 8, 8)) == {"conv": expected}


@pytest.mark.parametrize("bent", [torch.relu, torch.abs, lambda v: v.clamp(min=0), lambda v: nn.functional.leaky_relu(v, 0.2)])
def test_the_keys_part_is_dead_although_the_values_pass_a_relu(bent: Any) -> None:
    class Bent(Attention):
        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(x).chunk(3, -1)
            return self.out((q @ k.transpose(1, 2)).softmax(-1) @ bent(v))

    result = dead_biases(Bent(), [torch.randn(4, 5, 8)])["qkv"]
    assert (result.status, result.dead_channels) == ("partial_always", list(range(8, 16)))
    assert result.kinds == ("softmax",)


def test_keys_that_pass_a_relu_are_alive() -> None:
    class Bent(Attention):
        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(x).chunk(3, -1)
            return self.out((q @ k.relu().transpose(1, 2)).softmax(-1) @ v)

    assert dead_biases(Bent(), [torch.randn(4, 5, 8)])["qkv"].status == "alive"


def test_keys_narrower_than_values_are_said_to_be_dead() -> None:
    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(8, 24), nn.Linear(16, 8)

        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(x).split([4, 4, 16], -1)
            return self.out((q @ k.transpose(1, 2)).softmax(-1) @ v)

    verdict = judge(measure(Narrow(), [torch.randn(4, 5, 8)]))
    found = next(one for one in verdict.measurements if one.name == "dead-bias" and one.layer == "qkv")
    assert (found.status, found.message) == ("fail", "17% of its channels, the keys, are cancelled by softmax")
    assert "bias-before-softmax" in [failure.rule for failure in verdict.failures]


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_is_checkpointed_is_measured_when_it_runs_again(images: Any, reentrant: bool) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)
            self.dead = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
            self.live = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))

        def forward(self, x: Any) -> Any:
            x = checkpoint(self.dead, self.first(x).tanh(), use_reentrant=reentrant)
            return checkpoint(self.live, x, use_reentrant=reentrant)

    assert status(Checkpointed(), images) == {"first": "alive", "dead.0": "dead_bn", "live.0": "alive"}


def test_what_overflows_without_batch_statistics_is_not_called_dead_in_every_mode(images: Any) -> None:
    class Exp(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.exp()

    model = Chain(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), act=Exp())
    assert status(model, images * 10_000) == {"conv": "dead_bn"}


def small(norm: Any = nn.BatchNorm2d) -> Any:
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def test_the_layers_of_scripted_code_are_measured_at_the_graph_of_gradients(images: Any) -> None:
    found = dead_biases(torch.jit.script(small()), [images])
    assert {name: one.status for name, one in found.items()} == {"0": "dead_bn", "5": "alive"}
    assert found["0"].kinds == ("batch norm",)
    before = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU())
    assert dead_biases(torch.jit.script(before), [images + 100])["0"].status == "alive"


def test_the_output_projection_of_attention_is_measured_although_it_is_never_called() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    found = dead_biases(layer, [torch.randn(3, 5, 8)])
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(
        ("self_attn.out_proj", "linear1", "linear2"), "alive"
    )


def test_a_model_of_complex_numbers_is_measured_and_left_as_it_was_found() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm, self.last = nn.Linear(4, 4, dtype=torch.complex64), nn.BatchNorm1d(4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.last(self.norm(self.first(x.to(torch.complex64)).real).relu())

    net = Net()
    assert {name: one.status for name, one in dead_biases(net, [torch.randn(4, 4)]).items()} == {
        "first": "dead_bn",
        "last": "alive",
    }
    assert net.first.weight.dtype == torch.complex64


DIFFICULT = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

def half():
    return small().half()

def compiled():
    return torch.compile(small())

class Untrainable(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x)).relu_().mul_(2)

class Lost(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return (self.layer(x) * 0).log() * 0
"""


@pytest.mark.parametrize("name", ["half", "compiled", "Untrainable"])
def test_models_of_every_make_show_their_dead_bias(folder: Path, name: str) -> None:
    (folder / "difficult.py").write_text(DIFFICULT)
    observed = run(Job(f"difficult.py:{name}", inputs=["3x12x12"]))
    assert observed.layers[0].dead == "dead_bn"
    assert list(observed.inconclusive) == (["gradient-scale"] if name == "Untrainable" else [])


def test_outputs_that_are_not_numbers_are_a_failure_and_the_report_is_still_json(folder: Path) -> None:
    (folder / "difficult.py").write_text(DIFFICULT)
    result = CliRunner().invoke(verify, ["difficult.py:Lost", "--input", "4", "--format", "json"])
    report = json.loads(result.output, parse_constant=pytest.fail)
    assert result.exit_code == 1
    assert [(one["rule"], one["line"]) for one in report["findings"]] == [("BL703", 25)]


def test_a_few_random_biases_that_are_all_negative_are_chance() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-0.4, -0.1]))
        model[2].bias.fill_(-0.3)
    found = [
        one.layer for one in judge(measure(model, [torch.randn(16, 4)])).failures if one.rule == "negative-bias-before-relu"
    ]
    assert found == ["2"]


def test_a_state_dict_of_a_wrapped_model_is_loaded(folder: Path) -> None:
    (folder / "difficult.py").write_text(DIFFICULT)
    state = {f"module.{key}": torch.zeros_like(value) for key, value in small().state_dict().items()}
    torch.save({"state_dict": state}, folder / "wrapped.pt")
    observed = run(Job("difficult.py:small", weights="wrapped.pt", inputs=["3x12x12"]))
    assert [layer.bias_values.most for layer in observed.layers if layer.bias_values] == [0, 0, 0]
