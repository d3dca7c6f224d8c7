"""The fixtures, held against the live models: what is marked as dead is dead, what is not is alive, and biases start where we say.

A fixture states what its models are fed with `# input: 3x16x16` (the shape without the batch; several inputs with blanks between):
near the top for the whole file, on the first line of a class for that class. Else a guess is made. What needs arguments, or is to be
built with others than the defaults, says how, before that: `# build: Net(8, norm=True), Net(8)`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("unpatched")

from biaslint.analysis.run import analyse  # noqa: E402
from biaslint.runtime.target import inputs  # noqa: E402
from biaslint.runtime.torch.gradient_test import Deadness, affine_layers, dead_biases  # noqa: E402
from biaslint.runtime.torch.layer_inputs import guesses  # noqa: E402
from biaslint.runtime.torch.tracing import origins, tracing  # noqa: E402
from biaslint.theory.program import LayerUse  # noqa: E402

FOLDER = Path(__file__).parent.parent / "fixtures" / "torch"
FIXTURES = sorted(path for path in FOLDER.rglob("*.py"))
INPUT = re.compile(r"# inputs?: (.+)$")
BUILD = re.compile(r"# build: (.+?)(?=  # |$)")
ELSEWHERE = re.compile(r"# not measured: (.+)$", re.MULTILINE)  # what the models alone do not show
MARK = re.compile(r"#\s*BL\d{3}(?:\s*,\s*BL\d{3})*\s*$")
Start = tuple[float, ...]


def load(path: Path) -> Any:
    """The fixture as a module: by its dotted name where it belongs to a project that fills a folder."""
    top = FOLDER / path.relative_to(FOLDER).parts[0]
    root = path.parent if top == path else top / "src" if (top / "src").is_dir() else top
    if path.name == "__init__.py":
        path = path.parent
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    known = set(sys.modules)
    sys.path.insert(0, str(root))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(root))
        for other in set(sys.modules) - known:
            if str(getattr(sys.modules[other], "__file__", "")).startswith(str(FOLDER)):
                del sys.modules[other]


def built(module: Any, plans: Mapping[str, str] | None = None) -> Iterator[tuple[str, Any]]:
    """The models of a fixture: its own classes and functions `build…` that need no arguments, models that stand in it, and what it says."""
    for name, value in list(vars(module).items()):
        if plans and name in plans:
            models = eval(plans[name], dict(vars(module)))
            yield from ((name, model) for model in (models if isinstance(models, tuple) else (models,)))
            continue
        own = getattr(value, "__module__", "") == module.__name__
        model = inspect.isclass(value) and issubclass(value, torch.nn.Module) and not needs_arguments(value.__init__)
        function = inspect.isfunction(value) and name.startswith("build") and not needs_arguments(value)
        if own and (model or function):
            try:
                yield name, value()
            except (
                ValueError,
                NotImplementedError,
                TypeError,
            ):  # a weight initialiser on a bias; a base class; arguments wanted
                continue
        elif isinstance(value, torch.nn.Module):
            yield name, value


def needs_arguments(function: Any) -> bool:
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    return any(one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters)


class Call(NamedTuple):
    """How a fixture says that a model is called."""

    specs: list[inputs.Spec]
    flags: dict[str, bool]


def plans(path: Path) -> dict[str, str]:
    """How a fixture says that its classes and functions are built, by their names."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [(line, BUILD.search(line)) for line in lines if line.startswith(("class ", "def "))]
    return {re.split(r"[ (:]", line)[1]: match[1] for line, match in found if match}


def stated(path: Path) -> dict[str, Call]:
    """The inputs that a fixture states, and flags of the call as `name=True`, by the name of the class; "" is for all others."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        match = INPUT.search(line)
        if match and (number < 5 or line.startswith(("class ", "def "))):
            name = "" if number < 5 else re.split(r"[ (:]", line)[1]
            parts = [(part, *part.partition("=")[::2]) for part in match[1].split()]
            flags = {flag: value == "True" for _, flag, value in parts if value in ("True", "False")}
            found[name] = Call([inputs.parse(part) for part, flag, _ in parts if flag not in flags], flags)
    return found


def tensor(spec: inputs.Spec) -> Any:
    return torch.from_numpy(inputs.arrays(spec, 4, 0))


def fed(model: Any, call: Call) -> dict[str, Deadness]:
    """The dead-bias test on the inputs that are stated, else on the first guess that the model takes; nothing where it takes none."""
    if call.flags:
        model.forward = partial(model.forward, **call.flags)
    if call.specs:
        model(*[tensor(spec) for spec in call.specs])  # a lazy layer is made by its first call
        return dead_biases(model, [tensor(spec) for spec in call.specs])
    for spec in guesses(model):
        sizes = [min(size, 32) if index else size for index, size in enumerate(spec.shape)]
        shape = tuple(sizes) if len(sizes) > 1 else spec.shape
        if 0 in shape:
            continue
        try:
            return dead_biases(model, [tensor(inputs.Spec(shape, type=spec.type, low=spec.low, high=spec.high))])
        except Exception:
            continue
    return {}


@cache
def measured(path: Path) -> tuple[dict[Path, dict[int, list[tuple[Deadness, bool]]]], dict[int, set[Start]]]:
    """Per file and line, the deadness of the layers that calls there led to, and whether these are their own constructor calls; per
    line of the fixture, the biases that they start with."""
    lines: dict[Path, dict[int, list[tuple[Deadness, bool]]]] = defaultdict(lambda: defaultdict(list))
    starts: dict[int, set[Start]] = defaultdict(set)
    calls = stated(path)
    apart = ELSEWHERE.search(path.read_text(encoding="utf-8"))
    if apart:
        pytest.skip(apart[1])
    try:
        with tracing():
            models = list(built(load(path), plans(path)))
    except ImportError as error:
        pytest.skip(f"{path.name} cannot be run: {error}")
    for name, model in models:
        chains = origins(model)
        results = fed(model, calls.get(name, calls.get("", Call([], {}))))
        affine = affine_layers(model)
        for layer, module in model.named_modules():
            frames = [one for one in chains.get(layer, []) if one[0].startswith(str(FOLDER)) and not one[6]]
            for frame in frames if layer in results else ():
                own = frame is frames[0] and not shares_its_switch(model, layer, chains)
                lines[Path(frame[0])][frame[1]].append((results[layer], own))
            for frame in frames[:1]:
                bias = getattr(module, "bias", None)
                if layer in affine and frame[0] == str(path) and (bias is None or bias.numel() > 1):
                    starts[frame[1]].add(() if bias is None else tuple(bias.detach().flatten().tolist()))
    return lines, starts


def shares_its_switch(model: Any, layer: str, chains: dict[str, Any]) -> bool:
    """Whether the same call made a larger module with biases of its own, which are not measured: one switch is for all of them."""
    whole = layer.rpartition(".")[0]
    biases = [name for name, _ in model.get_submodule(whole).named_parameters(recurse=False) if "bias" in name]
    return layer != "" and chains.get(whole) == chains.get(layer) and bool(biases)


def mark(line: str) -> str:
    """The rule that the line is marked with, of those that speak of dead biases."""
    found = MARK.search(line)
    return next((rule for rule in ("BL101", "BL102") if found and rule in found[0]), "")


def selected(path: Path) -> str:
    text = path.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2] for line in text[:5] if line.startswith("# select:")), "BL101")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_a_fixture_agrees_with_its_live_models(path: Path) -> None:
    wrong = []
    for file, lines in measured(path)[0].items():
        text, select = file.read_text(encoding="utf-8").splitlines(), selected(file)
        for line, results in sorted(lines.items()):
            marked = mark(text[line - 1])
            rules = {
                rule_of(result)
                for result, own in results
                if (own or marked) and result.status not in ("nobias", "unused", "nograd")
            }
            if marked and marked not in rules:
                wrong.append(f"line {line} is marked {marked}, measured {rules}: {text[line - 1].strip()}")
            if not marked and len(rules) == 1 and rules & set(re.findall(r"BL\d+", select)):
                wrong.append(f"line {line} is not marked, measured {rules}: {text[line - 1].strip()}")
    assert wrong == []


def rule_of(result: Deadness) -> str:
    """The rule that a measured layer is a case of, "" for one whose bias is alive."""
    if result.dropout_sees_it or result.status == "alive":
        return ""
    if "softmax" in result.kinds:
        return "BL102"
    return "BL101" if result.status.startswith("dead") else ""


# Whose models are built with every setting by test_conditional_truth.
CONDITIONAL = "conditional_libraries.py"
UNITS = sorted(path for path in FOLDER.iterdir() if path.name not in ("__pycache__", CONDITIONAL))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_marked_line_is_measured(path: Path) -> None:
    files = [one for one in FIXTURES if one.is_relative_to(path)]
    left = []
    for file in files:
        known = {line for one in files for line in measured(one)[0].get(file, {})}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if mark(line) and number not in known:
                left.append(f"{file.name}:{number} {line.strip()}")
    assert left == []


def places(path: Path) -> dict[int, list[LayerUse]]:
    lines: dict[int, list[LayerUse]] = defaultdict(list)
    for use in analyse([path], path.parent).uses:
        if use.place.path.endswith(path.name) and use.kind in ("conv", "linear", "bilinear"):
            lines[use.place.line].append(use)
    return lines


def start_of(use: LayerUse) -> float | str | None:
    """What we say a bias starts at: a number, "random", None for none at all, "?" where we do not know."""
    bias = use.bias
    if bias.present is False:
        return None
    if bias.present is None or bias.last is None or (bias.writes and bias.writes[-1].span is not None):
        return "?"
    if bias.last.how == "constant" and bias.last.value is not None:
        return bias.last.value
    return "random" if bias.last.how in ("uniform", "normal") else "?"


@pytest.mark.parametrize("path", [one for one in FIXTURES if one.parent == FOLDER], ids=lambda path: path.stem)
def test_biases_start_where_the_live_ones_do(path: Path) -> None:
    starts, wrong = measured(path)[1], []
    for line, uses in places(path).items():
        said = {start_of(use) for use in uses}
        live = {("random" if len(set(one)) > 1 else one[0]) if one else None for one in starts.get(line, set())}
        live = {round(one, 5) if isinstance(one, float) else one for one in live}
        said = {round(one, 5) if isinstance(one, float) else one for one in said}
        if live and not said - {"?"} <= live:
            wrong.append(f"line {line}: said {said}, measured {live}")
        if live and live <= {0.0, 1.0} and "?" in said and "unknown" not in path.stem:
            wrong.append(f"line {line}: not known, measured {live}")
    assert wrong == []


def test_the_fixtures_reach_dead_and_live_biases() -> None:
    seen = {
        result.status
        for path in (FOLDER / "attention_keys.py", FOLDER / "norms_that_cancel.py")
        for lines in measured(path)[0].values()
        for results in lines.values()
        for result, _ in results
    }
    assert {"dead_bn", "dead_always", "partial_always", "alive"} <= seen
