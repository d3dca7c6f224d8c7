"""What the pages promise of fixes that change how a PyTorch model starts, shares or trains: both examples are built and looked at."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from test_fix_proofs import build, load, pairs, run  # noqa: E402


def size_of_gates(vector: Any) -> int:
    return len(vector) // 4


def forget(model: Any) -> list[Any]:
    """The forget gate's part of each input bias of an LSTM."""
    vectors = [value.detach() for name, value in model.named_parameters() if "bias_ih" in name]
    return [vector[size_of_gates(vector) : 2 * size_of_gates(vector)] for vector in vectors]


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL205"}))
def test_a_bias_that_was_left_out_learns_and_the_outputs_stay(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    load(new, old.state_dict())
    torch.testing.assert_close(run(old), run(new))
    assert not any(name.endswith("bias") and value.requires_grad for name, value in old.named_parameters())
    torch.stack([one.sum() for one in run(new)]).sum().backward()
    assert {name for name, value in new.named_parameters() if value.grad is not None} == {"weight", "bias"}


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL302"}))
def test_the_forget_gate_alone_starts_open(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    assert all((part == 1).all() for part in forget(new))
    others = [value for name, value in new.named_parameters() if "bias_ih" in name]
    for vector in others:
        size = size_of_gates(vector)
        assert not (vector[:size] == 1).any()
        assert not (vector[2 * size :] == 1).any()
    whole = all((value == 1).all() for name, value in old.named_parameters() if "bias_ih" in name)
    assert whole or not any((part == 1).any() for part in forget(old))


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL403"}))
def test_an_output_bias_states_the_prior_or_nothing(bad: str, fixed: str) -> None:
    old, new = build(bad).scores.bias, build(fixed).scores.bias
    start = torch.sigmoid(new)
    assert torch.allclose(start, torch.tensor(0.01, dtype=start.dtype)) or not new.any()
    assert not torch.equal(old, new)


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL404"}))
def test_what_was_set_on_purpose_stays(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    if hasattr(new, "scores"):
        assert torch.allclose(torch.sigmoid(new.scores.bias), torch.tensor(0.01, dtype=torch.float64))
        assert not old.scores.bias.any()
        assert not new.features.bias.any()
    else:
        assert all((part == 1).all() for part in forget(new))
        assert not any(part.any() for part in forget(old))


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL501"}))
def test_equal_inputs_are_equal_to_both_branches(bad: str, fixed: str) -> None:
    torch.manual_seed(1)
    x = torch.randn(4, 32, dtype=torch.float64)
    assert build(bad)(x, x).any()
    assert not build(fixed)(x, x).any()


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL502"}))
def test_only_matrices_are_decayed_and_every_parameter_is_trained_once(bad: str, fixed: str) -> None:
    names: dict[str, Any] = {}
    exec(fixed, names)
    held = [
        (parameter.dim() > 1, group["weight_decay"])
        for group in names["optimizer"].param_groups
        for parameter in group["params"]
    ]
    assert sorted(held) == [(False, 0.0), (False, 0.0), (True, 1e-4), (True, 1e-4)]
    exec(bad, names)
    assert {group["weight_decay"] for group in names["optimizer"].param_groups} == {1e-4}


def wide(code: str) -> Any:
    """The hidden layer's weight, of a model large enough to measure a spread."""
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(code, names)
    sizes = (256, 512) if len(inspect.signature(names["Net"]).parameters) == 2 else ()
    return names["Net"](*sizes).hidden.weight.detach()


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL601"}))
def test_a_spread_that_is_put_right_is_he_s(bad: str, fixed: str) -> None:
    weight = wide(fixed)
    assert float(weight.std()) == pytest.approx(math.sqrt(2 / weight.shape[1]), rel=0.1)
    assert float(wide(bad).std()) > 0.9
