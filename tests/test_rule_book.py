"""Every example of every page is linted, and the whole set of reported lines compared; every `fixed` block is what the fixer makes.

With a page's examples run its own rule and every rule that is on by default; hints of other rules do not count.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from expectations import expected, explain, reported, without_expectations

from biaslint import engine
from biaslint.config import Config
from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Severity
from biaslint.fix import fix_text

PAGES = [rule_book.page(rule) for rule in rule_book.rules()]
EXAMPLES = [(page, index) for page in PAGES for index in range(len(page.examples))]


def name(value: object) -> str:
    if isinstance(value, rule_book.Page):
        return value.rule.name
    return str(value)


def lint(page: rule_book.Page, example: rule_book.Example) -> list[Finding]:
    path = Path("/rule-book") / f"{page.rule.name.replace('-', '_')}_{example.line}.py"
    config = Config(root=path.parent, extend_select=(page.rule.code,))
    result = engine.lint_text(example.code, path, config)
    assert result.errors == []
    return [one for one in result.findings if one.rule == page.rule.code or one.severity > Severity.HINT]


@pytest.mark.parametrize(("page", "index"), EXAMPLES, ids=name)
def test_an_example_is_reported_on_the_lines_that_say_so_and_on_no_others(page: rule_book.Page, index: int) -> None:
    example = page.examples[index]
    findings = lint(page, example)
    assert reported(findings) == expected(example.code), f"{page.rule.page}:{example.line}\n{explain(example.code, findings)}"


@pytest.mark.parametrize(("page", "index"), EXAMPLES, ids=name)
def test_an_example_has_the_reports_that_its_role_promises(page: rule_book.Page, index: int) -> None:
    example = page.examples[index]
    codes = {code for _, _, code in expected(example.code)}
    assert (page.rule.code in codes) == (example.role == "bad")
    assert example.role == "fixed" or example.frameworks or page.rule.made_by == "engine", "an example names its framework"


FIXED = [(page, index) for page, index in EXAMPLES if page.examples[index].role == "fixed"]


@pytest.mark.parametrize(("page", "index"), FIXED, ids=name)
def test_a_fixed_example_is_what_the_fixer_makes_of_the_one_before(page: rule_book.Page, index: int) -> None:
    before, after = page.examples[index - 1], page.examples[index]
    assert before.role == "bad"
    own = [one for one in lint(page, before) if one.rule == page.rule.code]
    assert without_expectations(fix_text(before.code, own, unsafe=True)) == without_expectations(after.code)
    again = [one for one in lint(page, after) if one.rule == page.rule.code]
    assert fix_text(after.code, again, unsafe=True) == after.code


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_has_the_sections_that_readers_look_for(page: rule_book.Page) -> None:
    assert page.text.startswith(f"# {page.rule.name} ({page.rule.code})\n")
    sections = [line[3:].strip() for line in page.text.splitlines() if line.startswith("## ")]
    wanted = ["Why it matters"] + ["When it stays silent"] * (page.rule.made_by != "runtime")
    wanted += ["Examples"] if page.rule.made_by == "check" else []
    wanted += ["Fix safety"] if page.rule.fix != "none" else []
    wanted += ["Sources"] if page.rule.made_by == "check" else []
    assert set(wanted) <= set(sections)


@pytest.mark.parametrize("page", [page for page in PAGES if page.rule.made_by == "check"], ids=name)
def test_a_page_shows_what_is_reported_and_what_is_not(page: rule_book.Page) -> None:
    roles = {example.role for example in page.examples}
    assert {"bad", "good"} <= roles


@pytest.mark.parametrize("page", [page for page in PAGES if page.rule.made_by == "check"], ids=name)
def test_a_page_has_an_example_for_each_framework_it_concerns(page: rule_book.Page) -> None:
    assert {framework for example in page.examples for framework in example.frameworks} >= set(page.rule.frameworks)


def test_the_index_lists_every_rule_with_its_summary() -> None:
    index = (rule_book.folder() / "README.md").read_text(encoding="utf-8")
    rows = [line for line in index.splitlines() if line.startswith("| BL")]
    # A new rule needs its row here: the missing one is in the message.
    assert rows == [f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.summary} |" for rule in rule_book.rules()]


def test_a_page_without_a_declaration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some-rule.md").write_text("# some-rule\n")
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match=r"some-rule\.md: a page starts with"):
        rule_book.rules()


def test_an_empty_rule_book_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match="empty"):
        rule_book.rules()


DECLARATION = """+++
code = "BL999"
summary = "s"
severity = "warning"
default = true
fix = "none"
frameworks = ["torch"]
category = "c"
sources = []
+++
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"warning"', '"grave"', "'severity' must be one of"),
        ('"BL999"', '"X1"', "must look like BL101"),
        ("default = true\n", "", "missing key 'default'"),
        ("default = true", "default = 1", "must be a bool"),
        ("sources", "source", "'source"),
        ('"torch"', '"jax"', "'frameworks' must be one of"),
    ],
)
def test_a_wrong_declaration_is_named(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some-rule.md").write_text(DECLARATION.replace(old, new))
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match=message):
        rule_book.rules()


def test_two_pages_cannot_share_a_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stem in ("one", "two"):
        (tmp_path / f"{stem}.md").write_text(DECLARATION)
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match="BL999 is taken"):
        rule_book.rules()


@pytest.mark.parametrize("fence", ["python torch badly", "python torch bad good", "python jax bad", "python torch"])
def test_an_example_with_an_unknown_role_is_refused(fence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some-rule.md").write_text(f"{DECLARATION}\n```{fence}\nx\n```\n")
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match=r"some-rule\.md:12: .*not understood"):
        rule_book.page(rule_book.rules()[0])


def test_an_unclosed_block_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some-rule.md").write_text(f"{DECLARATION}\n```python torch bad\nx\n")
    with use_folder(tmp_path, monkeypatch), pytest.raises(rule_book.BrokenPage, match="never closed"):
        rule_book.page(rule_book.rules()[0])


def test_rules_are_found_by_code_name_and_prefix() -> None:
    assert rule_book.find("bl101").name == "bias-before-norm"
    assert rule_book.find("bias_before_norm").code == "BL101"
    assert rule_book.select(["BL10"]) >= {"BL101"}
    assert rule_book.select(["ALL"]) == {rule.code for rule in rule_book.rules()}


@pytest.mark.parametrize(
    ("word", "nearest"), [("BL1011", "BL101"), ("bias-befor-norm", "bias-before-norm"), ("forget-gate", "forget-gate-bias")]
)
def test_an_unknown_rule_suggests_the_nearest(word: str, nearest: str) -> None:
    with pytest.raises(rule_book.UnknownRule) as caught:
        rule_book.select([word])
    assert caught.value.nearest == nearest
    assert nearest in str(caught.value)


class use_folder:  # noqa: N801
    """Another folder of pages for a while; the declarations are read anew before and after."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = (folder, monkeypatch)

    def __enter__(self) -> None:
        folder, monkeypatch = self.patch
        monkeypatch.setattr(rule_book, "folder", lambda: folder)
        rule_book.rules.cache_clear()

    def __exit__(self, *problem: object) -> None:
        self.patch[1].undo()
        rule_book.rules.cache_clear()
