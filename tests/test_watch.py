"""`--watch`, with real files that change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, FIXED, ROOT, begun, biaslint, write

from biaslint import config, engine
from biaslint.engine import watch

USES = "from layers import Norm\n" + DEAD.replace("nn.BatchNorm2d", "Norm")
LAYERS = "from torch import nn\n\n\nclass Norm(nn.{}):\n    pass\n"


def test_what_depends_on_a_change_is_linted_again_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"layers.py": LAYERS.format("Identity"), "net.py": USES, "other.py": DEAD})
    seen: list[tuple[list[str], list[str], list[str]]] = []

    def show(result: engine.Result, chosen: config.Config, changed: Sequence[Path]) -> None:
        findings = [f"{Path(one.place.path).name}:{one.rule}" for one in result.findings]
        seen.append(([path.name for path in changed], [path.name for path in result.files], findings))

    steps = iter(
        [
            {"layers.py": LAYERS.format("BatchNorm2d")},
            {},
            {"new.py": CLEAN},
            {"pyproject.toml": "[tool.biaslint]\nselct = []\n"},
            {"pyproject.toml": '[tool.biaslint]\nignore = ["BL101"]\n'},
        ]
    )
    complaints: list[str] = []

    def pause() -> bool:
        step = next(steps, None)
        write(tmp_path, step) if step and "pyproject.toml" in step else [
            (tmp_path / k).write_text(v) for k, v in (step or {}).items()
        ]
        return step is not None

    watch.watch(lambda: config.discover([tmp_path]), [tmp_path], show, lambda error: complaints.append(str(error)), pause)
    everything = ["layers.py", "net.py", "other.py"]
    assert seen == [
        ([], everything, ["other.py:BL101"]),
        (["layers.py"], ["layers.py", "net.py"], ["net.py:BL101"]),
        (["new.py"], ["new.py"], []),
        (["pyproject.toml"], [*everything[:2], "new.py", "other.py"], []),
    ]
    assert [text.partition(": ")[2] for text in complaints] == ["'selct' is not a setting; did you mean 'select'?"]


def test_a_configuration_that_comes_into_a_folder_below_counts(tmp_path: Path) -> None:
    write(tmp_path, {"pkg/sub/net.py": DEAD})
    before = watch.stamps(config.Config(tmp_path), [tmp_path])
    write(tmp_path, {"pkg/biaslint.toml": "", "pkg/sub/pyproject.toml": ""})
    now = watch.stamps(config.Config(tmp_path), [tmp_path])
    assert now.keys() - before.keys() == {tmp_path / "pkg/biaslint.toml", tmp_path / "pkg/sub/pyproject.toml"}


def test_imports_over_several_lines_and_through_packages_count(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "",
        "b.py": "from pkg import (\n    x,\n    a,\n)\n",
        "c.py": "import b as z\n",
        "d.py": "a = 1\n",
    }
    write(tmp_path, files)
    paths = [tmp_path / name for name in files]
    assert watch.dependents([tmp_path / "pkg/a.py"], paths) == {tmp_path / name for name in ("pkg/a.py", "b.py", "c.py")}


def test_a_person_watches_and_interrupts(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": CLEAN})
    process = subprocess.Popen(
        [sys.executable, "-m", "biaslint", "--watch", "."],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or []), daemon=True)
    reader.start()

    def wait_for(text: str) -> None:
        deadline = time.monotonic() + 60
        while not any(text in line for line in lines):
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)

    try:
        wait_for("All checks passed")
        (tmp_path / "net.py").write_text(DEAD)
        wait_for("net.py:4:5: BL101")
        (tmp_path / "net.py").write_text(FIXED + "\n")
        deadline = time.monotonic() + 60
        while sum("-- changed: net.py" in line for line in lines) < 2:
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
    reader.join(5)
    assert sum("BL101" in line for line in lines) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_ends_at_once_with_one_line_and_keeps_nothing(tmp_path: Path, jobs: str) -> None:
    write(tmp_path, {"biaslint.toml": "", **{f"net{i}.py": DEAD for i in range(8000)}})
    process = begun(tmp_path, "--jobs", jobs, ".")
    try:
        time.sleep(1)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, b"", b"\nbiaslint: interrupted\n")
    assert not [*tmp_path.glob(".biaslint_cache/**/*.json"), *tmp_path.glob(".biaslint_cache/**/*.pieces")]


def test_watching_does_not_go_with_fixing(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": DEAD})
    run = biaslint(tmp_path, "--watch", "--fix", ".")
    assert run.status == 2
    assert "--watch cannot be combined" in run.err
