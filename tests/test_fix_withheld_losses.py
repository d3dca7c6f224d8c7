"""Fixes of losses, priors and optimizers that would change more than they say: they are withheld, those of their twins are offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n\n"


def found(rule: str, text: str) -> list[bool]:
    """For each finding, whether a fix is offered."""
    result = engine.lint_text(HEAD + text, Path("/nowhere/model.py"), Config(Path("/nowhere"), select=(rule,)))
    assert not result.errors
    return [finding.fix is not None for finding in result.findings]


LOSS = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 5)

    def forward(self, x, y):
        return {loss}
"""


@pytest.mark.parametrize(
    ("loss", "offered"),
    [
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), y.long())", True),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), y.argmax(1))", True),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), torch.zeros(4, dtype=torch.long))", True),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), target=torch.randint(5, (4,)))", True),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), y)", False),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), y.softmax(1))", False),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), torch.full((4, 5), 0.2))", False),
        ("F.cross_entropy(F.log_softmax(self.a(x), 1), F.one_hot(y.long(), 5).float())", False),
        ("F.cross_entropy(F.log_softmax(self.a(x), -1), y.long())", False),
    ],
)
def test_a_cross_entropy_becomes_the_loss_of_log_probabilities_only_for_known_classes(loss: str, offered: bool) -> None:
    assert found("BL405", LOSS.format(loss=loss)) == [offered]


@pytest.mark.parametrize(
    ("loss", "redundant", "astray"),
    [
        ("F.cross_entropy(F.log_softmax(self.a(torch.ones(4, 3, 6)), -1), y.long())", 0, 1),
        ("F.cross_entropy(F.log_softmax(self.a(torch.ones(4, 6)), 0), y.long())", 0, 1),
        ("F.cross_entropy(F.log_softmax(self.a(torch.ones(4, 6)), -1), y.long())", 1, 0),
        ("F.cross_entropy(F.log_softmax(self.a(torch.ones(4, 3, 6)), -1).transpose(1, 2), y.long())", 1, 0),
    ],
)
def test_a_log_softmax_over_another_axis_than_the_loss_does_change_something(loss: str, redundant: int, astray: int) -> None:
    text = LOSS.format(loss=loss)
    assert (len(found("BL405", text)), len(found("BL407", text))) == (redundant, astray)


PRIOR = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 8)
        self.o = nn.Linear(8, 5)
        self.o.bias.data.fill_(-4.6)

    def forward(self, x, y):
        h = self.o(self.a(x).relu())
        return {outputs}
"""


@pytest.mark.parametrize(
    ("outputs", "reported"),
    [
        ("h.softmax(1)", 1),
        ("h[:, 2:].softmax(1)", 1),
        ("h.argmax(1), (h / 2).log_softmax(1)", 1),
        ("(h[:, :2].sigmoid(), h[:, 2:].softmax(1))", 0),
        ("torch.cat([h, y], 1).softmax(1)", 0),
        ("torch.cat([y, h], 1).log_softmax(1)", 0),
        ("torch.stack([h, y], 1).softmax(1)", 0),
        ("h.softmax(1), h.sigmoid()", 0),
        ("h.softmax(1), F.binary_cross_entropy_with_logits(h, y)", 0),
        ("h.softmax(1), F.cross_entropy(h, y)", 1),
    ],
)
def test_softmax_cancels_a_constant_only_where_nothing_else_reads_the_results(outputs: str, reported: int) -> None:
    assert len(found("BL403", PRIOR.format(outputs=outputs))) == reported


SPREAD = """def init(w, std=1.0):
    nn.init.normal_(w, 0, std)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 80)
        self.b = nn.Linear(80, 80)
        self.c = nn.Linear(80, 3)
        {init}

    def forward(self, x):
        return self.c(self.b(self.a(x).relu()).relu())
"""


@pytest.mark.parametrize(
    ("init", "offered"),
    [
        ("init(self.a.weight)", [False]),
        ("nn.init.normal_(self.a.weight, 0, 1.0)", [True]),
        ("for m in (self.a, self.b): nn.init.normal_(m.weight, 0, 1.0)", [True]),
        ("for m in (self.a, self.c): nn.init.normal_(m.weight, 0, 1.0)", [True]),
        ("for t in (self.a.weight, self.b.weight): nn.init.normal_(t, 0, 1.0)", [False]),
    ],
)
def test_a_statement_that_draws_other_tensors_as_well_is_left_alone(init: str, offered: list[bool]) -> None:
    assert found("BL601", SPREAD.format(init=init)) == offered


GATES = """class Net(nn.Module):
    def __init__(self, h=4):
        super().__init__()
        self.l = nn.LSTM(6, h)
        self.r = nn.{other}(h, h)
        for m in {those}:
            m.bias_ih_l0.data[:h].fill_(1.0)

    def forward(self, x):
        return self.r(self.l(x)[0])[0]
"""


@pytest.mark.parametrize(
    ("other", "those", "offered"),
    [("GRU", "(self.l, self.r)", [False]), ("LSTM", "(self.l, self.r)", [True]), ("GRU", "(self.l,)", [True])],
)
def test_a_statement_that_opens_gates_of_other_cells_as_well_is_left_alone(other: str, those: str, offered: list[bool]) -> None:
    assert found("BL302", GATES.format(other=other, those=those)) == offered


DECAY = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.{layer}

    def forward(self, x):
        return self.a(x)


def main():
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=1e-4)
    {then}
    return opt
"""


@pytest.mark.parametrize(
    ("then", "offered"),
    [
        ("opt.step()", True),
        ("for group in opt.param_groups: group['lr'] = 0.01", True),
        ("torch.optim.lr_scheduler.LambdaLR(opt, lambda e: 0.9 ** e)", True),
        ("torch.optim.lr_scheduler.MultiStepLR(opt, milestones=[30, 60])", True),
        ("torch.optim.lr_scheduler.MultiStepLR(opt, [30, 60])", True),
        ("torch.optim.lr_scheduler.LambdaLR(opt, [lambda e: 0.9 ** e])", False),
        ("torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=[0.1], total_steps=9)", False),
        ("rates = [0.1]; torch.optim.lr_scheduler.OneCycleLR(opt, rates, 9)", False),
        ("opt.param_groups[0]['lr'] = 0.01", False),
        ("torch.nn.utils.clip_grad_norm_(opt.param_groups[0]['params'], 1.0)", False),
        ("lr = opt.state_dict()['param_groups'][0]['lr']", False),
    ],
)
def test_an_optimizer_of_which_the_program_counts_the_groups_keeps_one(then: str, offered: bool) -> None:
    assert found("BL502", DECAY.format(layer="Linear(6, 8)", then=then)) == [offered]


def test_parameters_that_have_no_shape_yet_are_not_sorted_by_it() -> None:
    assert found("BL502", DECAY.format(layer="LazyLinear(8)", then="opt.step()")) == [False]
