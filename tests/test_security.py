"""What is linted is read and never run, fixes stay in the project, and what reports say steers no terminal and no browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from projects import DEAD, FIXED, ROOT, biaslint, write

from biaslint import engine, reporters
from biaslint.config import Config
from biaslint.findings.finding import Finding, Severity
from biaslint.theory.program import Place

# -- nothing is executed -----------------------------------------------------------------------------------------------------------

TRAP = "open(__file__ + '.ran', 'w').close()\n"
# Names that Python, its tools, and biaslint itself look for: none of them may be taken from the project.
TRAPS = (
    "setup.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "__init__.py", "__main__.py", "noxfile.py", "tasks.py", "package/torch.py",
    "keras.py", "tensorflow.py", "numpy.py", "click.py", "libcst/__init__.py", "pathspec.py", "tomllib.py", "tomli.py", "ast.py", "json.py",
    "tokenize.py", "typing_extensions.py", "pygls/__init__.py", "lsprotocol/__init__.py", "biaslint_rules.py", "rules/__init__.py",
    "evil/__init__.py", "package/__init__.py", "package/model.py", "multiprocessing/__init__.py", "pickle.py", "difflib.py", "rich.py",
)  # fmt: skip
SETTINGS = """
[build-system]
requires = ["setuptools"]
build-backend = "setup"
backend-path = ["."]
[tool.biaslint.layers]
"evil.ConvBN" = { like = "torch.nn.Conv2d", norm = "after" }
[tool.pytest.ini_options]
addopts = "-p evil"
[project.entry-points."biaslint.rules"]
evil = "evil"
"""
NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "code", "source": ["%run package/model.py\n", "!touch cell.ran\n", "open('cell.ran', 'w')\n", DEAD]},
            {"cell_type": "code", "source": "%%bash\ntouch cell.ran\n"},
        ],
        "metadata": {"kernelspec": {"name": "evil", "language": "python", "argv": ["touch", "cell.ran"]}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    files: dict[str, str | bytes] = dict.fromkeys(TRAPS, TRAP)
    files |= {
        "pyproject.toml": SETTINGS,
        "setup.cfg": "[options.entry_points]\nbiaslint.rules =\n    evil = evil\n",
        "net.py": f"import evil, torch, package.model, setup\nfrom package.model import *\n{TRAP}{DEAD}\n@open('x.ran', 'w').close\ndef f(x=eval('1')): pass\n",
        "net.ipynb": NOTEBOOK,
        "evil.pth": f"import os; {TRAP}",
        "evil-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        "evil-1.0.dist-info/entry_points.txt": "[biaslint.rules]\nevil = evil\n[biaslint]\nevil = evil\n",
        "evil.egg-info/entry_points.txt": "[biaslint.rules]\nevil = evil\n",
    }
    return write(tmp_path, files)


def ran(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.ran"))


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m biaslint` in the folder, where biaslint is installed and PYTHONPATH does not help."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "biaslint", *arguments], cwd=folder, capture_output=True, text=True, env=environ, check=False
    )


def installed() -> bool:
    return subprocess.run([sys.executable, "-c", "import biaslint"], cwd="/", capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not installed(), reason="biaslint is not installed")
def test_linting_and_fixing_run_nothing_of_what_they_read(trapped: Path) -> None:
    assert (trapped / "net.py").exists()
    for arguments in (
        (".",), ("--format", "sarif", "net.py"), ("--diff", "--unsafe-fixes", "net.ipynb"), ("rules",), ("explain", "BL101"),
        ("--isolated", "package"), ("--show-unknown", "--statistics", "."), ("--fix", "--unsafe-fixes", "."),
    ):  # fmt: skip
        done = command(trapped, *arguments)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in (0, 1), done.stderr
        assert ran(trapped) == []
    assert "bias=False" in (trapped / "net.py").read_text()
    assert "bias=False" in (trapped / "net.ipynb").read_text()


def test_the_traps_are_live(trapped: Path) -> None:
    subprocess.run([sys.executable, "net.py"], cwd=trapped, capture_output=True, check=False)
    assert "evil/__init__.py.ran" in ran(trapped)


@pytest.mark.skipif(not installed(), reason="biaslint is not installed")
def test_the_language_server_runs_nothing_of_what_it_reads(trapped: Path) -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    text = (trapped / "net.py").read_text()
    uri = (trapped / "net.py").as_uri()
    messages = [
        {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": trapped.as_uri(), "capabilities": {}}},
        {"method": "initialized", "params": {}},
        {"method": "textDocument/didOpen", "params": {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": text}}},
        {"method": "textDocument/didSave", "params": {"textDocument": {"uri": uri}}},
        {"id": 2, "method": "textDocument/codeAction", "params": {"textDocument": {"uri": uri}, "range": span(), "context": {"diagnostics": []}}},
        {"id": 3, "method": "shutdown"},
        {"method": "exit"},
    ]  # fmt: skip
    bodies = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
    data = b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "biaslint", "lsp"],
        cwd=trapped,
        input=data,
        capture_output=True,
        env=environ,
        timeout=60,
        check=False,
    )
    assert b'"id":2' in done.stdout.replace(b" ", b""), done.stderr[-2000:]
    assert ran(trapped) == []


def span() -> dict[str, dict[str, int]]:
    return {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}


def test_the_verifier_runs_the_target_and_leaves_the_parent_alone(trapped: Path) -> None:
    """It runs the model, because it was asked to: in a process of its own, never in this one."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    (trapped / "model.py").write_text(
        "import os, torch\nopen(f'{os.getpid()}.pid', 'w').close()\n"
        "class M(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.c = torch.nn.Linear(3, 2)\n"
        "    def forward(self, x):\n        return self.c(x)\n"
    )
    for name in TRAPS:
        (trapped / name).unlink()  # the model itself may import what the project has
    before = set(sys.modules)
    biaslint(trapped, "verify", "model.py:M", "--input", "3", "--batch", "2")
    assert [int(path.stem) for path in trapped.glob("*.pid")] != [os.getpid()]
    assert "model" not in set(sys.modules) - before


def test_what_the_model_calls_itself_steers_no_terminal_and_no_browser(tmp_path: Path) -> None:
    """Its classes and layers are made and named by the code that is measured."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    folder = write(
        tmp_path,
        {
            "model.py": f"import torch\nfrom torch import nn\nEVIL = {(ESCAPE + MARKUP).replace('.', '')!r}\n"
            "Conv = type('Conv' + EVIL, (nn.Conv2d,), {})\n"
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.add_module('c' + EVIL, Conv(3, 8, 3))\n        self.n = nn.BatchNorm2d(8)\n"
            "    def forward(self, x):\n        return self.n(getattr(self, 'c' + EVIL)(x)).mean((2, 3))\n"
            "Net.__name__ = Net.__qualname__ = 'Net' + EVIL\n"
        },
    )
    for format_ in ("text", "json", "sarif"):
        shown = biaslint(folder, "verify", "model.py:Net", "--input", "3,16,16", "--format", format_, "--html", "page.html")
        assert ("Conv" if format_ == "text" else "BL101") in shown.out
        assert not {*"\x1b\x07\x9b\u202e\u2066"} & set(shown.out + shown.err)
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed((folder / "page.html").read_text())
    assert "table" in tags
    assert "script" not in tags


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"observed": 3}', "[" * 100_000, "\x1b", '{"observed": {"layers": [3]}}'])
def test_an_answer_that_the_model_s_code_has_spoiled_is_an_error_of_the_model(answer: str) -> None:
    from biaslint.runtime.process.parent import VerifyError, understood

    with pytest.raises(VerifyError, match="damaged"):
        understood(answer)


# -- fixes stay in the project -------------------------------------------------------------------------------------------------------


def test_no_link_is_followed_out_of_the_project_for_a_fix(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"net.py": DEAD, "folder/net.py": DEAD})
    project = write(tmp_path / "project", {"own.py": DEAD})
    (project / "file.py").symlink_to(outside / "net.py")
    (project / "folder").symlink_to(outside / "folder", target_is_directory=True)
    (project / "up.py").symlink_to("../outside/net.py")
    result = biaslint(project, "--fix", "--unsafe-fixes", ".", "file.py", "folder/net.py")
    assert (outside / "net.py").read_text() == DEAD
    assert (outside / "folder/net.py").read_text() == DEAD
    assert (project / "own.py").read_text() == FIXED
    assert "leads out of" in result.err


def test_a_report_over_a_link_replaces_the_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"own.py": DEAD})
    (tmp_path / "precious").write_text("mine")
    (project / "out.json").symlink_to(tmp_path / "precious")
    biaslint(project, "--output", "json:out.json")
    assert (tmp_path / "precious").read_text() == "mine"


# -- names and texts of the sources ------------------------------------------------------------------------------------------------

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\u061c\U000e0041"
MARKUP = "</script><script>alert(1)</script>&\"'`-->]]>"
EVIL = ESCAPE + MARKUP + "\n::set-env name=x::y\r\n::error::%0A,file=x:"
# The name goes where the sources can put it: a submodule's name, a dictionary's key, a string, a comment, a condition.
NAMES = f"""from torch import nn
KEY = {EVIL!r}
class Net(nn.Module):
    def __init__(self, norm={EVIL!r}):
        super().__init__()
        self.add_module(KEY, nn.Conv2d(3, 8, 3))
        setattr(self, KEY + "2", nn.Conv2d(3, 8, 3))  # {ESCAPE}{MARKUP}
        self.layers = nn.ModuleDict({{KEY: nn.Conv2d(3, 8, 3), KEY + "n": nn.BatchNorm2d(8)}})
        self.bn = nn.BatchNorm2d(8) if norm == {EVIL!r} else nn.Identity()
    def forward(self, x):
        x = self.layers[KEY + "n"](self.layers[KEY](x))
        x = self.bn(getattr(self, KEY)(x))
        return self.bn(getattr(self, KEY + "2")(x))
"""


@pytest.fixture(scope="module")
def view() -> reporters.View:
    path = Path(f"/project/{EVIL.replace('/', '')}.py")
    result = engine.lint_text(NAMES, path, Config(path.parent, select=("ALL",)))
    assert len([finding for finding in result.findings if finding.rule == "BL101"]) >= 2
    result.findings.append(
        Finding("BL001", "unreadable-file", Severity.ERROR, Place(str(path), 1, 1, 1, 2), EVIL, EVIL, when=EVIL, advice=EVIL)
    )
    result.problems.append(EVIL)
    return reporters.View(result, Config(path.parent), path.parent, show_unknown=True, statistics=True)


@pytest.mark.parametrize("kind", reporters.FORMATS)
def test_no_report_lets_a_control_character_through(view: reporters.View, kind: str) -> None:
    text = reporters.render(kind, view)
    assert not {*"\x1b\x07\x9b\u202e\u2066\u061c\U000e0041\r"} & set(text)


def test_no_line_of_a_report_for_github_is_a_command_of_the_sources(view: reporters.View) -> None:
    lines = reporters.render("github", view).splitlines()
    assert len(lines) == len(view.result.findings)
    assert all(line.startswith(("::warning file=", "::error file=", "::notice file=")) for line in lines)
    for line in lines:
        properties = line[2:].partition("::")[0].partition(" ")[2]
        assert properties.startswith("file=")
        assert ":" not in properties


@pytest.mark.parametrize("kind", ["text", "github", "junit"])
def test_no_line_of_a_report_begins_with_a_command_that_a_file_is_called(tmp_path: Path, kind: str) -> None:
    """Services read commands from all that a step prints, whatever stands before them on their line."""
    names = ("::error::x.py", "##[error]x.py", " ::add-mask::x.py")
    folder = write(tmp_path, dict.fromkeys(names, DEAD + "def f(n):\n    nn.Linear(1, 2)(n.y)\n"))
    shown = biaslint(folder, "--format", kind, "--show-unknown").out
    assert all(name in shown.replace("%3A", ":") for name in names)  # all three are spoken of
    begun = [line for line in map(str.lstrip, shown.splitlines()) if line.startswith(("::", "##["))]
    assert all(kind == "github" and line.startswith("::warning file=") for line in begun)


@pytest.mark.parametrize("kind", ["json", "sarif", "gitlab"])
def test_reports_for_programs_stay_whole(view: reporters.View, kind: str) -> None:
    report = json.loads(reporters.render(kind, view))
    assert "set-env name=x::y" in json.dumps(report)
    assert all(json.loads(line) for line in reporters.render("jsonl", view).splitlines())


def test_markup_in_names_stays_text_in_xml(view: reporters.View) -> None:
    root = ElementTree.fromstring(reporters.render("junit", view).encode())
    assert {part.tag for part in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}
    assert any("<script>" in (part.text or "") for part in root.iter("failure"))


def test_markup_in_names_stays_text_in_html() -> None:
    from biaslint.runtime.facts.measurement import Verdict
    from biaslint.runtime.facts.observed import Observed
    from biaslint.runtime.report import html

    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    observed = Observed(framework="torch", model=EVIL, target=EVIL, notes=[EVIL])
    finding = Finding("BL101", "bias-before-norm", Severity.ERROR, Place(EVIL, 1, 1, 1, 2), EVIL, EVIL, when=EVIL, advice=EVIL)
    page = html.render(observed, Verdict([], []), [finding])
    parser.feed(page)
    assert "script" not in tags
    assert "<script" not in page


def test_what_is_said_on_the_error_stream_steers_no_terminal(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.py": DEAD})
    result = biaslint(folder, f"missing{ESCAPE}.py")
    assert result.status == 2
    assert "missing" in result.err
    assert "\x1b" not in result.err


def test_a_difference_that_is_shown_on_a_terminal_steers_it_not(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    folder = write(tmp_path, {"a.py": DEAD.replace("3, 8, 3),", f"3, 8, 3),  # {ESCAPE}")})
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    subprocess.run(
        [sys.executable, "-m", "biaslint", "--diff", "--unsafe-fixes", "a.py"],
        cwd=folder,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        check=False,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert b"bias=False" in shown
    assert b"\x1b" not in shown


def test_an_editor_is_told_names_without_control_characters() -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    from biaslint.lsp.diagnostics import diagnostic
    from biaslint.lsp.documents import Documents

    finding = Finding(
        "BL101", "bias-before-norm", Severity.WARNING, Place("/project/a.py", 1, 1, 1, 2), EVIL, EVIL, advice=EVIL
    )
    assert unmarked(diagnostic(Documents(), finding, related=True).message)


def unmarked(text: str) -> bool:
    return bool(text) and not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)


def test_an_editor_s_hints_and_titles_have_no_control_characters(tmp_path: Path) -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    from lsprotocol import types

    from biaslint.lsp import actions, pages
    from biaslint.lsp.diagnostics import diagnostic
    from biaslint.lsp.documents import Documents

    path = tmp_path / "net.py"
    path.write_text(NAMES)
    result = engine.lint_text(NAMES, path, Config(tmp_path, select=("ALL",)))
    documents = Documents()
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    hints = pages.inlay_hints(documents, path.as_uri(), result.uses, whole)
    assert any("cancelled" in str(hint.label) for hint in hints)
    assert all(unmarked(str(hint.label)) for hint in hints)
    (finding, *_) = result.findings
    assert finding.fix is not None
    evil = replace(finding, fix=replace(finding.fix, message=EVIL))
    titles = [one.title for one in actions.quick_fixes(documents, evil, diagnostic(documents, evil, related=True))]
    assert any("set-env" in title for title in titles)
    assert all(unmarked(title) for title in titles)


def test_a_folder_s_name_steers_no_terminal_where_its_settings_are_wrong(tmp_path: Path) -> None:
    folder = write(tmp_path / f"project{ESCAPE}", {"pyproject.toml": "[tool.biaslint]\nselect = 3\n", "net.py": DEAD})
    for arguments in ((".",), ("init",), ("verify", "net.py:net"), (".", "--baseline", "nowhere.json")):
        shown = biaslint(folder, *arguments)
        assert shown.status == 2
        assert "pyproject.toml" in shown.err
        assert unmarked(shown.err)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take text only")
@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "sarif", "github", "gitlab", "junit"])
def test_a_file_name_that_is_not_utf_8_stands_in_every_report(tmp_path: Path, format_: str) -> None:
    write(tmp_path, {"net.py": DEAD})
    os.rename(tmp_path / "net.py", os.fsencode(tmp_path) + b"/\xff\xfe.py")
    done = subprocess.run(
        [sys.executable, "-m", "biaslint", "--isolated", "--no-cache", "--format", format_, "."],
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 1, done.stderr
    assert b"BL101" in done.stdout
    assert b"Traceback" not in done.stderr
    done.stdout.decode("utf-8")
