"""Comments that silence findings, and the report on those that silence nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import DEAD

from biaslint import engine
from biaslint.config import Config
from biaslint.findings import suppressions

HERE = Path("/project/net.py")
LINE = "    nn.Conv2d(3, 8, 3),"


def lint(text: str, **settings: object) -> list[tuple[int, str]]:
    config = Config(root=HERE.parent, **settings)  # type: ignore[arg-type]
    result = engine.lint_text(text, HERE, config)
    assert result.errors == []
    return [(one.place.line, one.rule) for one in result.findings]


def with_comment(comment: str) -> str:
    return DEAD.replace(LINE, f"{LINE}  {comment}")


@pytest.mark.parametrize(
    "comment",
    [
        "# biaslint: ignore[BL101]",
        "# biaslint: ignore[bias-before-norm]",
        "# biaslint: ignore[BL301, BL1]",
        "# biaslint: ignore[BL101] -- the checkpoint is published",
        "# biaslint: ignore[BL101] the checkpoint is published",
        "# biaslint: ignore",
        "#biaslint:ignore[ BL101 ]",
        "# because so  # biaslint: ignore[BL101]",
        "# biaslint: ignore-file[BL101]",
        "# biaslint: ignore-file",
        "# noqa: BL101",
        "# noqa: E501,BL101",
        "# noqa: E501 BL101",
        "# NOQA:BL101",
        "# noqa",
        "# type: ignore  # noqa: BL101 -- published",
    ],
)
def test_a_comment_silences_the_finding_on_its_line(comment: str) -> None:
    assert [rule for _, rule in lint(with_comment(comment), select=("BL101",))] == []


@pytest.mark.parametrize(
    "comment",
    [
        "# biaslint: ignore[BL301]",
        "# noqa: E501",
        "# noqa: BL301",
        "# noqa:",
        "# biaslint",
        "# ignore[BL101]",
        "# noqa : nonsense",
    ],
)
def test_other_comments_silence_nothing(comment: str) -> None:
    assert lint(with_comment(comment), select=("BL101",)) == [(4, "BL101")]


def test_a_comment_at_the_end_of_a_call_over_several_lines_holds_for_it() -> None:
    text = DEAD.replace(LINE, "    nn.Conv2d(\n        3, 8, 3\n    ),{}")
    assert lint(text.format("  # biaslint: ignore[BL101]")) == []
    assert lint(text.format("")) == [(4, "BL101")]


def test_a_comment_on_the_line_above_holds_for_that_line_alone() -> None:
    text = DEAD.replace(LINE, f"    # biaslint: ignore[BL101]\n{LINE}")
    assert lint(text) == [(4, "BL002"), (5, "BL101")]


def test_a_comment_for_the_file_holds_from_anywhere_in_it() -> None:
    assert lint(DEAD + "# biaslint: ignore-file[BL101]\n") == []


def test_what_only_looks_like_a_comment_silences_nothing() -> None:
    assert lint('"""\n# biaslint: ignore-file\n"""\n' + DEAD) == [(7, "BL101")]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# biaslint: ignore[BL301]", "this comment silences nothing"),
        ("# biaslint: ignore[forget-gate-bias, BL101]", "`forget-gate-bias` silences nothing here"),
        ("# noqa: BL301", "this comment silences nothing"),
        ("# biaslint: ignore[BL1011]", "unknown rule 'BL1011'; did you mean 'BL101'?"),
        ("# biaslint: ignore[]", "no rule stands between the brackets"),
        ("# biaslint: ignroe[BL101]", "is not understood; write `biaslint: ignore`"),
    ],
)
def test_a_comment_that_silences_nothing_is_reported(comment: str, message: str) -> None:
    result = engine.lint_text(with_comment(comment), HERE, Config(root=HERE.parent))
    idle = [one for one in result.findings if one.rule == "BL002"]
    assert len(idle) == 1
    assert message in idle[0].message
    assert idle[0].place.line == 4
    assert idle[0].place.column == len(LINE) + 3


@pytest.mark.parametrize(
    ("comment", "settings"),
    [
        ("# biaslint: ignore[BL301]", {"ignore": ("BL301",)}),
        ("# biaslint: ignore[BL301]", {"per_file_ignores": {"*.py": ("BL002",)}}),
        ("# biaslint: ignore[BL301]", {"per_file_ignores": {"net.py": ("BL301",)}}),
        ("# noqa: E501", {}),
        ("# noqa: BLE001", {}),
        ("# noqa: BL999", {}),
        ("# noqa", {}),
    ],
)
def test_a_comment_that_may_be_needed_elsewhere_is_left_alone(comment: str, settings: dict[str, object]) -> None:
    assert lint(DEAD.replace(LINE, LINE) + f"x = 1  {comment}\n", **settings) == [(4, "BL101")]


def test_a_bare_comment_is_idle_only_if_all_usual_rules_ran() -> None:
    text = DEAD + "x = 1  # biaslint: ignore\n"
    assert lint(text) == [(4, "BL101"), (8, "BL002")]
    assert lint(text, ignore=("BL301",)) == [(4, "BL101")]


def test_text_that_cannot_be_tokenized_is_read_as_far_as_it_goes() -> None:
    comments = suppressions.read("x = 1  # biaslint: ignore[BL101]\ny = (\n")
    assert [comment.line for comment in comments] == [1]
