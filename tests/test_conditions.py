"""A finding that holds under a setting only says which one, in the words of the code."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from biaslint import engine
from biaslint.config import Config


def conditions(tmp_path: Path, parameters: str, body: str, forward: str) -> list[str | None]:
    """The conditions of what is reported of a model with one convolution, `self.conv`."""
    source = (
        "from torch import nn\n\n\ndef same(x):\n    return x\n\n\nclass Model(nn.Module):\n"
        f"    def __init__(self, {parameters}):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 8, 3)\n"
        + indent(dedent(body).strip(), " " * 8)
        + "\n\n    def forward(self, x):\n        x = self.conv(x)\n"
        + indent(dedent(forward).strip(), " " * 8)
        + "\n"
    )
    path = tmp_path / "model.py"
    path.write_text(source, encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    return [finding.when for finding in result.findings]


FORWARD = "return self.norm(x).relu()"


@pytest.mark.parametrize(
    ("parameters", "body", "when"),
    [
        ("use_bn", "self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()", "use_bn"),
        ("plain", "self.norm = nn.Identity() if plain else nn.BatchNorm2d(8)", "not plain"),
        ("norm", "self.norm = nn.Identity() if norm is None else nn.BatchNorm2d(8)", "norm is not None"),
        ("norm", "self.norm = nn.BatchNorm2d(8) if norm is not None else nn.Identity()", "norm is not None"),
        ("norm", "self.norm = nn.BatchNorm2d(8) if norm == 'batch' else nn.Identity()", "norm == 'batch'"),
    ],
)
def test_the_setting_that_brings_the_norm_is_the_condition(tmp_path: Path, parameters: str, body: str, when: str) -> None:
    assert conditions(tmp_path, parameters, body, FORWARD) == [when]


@pytest.mark.parametrize(
    ("parameters", "body", "when"),
    [
        ("rate=0.0", "self.act, self.norm = nn.Dropout(rate), nn.BatchNorm2d(8)", "rate == 0.0"),
        ("pad=0", "self.act, self.norm = nn.Conv2d(8, 8, 3, padding=pad, bias=False), nn.BatchNorm2d(8)", "pad == 0"),
        ("groups=8", "self.act, self.norm = nn.Identity(), nn.GroupNorm(groups, 8)", "groups == 8"),
        ("norm=nn.BatchNorm2d", "self.act, self.norm = nn.Identity(), norm(8)", "norm is nn.BatchNorm2d"),
        ("pad=1", "self.act, self.norm = nn.AvgPool2d(3, 1, padding=pad - 1), nn.BatchNorm2d(8)", "pad == 1"),
        (
            "kind='bn'",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if kind in ('bn', 'in') else nn.Tanh()",
            "kind in ('bn', 'in')",
        ),
        ("act=nn.Identity()", "self.act, self.norm = act, nn.BatchNorm2d(8)", "isinstance(act, Identity)"),
        (
            "norm=lambda width: nn.BatchNorm2d(width)",
            "self.act, self.norm = nn.Identity(), norm(8)",
            "norm == (lambda width: nn.BatchNorm2d(width))",
        ),
        ("acts=()", "self.act, self.norm = nn.Sequential(*acts), nn.BatchNorm2d(8)", "acts == ()"),
        ("act=same", "self.act, self.norm = act, nn.BatchNorm2d(8)", "act is same"),
        ("depth=0", "self.act, self.norm = nn.Sequential(*[nn.ReLU()] * depth), nn.BatchNorm2d(8)", "depth == 0"),
        ("k=2", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if k % 2 == 0 else nn.Tanh()", "k % 2 == 0"),
        (
            "kind='bn'",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if kind.startswith('b') else nn.Tanh()",
            "kind.startswith('b')",
        ),
        ("kind='BN'", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if 'B' in kind else nn.Tanh()", "'B' in kind"),
        (
            "config=dict(norm='bn')",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if config['norm'] == 'bn' else nn.Tanh()",
            "config['norm'] == 'bn'",
        ),
        ("norm='bn'", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if norm else nn.Tanh()", "norm"),
        (
            "norm=('bn', 2)",
            "kind, _ = norm\nself.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if kind == 'bn' else nn.Tanh()",
            "norm == ('bn', 2)",
        ),
        (
            "kind='gn', norm=False",
            "self.act = self.norm = nn.Identity()\nif norm:\n    self.norm = nn.BatchNorm2d(8) if kind == 'bn' else nn.GroupNorm(2, 8)",
            "kind == 'bn' and norm",
        ),
        ("norm=nn.BatchNorm2d(8)", "self.act, self.norm = nn.Identity(), norm", "isinstance(norm, BatchNorm2d)"),
        ("a=1, b=2", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if a + b < 5 else nn.Tanh()", "a == 1 and b == 2"),
        ("widths=(8, 16)", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(widths[0])", None),
        ("act=nn.Identity", "self.act, self.norm = act(), nn.BatchNorm2d(8)", "act is nn.Identity"),
        ("depth=0", "self.act, self.norm = nn.Sequential(*[nn.ReLU() for _ in range(depth)]), nn.BatchNorm2d(8)", "depth == 0"),
        ("norm='BatchNorm2d'", "self.act, self.norm = nn.Identity(), getattr(nn, norm)(8)", "norm == 'BatchNorm2d'"),
        (
            "depth=2",
            "self.act, self.norm = nn.Identity(), nn.Sequential(nn.BatchNorm2d(8), *[nn.ReLU() for _ in range(depth)])",
            None,
        ),
        ("act='ReLU'", "self.act, self.norm = nn.Identity(), nn.Sequential(nn.BatchNorm2d(8), getattr(nn, act)())", None),
        ("width=8", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(width)", None),
        ("norms=1", "self.act, self.norm = nn.Identity(), nn.Sequential(*[nn.BatchNorm2d(8)] * norms)", "norms > 0"),
        (
            "norms",
            "self.act, self.norm = nn.Identity(), nn.Sequential(*[nn.BatchNorm2d(8) for _ in range(norms)])",
            "norms > 0",
        ),
        (
            "norms=2",
            "from itertools import repeat\nself.act, self.norm = nn.Identity(), nn.Sequential(*[nn.BatchNorm2d(8) for _ in repeat(0, norms)])",
            "norms > 0",
        ),
        (
            "more=2",
            "self.act = nn.Identity()\nself.norm = nn.Sequential(nn.BatchNorm2d(8), *[nn.BatchNorm2d(8)] * more)",
            None,
        ),
        (
            "flags=(True, False)",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if any(flags) else nn.Identity()",
            "flags == (True, False)",
        ),
        (
            "widths=(8, 8)",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if len(widths) > 1 else nn.Tanh()",
            "widths == (8, 8)",
        ),
        (
            "norms=3",
            "self.act, self.norm = nn.Identity(), nn.Sequential(*[nn.BatchNorm2d(8) for _ in range(1, norms)])",
            "norms > 1",
        ),
        ("rate=0.5", "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if rate > 0.2 else nn.Tanh()", "rate == 0.5"),
        (
            "spec='cn'",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if spec.find('n') > 0 else nn.Tanh()",
            "spec == 'cn'",
        ),
        (
            "cfg={'norm': {'type': 'bn'}}",
            "self.act, self.norm = nn.Identity(), nn.BatchNorm2d(8) if cfg['norm']['type'] == 'bn' else nn.Tanh()",
            "cfg['norm']['type'] == 'bn'",
        ),
        (
            "norm=1, late=0",
            "self.act, count = nn.Identity(), 0\ncount = max(norm, late)\nself.norm = nn.BatchNorm2d(8) if count else nn.Identity()",
            "norm == 1 and late == 0",
        ),
        ("rate=0.0", "self.act, self.norm = nn.Identity(), nn.Sequential(nn.BatchNorm2d(8), nn.Dropout(rate))", None),
        ("act=nn.ReLU", "self.act, self.norm = nn.Identity(), nn.Sequential(nn.BatchNorm2d(8), act())", None),
    ],
)
def test_a_setting_that_is_no_flag_makes_a_condition_where_another_value_shows_the_bias(
    tmp_path: Path, parameters: str, body: str, when: str | None
) -> None:
    assert conditions(tmp_path, parameters, body, "return self.norm(self.act(x)).relu()") == [when]


def test_the_names_of_the_parts_that_are_called_are_a_setting(tmp_path: Path) -> None:
    body = "self.norm, self.act, self.names = nn.BatchNorm2d(8), nn.ReLU(), names"
    forward = "for name in self.names:\n    x = getattr(self, name)(x)\nreturn x.tanh()"
    assert conditions(tmp_path, "names=('norm', 'act')", body, forward) == ["names == ('norm', 'act')"]


def test_what_a_property_returns_is_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, norms=1):\n        super().__init__()\n"
        "        self.norms = norms\n        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)\n\n    @property\n"
        "    def normed(self):\n        return bool(self.norms)\n\n    def forward(self, x):\n        y = self.conv(x)\n"
        "        return self.norm(y).relu() if self.normed else y.relu()\n",
        encoding="utf-8",
    )
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert [finding.when for finding in result.findings] == ["norms == 1"]


def test_where_other_values_show_the_bias_and_no_condition_can_be_written_the_message_speaks_of_the_defaults(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from functools import partial\n\nfrom torch import nn\n\n\nclass Model(nn.Module):\n"
        "    def __init__(self, norm=partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)):\n        super().__init__()\n"
        "        self.conv, self.norm = nn.Conv2d(3, 8, 3), norm(8)\n\n"
        "    def forward(self, x):\n        return self.norm(self.conv(x)).relu()\n",
        encoding="utf-8",
    )
    (found,) = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert (found.when, found.fix) == (None, None)
    assert (
        found.message
        == "`self.conv` adds a bias that `self.norm` subtracts again where the settings are what they are by default"
    )


def test_two_settings_that_both_matter_are_one_condition(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()\nself.act = nn.ReLU() if act_first else nn.Identity()"
    assert conditions(tmp_path, "use_bn, act_first", body, "return self.norm(self.act(x)).relu()") == [
        "use_bn and not act_first"
    ]


@pytest.mark.parametrize(
    ("parameters", "test", "when"),
    [
        ("a=True, b=False", "a != b", ["a and not b"]),
        ("a=True, b=True, c=False", "a and (b or c)", ["a and b"]),
        ("norm=True", "norm is not None and norm is not False", ["norm"]),
        ("a=True, b=True", "a != b", []),  # dead under two pairs of values, neither of them the defaults
    ],
)
def test_flags_that_count_only_together_make_a_condition_of_their_defaults(
    tmp_path: Path, parameters: str, test: str, when: list[str]
) -> None:
    body = f"self.norm = nn.BatchNorm2d(8) if {test} else nn.Identity()"
    assert conditions(tmp_path, parameters, body, FORWARD) == when


def test_what_depends_on_a_flag_of_the_call_as_well_is_dead_where_the_setting_alone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, on=True):\n        super().__init__()\n"
        "        self.on, self.conv, self.norm = on, nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)\n\n"
        "    def forward(self, x, normed=False):\n        x = self.conv(x)\n        if not self.on and not normed:\n"
        "            return x.relu()\n        return self.norm(x).relu()\n",
        encoding="utf-8",
    )
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert [finding.when for finding in result.findings] == ["on"]


def test_three_settings_that_all_matter_are_one_condition(tmp_path: Path) -> None:
    body = (
        "parts = [nn.GroupNorm(2, 8)] if grouped else []\nparts += [nn.ReLU()] if act_first else []\n"
        "self.norm = nn.Sequential(*parts, *([nn.BatchNorm2d(8)] if use_bn else []))"
    )
    found = conditions(tmp_path, "use_bn=False, act_first=False, grouped=False", body, "return self.norm(x).relu()")
    assert found == ["use_bn and not act_first and not grouped"]


def test_the_fields_of_a_configuration_that_is_a_default_are_settings(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from dataclasses import dataclass\n\nfrom torch import nn\n\n\n@dataclass\nclass Config:\n    norm: bool = True\n"
        "    act: bool = False\n\n\nclass Model(nn.Module):\n    def __init__(self, config=Config()):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n        self.act = nn.ReLU() if config.act else nn.Identity()\n"
        "        self.norm = nn.BatchNorm2d(8) if config.norm else nn.ReLU()\n\n    def forward(self, x):\n"
        "        return self.norm(self.act(self.conv(x))).sigmoid()\n",
        encoding="utf-8",
    )
    (found,) = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert found.when == "not config.act and config.norm"
    assert found.fix is not None


@pytest.mark.parametrize("default", ["Config", "Config()"])
def test_the_attributes_of_a_class_that_is_a_default_are_settings(tmp_path: Path, default: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Plain:\n    norm = 'none'\n    width = 8\n\n\nclass Config(Plain):\n    norm = 'bn'\n\n\n"
        f"class Model(nn.Module):\n    def __init__(self, config={default}):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, config.width, 3)\n"
        "        self.norm = nn.BatchNorm2d(8) if config.norm == 'bn' else nn.Identity()\n\n"
        "    def forward(self, x):\n        return self.norm(self.conv(x)).relu()\n",
        encoding="utf-8",
    )
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert [finding.when for finding in result.findings] == ["config.norm == 'bn'"]


def test_there_is_no_fix_where_the_condition_names_something_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, norm=lambda width: nn.BatchNorm2d(width)):\n"
        "        super().__init__()\n        self.conv = nn.Conv2d(3, 8, 3)\n        self.norm = norm(8)\n\n    def forward(self, x):\n"
        "        return self.norm(self.conv(x)).sigmoid()\n",
        encoding="utf-8",
    )
    (found,) = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert (found.when, found.fix) == ("norm == (lambda width: nn.BatchNorm2d(width))", None)


def test_a_setting_of_the_constructor_counts_in_the_methods_that_it_calls(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, norm=True):\n        super().__init__()\n"
        "        self.norm = norm\n        self.build()\n\n    def build(self):\n        self.conv = nn.Conv2d(3, 8, 3)\n"
        "        self.norm = nn.BatchNorm2d(8) if self.norm else nn.ReLU()\n\n    def forward(self, x):\n"
        "        return self.norm(self.conv(x)).sigmoid()\n",
        encoding="utf-8",
    )
    (found,) = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert (found.when, found.fix) == ("norm", None)


def test_a_setting_counts_that_was_first_taken_the_other_way(tmp_path: Path) -> None:
    """The bias is dead only where both are false, so the first execution does not find it."""
    body = "self.norm = nn.Identity() if plain else nn.BatchNorm2d(8)\nself.act = nn.ReLU() if act_first else nn.Identity()\nself.more = more"
    forward = "x = self.act(x)\nif self.more:\n    x = x.mean((2, 3), keepdim=True)\nreturn self.norm(x).relu()"
    assert conditions(tmp_path, "plain, act_first, more, other", body, forward) == ["not plain and not act_first"]


def test_the_bias_that_is_proposed_is_there_where_one_of_them_fails(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, use_bn, act_first):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n        self.act = nn.ReLU() if act_first else nn.Identity()\n"
        "        self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()\n\n    def forward(self, x):\n"
        "        return self.norm(self.act(self.conv(x))).relu()\n",
        encoding="utf-8",
    )
    found = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert len(found) == 1
    assert found[0].fix is not None
    assert "bias=not use_bn or act_first" in found[0].fix.message


def test_a_setting_read_in_the_forward_pass_is_a_condition(tmp_path: Path) -> None:
    body = "self.use_bn = use_bn\nself.norm = nn.BatchNorm2d(8)"
    found = conditions(tmp_path, "use_bn", body, "if self.use_bn:\n    x = self.norm(x)\nreturn x.relu()")
    assert len(found) == 1
    assert found[0] in ("use_bn", "self.use_bn")


def test_a_setting_that_changes_nothing_is_no_condition(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8)\nself.act = nn.ReLU() if act else nn.SiLU()"
    assert conditions(tmp_path, "act", body, "return self.act(self.norm(x))") == [None]


def test_run_time_data_is_no_condition_and_the_bias_must_be_dead_both_ways(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8)"
    assert conditions(tmp_path, "unused", body, "if x.sum() > 0:\n    x = self.norm(x)\nreturn x.relu()") == []


def test_a_norm_that_cancels_under_no_setting_gives_no_finding(tmp_path: Path) -> None:
    body = "self.norm = nn.GroupNorm(2, 8) if grouped else nn.Identity()"
    assert conditions(tmp_path, "grouped", body, FORWARD) == []


CHECKED = """
from torch import nn


class Model(nn.Module):
    def __init__(self, norm=None, width=None):
        super().__init__()
        {check}
        if width is None:
            raise ValueError("width")
        self.linear = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(self.linear(x)).relu()
"""


@pytest.mark.parametrize(
    ("check", "when"),
    [
        ("if norm not in ('batch', 'layer'): raise ValueError(norm)", ["norm == 'batch'"]),
        ("if norm is None: raise ValueError(norm)", ["norm == 'batch'"]),
        ("if not norm: raise ValueError(norm)", ["norm == 'batch'"]),
        ("assert width is None or width > 0", ["norm == 'batch'"]),
    ],
)
def test_a_default_that_the_constructor_refuses_is_open(tmp_path: Path, check: str, when: list[str]) -> None:
    path = tmp_path / "model.py"
    path.write_text(CHECKED.format(check=check), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [finding.when for finding in result.findings] == when


BLOCK = """
from torch import nn


class Block(nn.Module):
    def __init__(self, width, bn=True):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width) if bn else nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""


@pytest.mark.parametrize(
    ("user", "when"),
    [
        ("def block():\n    return Block(8)", None),
        ("def block(**kwargs):\n    return Block(8, **kwargs)", "bn"),
        ("def block(**kwargs):\n    return Block(**dict(kwargs, width=8))", "bn"),
        ("def block(**kwargs):\n    return Block(**{'width': 8, **kwargs})", "bn"),
        ("def block(**kwargs):\n    return Block(**({'width': 8} | kwargs))", "bn"),
        ("def block(**kwargs):\n    options = kwargs.copy()\n    options.update(width=8)\n    return Block(**options)", "bn"),
        ("def block(**kwargs):\n    return partial(Block, **kwargs)(8)", "bn"),
        ("def block(**kwargs):\n    return Block(8, bn=True, **kwargs)", None),
        ("class Model(Block):\n    def __init__(self, **kwargs):\n        super().__init__(8, **kwargs)", "bn"),
        ("def make(width, **kwargs):\n    return Block(width, **kwargs)\n\ndef block():\n    return make(8)", None),
        ("def block(bn, **kwargs):\n    return Block(8, True, **kwargs)", None),
    ],
)
def test_what_a_caller_may_add_to_an_entry_point_is_a_setting(tmp_path: Path, user: str, when: str | None) -> None:
    path = tmp_path / "model.py"
    path.write_text(f"from functools import partial\n{BLOCK}\n\n{user}\n", encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [finding.when for finding in result.findings] == [when]


TAKEN = """
from torch import nn


class Model(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
        use = {taken}
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8) if {asked} else nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""


@pytest.mark.parametrize(
    ("taken", "asked", "when"),
    [
        ("kwargs.pop('bn', True)", "use", ["use"]),
        ("kwargs.get('norm', 'batch')", "use == 'batch'", ["use == 'batch'"]),
        ("not kwargs.pop('bare', False)", "use", []),
        ("kwargs.get('width', 8)", "use > 4", [None]),
    ],
)
def test_what_a_constructor_takes_from_its_options_is_a_setting(
    tmp_path: Path, taken: str, asked: str, when: list[str | None]
) -> None:
    path = tmp_path / "model.py"
    path.write_text(TAKEN.format(taken=taken, asked=asked), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [finding.when for finding in result.findings] == when


KINDS = """
from torch import nn


class Model(nn.Module):
    def __init__(self, dim, kind="mean", pretrained=True):
        super().__init__()
        if kind.lower() not in ["mean", "max", "conv", "deep", "wide"]:
            raise ValueError(kind)
        self.kind = kind.lower()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        if self.kind in ["mean", "max"]:
            self.head = nn.Identity()
        elif self.kind == "conv":
            self.head = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
        elif self.kind == "deep":
            self.head = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        elif self.kind == "wide":
            self.head = nn.Sequential(nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.ReLU())
        else:
            raise ValueError(kind)

    def forward(self, x):
        x = self.stem(x)
        return x.mean() if self.kind == "mean" else self.head(x).tanh()
"""


def test_each_value_that_a_setting_may_have_instead_of_its_default_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(KINDS, encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    lines = KINDS.splitlines()
    assert [lines[finding.place.line - 1].partition("(")[2] for finding in result.findings] == [
        "nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())",
        "nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))",
        "nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())",
        "nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.ReLU())",
    ]


OPPOSED = """
from torch import nn


def refuse(norm):
    if norm in ("layer", "group") or norm in ("spectral", "weight"):
        raise ValueError(norm)
    return True


class Model(nn.Module):
    def __init__(self, {parameters}):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.conv = nn.Conv2d(8, 8, 3, bias={bias})
        self.norm = nn.BatchNorm2d(8) if {asked} else nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(self.first(x))).relu()
"""


@pytest.mark.parametrize(
    ("parameters", "bias", "asked"),
    [
        ("flag=True", "not flag", "flag is True"),
        ("flag=False", "not flag", "flag is True"),
        ("flag=True", "not flag", "flag == True"),
        ("flag=True", "not flag", "flag is not False"),
        ("flag=True", "not flag", "not (flag is False)"),
        ("flag", "not flag", "flag is True"),
        ("flag", "not flag", "flag"),
        ("flag=False", "flag == 0", "flag"),
        ("flag=False", "bool(1 - flag)", "flag"),
        ("flag=False", "flag ^ True", "flag"),
        ("flag=False", "[True, False][flag]", "bool(flag)"),
        ("flag=False", "{True: False, False: True}[flag]", "flag"),
        ("flag=False, plain=True", "flag == plain", "flag and not plain"),
        ("norm='none'", "norm not in ('batch', 'instance')", "norm == 'batch'"),
        ("norm='batch'", "norm not in ('batch', 'instance')", "norm == 'batch'"),
        ("norm='none'", "norm.lower() != 'batch'", "norm == 'batch'"),
        ("norm='none'", "norm.startswith('n')", "norm == 'batch'"),
        ("norm='batch'", "not norm.startswith('b')", "norm == 'batch'"),
        ("norm='batch'", "'b' not in norm", "norm == 'batch'"),
        ("norm='none'", "{'batch': False, 'none': True}[norm]", "norm == 'batch'"),
        ("norm", "norm not in ('batch', 'instance')", "norm == 'batch'"),
        ("norm", "norm not in ['batch']", "norm == 'batch'"),
        ("norm", "norm != 'batch'", "norm in ('batch',)"),
        ("norm", "norm not in ('batch', 'instance')", "refuse(norm) and norm == 'batch'"),
        ("norm", "norm is None or norm == 'none'", "norm == 'batch'"),
        ("norm", "norm.lower() != 'batch'", "norm == 'batch'"),
        ("norm", "norm != 'batch' and norm in ('batch', 'none')", "norm != 'none' and norm in ('batch', 'none')"),
        ("norm=None", "not norm", "norm is not None"),
    ],
)
def test_a_bias_that_is_there_only_without_the_norm_is_never_dead(
    tmp_path: Path, parameters: str, bias: str, asked: str
) -> None:
    path = tmp_path / "model.py"
    path.write_text(OPPOSED.format(parameters=parameters, bias=bias, asked=asked), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [finding.layer for finding in result.findings] == ["Conv2d"]  # the one of `self.first`


SETTINGS = """
from torch import nn


class Model(nn.Module):
    def __init__(self, a=True, b=False, c=True, d=False, norm=True, own=False):
        super().__init__()
        self.linear = nn.Linear(3, 8) if own else nn.Linear(3, 8, bias=False)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.other = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
        self.flags = a, b, c, d

    def forward(self, x):
        x = self.norm(self.linear(x)).relu()
        for flag in self.flags:
            x = x.flatten(1) if flag else x.clone()
        return self.other(x)
"""


def test_what_matters_under_a_setting_is_found_among_many_others(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(SETTINGS, encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [(finding.place.line, finding.when) for finding in result.findings] == [(8, "norm"), (10, None)]


BY_ARGUMENTS = """\
from torch import nn


class Model(nn.Module):
    def __init__(self, conv, norm=True, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3) if conv else nn.MaxPool2d(3)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""


@pytest.mark.parametrize(
    ("calls", "when"),
    [
        (["Model(True)", "Model(False, False)"], None),
        (["Model(True)", "Model(False, False)", "Model(True, width=16)"], None),
        (["Model(True)", "Model(False, False)", "Model(True, False)"], "norm"),
        (["Model(conv=True)", "Model(norm=False, conv=False)", "Model(norm=False, conv=True)"], "norm"),
    ],
)
def test_arguments_that_each_were_given_before_still_make_a_model_of_their_own(
    tmp_path: Path, calls: list[str], when: str | None
) -> None:
    path = tmp_path / "model.py"
    functions = (f"\n\ndef model_{number}():\n    return {call}\n" for number, call in enumerate(calls))
    path.write_text(BY_ARGUMENTS + "".join(functions), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert [(finding.place.line, finding.when) for finding in result.findings] == [(7, when)]


@pytest.mark.parametrize(
    ("parameters", "made", "forward", "when"),
    [
        ("depth=2", "tail(depth)", "return self.tail(x).relu()", "depth == 2"),
        ("depth=2", "Tail(depth)", "return self.tail(x).relu()", "depth == 2"),
        ("width=8", "Tail(1, width)", "return self.tail(x).relu()", None),
        ("more=None", "of({'norm': True, **(more or {})})", "return self.tail(x).relu()", "more is None"),
        ("**more", "of({'norm': True, **more})", "return self.tail(x).relu()", "more['norm']"),
        ("scale=1", "Tail(1)", "if self.scale != 1:\n    x = x.tanh()\nreturn self.tail(x).relu()", "scale == 1"),
        ("scale=1", "Tail(1)", "x = self.tail(x).relu()\nreturn x if self.scale != 1 else x.tanh()", None),
        (
            "mode='reflect'",
            "Tail(1)",
            "return self.tail(nn.functional.pad(x, (1, 1, 1, 1), mode=self.mode)).relu()",
            "mode == 'reflect'",
        ),
    ],
)
def test_a_setting_counts_in_the_functions_and_classes_that_are_given_it_and_in_the_forward_pass(
    tmp_path: Path, parameters: str, made: str, forward: str, when: str | None
) -> None:
    name = parameters.partition("=")[0].strip("*")
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\ndef tail(count):\n    return nn.Sequential(*[nn.BatchNorm2d(8) for _ in range(count)])\n\n\n"
        "def of(options):\n    return nn.BatchNorm2d(8) if options['norm'] else nn.Identity()\n\n\n"
        "class Tail(nn.Module):\n    def __init__(self, count, width=8):\n        super().__init__()\n        self.norms = nn.ModuleList()\n"
        "        for _ in range(count):\n            self.norms.append(nn.BatchNorm2d(width))\n\n"
        "    def forward(self, x):\n        for norm in self.norms:\n            x = norm(x)\n        return x\n\n\n"
        f"class Model(nn.Module):\n    def __init__(self, {parameters}):\n        super().__init__()\n"
        f"        self.conv, self.{name} = nn.Conv2d(3, 8, 3), {name}\n        self.tail = {made}\n\n"
        "    def forward(self, x):\n        x = self.conv(x)\n" + indent(forward, " " * 8) + "\n",
        encoding="utf-8",
    )
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert [finding.when for finding in result.findings] == [when]
