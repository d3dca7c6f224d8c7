"""A condition that a finding states is true: the bias is dead where it holds and alive where it does not, measured on live models.

Every model of the fixtures that has settings is built once per combination of them. While it is built, what the functions of the
fixture were called with is noted for each layer, so that a finding's condition can be worked out for it.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("unpatched")

from test_runtime_fixtures import FOLDER, load, rule_of  # noqa: E402

from biaslint import engine  # noqa: E402
from biaslint.config import Config  # noqa: E402
from biaslint.findings.finding import Finding  # noqa: E402
from biaslint.runtime.torch.gradient_test import dead_biases  # noqa: E402

nn = torch.nn
LIBRARIES = FOLDER / "conditional_libraries.py"
CLASSES = FOLDER / "settings_and_classes.py"
# What is tried for a parameter, by its name; flags are tried both ways. Whatever has a default and is not named here keeps it.
VALUES: dict[str, tuple[Any, ...]] = {
    "width": (8,),
    "norm": (None, "BN", "GN"),
    "batch_norm": (True, False),
    "plain": (True, False),
    "act_first": (True, False),
    "norm_after_sum": (True, False),
    "dropout": (True, False),
    "freeze": (True, False),
    "no_norm": (True, False),
}
MORE: dict[str, dict[str, Any]] = {  # what depends on the fixture's own names is a function of its module
    "ConvReLU": {"in_channels": (3,), "out_channels": (8,), "kernel_size": (3,)},
    "Mlp": {"norm_layer": (None, nn.BatchNorm2d, nn.InstanceNorm2d)},
    "Generator": {"norm": ("batch", "instance", "group")},
    "Matched": {
        "first": ("batch", "group"),
        "second": lambda module: (module.Kind.BATCH, module.Kind.NONE),
        "third": ("act", "norm"),
    },
    "Configured": {"cfg": lambda module: (module.BlockConfig(), module.BlockConfig(norm="none"))},
    "FromConfig": {"norm": (nn.BatchNorm2d, nn.Identity)},
}
INPUTS: dict[str, tuple[int, ...]] = {"Mlp": (8, 6, 6), "FromSettings": (3, 12), "Attention": (9, 16), "Fused": (9, 16)}
Made = list[tuple[int, dict[str, Any]]]  # lines of the fixture that led to a layer, each with the parameters of its function


def settings_of(function: Any, name: str, module: Any) -> Iterator[dict[str, Any]]:
    """The combinations of settings that a class or function is tried with."""
    choices: dict[str, tuple[Any, ...]] = {}
    for parameter in inspect.signature(function).parameters.values():
        values = MORE.get(name, {}).get(parameter.name)
        if callable(values):
            values = values(module)
        if values is None and isinstance(parameter.default, bool):
            values = (True, False)
        if values is None and parameter.name == "config":
            values = (module.Settings(use_batch_norm=True), module.Settings(use_batch_norm=False))
        if values is None and parameter.default is parameter.empty:
            values = VALUES.get(parameter.name)
        if values is not None:
            choices[parameter.name] = values
    for combination in itertools.product(*choices.values()):
        yield dict(zip(choices, combination, strict=True))


@contextmanager
def noting(path: Path) -> Iterator[None]:
    """Every layer that is made inside carries `_made`: the calls in the fixture that led to it, innermost first."""
    given: dict[int, dict[str, Any]] = {}
    original = nn.Module.__init__

    def called(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename == str(path):
            given[id(frame)] = dict(frame.f_locals)

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        found: Made = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            own = frame.f_locals.get("self") is self
            if frame.f_code.co_filename == str(path) and not own:
                found.append((frame.f_lineno, given.get(id(frame), {})))
            frame = frame.f_back
        self.__dict__["_made"] = found
        original(self, *args, **kwargs)

    nn.Module.__init__ = noted
    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield
    finally:
        sys.setprofile(before)
        nn.Module.__init__ = original


@cache
def measured(path: Path) -> list[tuple[Made, str, str]]:
    """For every layer with a bias of every variant: what led to it, the rule that it is a case of, and what it is."""
    found = []
    module = load(path)
    for name, value in vars(module).items():
        model = inspect.isclass(value) and issubclass(value, nn.Module)
        if getattr(value, "__module__", "") != module.__name__ or not (model or name.startswith(("plan_", "build"))):
            continue
        function: Callable[..., Any] = value
        for settings in settings_of(function, name, module):
            try:
                with noting(path):
                    built = function(**settings)
            except (TypeError, NotImplementedError):
                break  # needs what has no value here: it is made by other models
            x = torch.randn(4, *INPUTS.get(name, (3, 16, 16)))
            for layer, result in dead_biases(built, [x]).items():
                if result.status not in ("nobias", "unused", "nograd"):
                    made = built.get_submodule(layer).__dict__["_made"]
                    found.append((made, rule_of(result), f"{layer} of {name}({settings})"))
    return found


@cache
def findings(path: Path) -> list[Finding]:
    result = engine.lint([path], Config(root=path.parent, select=("BL101", "BL102")))
    assert (result.errors, result.problems) == ([], [])
    return result.findings


def holds(condition: str, parameters: dict[str, Any]) -> bool:
    """A condition as findings state it, of what a function was called with. A partial counts as what it calls."""
    names = {name: getattr(value, "func", value) for name, value in parameters.items()}
    return bool(eval(condition, vars(nn).copy(), names))


def wrong(path: Path, finding: Finding) -> list[str]:
    """Live layers that a conditional finding is wrong about, and whether both of its sides were seen."""
    assert finding.when is not None
    seen, problems = set(), []
    for made, rule, what in measured(path):
        for line, parameters in made:
            if line == finding.place.line:
                expected = holds(finding.when, parameters)
                seen.add(expected)
                if (rule == finding.rule) != expected:
                    problems.append(f"{what}: measured {rule or 'alive'} where `{finding.when}` is {expected}")
    if seen != {True, False}:
        problems.append(f"only {seen} seen of `{finding.when}` at line {finding.place.line}")
    return problems


@pytest.mark.parametrize("path", [LIBRARIES, CLASSES], ids=lambda path: path.stem)
def test_a_condition_tells_dead_biases_from_live_ones(path: Path) -> None:
    conditional = [finding for finding in findings(path) if finding.when is not None]
    assert conditional
    assert [problem for finding in conditional for problem in wrong(path, finding)] == []


def test_there_are_conditions_in_the_styles_of_many_libraries() -> None:
    stated = [finding.when for finding in findings(LIBRARIES) if finding.when is not None]
    assert len(stated) >= 10
    assert {"batch_norm", "not plain", "norm == 'BN'", "config.use_batch_norm", "not qk_norm and not rotary"} <= set(stated)


def test_a_finding_without_a_condition_is_dead_in_every_variant() -> None:
    problems = []
    for finding in findings(LIBRARIES):
        for made, rule, what in measured(LIBRARIES):
            if finding.when is None and made[0][0] == finding.place.line and rule != finding.rule:
                problems.append(f"line {finding.place.line}: {what}")
    assert problems == []


def test_what_is_not_reported_is_alive_in_some_variant() -> None:
    reported = {finding.place.line for finding in findings(LIBRARIES)}
    rules: dict[int, set[str]] = {}
    for made, rule, _ in measured(LIBRARIES):
        if not reported & {line for line, _ in made}:
            rules.setdefault(made[0][0], set()).add(rule)
    assert rules
    assert [line for line, found in rules.items() if "" not in found] == []


def test_a_wrong_condition_would_be_noticed() -> None:
    finding = next(finding for finding in findings(LIBRARIES) if finding.when == "batch_norm")
    from dataclasses import replace

    assert wrong(LIBRARIES, finding) == []
    assert wrong(LIBRARIES, replace(finding, when="not batch_norm"))
    assert wrong(LIBRARIES, replace(finding, when="True"))
