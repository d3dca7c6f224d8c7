"""Settings: where they are found, what they mean, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import write

from biaslint import config


def test_the_nearest_settings_hold(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"pyproject.toml": '[tool.biaslint]\nignore = ["BL101"]\n', "sub/pyproject.toml": "[tool.other]\n", "sub/x.py": ""},
    )
    found = config.discover([tmp_path / "sub" / "x.py"])
    assert (found.root, found.ignore) == (tmp_path, ("BL101",))
    write(tmp_path, {"sub/pyproject.toml": "[tool.other]\n", "sub/biaslint.toml": 'fail-on = "hint"\n'})
    found = config.discover([tmp_path / "sub" / "x.py"])
    assert (found.root, found.ignore, found.fail_on) == (tmp_path / "sub", (), "hint")


def test_files_in_several_folders_have_the_settings_above_all_of_them(tmp_path: Path) -> None:
    write(tmp_path, {"biaslint.toml": 'fail-on = "error"\n', "a/biaslint.toml": "", "a/x.py": "", "b/y.py": ""})
    assert config.discover([tmp_path / "a" / "x.py", tmp_path / "b" / "y.py"]).fail_on == "error"


def test_without_settings_the_root_is_the_project_or_what_holds_the_package(tmp_path: Path) -> None:
    write(tmp_path, {"lib/pkg/__init__.py": "", "lib/pkg/sub/__init__.py": ""})
    (tmp_path / "pyproject.toml").unlink()
    if any((above / mark).exists() for above in tmp_path.parents for mark in config.ROOT_MARKS):
        pytest.skip("the temporary folder lies in a project")
    assert config.discover([tmp_path / "lib" / "pkg" / "sub"]).root == tmp_path / "lib"
    write(tmp_path, {})
    assert config.discover([tmp_path / "lib" / "pkg" / "sub"]).root == tmp_path


def test_every_setting_is_read(tmp_path: Path) -> None:
    text = """
select = ["BL1", "forget-gate-bias"]
extend-select = ["BL201"]
ignore = ["BL401"]
exclude = ["a"]
extend-exclude = ["b"]
respect-gitignore = false
force-exclude = true
fail-on = "never"
baseline = "old.json"
[per-file-ignores]
"tests/*" = ["BL101"]
[verify]
dead-units = 0.6
"""
    write(tmp_path, {"biaslint.toml": text})
    found = config.load(tmp_path / "biaslint.toml")
    assert found == config.Config(
        root=tmp_path,
        file=tmp_path / "biaslint.toml",
        select=("BL1", "forget-gate-bias"),
        extend_select=("BL201",),
        ignore=("BL401",),
        per_file_ignores={"tests/*": ("BL101",)},
        exclude=("a",),
        extend_exclude=("b",),
        respect_gitignore=False,
        force_exclude=True,
        fail_on="never",
        baseline="old.json",
        verify={"dead_units": 0.6},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('selct = ["BL1"]', "'selct' is not a setting; did you mean 'select'?"),
        ("zzzzzz = 1", "'zzzzzz' is not a setting; known settings: baseline, cache-dir, exclude"),
        ('extend_select = ["BL1"]', "'extend_select' is not a setting; did you mean 'extend-select'?"),
        ('select = ["BL1011"]', "'select' names an unknown rule 'BL1011'; did you mean 'BL101'?"),
        ('ignore = ["bias-befor-norm"]', "did you mean 'bias-before-norm'?"),
        ('[per-file-ignores]\n"a" = ["BL999"]', "'per-file-ignores' names an unknown rule 'BL999'"),
        ('select = "BL1"', "'select' must be a list of strings"),
        ("exclude = [1]", "'exclude' must be a list of strings"),
        ('fail-on = "bad"', "'fail-on' must be one of hint, warning, error, never"),
        ("force-exclude = 1", "'force-exclude' must be true or false"),
        ("per-file-ignores = 1", "'per-file-ignores' must be a table"),
        ("baseline = 1", "'baseline' must be the name of a file"),
        ("[verify]\ndead-unit = 1", "'verify' has no 'dead-unit'; did you mean 'dead-units'?"),
        ("[verify]\nzzzzzz = 1", "'verify' has no 'zzzzzz'; known: dead-ratio"),
        ('[verify]\ndead-units = "many"', "'verify' needs a number for 'dead-units'"),
        ("select = [", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_the_nearest_right_one(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"biaslint.toml": text})
    with pytest.raises(config.ConfigError) as caught:
        config.discover([tmp_path])
    assert str(caught.value).startswith(f"{tmp_path}/biaslint.toml: ")
    assert message in str(caught.value)


def test_settings_in_pyproject_are_checked_alike(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool]\nbiaslint = 3\n"})
    with pytest.raises(config.ConfigError, match="must be a table"):
        config.discover([tmp_path])


def test_a_settings_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="cannot be read: No such file"):
        config.load(tmp_path / "biaslint.toml")


def test_per_file_ignores_hold_for_files_and_for_what_is_in_folders(tmp_path: Path) -> None:
    found = config.Config(root=tmp_path, per_file_ignores={"tests": ("BL101",), "*_old.py": ("BL2",)})
    assert found.ignored_in(str(tmp_path / "tests" / "deep" / "x.py")) == {"BL101"}
    assert "BL201" in found.ignored_in(str(tmp_path / "a" / "net_old.py"))
    assert found.ignored_in(str(tmp_path / "a" / "net.py")) == frozenset()


def test_unreadable_files_are_told_of_whatever_is_selected_unless_that_is_ignored() -> None:
    assert "BL001" in config.Config(root=Path("/"), select=("BL101",)).enabled()
    assert "BL001" not in config.Config(root=Path("/"), ignore=("BL001",)).enabled()


def test_what_the_command_line_adds_is_added_and_what_it_does_not_say_is_kept() -> None:
    base = config.Config(root=Path("/"), ignore=("BL101",), extend_exclude=("a",), fail_on="hint")
    found = config.with_options(base, ignore=("BL201",), extend_exclude=("b",), select=(), fail_on=None, force_exclude=False)
    assert (found.ignore, found.extend_exclude, found.select, found.fail_on) == (("BL101", "BL201"), ("a", "b"), None, "hint")
