"""What the pages promise of a fix, held against real models: the `bad` example and the `fixed` one are built and run."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from biaslint.findings import rule_book

torch = pytest.importorskip("torch")
nn = torch.nn

PAGES = [rule_book.page(rule) for rule in rule_book.rules()]
PAIRS = [
    (page.rule.code, page.examples[index - 1].code, page.examples[index].code)
    for page in PAGES
    for index, example in enumerate(page.examples)
    if example.role == "fixed" and "torch" in page.examples[index - 1].frameworks
]
SHAPES = ((4, 8, 9, 9), (4, 3, 33, 33), (4, 32), (4, 6, 8), (4, 8), (4, 6, 32))
CANCELLED = {"BL101", "BL102"}  # the fix drops a bias that has no effect
ZEROED = {"BL201", "BL202", "BL203", "BL204", "BL206", "BL207"}  # the fix starts a bias at zero
RAISED = {"BL301"}  # the fix opens the forget gate
ADDED = {"BL103", "BL402"}  # the fix gives the layer a bias
ELSEWHERE = {"BL205", "BL302", "BL403", "BL404", "BL501", "BL502", "BL601"}  # proved in test_fix_proofs_starts.py
FITTED = {"BL405"}  # proved in test_fix_proofs_losses.py


def pairs(codes: set[str]) -> list[Any]:
    found = [pytest.param(bad, fixed, id=f"{code}-{place}") for place, (code, bad, fixed) in enumerate(PAIRS) if code in codes]
    assert found
    return found


def build(code: str) -> Any:
    """The model that an example makes: its last module, or an instance of its last model class."""
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "example"}
    exec(code, names)
    made = [value for value in names.values() if isinstance(value, nn.Module)]
    if made:
        return made[-1].double().train()
    cls = [value for value in names.values() if inspect.isclass(value) and issubclass(value, nn.Module)][-1]
    wanted = [item.name for item in inspect.signature(cls).parameters.values() if item.default is item.empty]
    torch.manual_seed(0)
    return cls(*(8 for _ in wanted)).double().train()


def run(model: Any) -> list[Any]:
    """The model's outputs in training mode, for the first shape of input that it takes."""
    for shape in SHAPES:
        torch.manual_seed(1)
        x = torch.randn(*shape, dtype=torch.float64)
        for arguments in ((x,), (x, x), (x, x, x)):
            try:
                result = model(*arguments)
            except (RuntimeError, TypeError, ValueError):
                continue
            return list(result) if isinstance(result, tuple) else [result]
    raise AssertionError("no input fits the example")


def load(model: Any, state: dict[str, Any]) -> None:
    own = model.state_dict()
    model.load_state_dict(
        {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}, strict=False
    )


def assert_same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


def shake(model: Any) -> None:
    """Biases that a default leaves at zero would prove nothing."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_()


@pytest.mark.parametrize(("bad", "fixed"), pairs(CANCELLED))
def test_a_model_without_its_cancelled_biases_puts_out_the_same_values(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    shake(old)
    load(new, old.state_dict())
    dropped = set(old.state_dict()) - set(new.state_dict())
    assert dropped
    assert all(key.endswith("bias") for key in dropped)
    assert set(new.state_dict()) <= set(old.state_dict())
    assert_same(run(old), run(new))


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL104"}))
def test_the_second_of_two_layers_can_take_the_first_ones_bias_up(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    load(new, old.state_dict())
    assert set(old.state_dict()) - set(new.state_dict()) == {"0.bias"}
    with torch.no_grad():
        new[1].bias += new[1].weight @ old[0].bias
    assert_same(run(old), run(new))


@pytest.mark.parametrize(("bad", "fixed"), pairs(ADDED))
def test_a_bias_that_is_added_changes_nothing_while_it_is_zero(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    added = set(new.state_dict()) - set(old.state_dict())
    assert len(added) == 1
    load(new, old.state_dict())
    with torch.no_grad():
        new.get_parameter(added.pop()).zero_()
    assert_same(run(old), run(new))


@pytest.mark.parametrize(("bad", "fixed"), pairs(ZEROED))
def test_a_start_value_that_is_mended_is_zero_and_no_parameter_comes_or_goes(bad: str, fixed: str) -> None:
    new = build(fixed).state_dict()
    try:
        old = build(bad).state_dict()
    except ValueError:  # a weight initializer on a bias raises
        assert "xavier" in bad
        assert all(not value.any() for key, value in new.items() if key.endswith("bias"))
        return
    assert set(old) == set(new)
    changed = [key for key in old if not torch.equal(old[key], new[key])]
    assert changed
    assert all(key.endswith("bias") and not new[key].any() for key in changed)


@pytest.mark.parametrize(("bad", "fixed"), pairs(RAISED))
def test_a_forget_gate_that_is_opened_starts_at_one_more_and_nothing_else_changes(bad: str, fixed: str) -> None:
    old, new = build(bad).state_dict(), build(fixed).state_dict()
    assert set(old) == set(new)
    (changed,) = (key for key in old if not torch.equal(old[key], new[key]))
    size = len(old[changed]) // 4
    assert changed.endswith("bias_ih_l0")
    assert (new[changed][size : 2 * size] == 1).all()
    for kept in (slice(None, size), slice(2 * size, None)):
        assert torch.equal(old[changed][kept], new[changed][kept])


def test_every_kind_of_fix_is_proved() -> None:
    proved = CANCELLED | ZEROED | ADDED | RAISED | ELSEWHERE | FITTED | {"BL104"}
    assert {code for code, _, _ in PAIRS} <= proved, "name the code in the set of what its fix does, so that the fix is proved"


@pytest.mark.parametrize(
    "name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_"]
)
def test_weight_initializers_raise_on_a_bias(name: str) -> None:
    arguments = (0.1,) if name == "sparse_" else ()
    with pytest.raises(ValueError, match="dimension"):
        getattr(nn.init, name)(nn.Linear(3, 4).bias, *arguments)


def test_the_forget_gate_of_an_lstm_is_the_second_quarter_of_both_vectors() -> None:
    """With the forget gate wide open and the others shut the cell keeps its state."""
    cell = nn.LSTMCell(3, 5)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih[5:10] = 20.0
        cell.bias_hh[5:10] = 20.0
        cell.bias_ih[:5] = -40.0
    state = torch.randn(2, 5)
    torch.testing.assert_close(cell(torch.randn(2, 3), (torch.zeros(2, 5), state))[1], state)
