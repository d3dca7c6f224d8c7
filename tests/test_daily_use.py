"""What people expect of a linter on every day: settings, options, suggestions, interrupts."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import faults
import pytest
from projects import CLEAN, DEAD, ROOT, Run, begun, biaslint, process, write

from biaslint import reporters


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"pyproject.toml": "", "dead.py": DEAD, "pkg/clean.py": CLEAN})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Run:
    return biaslint(Path.cwd(), *arguments, **environ)


def configure(project: Path, text: str, name: str = "biaslint.toml") -> None:
    write(project, {name: text})


# --- settings -------------------------------------------------------------------------------------------------------------------


def test_a_severity_can_be_set_by_code_name_and_prefix_and_the_longest_wins(project: Path) -> None:
    configure(project, 'severity = { BL1 = "hint" }\n')
    result = run("dead.py")
    assert result.status == 0
    assert "dead.py:4:5: BL101 hint: " in result.out
    configure(project, 'severity = { BL1 = "hint", bias-before-norm = "error" }\n')
    assert "dead.py:4:5: BL101 error: " in run("dead.py", "--fail-on", "error").out


def test_a_rule_whose_severity_is_set_keeps_its_fix(project: Path) -> None:
    configure(project, 'severity = { BL101 = "error" }\n')
    assert run("dead.py", "--fix", "--unsafe-fixes").out == "Fixed 1 finding; none remaining.\n"
    assert "bias=False" in (project / "dead.py").read_text()


def test_a_configuration_extends_another_and_goes_first(project: Path) -> None:
    configure(project, 'ignore = ["BL101"]\nfail-on = "error"\n', "base/shared.toml")
    configure(project, 'extend = "base/shared.toml"\nfail-on = "hint"\n')
    assert run("dead.py").status == 0
    assert 'fail-on = "hint"' in run("--show-settings").out
    configure(project, 'extend = "base/shared.toml"\nignore = []\n')
    assert "BL101" in run("dead.py").out


def test_configurations_that_extend_each_other_are_an_error(project: Path) -> None:
    configure(project, 'extend = "other.toml"\n')
    configure(project, 'extend = "biaslint.toml"\n', "other.toml")
    result = run()
    assert result.status == 2
    assert "'extend' is circular: it leads back to" in result.err


def test_format_jobs_and_cache_can_be_configured(project: Path) -> None:
    configure(project, 'output-format = "concise"\njobs = 1\ncache-dir = "kept"\n')
    assert run().out.splitlines()[1] == "Found 1 warning in 1 file. 1 fixable with --fix --unsafe-fixes."
    assert (project / "kept").is_dir()
    assert run("--format", "jsonl").out.startswith("{")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('output-format = "concize"', "did you mean 'concise'?"),
        ("jobs = -1", "'jobs' must be a number of processes"),
        ('severity = { BL101 = "grave" }', "'severity' must be one of hint, warning, error for 'BL101'"),
        ('severity = { BL1011 = "hint" }', "did you mean 'BL101'?"),
        ('layers = { "a.B" = { like = "torch.nn.Conv9d" } }', "did you mean 'torch.nn.Conv"),
        ('layers = { "a.B" = { like = "mylib.Conv2d" } }', "is not a layer of a framework"),
        ("verify = { dead-unit = 0.5 }", "did you mean 'dead-units'?"),
        ("verify = { dead-units = nan }", "needs a finite number for 'dead-units'"),
        ("verify = { dead-units = inf }", "needs a finite number for 'dead-units'"),
        ('[tool.biaslint]\nselect = ["BL1"]', "settings go at the top level, without [tool.biaslint]"),
        ('extend = "nowhere.toml"', "biaslint.toml: 'extend': "),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(project: Path, text: str, said: str) -> None:
    configure(project, text + "\n")
    result = run("dead.py")
    assert result.status == 2
    assert said in result.err


@pytest.mark.parametrize(
    "like",
    [
        "torch.nn.Conv2d",
        "torch.nn.modules.conv.Conv2d",
        "keras.layers.Dense",
        "tf.keras.layers.Convolution2D",
        "tensorflow.keras.layers.LSTM",
    ],
)
def test_layers_of_all_frameworks_can_be_named(project: Path, like: str) -> None:
    configure(project, f'layers = {{ "a.B" = {{ like = "{like}" }} }}\n')
    assert run("pkg").status == 0


def test_a_setting_on_the_command_line_is_toml_or_a_plain_word(project: Path) -> None:
    assert run("dead.py", "--config", "fail-on=never").status == 0
    assert run("dead.py", "--config", 'ignore = ["BL101"]').out == "All checks passed (1 file).\n"
    assert "BL101 hint: " in run("dead.py", "--config", "severity.BL101 = 'hint'").out
    wrong = run("dead.py", "--config", "fail-no=never")
    assert (wrong.status, "did you mean 'fail-on'?" in wrong.err) == (2, True)
    layers = run("dead.py", "--config", 'layers = { "a.B" = { like = "torch.nn.Conv9d" } }')
    assert layers.err.startswith("biaslint: --config: 'layers': 'torch.nn.Conv9d'")


def test_a_setting_on_the_command_line_adds_to_a_table_of_the_file(project: Path) -> None:
    configure(project, '[per-file-ignores]\n"tests/**" = ["BL2"]\n')
    assert run("dead.py", "--config", 'per-file-ignores."dead.py" = ["BL101"]').status == 0
    assert '"tests/**" = ["BL2"]' in run("--show-settings", "--config", 'per-file-ignores."dead.py" = ["BL101"]').out


def test_settings_and_files_can_be_shown(project: Path) -> None:
    configure(project, 'ignore = ["BL401"]\n[per-file-ignores]\n"tests/**" = ["BL2"]\n')
    shown = run("--show-settings").out
    assert f"# {project / 'biaslint.toml'}\n" in shown
    assert 'ignore = ["BL401"]\n' in shown
    assert '"tests/**" = ["BL2"]\n' in shown
    assert run("--show-files").out.splitlines() == [str(project / "dead.py"), str(project / "pkg" / "clean.py")]


# --- fixes and suppressions -----------------------------------------------------------------------------------------------------


def test_fix_only_reports_nothing_and_a_fix_can_fail_the_run(project: Path) -> None:
    text = DEAD + "x = 1  # biaslint: ignore[BL301]\n"
    write(project, {"both.py": text})
    shown = "fixed both.py:8: BL002 unused-suppression: remove the comment\n"
    assert run("both.py", "--fix-only", "--show-fixes") == Run(0, shown, "")
    assert (project / "both.py").read_text() == DEAD + "x = 1\n"
    write(project, {"both.py": text})
    assert run("both.py", "--fix-only", "--exit-non-zero-on-fix").status == 1
    assert run("both.py", "--fix-only", "--exit-non-zero-on-fix").status == 0


def test_every_finding_can_be_suppressed_at_once_with_a_reason(project: Path) -> None:
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": DEAD.splitlines(keepends=True)}]
    write(project, {"n.ipynb": json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})})
    result = run(".", "--add-ignore", "--reason", "published")
    assert (result.status, result.err) == (0, "biaslint: added suppression comments for 2 findings\n")
    assert "nn.Conv2d(3, 8, 3),  # biaslint: ignore[BL101] -- published\n" in (project / "dead.py").read_text()
    assert "# biaslint: ignore[BL101] -- published" in (project / "n.ipynb").read_text()
    assert run(".").out == "All checks passed (3 files).\n"


def test_a_reason_is_for_suppressions_that_are_added(project: Path) -> None:
    assert run("dead.py", "--reason", "published") == Run(2, "", "biaslint: --reason requires --add-ignore\n")


def test_a_suppression_joins_the_comment_that_is_there(project: Path) -> None:
    write(project, {"dead.py": DEAD.replace("3, 8, 3),", "3, 8, 3),  # biaslint: ignore[BL999x, BL301] -- why")})
    run("dead.py", "--add-ignore", "--ignore", "BL002")
    write(project, {"dead.py": DEAD.replace("3, 8, 3),", "3, 8, 3),  # biaslint: ignore[BL301] -- why")})
    run("dead.py", "--add-ignore")
    assert "# biaslint: ignore[BL301, BL101] -- why" in (project / "dead.py").read_text()


def test_a_diff_without_its_unsafe_fixes_says_that_they_are_there(project: Path) -> None:
    result = run("dead.py", "--diff")
    assert (result.out, result.err) == ("", "biaslint: 1 unsafe fix not shown; add --unsafe-fixes\n")
    assert "not shown" not in run("dead.py", "--diff", "--unsafe-fixes").err


# --- output ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "said"), [("x.foo", "unknown file type"), ("x", "unknown file type"), ("-", "needs a file")])
def test_an_output_of_no_known_kind_is_an_error_and_writes_nothing(project: Path, value: str, said: str) -> None:
    result = run("dead.py", "-o", value)
    assert (result.status, said in result.err) == (2, True)
    assert not (project / value).exists()


def test_color_can_be_forced_and_forbidden_by_the_environment(project: Path) -> None:
    assert "\x1b[" in run("dead.py", FORCE_COLOR="1").out
    assert "\x1b[" not in run("dead.py", "--no-color", FORCE_COLOR="1").out
    assert "\x1b[" not in run("dead.py", FORCE_COLOR="1", NO_COLOR="1").out
    assert "\x1b[" not in run("dead.py", FORCE_COLOR="0").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "BL1"], "choose from BL101 bias-before-norm, BL102"),
        (["explain", "bias-befor-norm"], "did you mean 'bias-before-norm'?"),
        (["explian", "BL101"], "did you mean `biaslint explain`?"),
        (["check", "dead.py"], "did you mean `biaslint PATHS`?"),
        (["--selct", "BL1"], "Did you mean '--select'?"),
        (["--no-cahe"], "Did you mean '--no-cache'?"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_right_one(project: Path, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.status, said in result.err) == (2, True), result.err


def test_rules_can_be_filtered(project: Path) -> None:
    codes = {line.split()[0] for line in run("rules", "BL1", "--fix", "unsafe", "--framework", "keras").out.splitlines()}
    assert "BL101" in codes
    assert all(code.startswith("BL1") for code in codes)
    listed = json.loads(run("rules", "--off", "--severity", "hint", "--format", "json").out)
    assert listed
    assert {(one["default"], one["severity"]) for one in listed} == {(False, "hint")}
    assert run("rules", "BL4", "--severity", "hint", "--fix", "safe") == Run(0, "", "biaslint: no rule matches\n")


def test_codes_and_names_of_rules_are_completed(project: Path) -> None:
    environ = {"_BIASLINT_COMPLETE": "bash_complete", "COMP_WORDS": "biaslint --select BL101,BL20", "COMP_CWORD": "2"}
    found = process(project, **environ).out
    assert "plain,BL101,BL203" in found.splitlines()
    environ = {"_BIASLINT_COMPLETE": "bash_complete", "COMP_WORDS": "biaslint explain bias-be", "COMP_CWORD": "2"}
    assert "plain,bias-before-norm" in process(project, **environ).out.splitlines()


def test_a_named_file_that_may_not_be_read_is_a_finding(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    monkeypatch.setattr("builtins.open", forbidden)
    result = run("dead.py", "--isolated", "--no-cache", "-q")
    assert (result.status, result.err) == (1, "")
    assert "dead.py:1:1: BL001 error: the file cannot be read: Permission denied" in result.out


def forbidden(*_: object, **__: object) -> bytes:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


# --- faults of ours, interrupts and odd names ---------------------------------------------------------------------------------------------------


def test_an_execution_that_dies_of_a_fault_of_ours_names_its_file_and_the_rest_is_linted(project: Path) -> None:
    write(project, {"broken.py": faults.FAULTY_CALL + DEAD, "also.py": DEAD})
    with faults.registered():
        result = run(".", "--no-cache", "-j", "1")
    assert result.status == 2
    assert f"{project / 'broken.py'}: " in result.err
    assert "internal error: ZeroDivisionError: a fault" in result.err
    assert "also.py:4:5: BL101" in result.out
    assert "dead.py:4:5: BL101" in result.out


@pytest.mark.skipif(os.name == "nt", reason="signals work otherwise there")
@pytest.mark.parametrize("seed", range(6))
def test_an_interrupt_at_any_moment_is_one_line_and_status_130(seed: int) -> None:
    chance = random.Random(seed)
    lint = begun(ROOT, "--no-cache", "-j", "2", "fixtures")
    try:
        time.sleep(chance.uniform(0, 1.2))
        os.killpg(lint.pid, signal.SIGINT)
        _, err = lint.communicate(timeout=60)
    finally:
        lint.kill()
    assert (lint.returncode, err.strip()) == (130, b"biaslint: interrupted")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
@pytest.mark.parametrize("kind", reporters.FORMATS)
def test_a_file_name_that_is_not_utf_8_is_printed_and_written_in_every_format(tmp_path: Path, kind: str) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.py")).write_text(DEAD)
    done = process(tmp_path, "--isolated", "--format", kind, "-o", f"{kind}:report", "--show-unknown", ".")
    assert (done.status, "Traceback" in done.out + done.err) == (1, False)
    assert (tmp_path / "report").read_text(encoding="utf-8")
