"""What tests of live models share: they start from the same weights in every run, and can be measured without a process."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from same_process import measured

from biaslint.runtime.process import parent


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands measure in the test's own process."""
    monkeypatch.setattr(parent, "run", measured)


@pytest.fixture
def unpatched() -> Iterator[None]:
    """What fixtures put in the place of PyTorch's classes and their methods is taken back: other tests run in this process."""
    nn = pytest.importorskip("torch", reason="PyTorch is not installed").nn

    homes = [nn, nn.functional, *{one for one in vars(nn).values() if inspect.isclass(one)}]
    before = [(home, dict(vars(home))) for home in homes]
    yield
    for home, names in before:
        for name in vars(home).keys() - names.keys():
            delattr(home, name)
        for name, value in names.items():
            if vars(home)[name] is not value:
                setattr(home, name, value)


class SkippedTests:
    """Writes the skipped tests to a file, so that `pytest @FILE` runs them where what they need is installed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: dict[str, None] = {}

    def note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.found[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_sessionfinish(self) -> None:
        self.file.write_text("".join(f"{name}\n" for name in self.found))


def pytest_configure(config: pytest.Config) -> None:
    file = os.environ.get("BIASLINT_SKIPPED_TESTS")
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkippedTests(Path(file)))
