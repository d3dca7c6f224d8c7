"""Folders with configurations of their own: each file has the nearest one, from wherever and with whatever it is linted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import DEAD, biaslint, write

LSTM = "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.lstm = nn.LSTM(8, 8)\n\n    def forward(self, x):\n        return self.lstm(x)[0]\n"


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    """Two packages: one is silent about BL101, the other raises it; between them a file of neither."""
    return write(
        tmp_path,
        {
            "pyproject.toml": "[tool.biaslint]\nextend-exclude = ['vendored']\n",
            "top.py": DEAD,
            "one/pyproject.toml": '[tool.biaslint]\nignore = ["BL101"]\nextend-exclude = ["old"]\n',
            "one/src/net.py": DEAD,
            "one/old/net.py": LSTM,
            "one/vendored/net.py": LSTM,
            "two/biaslint.toml": 'severity = { BL101 = "error" }\n[per-file-ignores]\n"tests/**" = ["BL1"]\n',
            "two/net.py": DEAD,
            "two/tests/net.py": DEAD,
            "plain/pyproject.toml": "[project]\nname = 'plain'\n",
            "plain/net.py": DEAD,
        },
    )


def reported(folder: Path, *arguments: str) -> list[str]:
    report = json.loads(biaslint(folder, *arguments, "--format", "json").out)
    return [f"{Path(one['path']).as_posix()} {one['rule']} {one['severity']}" for one in report["findings"]]


EVERYTHING = ["plain/net.py BL101 warning", "top.py BL101 warning", "two/net.py BL101 error"]


def test_each_file_has_the_nearest_configuration(monorepo: Path) -> None:
    assert reported(monorepo) == EVERYTHING
    assert reported(monorepo) == EVERYTHING  # from the cache
    assert reported(monorepo, "-j", "2", "--no-cache") == EVERYTHING


def test_it_does_not_matter_which_paths_are_named(monorepo: Path) -> None:
    assert reported(monorepo, "one/src/net.py", "two/net.py", "two/tests/net.py") == ["two/net.py BL101 error"]
    assert reported(monorepo, "two") == ["two/net.py BL101 error"]
    assert reported(monorepo / "two") == ["net.py BL101 error"]


def test_a_named_file_is_linted_though_it_is_excluded(monorepo: Path) -> None:
    arguments = ("one/old/net.py", "top.py")
    assert reported(monorepo, *arguments)[0] == "one/old/net.py BL301 hint"
    assert reported(monorepo, *arguments, "--force-exclude") == ["top.py BL101 warning"]


def test_the_command_line_and_a_named_configuration_hold_everywhere(monorepo: Path) -> None:
    assert reported(monorepo, "--ignore", "BL101") == []
    assert reported(monorepo, "--config", 'severity.BL101 = "hint"') == [
        one.replace("warning", "hint").replace("error", "hint") for one in EVERYTHING
    ]
    assert "one/src/net.py BL101 warning" in reported(monorepo, "--isolated")
    assert "one/src/net.py BL101 warning" in reported(monorepo, "--config", "pyproject.toml")


def test_fixes_are_those_of_the_findings(monorepo: Path) -> None:
    biaslint(monorepo, "--fix", "--unsafe-fixes", ".")
    changed = {path.relative_to(monorepo).as_posix() for path in monorepo.rglob("*.py") if "bias=False" in path.read_text()}
    assert changed == {"plain/net.py", "top.py", "two/net.py"}


def test_a_suppression_for_a_rule_that_is_off_there_is_left_alone(monorepo: Path) -> None:
    text = DEAD.replace("3, 8, 3),", "3, 8, 3),  # biaslint: ignore[BL101]")
    write(monorepo, {"pyproject.toml": "[tool.biaslint]\n", "one/src/net.py": text})
    assert [one for one in reported(monorepo) if "one/src" in one] == []


def test_a_mistake_in_any_of_them_is_said(monorepo: Path) -> None:
    write(monorepo, {"pyproject.toml": "[tool.biaslint]\n", "two/biaslint.toml": 'selct = ["BL1"]\n'})
    result = biaslint(monorepo)
    assert (result.status, f"{monorepo}/two/biaslint.toml: 'selct' is not a setting" in result.err) == (2, True)


def test_a_template_that_is_no_toml_is_nobodys_configuration(monorepo: Path) -> None:
    write(monorepo, {"pyproject.toml": "[tool.biaslint]\n", "template/pyproject.toml": "{% if x %}\n", "template/net.py": DEAD})
    assert "template/net.py BL101 warning" in reported(monorepo)
    write(monorepo, {"pyproject.toml": "[tool.biaslint]\n", "template/pyproject.toml": "{% if x %}\n[tool.biaslint]\n"})
    assert "template/pyproject.toml: not valid TOML" in biaslint(monorepo).err


def test_the_outer_folder_needs_no_configuration(monorepo: Path) -> None:
    write(monorepo, {"pyproject.toml": ""})
    assert "two/net.py BL101 error" in reported(monorepo)
    assert "one/src/net.py BL101 warning" not in reported(monorepo)


def test_the_settings_that_are_shown_are_those_of_a_file_and_name_the_files_below(monorepo: Path) -> None:
    assert 'ignore = ["BL101"]\n' in biaslint(monorepo, "--show-settings", "one/src/net.py").out
    shown = biaslint(monorepo, "--show-settings").out
    assert shown.startswith(f"# {monorepo}/pyproject.toml\n")
    assert f"# in {monorepo}/one: {monorepo}/one/pyproject.toml\n# in {monorepo}/two: {monorepo}/two/biaslint.toml\n" in shown
    assert 'ignore = ["BL101"]' not in shown
