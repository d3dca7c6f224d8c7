"""Comments that silence findings, and the report on those that silence nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import DEAD

from biaslint import engine
from biaslint.config import Config
from biaslint.findings import suppressions
from biaslint.fix.rounds import fix_text

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


MALFORMED = {
    "# biaslint:ignore BL101": "biaslint: ignore[BL101]",
    "# biaslint: ignore bl204,": "biaslint: ignore[BL204]",
    "# biaslint: ignore bl101, forget-gate-bias -- published": "biaslint: ignore[BL101, forget-gate-bias]",
    "# biaslint: ignore(BL101)": "biaslint: ignore[BL101]",
    "# biaslint: ignore[BL101": "biaslint: ignore[BL101]",
    "# biaslint: ignore=BL101": "biaslint: ignore[BL101]",
    "# biaslint: ignore: BL101": "biaslint: ignore[BL101]",
    "# biaslint: disable=BL101": "biaslint: ignore[BL101]",
    "# biaslint: noqa": "biaslint: ignore",
    "# biaslint ignore[BL101]": "biaslint: ignore[BL101]",
    "# biaslint: ignore_file[BL101]": "biaslint: ignore-file[BL101]",
    "# biaslint: ignore the checkpoint is published": "biaslint: ignore",
}


@pytest.mark.parametrize("comment", MALFORMED)
def test_a_malformed_comment_suppresses_nothing_and_is_reported_with_the_right_spelling(comment: str) -> None:
    result = engine.lint_text(with_comment(comment), HERE, Config(root=HERE.parent))
    assert sorted(one.rule for one in result.findings) == ["BL002", "BL101"]
    (malformed,) = [one for one in result.findings if one.rule == "BL002"]
    assert "malformed suppression" in malformed.message
    assert malformed.message.endswith(f"; write `{MALFORMED[comment]}`")


@pytest.mark.parametrize(
    "comment",
    ["# biaslint", "# see biaslint for this", "# biaslint's rules", "# biaslint-baseline.json", "# the biaslint: page"],
)
def test_a_comment_that_speaks_of_biaslint_is_no_suppression(comment: str) -> None:
    assert [rule for _, rule in lint(with_comment(comment)) if rule == "BL002"] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  # biaslint:ignore BL101", "  # biaslint: ignore[BL101]"),
        ("  # biaslint: ignore bl101 -- published", "  # biaslint: ignore[BL101]"),
        ("  # biaslint: ignore[BL301]", ""),
        ("  # biaslint: ignore[BL301] -- published", ""),
        ("  # kept  # biaslint: ignore[BL301]", "  # kept"),
        ("  # biaslint: ignore[BL301]  # kept", "    # kept"),
        ("  # biaslint: ignore[BL101, BL301] -- published", "  # biaslint: ignore[BL101] -- published"),
        ("  # biaslint: ignore[BL301, BL101]", "  # biaslint: ignore[BL101]"),
        ("  # noqa: E501, BL301", "  # noqa: E501"),
        ("  # noqa: BL301", ""),
        ("\n    # biaslint: ignore[BL301]", ""),
    ],
)
def test_the_fix_for_a_comment_takes_out_what_suppresses_nothing_or_spells_it_right(before: str, after: str) -> None:
    text = DEAD.replace(LINE, LINE + before)
    findings = [one for one in engine.lint_text(text, HERE, Config(root=HERE.parent)).findings if one.rule == "BL002"]
    assert fix_text(text, findings) == DEAD.replace(LINE, LINE + after)


CLASS = """from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3)
        self.third = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.third(self.second(self.norm(self.conv(x)))).relu()
"""


@pytest.mark.parametrize(
    ("above", "left"),
    [
        ("class Net", []),
        ("    def __init__", []),
        ("        self.conv", [9]),
        ("        self.norm", [7, 9]),
        ("    def forward", [7, 9]),
    ],
)
def test_a_comment_on_a_line_of_its_own_holds_for_the_statement_below_with_its_block(above: str, left: list[int]) -> None:
    indent = " " * (len(above) - len(above.lstrip()))
    comment = f"{indent}# biaslint: ignore[BL101] -- published"
    text = CLASS.replace(above, f"{comment}\n\n{above}", 1)
    at = text.splitlines().index(comment) + 1
    assert [line for line, rule in lint(text) if rule == "BL101"] == [line + 2 * (line >= at) for line in left]


def test_a_comment_on_a_line_of_its_own_within_brackets_holds_for_the_line_below() -> None:
    assert lint(DEAD.replace(LINE, f"    # biaslint: ignore[BL101]\n{LINE}")) == []


def test_a_decorator_is_part_of_the_statement_below_a_comment() -> None:
    text = CLASS.replace("class Net", "# biaslint: ignore[BL101]\n@register\n@other(1)\nclass Net").replace(
        "\n\n\n", "\nfrom r import register, other\n", 1
    )
    assert lint(text) == []


def test_a_comment_above_nothing_that_is_found_is_reported() -> None:
    assert lint(DEAD + "# biaslint: ignore[BL101]\nx = 1\n") == [(4, "BL101"), (8, "BL002")]
    assert lint(DEAD + "# biaslint: ignore[BL101]\n") == [(4, "BL101"), (8, "BL002")]


def test_a_comment_for_the_file_holds_from_anywhere_in_it() -> None:
    assert lint(DEAD + "# biaslint: ignore-file[BL101]\n") == []


def test_what_only_looks_like_a_comment_silences_nothing() -> None:
    assert lint('"""\n# biaslint: ignore-file\n"""\n' + DEAD) == [(7, "BL101")]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# biaslint: ignore[BL301]", "this comment suppresses nothing"),
        ("# biaslint: ignore[forget-gate-bias, BL101]", "`forget-gate-bias` suppresses nothing here"),
        ("# noqa: BL301", "this comment suppresses nothing"),
        ("# biaslint: ignore[BL1011]", "unknown rule 'BL1011'; did you mean 'BL101'?"),
        ("# biaslint: ignore[]", "no rule is named between the brackets"),
        ("# biaslint: ignroe[BL101]", "malformed suppression `biaslint: ignroe[BL101]`; write `biaslint: ignore[BL101]`"),
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
