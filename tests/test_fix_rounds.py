"""Many fixes at once."""

from __future__ import annotations

import ast
import json
import random
from itertools import permutations
from pathlib import Path

import pytest
from fixing import finding, no_bias, place_of, unmark
from projects import biaslint, write

from biaslint.findings.finding import DeleteStatement, InsertAfter, ReplaceExpression, Safety, SetArgument
from biaslint.fix import CannotFix, TextEdit, apply, fix_all, fix_text
from biaslint.theory.program import Place


def convs_without_bias(texts):
    """A linter in small: every `conv(...)` call without `bias=`, in every text."""
    found = []
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and node.func.id == "conv" and not any(key.arg == "bias" for key in node.keywords):
                place = Place(path, node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
                found.append(finding(place, SetArgument(place, "bias", "False")))
    return found


def test_several_findings_of_one_file_are_fixed_together():
    text = "a = conv(1)\nb = conv(2)  # two\nc = f(conv(3), conv(4))\n"
    expected = "a = conv(1, bias=False)\nb = conv(2, bias=False)  # two\nc = f(conv(3, bias=False), conv(4, bias=False))\n"
    assert fix_text(text, convs_without_bias({"m.py": text})) == expected


def test_the_order_of_the_findings_does_not_matter():
    text, places = unmark("a = ⟦f(⟦conv(1)⟧)⟧\n⟦g(1)⟧\n⟦h()⟧\n")
    findings = [
        finding(places[0], ReplaceExpression(places[0], "0")),
        finding(places[1]),
        finding(places[2], DeleteStatement(places[2])),
        finding(places[3], InsertAfter(places[3], "i()")),
    ]
    assert {fix_text(text, order) for order in permutations(findings)} == {"a = 0\nh()\ni()\n"}


def test_a_fix_that_is_in_the_way_waits_for_the_next_round():
    text = "a = conv(conv(conv(1)))\n"
    places = [place_of(text, 4, 23), place_of(text, 9, 22)]
    findings = [finding(place, ReplaceExpression(place, "conv(1)")) for place in places]
    outcome = fix_all(findings, lambda path: text, relint=convs_without_bias)
    assert outcome.texts == {"m.py": "a = conv(1, bias=False)\n"}
    assert [found.place.column for found in outcome.applied] == [5, 5]
    assert outcome.refused == []


def test_without_another_look_a_fix_that_is_in_the_way_is_reported():
    text, places = unmark("a = ⟦f(⟦conv(1)⟧)⟧\n")
    findings = [finding(places[0], ReplaceExpression(places[0], "0")), finding(places[1])]
    outcome = fix_all(findings, lambda path: text)
    assert outcome.refused == [(findings[1], "it conflicts with another fix")]


def test_a_second_run_changes_nothing():
    text = "a = conv(conv(1))\n"
    once = fix_all(convs_without_bias({"m.py": text}), lambda path: text, relint=convs_without_bias).texts
    assert once == {"m.py": "a = conv(conv(1, bias=False), bias=False)\n"}
    twice = fix_all(convs_without_bias(once), once.__getitem__, relint=convs_without_bias)
    assert (twice.texts, twice.applied) == ({}, [])


def test_fixes_that_undo_each_other_come_to_an_end():
    def turn(texts):
        value = "True" if "False" in texts["m.py"] else "False"
        place = Place("m.py", 1, 1, 1, texts["m.py"].index(")") + 2)
        return [finding(place, SetArgument(place, "bias", value))]

    outcome = fix_all(turn({"m.py": "f(1)\n"}), lambda path: "f(1)\n", relint=turn, rounds=5)
    assert outcome.texts == {"m.py": "f(1, bias=False)\n"}
    assert [reason for _, reason in outcome.refused] == ["stopped after 5 rounds"]


def test_a_text_that_ends_as_it_began_has_not_changed():
    def back(texts):
        place = Place("m.py", 1, 5, 1, 6)
        return [finding(place, ReplaceExpression(place, "1"))] if texts["m.py"] == "a = 2\n" else []

    place = Place("m.py", 1, 5, 1, 6)
    assert fix_all([finding(place, ReplaceExpression(place, "2"))], lambda path: "a = 1\n", relint=back).texts == {}


def test_unsafe_fixes_are_made_only_when_asked_for():
    text, places = unmark("⟦f(1)⟧\n⟦f(2)⟧\n")
    findings = [finding(places[0], safety=Safety.UNSAFE), finding(places[1])]
    assert fix_text(text, findings) == "f(1)\nf(2, bias=False)\n"
    assert fix_text(text, findings, unsafe=True) == "f(1, bias=False)\nf(2, bias=False)\n"


def test_two_findings_with_the_same_fix_are_fixed_by_one_edit():
    text, places = unmark("a = ⟦f(1)⟧\n")
    findings = [finding(places[0]), finding(places[0], rule="BL201")]
    outcome = fix_all(findings, lambda path: text)
    assert outcome.texts == {"m.py": "a = f(1, bias=False)\n"}
    assert outcome.applied == findings


def test_two_additions_at_one_point_do_not_mix():
    text, places = unmark("a = ⟦f(1)⟧\n")
    other = finding(places[0], SetArgument(places[0], "groups", "2"), rule="BL201")
    assert fix_text(text, [finding(places[0]), other]) == "a = f(1, bias=False)\n"


def test_a_block_that_two_fixes_would_empty_stays_a_block():
    text, places = unmark("if x:\n    ⟦a = 1⟧\n    ⟦b = 2⟧\nc = 3\n")
    findings = [finding(place, DeleteStatement(place)) for place in places]
    outcome = fix_all(findings, lambda path: text)
    assert outcome.texts == {"m.py": "if x:\n    b = 2\nc = 3\n"}
    assert outcome.refused == [(findings[1], "it conflicts with another fix")]


def test_one_fix_that_cannot_be_written_does_not_keep_the_others_from_it():
    text, places = unmark("⟦f(x for x in y)⟧\n⟦f(2)⟧\n")
    outcome = fix_all([finding(place) for place in places], lambda path: text)
    assert outcome.texts == {"m.py": "f(x for x in y)\nf(2, bias=False)\n"}
    assert len(outcome.refused) == 1


def test_a_fix_changes_all_of_its_files_or_none():
    texts = {"a.py": "f(1)\n", "b.py": "f(x for x in y)\n", "c.py": "f(3)\n"}
    places = {path: Place(path, 1, 1, 1, len(text)) for path, text in texts.items()}
    findings = [
        finding(places["a.py"], no_bias(places["a.py"]), no_bias(places["b.py"])),
        finding(places["c.py"], no_bias(places["c.py"])),
    ]
    outcome = fix_all(findings, texts.__getitem__)
    assert outcome.texts == {"c.py": "f(3, bias=False)\n"}
    assert [found for found, _ in outcome.refused] == [findings[0]]


def test_a_file_that_cannot_be_read_is_a_reason():
    def unreadable(path):
        raise CannotFix(f"{path} is gone")

    outcome = fix_all([finding(Place("m.py", 1, 1, 1, 5))], unreadable)
    assert [reason for _, reason in outcome.refused] == ["m.py is gone"]


def test_the_cells_of_a_notebook_are_fixed_one_by_one():
    sources = [["# Title"], ["%time\n", "a = conv(1)"], ["b = conv(2)\n"]]
    cells = [{"cell_type": "code" if at else "markdown", "source": lines} for at, lines in enumerate(sources)]
    raw = json.dumps({"cells": cells})
    places = [Place("n.ipynb", 2, 5, 2, 12, cell=2), Place("n.ipynb", 1, 5, 1, 12, cell=3)]
    new = fix_all([finding(place) for place in places], lambda path: raw).texts["n.ipynb"]
    assert new == raw.replace("conv(1)", "conv(1, bias=False)").replace("conv(2)", "conv(2, bias=False)")


def test_edits_that_overlap_or_lie_outside_are_not_applied():
    for edits in (
        [TextEdit("m.py", 1, 1, 1, 4, "x"), TextEdit("m.py", 1, 3, 1, 5, "y")],
        [TextEdit("m.py", 7, 1, 7, 2, "x")],
        [TextEdit("m.py", 1, 1, 1, 99, "x")],
        [TextEdit("m.py", 1, 0, 1, 2, "x")],
        [TextEdit("m.py", 1, 3, 1, 2, "x")],
    ):
        with pytest.raises(CannotFix):
            apply("abcdef\n", edits)


@pytest.mark.parametrize("seed", range(20))
def test_a_module_of_many_layers_is_fixed_as_its_layers_one_by_one(seed):
    chance = random.Random(seed)
    lines = [
        chance.choice(
            ["a = conv({})", "x = 'é'; b = conv({}); y = 1", "if x: conv(\n    {},  # note\n)", "f(conv({}), conv({}))"]
        )
        for _ in range(30)
    ]
    text = "".join(line.replace("{}", str(number)) + "\n" for number, line in enumerate(lines))
    expected = text
    while found := fixable(expected):
        expected = fix_text(expected, found[:1])
    found = fixable(text)
    chance.shuffle(found)
    assert fix_text(text, found) == expected
    assert expected.count("bias=False") == expected.count("conv(")


def fixable(text):
    """As convs_without_bias, with columns in characters."""
    found = []
    for each in convs_without_bias({"m.py": text}):
        line, end_line = (text.split("\n")[at - 1].encode() for at in (each.place.line, each.place.end_line))
        start, end = len(line[: each.place.column - 1].decode()) + 1, len(end_line[: each.place.end_column - 1].decode()) + 1
        place = Place("m.py", each.place.line, start, each.place.end_line, end)
        found.append(finding(place, SetArgument(place, "bias", "False")))
    return found


def test_a_wrong_slice_is_mended_and_the_gate_is_not_opened_twice(tmp_path: Path) -> None:
    body = "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n"
    body += "        self.rnn = nn.LSTM(8, n)\n        self.rnn.bias_ih_l0.data[{}].fill_(1.0)\n\n"
    body += "    def forward(self, x):\n        return self.rnn(x)[0]\n"
    write(tmp_path, {"net.py": body.format("2 * n : 3 * n")})
    biaslint(tmp_path, "--fix", "--unsafe-fixes", "--select", "BL301,BL302", "net.py")
    assert (tmp_path / "net.py").read_text() == body.format("n : 2 * n")
