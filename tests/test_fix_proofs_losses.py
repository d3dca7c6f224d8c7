"""What the pages say of losses and of what they are given, held against the real losses."""

from __future__ import annotations

import math
from typing import Any

import pytest

from biaslint.checks.wide_tied_embedding import expected_loss

torch = pytest.importorskip("torch")

from test_fix_proofs import PAGES, build, load, pairs  # noqa: E402

nn, F = torch.nn, torch.nn.functional


@pytest.mark.parametrize(("bad", "fixed"), pairs({"BL405"}))
def test_the_loss_that_fits_is_that_of_the_logits(bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    load(new, old.state_dict())
    x = torch.randn(6, 20, dtype=torch.float64)
    y = torch.randint(0, 2, (6, 1)).double()
    wanted = F.binary_cross_entropy_with_logits(new.fc(x), y)
    torch.testing.assert_close(new(x, y), wanted)
    assert not torch.allclose(old(x, y), wanted)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_cross_entropy_of_probabilities_stays_above_its_bound(classes: int) -> None:
    certain = F.one_hot(torch.tensor([1]), classes).double()
    loss = F.cross_entropy(certain, torch.tensor([1]))
    assert loss.item() == pytest.approx(math.log(1 + (classes - 1) / math.e))


def test_a_log_softmax_before_a_cross_entropy_changes_nothing() -> None:
    x, y = torch.randn(6, 5, dtype=torch.float64), torch.randint(0, 5, (6,))
    twice, once = F.cross_entropy(F.log_softmax(x, dim=1), y), F.cross_entropy(x, y)
    torch.testing.assert_close(twice, once)
    torch.testing.assert_close(F.nll_loss(F.log_softmax(x, dim=1), y), once)


def test_a_second_sigmoid_predicts_no_negative_example() -> None:
    assert (torch.sigmoid(torch.sigmoid(torch.linspace(-30, 30, 61))) >= 0.5).all()


def test_a_binary_cross_entropy_raises_on_scores() -> None:
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        nn.BCELoss()(torch.tensor([-0.2]), torch.tensor([1.0]))


def test_a_likelihood_of_probabilities_has_the_least_gradient_where_the_model_is_wrong() -> None:
    scores = torch.tensor([[-9.0, 9.0], [0.0, 0.0]], requires_grad=True)
    F.nll_loss(F.softmax(scores, dim=1), torch.tensor([0, 0]), reduction="sum").backward()
    wrong, undecided = scores.grad.abs().sum(dim=1)
    assert wrong < undecided / 1000


@pytest.mark.parametrize(("classes", "width"), [(80, 256), (80, 16), (1000, 4), (5000, 64)])
def test_the_loss_of_a_tied_embedding_is_about_what_is_predicted(classes: int, width: int) -> None:
    torch.manual_seed(0)
    page = next(one for one in PAGES if one.rule.code == "BL602")
    names: dict[str, Any] = {"__name__": "example"}
    exec(page.examples[0].code, names)
    model = names["LanguageModel"](classes, width)
    x, y = torch.randint(0, classes, (256,)), torch.randint(0, classes, (256,))
    loss = F.cross_entropy(model(x), y).item()
    assert loss == pytest.approx(expected_loss(classes, math.sqrt(width)), rel=0.25)
    assert loss > 1.25 * math.log(classes)
