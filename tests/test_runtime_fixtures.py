"""The fixtures' expectations, held against the live models: what is marked as dead is dead, what is not is alive."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from biaslint.runtime import inputs  # noqa: E402
from biaslint.runtime.deadness import dead_biases  # noqa: E402
from biaslint.runtime.session_torch import guesses  # noqa: E402
from biaslint.runtime.trace_torch import origins, tracing  # noqa: E402

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures" / "torch").rglob("*.py"))


def load(path: Path) -> Any:
    name = f"_fixture_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def models(module: Any) -> list[Any]:
    """The classes of a fixture that can be built without arguments, built."""
    found = []
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, torch.nn.Module) and value.__module__ == module.__name__:
            try:
                with tracing():
                    found.append(value())
            except Exception:
                continue
    return found


def fed(model: Any) -> dict[str, Any]:
    """The dead-bias test on the first guess that the model takes."""
    for spec in guesses(model):
        if 0 in spec.shape:
            continue
        shape = (
            tuple(min(size, 32) if index else size for index, size in enumerate(spec.shape))
            if len(spec.shape) > 1
            else spec.shape
        )
        value = torch.from_numpy(inputs.arrays(inputs.Spec(shape, type=spec.type, low=spec.low, high=spec.high), 4, 0))
        try:
            return dead_biases(model, [value])
        except Exception:
            continue
    return {}


def measured(path: Path) -> dict[int, set[str]]:
    """Per line of the fixture, the statuses of the layers that were made there."""
    try:
        module = load(path)
    except ImportError as error:
        pytest.skip(f"{path.name} cannot be run: {error}")
    lines: dict[int, set[str]] = defaultdict(set)
    for model in models(module):
        chains = origins(model)
        for name, result in fed(model).items():
            status = "alive" if result.dropout_sees_it else result.status
            for frame in [one for one in chains.get(name, []) if one[0] == str(path) and not one[6]][:1]:
                lines[frame[1]].add(status)
    return lines


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_agrees_with_its_live_models(path: Path) -> None:
    text = path.read_text().splitlines()
    select = next((line.partition(":")[2] for line in text[:5] if line.startswith("# select:")), "BL101")
    wrong = []
    for line, statuses in sorted(measured(path).items()):
        marked = "BL101" in text[line - 1].partition("#")[2]
        dead, alive = any(status.startswith("dead") for status in statuses), "alive" in statuses
        if marked and alive and not dead:
            wrong.append(f"line {line} is marked and alive: {text[line - 1].strip()}")
        if "BL101" in select and not marked and "dead_bn" in statuses and not alive:
            wrong.append(f"line {line} is dead and not marked: {text[line - 1].strip()}")
    assert wrong == []


def test_the_fixtures_reach_dead_and_live_biases() -> None:
    seen = [status for path in FIXTURES for statuses in measured(path).values() for status in statuses]
    assert "dead_bn" in seen
    assert "alive" in seen
