"""Twice as much source costs twice as much time: nothing is quadratic in layers, classes, functions, files or depth.

Times are compared with each other only, the least of some tries, with a wide margin; where steps can be counted, they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

HEAD = "import torch\nfrom torch import nn\n"
CLASS = HEAD + "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
PATH = Path("/nowhere/m.py")


def numbered(template: str, count: int) -> str:
    return "".join(template.replace("#", str(number)) for number in range(count))


def flat(layers: int) -> str:
    made = numbered("        self.c# = nn.Conv2d(8, 8, 3)\n        self.b# = nn.BatchNorm2d(8)\n", layers // 2)
    return (
        CLASS
        + made
        + "    def forward(self, x):\n"
        + numbered("        x = torch.relu(self.b#(self.c#(x)))\n", layers // 2)
        + "        return x\n"
    )


def residual(layers: int) -> str:
    made = numbered("        self.c# = nn.Conv2d(8, 8, 1)\n        self.b# = nn.BatchNorm2d(8)\n", layers // 2)
    used = numbered("        x = x + self.c#(torch.relu(self.b#(x)))\n", layers // 2)
    return CLASS + made + "    def forward(self, x):\n" + used + "        return self.b0(x)\n"


def linear(layers: int) -> str:
    return HEAD + "net = nn.Sequential(\n" + "    nn.Linear(8, 8),\n" * layers + ")\n"


def sequential(layers: int) -> str:
    return HEAD + "net = nn.Sequential(\n" + "    nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),\n" * (layers // 3) + ")\n"


def nested(layers: int) -> str:
    """Blocks of ten layers in stages of ten blocks in a model."""
    block = CLASS.replace("class M", "class B#") + numbered(
        "        self.c@ = nn.Conv2d(8, 8, 3)\n        self.b@ = nn.BatchNorm2d(8)\n".replace("#", "@"), 1
    )
    block = (
        block.replace("@", "0").removeprefix(HEAD)
        + "    def forward(self, x):\n        return torch.relu(self.b0(self.c0(x)))\n"
    )
    count = layers // 2
    made = numbered("        self.m# = B#()\n", count)
    used = numbered("        x = self.m#(x)\n", count)
    return (
        HEAD
        + numbered(block, count)
        + CLASS.removeprefix(HEAD)
        + made
        + "    def forward(self, x):\n"
        + used
        + "        return x\n"
    )


def looped(layers: int) -> str:
    body = f"        for i in range({layers // 2}):\n            setattr(self, f'c{{i}}', nn.Conv2d(8, 8, 3))\n            setattr(self, f'b{{i}}', nn.BatchNorm2d(8))\n"
    used = f"        for i in range({layers // 2}):\n            x = torch.relu(getattr(self, f'b{{i}}')(getattr(self, f'c{{i}}')(x)))\n"
    return CLASS + body + "    def forward(self, x):\n" + used + "        return x\n"


def functional(layers: int) -> str:
    body = "    x = layers.Conv2D(8, 3)(x)\n    x = layers.BatchNormalization()(x)\n    x = layers.ReLU()(x)\n" * (layers // 3)
    return f"import keras\nfrom keras import layers\ndef build():\n    i = x = keras.Input((32, 32, 3))\n{body}    return keras.Model(i, x)\n"


def classes(layers: int) -> str:
    one = (
        CLASS.removeprefix(HEAD).replace("class M", "class M#")
        + "        self.c = nn.Conv2d(8, 8, 3)\n        self.b = nn.BatchNorm2d(8)\n"
    )
    return HEAD + numbered(one + "    def forward(self, x):\n        return self.b(self.c(x))\n", layers // 2)


def functions(layers: int) -> str:
    return HEAD + numbered("def f#():\n    return nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))\n", layers // 2)


def script(layers: int) -> str:
    one = "c# = nn.Conv2d(8, 8, 3)\nb# = nn.BatchNorm2d(8)\nx = torch.relu(b#(c#(x)))\n"
    return HEAD + "x = torch.zeros(1, 8, 9, 9)\n" + numbered(one, layers // 2)


SHAPES = (flat, residual, linear, sequential, nested, looped, functional, classes, functions, script)


def seconds(text: str, tries: int = 2) -> float:
    """The least CPU time of some tries."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        result = engine.lint_text(text, PATH, Config(PATH.parent))
        times.append(time.process_time() - start)
        assert (result.errors, result.notes) == ([], [])
    return min(times)


def steps(text: str) -> int:
    """How many steps all executions of a text take."""
    executions = engine.lint_text(text, PATH, Config(PATH.parent)).executions
    assert executions
    return sum(steps for _, steps in executions)


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_times_the_layers_take_ten_times_the_steps(shape: Callable[[int], str]) -> None:
    few, many = steps(shape(60)), steps(shape(600))
    assert many < 13 * few


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_layers_take_nowhere_near_sixty_four_times_as_long(shape: Callable[[int], str]) -> None:
    few, many = seconds(shape(150)), seconds(shape(1200))
    assert many < 8 * 3 * max(few, 0.01)


@pytest.mark.parametrize("shape", [residual, looped])
def test_ten_thousand_layers_are_read_to_the_end(shape: Callable[[int], str]) -> None:
    result = engine.lint_text(shape(10_000), PATH, Config(PATH.parent))
    assert result.stopped == []
    assert result.statistics.layers >= (5000 if shape is not looped else 1)
    assert {finding.rule for finding in result.findings} == {"BL101"}


def chain(depth: int) -> dict[Path, str]:
    """Modules that import from each other in a row, each with a block that holds the one before."""
    folder = Path("/nowhere")
    texts = {folder / "m0.py": classes(2).replace("M0", "Block")}
    for number in range(1, depth):
        texts[folder / f"m{number}.py"] = (
            f"{HEAD}from m{number - 1} import Block as Inner\nclass Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.inner = Inner()\n        self.c = nn.Conv2d(8, 8, 3)\n        self.b = nn.BatchNorm2d(8)\n"
            "    def forward(self, x):\n        return self.b(self.c(self.inner(x)))\n"
        )
    return texts


def test_imports_fifty_modules_deep_are_followed() -> None:
    texts = chain(50)
    last = list(texts)[-1]
    result = engine.lint_files([last], Config(last.parent, select=("BL101",)), texts)
    assert (result.stopped, [finding.rule for finding in result.findings]) == ([], ["BL101"])
    assert len(engine.lint_files(list(texts), Config(last.parent, select=("BL101",)), texts).findings) == 50


def test_a_class_hierarchy_thirty_deep_is_followed() -> None:
    text = classes(2) + "".join(
        f"class M{number}(M{number - 1}):\n    def __init__(self):\n        super().__init__()\n    def forward(self, x):\n"
        "        return super().forward(x)\n"
        for number in range(1, 30)
    )
    result = engine.lint_text(text, PATH, Config(PATH.parent, select=("BL101",)))
    assert (result.stopped, [finding.rule for finding in result.findings]) == ([], ["BL101"])


def test_twice_the_files_take_twice_the_time() -> None:
    def spent(count: int) -> float:
        texts = {Path(f"/nowhere/m{number}.py"): flat(20) for number in range(count)}
        times = []
        for _ in range(2):
            start = time.process_time()
            engine.lint_files(list(texts), Config(Path("/nowhere")), texts)
            times.append(time.process_time() - start)
        return min(times)

    assert spent(64) < 8 * 2.5 * spent(8)


def test_eight_times_the_entry_points_take_about_eight_times_as_long() -> None:
    def text(count: int) -> str:
        return "from torch import nn\n" + "".join(f"def build{n}():\n    return nn.Linear({n + 2}, 4)\n" for n in range(count))

    few, many = seconds(text(1000)), seconds(text(8000))
    assert many < 8 * 2 * few
