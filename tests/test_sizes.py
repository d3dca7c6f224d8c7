"""Functions and modules stay small enough to be read at once."""

from __future__ import annotations

from pathlib import Path

import sizes

ROOT = Path(__file__).parent.parent

# What may be larger, each with the reason.
EXCEPTIONS: dict[str, str] = {}


def test_functions_and_modules_are_no_larger_than_they_may_be() -> None:
    found = {
        place: what
        for folder in ("biaslint", "benchmarks", "experiments")
        for place, what in sizes.large(ROOT / folder).items()
    }
    new = [f"{place}: {what}" for place, what in found.items() if place not in EXCEPTIONS]
    assert new == [], "split by job, or give a reason in EXCEPTIONS"
    assert EXCEPTIONS.keys() - found.keys() == set(), "no longer large: take it off the list"


def test_what_is_too_large_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    names = ", ".join("abcdefg")
    short = f"def short({names}):\n    return other({names})\n"
    used = f"def used({names}):\n    return other({names}), a + 1\n"
    long = "class Kind:\n    def long(self):\n" + "        pass\n" * 60
    (package / "small.py").write_text(short + used + long)
    (package / "large.py").write_text("x = 1\n" * 501)
    (package / "fits.py").write_text("x = 1\n" * 440 + "def fits():\n" + "    pass\n" * 59)
    assert sizes.large(package).keys() == {
        "package/large.py",
        "package/small.py:short",
        "package/small.py:Kind.long",
    }
