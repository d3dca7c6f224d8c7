"""The command line, as people and scripts use it. In process, but for what only a process of its own can show."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import faults
import pytest
from projects import CLEAN, DEAD, FIXED, ROOT, Run, biaslint, process, write

from biaslint.findings import rule_book


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file that has a finding, one that has none, and one without model code; we are in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return write(tmp_path, {"dead.py": DEAD, "pkg/clean.py": CLEAN, "pkg/other.py": "x = 1\n"})


def run(*arguments: str, stdin: str | bytes | None = None) -> Run:
    return biaslint(Path(), *arguments, stdin=stdin)


def found(*arguments: str, stdin: str | None = None) -> list[tuple[str, int, str]]:
    report = json.loads(run("--format", "json", *arguments, stdin=stdin).out)
    return [(one["path"], one["line"], one["rule"]) for one in report["findings"]]


# --- what is linted -------------------------------------------------------------------------------------------------------------


def test_without_arguments_the_current_folder_is_linted(project: Path) -> None:
    assert found() == [("dead.py", 4, "BL101")]


def test_files_and_folders_are_linted_once_however_often_they_are_named(project: Path) -> None:
    assert found("dead.py", ".", "pkg", "./dead.py") == [("dead.py", 4, "BL101")]


def test_paths_are_shown_as_seen_from_here_and_in_full_where_they_lie_elsewhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "pkg")
    assert found("..") == [(f"{project.as_posix()}/dead.py", 4, "BL101")]


def test_a_folder_named_like_a_command_is_linted_when_written_as_a_path(project: Path) -> None:
    write(project, {"rules/net.py": DEAD})
    assert found("./rules") == [("rules/net.py", 4, "BL101")]
    assert found("rules/") == [("rules/net.py", 4, "BL101")]
    assert "bias-before-norm" in run("rules").out


def test_a_path_that_does_not_exist_is_said_and_the_others_are_linted(project: Path) -> None:
    result = run("nowhere", "dead.py")
    assert result.status == 2
    assert "nowhere: No such file or directory" in result.err
    assert "dead.py:4:5: BL101" in result.out


def test_a_folder_without_python_is_said(project: Path) -> None:
    (project / "empty").mkdir()
    result = run("empty")
    assert (result.status, "no Python file or notebook in" in result.err) == (0, True)


@pytest.mark.parametrize(
    ("held", "named", "status"),
    [("net.keras", "net.keras", 2), ("model.safetensors", "", 0), ("saved_model.pb", "", 0), ("config.json", "", 0)],
)
def test_a_saved_model_is_said_to_be_one_with_the_command_that_takes_it(
    project: Path, held: str, named: str, status: int
) -> None:
    write(project, {f"saved/{held}": b"PK"})
    result = run(f"saved/{named}")
    assert result.status == status
    assert "is a saved model or checkpoint, not source: `biaslint verify` takes it" in result.err


def test_the_standard_input_is_linted_under_the_name_that_is_given(project: Path) -> None:
    assert found("-", "--stdin-filename", "pkg/new.py", stdin=DEAD) == [("pkg/new.py", 4, "BL101")]


def test_the_standard_input_that_is_no_text_gets_a_clear_message(project: Path) -> None:
    result = run("-", "--stdin-filename", "new.py", stdin=b"import torch\nx = '\xff'\n")
    assert result.status == 1
    assert "new.py:2:1: BL001 error: the file is not utf-8: byte 0xff" in result.out


def test_the_standard_input_is_linted_alone(project: Path) -> None:
    assert run("-", "dead.py", stdin="").status == 2


# --- exit status ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["dead.py"], 1),
        (["pkg"], 0),
        (["dead.py", "--fail-on", "error"], 0),
        (["dead.py", "--fail-on", "never"], 0),
        (["dead.py", "--fail-on", "hint"], 1),
        (["dead.py", "--exit-zero"], 0),
        (["dead.py", "--ignore", "BL101"], 0),
        (["nowhere", "--exit-zero"], 2),
        (["--no-such-option"], 2),
        (["--select", "BL1011"], 2),
        (["--format", "xml"], 2),
    ],
)
def test_the_exit_status_says_what_happened(project: Path, arguments: list[str], status: int) -> None:
    assert run(*arguments).status == status


def test_an_internal_error_names_the_file_and_the_others_are_still_linted(project: Path) -> None:
    write(project, {"pkg/faulty.py": CLEAN + faults.FAULTY_FILE})
    with faults.registered():
        result = run(".")
    assert result.status == 2
    assert f"{project / 'pkg' / 'faulty.py'}: internal error: RuntimeError: no luck (faults.py:" in result.err
    assert "dead.py:4:5: BL101" in result.out


def test_a_check_that_breaks_is_named_and_the_others_still_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from biaslint.checks import forget_gate_bias

    monkeypatch.setattr(forget_gate_bias, "check", lambda program: 1 / 0)
    result = run("dead.py")
    assert result.status == 2
    assert "BL301 forget-gate-bias: internal error: ZeroDivisionError" in result.err
    assert "dead.py:4:5: BL101" in result.out


# --- which rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["BL101", "bl101", "bias-before-norm", "BL1", "ALL"])
def test_rules_are_selected_by_code_name_or_prefix(project: Path, word: str) -> None:
    assert ("dead.py", 4, "BL101") in found("--select", word)


def test_selecting_other_rules_leaves_this_one_out(project: Path) -> None:
    assert found("--select", "BL301,BL2") == []
    assert found("--select", "BL301", "--extend-select", "BL101") == [("dead.py", 4, "BL101")]


def test_an_unknown_rule_suggests_the_nearest(project: Path) -> None:
    assert "unknown rule 'bias-befor-norm'; did you mean 'bias-before-norm'?" in run("--select", "bias-befor-norm").err


def test_selecting_on_the_command_line_overrides_the_settings(project: Path) -> None:
    write(project, {"biaslint.toml": 'ignore = ["BL101"]\n'})
    assert found() == []
    assert found("--select", "BL101") == [("dead.py", 4, "BL101")]
    assert found("--isolated") == [("dead.py", 4, "BL101")]


# --- what is shown --------------------------------------------------------------------------------------------------------------


def test_the_text_shows_the_line_the_related_place_and_what_to_do(project: Path) -> None:
    lines = run("dead.py").out.splitlines()
    assert lines[0].startswith("dead.py:4:5: BL101 ")
    assert lines[0].endswith(" [bias-before-norm]")
    assert lines[1:3] == ["4 |     nn.Conv2d(3, 8, 3),", "  |     ^^^^^^^^^^^^^^^^^^"]
    assert lines[3] == "5 |     nn.BatchNorm2d(8),"
    assert lines[4].startswith("  |     ----------------- ")
    assert lines[5].startswith("  = help: ")
    assert lines[6].startswith("  = --fix --unsafe-fixes: ")
    assert lines[7:] == ["", "Found 1 warning in 1 file. 1 fixable with --fix --unsafe-fixes."]


def test_quiet_is_one_line_a_finding(project: Path) -> None:
    lines = run("-q", "dead.py").out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("dead.py:4:5: BL101 ")


def test_colour_is_for_terminals_and_for_those_who_ask(project: Path) -> None:
    assert "\x1b[" not in run("dead.py").out
    assert "\x1b[33;1mBL101 warning\x1b[0m" in run("--color", "dead.py").out
    assert "\x1b[" not in run("--no-color", "dead.py").out


def test_statistics_count_findings_and_what_was_looked_at(project: Path) -> None:
    out = run("--statistics", "-q", ".").out
    assert "     1  BL101  bias-before-norm\n" in out
    assert "     3  files, 1 without model code\n" in out
    assert "layers with a bias" in out


def test_show_unknown_lists_what_was_not_understood_or_says_that_all_was(project: Path) -> None:
    assert "understood" in run("--show-unknown", "pkg").out


def test_several_reports_are_written_beside_the_text(project: Path) -> None:
    result = run("dead.py", "--output", "out.json", "-o", "sarif:report", "-o", "junit.xml")
    assert "dead.py:4:5: BL101" in result.out
    assert json.loads((project / "out.json").read_text())["findings"][0]["rule"] == "BL101"
    assert json.loads((project / "report").read_text())["version"] == "2.1.0"
    assert (project / "junit.xml").read_text().startswith("<?xml")
    assert not list(project.glob(".*.part"))


def test_an_output_that_cannot_be_written_is_said(project: Path) -> None:
    result = run("dead.py", "-o", "no/such/folder.json")
    assert result.status == 2
    assert "no/such/folder.json: cannot be written: No such file or directory" in result.err


# --- fixing ---------------------------------------------------------------------------------------------------------------------


def test_an_unsafe_fix_is_made_only_when_it_is_asked_for(project: Path) -> None:
    run("--fix", "dead.py")
    assert (project / "dead.py").read_text() == DEAD
    result = run("--fix", "--unsafe-fixes", "dead.py")
    assert (project / "dead.py").read_text() == FIXED
    assert result.out == "Fixed 1 finding; none remaining.\n"
    assert result.status == 0


def test_a_diff_shows_the_fix_and_changes_nothing(project: Path) -> None:
    result = run("--diff", "--unsafe-fixes", "dead.py")
    assert (project / "dead.py").read_text() == DEAD
    assert result.status == 1
    assert "--- dead.py\n+++ dead.py\n" in result.out
    assert "-    nn.Conv2d(3, 8, 3),\n+    nn.Conv2d(3, 8, 3, bias=False),\n" in result.out
    assert run("--diff", "--unsafe-fixes", "pkg").status == 0


def test_the_standard_input_is_fixed_to_the_standard_output(project: Path) -> None:
    result = run("--fix", "--unsafe-fixes", "-", stdin=DEAD)
    assert result.out == FIXED
    assert "Fixed 1 finding; none remaining." in result.err


def test_a_finding_that_is_silenced_is_not_fixed(project: Path) -> None:
    silenced = DEAD.replace("nn.Conv2d(3, 8, 3),", "nn.Conv2d(3, 8, 3),  # biaslint: ignore[BL101]")
    write(project, {"silenced.py": silenced})
    assert run("--fix", "--unsafe-fixes", "silenced.py").status == 0
    assert (project / "silenced.py").read_text() == silenced


# --- other commands -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [rule.name for rule in rule_book.rules()])
def test_every_rule_is_explained(rule: str) -> None:
    result = run("explain", rule)
    assert result.status == 0
    assert result.out.startswith(rule_book.find(rule).code)
    assert rule_book.find(rule).name in result.out
    assert max(map(len, result.out.splitlines())) <= 140


def test_explain_suggests_the_nearest_rule() -> None:
    result = run("explain", "forget-gate")
    assert result.status == 2
    assert "unknown rule 'forget-gate'; did you mean 'forget-gate-bias'?" in result.err


def test_rules_are_listed_for_programs_too() -> None:
    table = json.loads(run("rules", "--format", "json").out)
    assert [row["code"] for row in table] == [rule.code for rule in rule_book.rules()]


def test_help_fits_a_screen_and_shows_examples() -> None:
    result = run("--help")
    lines = result.out.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 100
    assert "Examples:" in lines


# --- in a process of its own ----------------------------------------------------------------------------------------------------


def test_the_version_is_told_without_importing_anything() -> None:
    before = os.times().children_user
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "biaslint", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("biaslint ")
    assert "click" not in done.stderr
    assert os.times().children_user - before < 0.5  # seconds of the processor; the aim is 0.1


def test_linting_imports_no_framework(tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed, so it could not be imported")
    write(tmp_path, {"dead.py": DEAD})
    script = (
        "import sys\nfrom biaslint.cli import group\ntry:\n    group(['dead.py'])\nfinally:\n    print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    modules = done.stdout.splitlines()[-1]
    assert "'biaslint.engine'" in modules
    for framework in ("torch", "tensorflow", "keras", "numpy"):
        assert f"'{framework}'" not in modules


def test_the_real_command_reports_and_fails(tmp_path: Path) -> None:
    write(tmp_path, {"dead.py": DEAD})
    done = process(tmp_path, "dead.py")
    assert (done.status, done.err) == (1, "")
    assert done.out.startswith("dead.py:4:5: BL101 ")


def test_a_name_that_the_terminal_cannot_write_does_not_end_the_run(tmp_path: Path) -> None:
    write(tmp_path, {"mod\u00e8le\u4e2d.py": DEAD})
    done = process(tmp_path, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.status == 1
    assert "mod\u00e8le\\u4e2d.py:4:5: BL101" in done.out
