"""The command that lints other people's packages: what it measures, and that the table in the repository tells of no crash."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from projects import DEAD, ROOT, write

sys.path.insert(0, str(ROOT / "benchmarks"))
import packages


def test_a_folder_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder = write(tmp_path, {"net.py": DEAD, "old.py": "import torch\nprint 'x'\n", "other.py": "x = 1\n"})
    answer = packages.examine(folder, everything=False, limit=60)
    assert (answer["files"], answer["skipped"], answer["findings"], answer["unreadable"], answer["internal"]) == (
        3,
        1,
        1,
        1,
        [],
    )
    assert "| mine | 3 | 0.0 |" in packages.row("mine", answer)


def test_with_everything_all_files_are_executed(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.py": "def f():\n    raise ValueError\ndef g():\n    raise KeyError\n"})
    assert packages.examine(folder, everything=True, limit=60)["stopped"] == 2
    assert packages.examine(folder, everything=False, limit=60)["stopped"] == 0


def test_what_dies_or_hangs_is_told_as_such(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.py": DEAD})
    answer = packages.examine(folder, everything=False, limit=0.01)
    assert answer["failure"].startswith("hang")
    assert packages.report({"mine": answer}, []).count("1 crashes or hangs") == 1


@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_only_python_files_are_unpacked(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "source", {"net.py": DEAD, "data.bin": b"\0"})
    archive = tmp_path / f"net-1.0.{kind}"
    if kind == "whl":
        with zipfile.ZipFile(archive, "w") as file:
            for path in source.iterdir():
                file.write(path, path.name)
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(source, "net-1.0")
    packages.unpack(archive, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*.*") if path.is_file()] == ["net.py"]


def test_the_result_in_the_repository_tells_of_no_crash() -> None:
    text = packages.RESULT.read_text(encoding="utf-8")
    assert ": 0 crashes or hangs, 0 internal errors." in text
