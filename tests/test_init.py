"""`biaslint init`, in projects of several shapes."""

from __future__ import annotations

from pathlib import Path

from projects import CLEAN, DEAD, biaslint, write

from biaslint import config


def test_init_adds_a_table_that_can_be_read_to_the_projects_pyproject(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[project]\nname = "x"', "net.py": CLEAN, "vendor/theirs.py": DEAD, "tests/t.py": DEAD})
    run = biaslint(tmp_path, "init")
    assert run.status == 0, run.err
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "x"\n\n[tool.biaslint]\n')
    assert "# `biaslint --write-baseline` accepts the current findings" in text
    assert "BL101" not in text
    chosen = config.load(tmp_path / "pyproject.toml")
    assert chosen.extend_exclude == ("vendor/",)
    assert chosen.per_file_ignores == {"tests/**": ("BL1", "BL4")}
    assert biaslint(tmp_path).status == 0


def test_init_writes_a_file_of_its_own_where_there_is_no_pyproject(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": CLEAN})
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / ".git").mkdir()
    assert biaslint(tmp_path, "init").status == 0
    assert config.load(tmp_path / "biaslint.toml").fail_on == "warning"


def test_init_keeps_line_endings_and_shows_first_what_it_would_write(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[project]\r\n", "net.py": CLEAN})
    shown = biaslint(tmp_path, "init", "--dry-run").out
    assert (tmp_path / "pyproject.toml").read_bytes() == b"[project]\r\n"
    biaslint(tmp_path, "init")
    assert (tmp_path / "pyproject.toml").read_bytes().decode() == "[project]\r\n\r\n" + shown.replace("\n", "\r\n")


def test_init_changes_all_of_the_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "outside.toml").write_text("[project]\n")
    folder = write(tmp_path / "project", {"net.py": DEAD})
    (folder / "pyproject.toml").unlink()
    (folder / "pyproject.toml").symlink_to(tmp_path / "outside.toml")
    led_out = biaslint(folder, "init")
    assert (led_out.status, (tmp_path / "outside.toml").read_text()) == (2, "[project]\n")
    assert "leads out of" in led_out.err
    (folder / "pyproject.toml").unlink()
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "pyproject.toml").chmod(0o444)
    protected = biaslint(folder, "init")
    assert (protected.status, (folder / "pyproject.toml").read_text()) == (2, "[project]\n")
    assert "write-protected" in protected.err
    assert sorted(path.name for path in folder.iterdir()) == ["net.py", "pyproject.toml"]


def test_init_leaves_alone_what_is_configured(tmp_path: Path) -> None:
    write(tmp_path, {"biaslint.toml": "", "net.py": CLEAN})
    run = biaslint(tmp_path, "init")
    assert run.status == 2
    assert "already configures biaslint" in run.err
    assert (tmp_path / "biaslint.toml").read_text() == ""
