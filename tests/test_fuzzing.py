"""A short run of the fuzzer, and the fuzzer itself: the same seed gives the same inputs, and what goes wrong is seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from projects import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import fuzz_inputs
import fuzzing

from biaslint import engine

SEED = "short"


@pytest.fixture(scope="module")
def pieces() -> list[str]:
    return fuzz_inputs.corpus()


def test_a_short_run_finds_no_failure(pieces: list[str]) -> None:
    kinds, findings, fixed = set(), 0, 0
    for number in range(250):
        kind, files = fuzz_inputs.make(pieces, f"{SEED}:{number}")
        kinds.add(kind)
        try:
            found, mended = fuzzing.examine(files, reports=number % 8 == 0)
        except fuzzing.source_file.Unreadable:
            continue
        findings, fixed = findings + found, fixed + mended
    assert len(kinds) >= 6
    assert findings > 20
    assert fixed > 2


def test_the_same_seed_gives_the_same_inputs(pieces: list[str]) -> None:
    one, two, other = ([fuzz_inputs.make(pieces, f"{seed}:{number}") for number in range(30)] for seed in ("a", "a", "b"))
    assert one == two
    assert one != other


def test_most_of_what_the_grammar_makes_is_a_program(pieces: list[str]) -> None:
    made = [fuzz_inputs.make(pieces, f"{SEED}:{number}") for number in range(300)]
    programs = [files["a.py"].decode("utf-8", "surrogatepass") for kind, files in made if kind in ("grammar", "tree")]
    parsed = [text for text in programs if parses(text)]
    assert len(parsed) > 0.6 * len(programs) > 100


def parses(text: str) -> bool:
    try:
        fuzzing.ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def test_an_internal_error_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    result = engine.Result(stopped=[("m.f", "internal error: KeyError: 'x' (m.py:1)")])
    with pytest.raises(AssertionError, match="KeyError"):
        fuzzing.complain(result)
    fuzzing.complain(engine.Result(stopped=[("m.f", "too many steps")]))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("os._exit(3)", "crash: the process ended with status 3"),
        ("time.sleep(60)", "hang: longer than 3 s"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_child_that_dies_or_hangs_is_seen_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, why: str
) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        f"import sys, os, time\nsys.path.insert(0, {str(ROOT / 'benchmarks')!r})\nimport fuzzing\n"
        f"def examine(files, reports, *limits):\n    global number\n    number += 1\n    if number == 3 and first == 0:\n        {body}\n    return 1, 0\n"
        "first = int(sys.argv[sys.argv.index('--first') + 1])\nnumber = 0\nfuzzing.examine = examine\nfuzzing.main()\n"
    )
    monkeypatch.setattr(fuzzing, "__file__", str(script))
    totals = fuzzing.run(SEED, 6, limit=3.0)
    assert (totals.inputs, totals.findings) == (6, 5)
    assert [number for number, _ in totals.failures] == [2]
    assert totals.failures[0][1].startswith(why)
    assert why in fuzzing.report(totals, "")


def test_the_result_in_the_repository_tells_of_no_failure() -> None:
    text = fuzzing.RESULT.read_text(encoding="utf-8")
    assert "| crashes | 0 |" in text
    assert "| hangs | 0 |" in text
    assert "| internal errors and other failures | 0 |" in text
