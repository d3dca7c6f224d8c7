"""A run over files that are broken, strange or hostile: each gets a clear message, and the others are still linted."""

from __future__ import annotations

import ast
import gc
import os
import time
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, write

from biaslint import engine
from biaslint.analysis import machine
from biaslint.config import Config

GOOD = "good.py"


def lint(root: Path, **settings: object) -> engine.Result:
    result = engine.lint([root], Config(root=root, **settings))  # type: ignore[arg-type]
    assert (result.errors, result.problems) == ([], [])
    return result


def reports(result: engine.Result) -> list[tuple[str, int, str, str]]:
    return [(Path(one.place.path).name, one.place.line, one.rule, one.message) for one in result.findings]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"import torch\nprint 'hello'\n", 2, "SyntaxError: Missing parentheses in call to 'print'"),
        (b"import torch\ndef f(:\n    pass\n", 2, "SyntaxError: invalid syntax"),
        (b"import torch\nif True:\n  x = 1\n y = 2\n", 4, "SyntaxError: unindent does not match"),
        (b"import torch\nx = '\xe9'\n", 2, "the file is not utf-8: byte 0xe9 at offset 18"),
        (b"# -*- coding: klingon -*-\nimport torch\n", 1, "the file cannot be decoded: unknown encoding: klingon"),
        (b"import torch\nx = 1\0\n", 1, "null bytes"),
        (b"import torch\nx = " + b"(" * 500 + b")" * 500 + b"\n", 2, "too many nested parentheses"),
        (b"\xff\xfei\0m\0p\0o\0r\0t\0", 1, "the file cannot be decoded: invalid or missing encoding declaration"),
    ],
    ids=["python 2", "syntax", "indentation", "latin-1", "unknown encoding", "null byte", "nested brackets", "utf-16"],
)
def test_a_broken_file_gets_a_clear_message_and_the_others_are_linted(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    write(tmp_path, {"bad.py": content, GOOD: DEAD})
    bad, good = sorted(reports(lint(tmp_path)))
    assert bad[:1] + bad[2:3] == ("bad.py", "BL001")
    assert message in bad[3]
    assert bad[1] == line
    assert good[:3] == (GOOD, 4, "BL101")


def test_python_2_is_called_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"bad.py": "import torch\nprint 'hello'\n"})
    assert reports(lint(tmp_path))[0][3].endswith("; this looks like Python 2 code")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"bad.py": DEAD, GOOD: DEAD})
    (tmp_path / "bad.py").chmod(0)
    assert reports(lint(tmp_path))[0] == ("bad.py", 1, "BL001", "the file cannot be read: Permission denied")


def test_links_that_lead_in_a_circle_or_nowhere_are_reported(tmp_path: Path) -> None:
    write(tmp_path, {GOOD: DEAD})
    (tmp_path / "circle.py").symlink_to("circle.py")
    (tmp_path / "nowhere.py").symlink_to("missing.py")
    (tmp_path / "folder").symlink_to(tmp_path)
    found = reports(lint(tmp_path))
    assert [one[:3] for one in found] == [("circle.py", 1, "BL001"), (GOOD, 4, "BL101"), ("nowhere.py", 1, "BL001")]
    assert "Too many levels of symbolic links" in found[0][3]
    assert "No such file or directory" in found[2][3]


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    write(tmp_path, {"empty.py": b"", "mark.py": b"\xef\xbb\xbf", "blank.py": b"\n\n"})
    assert reports(lint(tmp_path)) == []


def test_encodings_and_line_ends_are_read_as_python_reads_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "mark.py": b"\xef\xbb\xbf" + DEAD.encode(),
            "latin.py": b"# -*- coding: latin-1 -*-\n# \xe9\n" + DEAD.encode(),
            "windows.py": DEAD.replace("\n", "\r\n").encode(),
            "old_mac.py": DEAD.replace("\n", "\r").encode(),
        },
    )
    assert [one[:3] for one in reports(lint(tmp_path))] == [
        ("latin.py", 6, "BL101"),
        ("mark.py", 4, "BL101"),
        ("old_mac.py", 4, "BL101"),
        ("windows.py", 4, "BL101"),
    ]


def test_a_file_without_model_code_is_not_parsed(tmp_path: Path) -> None:
    write(tmp_path, {"other.py": "this is not Python (\n"})
    result = lint(tmp_path)
    assert reports(result) == []
    assert (result.statistics.files, result.statistics.skipped) == (1, 1)


def test_a_large_generated_file_takes_seconds(tmp_path: Path) -> None:
    rows = "".join(f"TABLE_{number} = [{', '.join(map(str, range(60)))}]\n" for number in range(20_000))
    assert len(rows) > 4_000_000
    write(tmp_path, {"generated.py": "import torch\n" + rows, GOOD: DEAD})
    begun = time.perf_counter()
    assert [one[:3] for one in reports(lint(tmp_path))] == [(GOOD, 4, "BL101")]
    assert time.perf_counter() - begun < 60


def test_findings_are_sorted_and_none_is_said_twice(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": DEAD + DEAD.replace("net", "other"), "a.py": DEAD})
    assert [one[:2] for one in reports(lint(tmp_path))] == [("a.py", 4), ("b.py", 4), ("b.py", 11)]


def test_settings_for_files_silence_findings_in_them(tmp_path: Path) -> None:
    write(tmp_path, {"old/net.py": DEAD, "new/net.py": DEAD})
    result = lint(tmp_path, per_file_ignores={"old": ("BL101",)})
    assert [Path(one.place.path).parent.name for one in result.findings] == ["new"]
    assert result.statistics.suppressed == 1


def test_unsaved_text_stands_for_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": CLEAN})
    config = Config(root=tmp_path)
    assert reports(engine.lint_text(DEAD, tmp_path / "net.py", config))[0][:3] == ("net.py", 4, "BL101")
    assert reports(engine.lint_text(CLEAN, tmp_path / "net.py", config)) == []


def test_findings_are_those_of_the_files_that_were_asked_for(tmp_path: Path) -> None:
    blocks = "from torch import nn\n\n\ndef block():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))\n"
    write(
        tmp_path,
        {
            "blocks.py": blocks,
            "net.py": "from torch import nn\nfrom blocks import block\n\nnet = nn.Sequential(block(), nn.ReLU())\n",
        },
    )
    result = engine.lint([tmp_path / "net.py"], Config(root=tmp_path))
    assert reports(result) == []


def test_a_run_leaves_no_syntax_tree_behind(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import torch.nn as nn\n\n\ndef net():\n    return nn.Sequential(nn.Linear(3, 4), nn.ReLU())\n"
    )
    gc.collect()
    before = sum(isinstance(one, ast.Module) for one in gc.get_objects())
    assert engine.lint([tmp_path], Config(tmp_path)).statistics.layers == 1
    gc.collect()
    assert sum(isinstance(one, ast.Module) for one in gc.get_objects()) == before


@pytest.mark.parametrize(
    ("text", "skipped"), [("conn.close()\n", 1), ("from lib import nn\nnn.Linear(1, 2)\n", 0), ("x = (nn.Linear(1, 2),)\n", 0)]
)
def test_a_file_that_names_no_framework_is_not_parsed(tmp_path: Path, text: str, skipped: int) -> None:
    (tmp_path / "model.py").write_text(text)
    assert lint(tmp_path).statistics.skipped == skipped


@pytest.mark.parametrize("package", sorted({name for one in machine.FRAMEWORKS for name in one.import_names}))
def test_a_file_that_imports_any_package_of_a_framework_is_read(tmp_path: Path, package: str) -> None:
    (tmp_path / "model.py").write_text(f"import {package}\n")
    assert lint(tmp_path).statistics.skipped == 0


def test_a_file_of_python_2_is_a_hint(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("import torch\nprint 'x'\n", encoding="utf-8")
    (one,) = engine.lint([tmp_path], Config(root=tmp_path)).findings
    assert (one.rule, one.severity.name) == ("BL001", "HINT")


NET = "from torch import nn\n\nnet = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))\n"


def test_copies_of_a_file_in_a_log_folder_are_said_once(tmp_path: Path) -> None:
    for folder in ("models", "log/first/models", "log/second"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "net.py").write_text(NET, encoding="utf-8")
    found = engine.lint([tmp_path], Config(root=tmp_path)).findings
    assert [Path(one.place.path).relative_to(tmp_path).as_posix() for one in found] == ["models/net.py"]


def test_files_that_differ_and_copies_elsewhere_are_each_reported(tmp_path: Path) -> None:
    for folder, text in (("models", NET), ("copy", NET), ("log", NET.replace("8", "16"))):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "net.py").write_text(text, encoding="utf-8")
    assert len(engine.lint([tmp_path], Config(root=tmp_path)).findings) == 3
