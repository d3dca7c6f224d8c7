"""Fixes on whole files: every fixture is fixed, linted again and fixed again; models that can be run put out what they did."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.fix import CannotFix, fix_all

FOLDER = Path(__file__).parent.parent / "fixtures"
FILES = sorted(path for path in FOLDER.rglob("*.py") if len(path.relative_to(FOLDER).parts) == 2)


def shown(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def fixed(path: Path, *select: str) -> tuple[str, list[Any], list[Any]]:
    """The text after all fixes, the findings that were mended, and those that are left."""
    config = Config(root=path.parent, select=select)
    text = path.read_text(encoding="utf-8")

    def text_of(name: str) -> str:
        if name != str(path):
            raise CannotFix("only this file is mended")
        return text

    remaining: list[Any] = []

    def relint(texts: Any) -> list[Any]:
        remaining[:] = engine.lint_text(texts[str(path)], path, config).findings
        return remaining

    outcome = fix_all(engine.lint_text(text, path, config).findings, text_of, unsafe=True, relint=relint)
    return outcome.texts.get(str(path), text), outcome.applied, remaining


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_fixed_fixture_parses_and_a_second_run_changes_nothing(path: Path) -> None:
    old = path.read_text(encoding="utf-8")
    new, applied, left = fixed(path, "ALL")
    assert bool(applied) == (new != old)
    ast.parse(new)
    assert fix_all(left, lambda name: new if name == str(path) else refuse(), unsafe=True).texts == {}


def refuse() -> str:
    raise CannotFix("another file")


def as_module(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        pytest.skip(f"{path.name} cannot be run: {error}")
    finally:
        del sys.modules[name]
    return module


TORCH = [path for path in FILES if path.parent.name == "torch"]


@pytest.mark.parametrize("path", TORCH, ids=shown)
@pytest.mark.usefixtures("unpatched")
def test_models_without_their_cancelled_biases_put_out_the_same_values(path: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from test_fixtures import selected
    from test_runtime_fixtures import built, guesses, inputs, stated, tensor

    text, applied, _ = fixed(path, "BL101")
    if not applied:  # what holds in some rounds of a loop only, or of a bias that is read, has no fix
        found = engine.lint_text(text, path, Config(root=path.parent, select=("BL101",))).findings
        if selected(path) is None or "BL101" in selected(path):
            assert ("# BL101" in text) == bool(found)
        assert all(finding.fix is None for finding in found)
        return
    copy = tmp_path / path.name
    copy.write_text(text, encoding="utf-8")
    calls = stated(path)
    torch.manual_seed(0)
    old = dict(built(as_module(path, "as_it_was")))
    torch.manual_seed(0)
    new = dict(built(as_module(copy, "as_mended")))
    assert old.keys() == new.keys()

    def run(model: Any, name: str) -> Any:
        call = calls.get(name, calls.get(""))
        shapes = [call.specs] if call and call.specs else [
            [inputs.Spec(tuple(min(size, 32) if index else size for index, size in enumerate(one.shape)), type=one.type, low=one.low, high=one.high)]
            for one in guesses(model)
        ]  # fmt: skip
        for spec in shapes:
            torch.manual_seed(1)
            try:
                with torch.no_grad():
                    return model.train()(*[tensor(one) for one in spec], **(call.flags if call else {}))
            except Exception:
                continue
        return None

    compared = 0
    elsewhere = text.split("\ndef ")[1:]
    for name, model in old.items():
        mended = new[name]
        if any(f"{name}()" in function for function in elsewhere):
            continue  # a part that other code completes
        if run(model, name) is None or run(mended, name) is None:  # lazy layers are made here, too
            continue
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if "bias" in parameter_name:  # a bias of zero would prove nothing
                    parameter.normal_()
        state = model.state_dict()
        dropped = set(state) - set(mended.state_dict())
        assert all(key.endswith("bias") for key in dropped)
        mended.load_state_dict({key: value for key, value in state.items() if key not in dropped})
        same(torch, run(model, name), run(mended, name))
        compared += bool(dropped)
    assert compared or not old or len(applied) < 3


def same(torch: Any, one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-4)
    elif isinstance(one, dict):
        for key in one:
            same(torch, one[key], other[key])
    elif isinstance(one, (list, tuple)):
        for left, right in zip(one, other, strict=True):
            same(torch, left, right)
