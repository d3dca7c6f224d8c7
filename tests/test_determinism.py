"""The same bytes come out for any order of the files, any number of processes, and any seed of Python's hashes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from projects import DEAD, ROOT, write
from test_fixtures import FOLDER

from biaslint import engine, reporters
from biaslint.analysis.incremental import schedule
from biaslint.analysis.limits import Limits
from biaslint.analysis.project.project import Project
from biaslint.cli.lint import command
from biaslint.config import Config
from biaslint.theory import terms

PROGRAM = """
import os, random, sys
from pathlib import Path
from biaslint import engine, reporters
from biaslint.analysis.limits import Limits
from biaslint.config import Config
from biaslint.theory import terms

folder, order, jobs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
files = sorted(folder.rglob("*.py"))
random.Random(order).shuffle(files)
config = Config(folder, select=("ALL",))
result = engine.lint_files(files, config, jobs=jobs, limits=Limits(serial_source=0))
result.files = sorted(result.files)
view = reporters.View(result, config, folder, show_unknown=True, statistics=True)
for kind in ("text", "json", "sarif", "junit"):
    sys.stdout.write(reporters.render(kind, view))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen files that import from each other, with the fixtures among them."""
    files: dict[str, str | bytes] = {
        f"part{number}.py": "import torch\nfrom torch import nn\n"
        f"from part{(number + 1) % 6} import Block{(number + 1) % 6} as Other\n"
        f"class Block{number}(nn.Module):\n"
        f"    def __init__(self, norm=nn.BatchNorm2d, wide={number % 2 == 0}):\n        super().__init__()\n"
        f"        self.conv = nn.Conv2d(3, {8 + number}, 3)\n        self.norm = norm(8) if wide else nn.Identity()\n"
        "        self.fc = nn.Linear(8, 2)\n"
        f"    def forward(self, x):\n        return self.fc(self.norm(self.conv(x)).mean((2, 3)))\n"
        f"def build{number}(**given):\n    return nn.Sequential(Block{number}(**given), Other())\n"
        for number in range(6)
    }
    names = ("torch/ways_of_writing.py", "torch/factories.py", "torch/start_values.py", "keras/biases_set.py")
    files |= {Path(name).name: (FOLDER / name).read_bytes() for name in names}
    return write(tmp_path_factory.mktemp("project"), files)


def output(project: Path, order: str, jobs: int, seed: str) -> bytes:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", PROGRAM, str(project), order, str(jobs)]
    return subprocess.run(command, capture_output=True, env=environ, check=True).stdout


@pytest.fixture(scope="module")
def expected(project: Path) -> bytes:
    said = output(project, "a", 1, "0")
    assert said.count(b"BL101") > 10
    return said


@pytest.mark.parametrize(
    ("order", "jobs", "seed"), [("b", 1, "0"), ("a", 1, "12345"), ("a", 2, "1"), ("c", 4, "random"), ("d", 7, "2")]
)
def test_the_same_bytes_come_out(project: Path, expected: bytes, order: str, jobs: int, seed: str) -> None:
    assert output(project, order, jobs, seed) == expected


def test_the_processes_are_really_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else the test above shows nothing."""
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are forked on Linux only")
    pools: list[int] = []
    context = multiprocessing.get_context("fork")

    class Watched:
        def Pool(self, jobs: int, *rest: object) -> object:  # noqa: N802
            pools.append(jobs)
            return context.Pool(jobs, *rest)

    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: Watched())
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    long = "import torch\n" + "# a comment, so that several processes are worth it\n" * 10_000
    files = sorted(write(tmp_path, {"model.py": DEAD, "long.py": long}).glob("*.py"))
    engine.lint_files(files, Config(tmp_path))
    assert pools == [3]
    for jobs in ("2", "1"):
        CliRunner().invoke(command, [str(tmp_path), "--no-cache", "--jobs", jobs])
    assert pools == [3, 2]


def files_held(root: Path, files: Sequence[Path], limits: Limits) -> list[int]:
    """How many files a process holds after each piece of work."""
    project, held = Project(root), list[int]()
    project.limits = limits

    def spread(work: Callable[..., Any], groups: Sequence[Any]) -> list[Any]:
        results = []
        for group in groups:
            results.append(work(project, group))
            held.append(len(project.modules))
        return results

    schedule.run_in_rounds(spread, files)
    return held


def test_no_process_keeps_every_file_that_it_has_read(project: Path) -> None:
    def linted(limits: Limits) -> str:
        result = engine.lint_files(files, config, limits=limits)
        return reporters.render("json", reporters.View(result, config, project, show_unknown=True))

    config, files = Config(project, select=("ALL",)), sorted(project.rglob("*.py"))
    few = Limits(kept_source=1)
    assert linted(few) == linted(Limits())
    assert files_held(project, files, Limits())[-1] >= len(files)
    assert max(files_held(project, files, few)) < len(files) / 2


def test_linting_twice_in_one_process_says_the_same(project: Path) -> None:
    config = Config(project, select=("ALL",))
    files = sorted(project.rglob("*.py"))
    shown = []
    for number in range(3):
        random.Random(number).shuffle(files)
        view = reporters.View(engine.lint_files(files, config), config, project, show_unknown=True)
        shown.append(reporters.render("json", view))
    assert shown[0] == shown[1] == shown[2]


def test_what_a_script_adds_to_its_classes_is_there_for_who_imports_them(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text(
        """import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)


def completed(cls):
    cls.forward = lambda self, x: self.norm(self.conv(x))
    return cls


Net = completed(Net)
net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
"""
    )
    (tmp_path / "user.py").write_text(
        """import torch.nn as nn
from parts import Net


class User(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, x):
        return self.net(x)
"""
    )
    # a file after which the others go, so that the script is the first to execute anything
    long = tmp_path / "long.py"
    long.write_text("import torch\n" + "# a comment\n" * 1000)
    config, files = Config(tmp_path, select=("BL101",)), [tmp_path / "parts.py", tmp_path / "user.py"]
    for order in (files, files[::-1]):
        for more, limits in (([], Limits()), ([long], Limits(kept_source=10_000))):
            result = engine.lint_files([*order, *more], config, jobs=1, limits=limits)
            assert [one.place.line for one in result.findings] == [7]


def test_what_a_model_leaves_in_a_table_of_its_class_is_not_there_for_the_next(tmp_path: Path) -> None:
    part = """import torch.nn as nn
from tables import Norms


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        if "kind" not in Norms.kinds:
            Norms.kinds["kind"] = nn.{norm}
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = Norms.kinds["kind"](8)

    def forward(self, x):
        return self.norm(self.conv(x))
"""
    (tmp_path / "tables.py").write_text("class Norms:\n    kinds = {}\n")
    (tmp_path / "first.py").write_text(part.format(name="First", norm="Identity"))
    (tmp_path / "second.py").write_text(part.format(name="Second", norm="BatchNorm2d"))
    config, files = Config(tmp_path, select=("BL101",)), [tmp_path / "first.py", tmp_path / "second.py"]
    for order in (files, files[::-1]):
        assert [one.place.path for one in engine.lint_files(order, config, jobs=1).findings] == [str(files[1])]


def test_what_a_script_sets_in_another_module_is_not_set_for_others(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("BIAS = True\n")
    (tmp_path / "a_script.py").write_text(
        """import settings
import torch.nn as nn

settings.BIAS = False
model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=settings.BIAS), nn.BatchNorm2d(8))
"""
    )
    (tmp_path / "model.py").write_text(
        """import settings
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=settings.BIAS)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.norm(self.conv(x))
"""
    )
    config, files = Config(tmp_path, select=("BL101",)), [tmp_path / "a_script.py", tmp_path / "model.py"]
    for order in (files, files[::-1]):
        assert [one.place.path for one in engine.lint_files(order, config, jobs=1).findings] == [str(files[1])]


def test_an_initializer_that_is_a_setting_is_told_by_any_process(tmp_path: Path) -> None:
    text = (
        "import keras\n\n\nclass Own(keras.layers.Layer):\n"
        "    def __init__(self, units, kernel_initializer='glorot_uniform', **kwargs):\n        super().__init__(**kwargs)\n"
        "        self.units = units\n        self.kernel_initializer = kernel_initializer\n\n"
        "    def build(self, shape):\n"
        "        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer=self.kernel_initializer)\n"
        "        self.bias = self.add_weight(shape=(self.units,), initializer='ones')\n\n"
        "    def call(self, x):\n        return keras.ops.matmul(x, self.kernel) + self.bias\n\n\n"
        "model = keras.Sequential([Own(8), keras.layers.BatchNormalization()])\n"
    )
    files = [tmp_path / f"net{number}.py" for number in range(3)]
    for file in files:
        file.write_text(text)
    found = [engine.lint_files(files, Config(tmp_path), jobs=jobs, limits=Limits(serial_source=0)).findings for jobs in (1, 2)]
    assert found[0] == found[1]
    assert "BL101" in {one.rule for one in found[0]}


@pytest.mark.parametrize("term", [terms.Parameter("f", "x"), terms.Not(terms.Compare("<", terms.Parameter("f", "x"), 1))])
def test_a_term_is_the_same_in_another_process(term: terms.Term) -> None:
    copy = pickle.loads(pickle.dumps(term))
    assert (copy, type(copy)) == (term, type(term))
