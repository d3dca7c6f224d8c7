"""What the README shows is true."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

from projects import ROOT, biaslint, write

from biaslint import config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_command_lints_the_fixtures_and_the_second_runs_the_tests() -> None:
    first, second = re.findall(r"^python3 -m venv.*$", README, re.MULTILINE)
    assert first.endswith("biaslint --exit-zero fixtures")
    assert second.endswith("pytest -n auto")
    script = ROOT / ".ci" / "run"
    assert "grep '^python3 -m venv' README.md | sed -n 2p" in script.read_text()
    assert script.stat().st_mode & stat.S_IXUSR


def test_the_development_install_leaves_frameworks_out_and_the_full_check_adds_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    quick, more = ({re.split(r"[=<>;]", one)[0] for one in project[name]} for name in ("dev", "dev-frameworks"))
    assert {"torch", "keras", "tensorflow-cpu"} <= more
    assert not quick & more
    assert ".[dev,dev-frameworks]" in README
    assert "-e '.[dev,dev-frameworks]'" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_report_that_is_shown_is_what_is_printed() -> None:
    (shown,) = blocks("text")
    out = biaslint(ROOT, "fixtures/torch/conv_then_batch_norm.py").out
    assert shown in out


def test_the_settings_that_are_shown_are_understood(tmp_path: Path) -> None:
    (shown,) = blocks("toml")
    write(tmp_path, {"pyproject.toml": shown})
    assert config.load(tmp_path / "pyproject.toml").extend_select


def test_every_setting_is_in_the_table() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    known = config.KEYS - {"layers"}
    assert named == known


def test_every_option_that_is_shown_exists() -> None:
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help"}
    known = "".join(biaslint(ROOT, command, "--help").out for command in ("lint", "verify", "migrate", "scan", "scan-report"))
    assert {option for option in options if option not in known} == set()


def test_the_pre_commit_hooks_that_are_shown_exist() -> None:
    (shown,) = blocks("yaml")
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    for name in re.findall(r"id: (\S+)|or (biaslint-fix)", shown):
        assert f"- id: {''.join(name)}\n" in hooks


def test_links_hold_on_a_package_index_too() -> None:
    assert re.findall(r"\]\((?!https://|#)[^)]*\)", README) == []


def test_nothing_refers_to_a_release_that_may_not_exist() -> None:
    assert re.findall(r"(?:rev: |@)v\d\S*", README) == []


def test_the_package_is_typed_and_says_where_its_pages_are() -> None:
    assert (ROOT / "biaslint" / "py.typed").is_file()
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("Documentation", "Source", "Issues", "Changelog"):
        assert re.search(rf'^{name} = "https://', text, re.MULTILINE)
