"""Pages and pictures follow from the results in the repository, and every rule that speaks of training has been measured."""

from __future__ import annotations

import copy
import json
import math
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from projects import DEAD, ROOT, biaslint, write

from biaslint.findings import rule_book

sys.path.insert(0, str(ROOT))
from experiments import comparison, pages, pictures, results, sentences, student

RESULTS = results.load()
RULES = [rule for rule in rule_book.rules() if not rule.package and "1" <= rule.code[2] <= "6"]


def test_pages_and_pictures_are_what_the_results_say() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in pages.made(RESULTS).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `python -m experiments --pages`"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_about_training_says_what_was_measured(rule: rule_book.Rule) -> None:
    own = [result for result in RESULTS if rule.code in result["rules"]]
    page = rule_book.page(rule)
    assert page.measured.startswith("Measured with ")
    assert re.findall(r"^Reproduce it with `python -m experiments (\w+)`", page.text, re.MULTILINE) == [
        result["name"] for result in sorted(own, key=lambda result: -len(result["tasks"]))
    ]
    for result in own:
        assert f"](../docs/effects/{result['name']}.svg)" in page.text
        assert " ".join(sentences.headline(result).split()) in " ".join(page.text.split())


def test_another_number_in_a_result_makes_another_page() -> None:
    changed = copy.deepcopy(RESULTS)
    changed[0]["tasks"][0]["variants"][0]["test"][0] += 0.5
    old, new = pages.made(RESULTS), pages.made(changed)
    assert {path.name for path in old if old[path] != new[path]} >= {f"{changed[0]['name']}.svg", "effects.md", "overview.svg"}


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_an_image_that_loads_nothing(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    texts = [node for node in root.iter() if node.tag.endswith("}text")]
    assert texts
    assert all(0 <= float(node.attrib["x"]) <= width and 0 <= float(node.attrib["y"]) <= height for node in texts)
    assert "href" not in path.read_text(encoding="utf-8")


def test_what_is_shown_without_pictures_has_the_sentence_and_no_picture() -> None:
    pytest.importorskip("lsprotocol", reason="pygls is not installed")
    from biaslint.lsp import pages as hovers

    measured = rule_book.page(rule_book.find("BL301")).measured
    told = biaslint(ROOT, "explain", "BL301").out
    assert measured in " ".join(told.split())
    assert ".svg" not in told
    assert ".svg" in biaslint(ROOT, "explain", "--raw", "BL301").out
    hover = hovers.hover(["BL301"])
    assert measured.startswith(hover.rpartition("\n\n")[2].removesuffix(" ..."))
    assert ".svg" not in hover


def test_sarif_carries_the_sentence_and_no_picture(tmp_path: Path) -> None:
    report = json.loads(biaslint(write(tmp_path, {"net.py": DEAD}), "--format", "sarif", "net.py").out)
    (rule,) = report["runs"][0]["tool"]["driver"]["rules"]
    assert rule_book.page(rule_book.find("BL101")).measured in " ".join(rule["help"]["markdown"].split())
    assert ".svg" not in rule["help"]["markdown"]


def result(flagged: list[float], fixed: list[float], steps: tuple[list[int | None], list[int | None]]) -> dict[str, Any]:
    variants = [
        {
            "name": name,
            "initial": [2.0] * len(test),
            "constant": 2.0,
            "reached": reached,
            "train": test,
            "test": test,
            "quality": [1.0 - t for t in test],
            "curve": {"at": [0, 5]},
        }
        for name, test, reached in (("bad", flagged, steps[0]), ("good", fixed, steps[1]))
    ]
    errors = {"steps": 0.5, "log_steps": 0.01, "test": 0.0005, "quality": 0.0005}
    task = {"name": "a task", "quality": "accuracy", "level": 0.5, "steps": 100, "variants": variants, "errors": errors}
    return {"name": "one", "title": "One", "rules": ["BL101"], "tasks": [task]}


SAME = [0.2 + 0.01 * (n % 5) for n in range(20)]
EARLY: list[int | None] = [20 + n % 3 for n in range(20)]
LATE: list[int | None] = [60 + n % 4 for n in range(20)]


@pytest.mark.parametrize(
    ("flagged", "steps", "verdict"),
    [
        (SAME, (EARLY, EARLY), "no difference found"),
        (SAME, (LATE, EARLY), "slower, same end"),
        (SAME, (EARLY, LATE), "faster, same end"),
        ([value + 0.1 for value in SAME], (LATE, EARLY), "slower, worse end"),
        ([value - 0.1 for value in SAME], (EARLY, EARLY), "better end"),
        ([value + 0.005 for value in SAME], (EARLY, EARLY), "slightly worse end"),
    ],
)
def test_a_verdict_says_what_is_sure(flagged: list[float], steps: Any, verdict: str) -> None:
    (one,) = comparison.comparisons(result(flagged, SAME, steps))
    assert one.verdict == verdict


def test_a_run_that_never_reaches_the_level_counts_as_the_whole_budget_and_is_told() -> None:
    found = result(SAME, SAME, ([None] * 15 + EARLY[:5], EARLY))
    (one,) = comparison.comparisons(found)
    assert math.isclose(one.steps.mean, sum(100 - (n or 0) for n in EARLY[:15]) / 20 + 0.0, abs_tol=1.0)
    assert "5 of 20 runs instead of 20 within 100 steps" in sentences.headline(found)


def test_many_tasks_are_counted_by_the_sign_of_the_difference_with_and_without_tuning() -> None:
    many = result(SAME, SAME, (LATE, EARLY))
    shifts = (0.1, 0.1, 0.004, 0.0001, -0.1)
    many["tasks"] = [result([value + shift for value in SAME], SAME, (LATE, EARLY))["tasks"][0] for shift in shifts]
    told = '"bad" has the higher test loss on 4 of 5 tables and the lower on 1 (surely on 3 and on 1)'
    assert f"{told}, on average +0.021 (" in sentences.headline(many)
    for task, at_large_rate in zip(many["tasks"], (0.1, 0.1, 0.1, 0.1, 0.3), strict=True):
        task["variants"][0]["test_by_rate"], task["variants"][1]["test_by_rate"] = [0.3, at_large_rate], [0.2, 0.2]
    assert "; without tuning, with one learning rate for both, the higher on 5, 1, from" in sentences.headline(many)


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (9, 2.262), (19, 2.093), (29, 2.045)])
def test_quantiles_of_students_t_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert math.isclose(student.quantile(0.05, freedom), expected, abs_tol=6e-4)
    assert math.isclose(student.two_sided(expected, freedom), 0.05, abs_tol=1e-4)


def test_a_difference_is_as_sure_as_its_error_is_small() -> None:
    ones, others = [1.0, 2.0, 3.0, 4.0], [0.5, 1.5, 2.5, 3.5]
    found = student.difference(ones, others, 0.1)
    assert (round(found.mean, 9), round(found.low, 3), round(found.high, 3)) == (0.5, 0.182, 0.818)
    assert math.isclose(found.p, 0.0154, abs_tol=1e-3)
    assert student.difference(ones, others, 1.0).low < 0
    assert (student.difference(ones, others, 0.0).p, student.difference(ones, ones, 0.0).p) == (0.0, 1.0)


def test_a_paired_difference_has_the_error_of_the_seeds_differences() -> None:
    found = student.paired([1.0, 2.0, 3.0, 4.0], [0.9, 1.7, 2.9, 3.7])
    error = math.sqrt(0.04 / 3 / 4)  # the differences are 0.1, 0.3, 0.1 and 0.3
    assert math.isclose(found.mean, 0.2, abs_tol=1e-9)
    assert math.isclose(found.high - found.mean, student.quantile(0.05, 3) * error, rel_tol=1e-6)


def test_numbers_on_axes_are_round() -> None:
    from experiments.drawing import log_ticks, ticks

    assert [f"{value:g}" for value in ticks(0, 800)] == ["0", "200", "400", "600", "800"]
    assert [f"{value:g}" for value in ticks(-0.07, 0.07, 3)] == ["-0.05", "0", "0.05"]
    assert [f"{value:g}" for value in log_ticks(0.05, 3)] == ["0.05", "0.1", "0.2", "0.5", "1", "2"]


def test_a_picture_of_many_tasks_has_a_line_for_each() -> None:
    many = result(SAME, SAME, (LATE, EARLY))
    curve = {"at": [0, 5, 100], "median": [1, 0.5, 0.2], "low": [1, 0.4, 0.1], "high": [1, 0.6, 0.3]}
    for variant in many["tasks"][0]["variants"]:
        variant |= {"curve": curve, "rate": 0.01, "end_rate": 0.02}
    many["tasks"] = [many["tasks"][0] | {"name": f"table {n}"} for n in range(5)]
    drawn = pictures.picture(many)
    assert [n for n in range(5) if f">table {n}<" not in drawn] == []
    assert '"bad" has the higher test loss on 0 of 5 tables and the lower on 0 (surely on 0 and on 0)' in sentences.headline(
        many
    )
