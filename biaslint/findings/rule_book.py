"""The rule book: one Markdown page per rule, whose TOML front matter declares the rule.

The pages lie inside the package when it was installed from a wheel and beside it in a checkout. Linting reads only the front
matter; the rest of a page is for `biaslint explain`, the editor's hover, SARIF's help, and the tests that run its examples.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from biaslint.findings.finding import Severity

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FRAMEWORKS = ("torch", "keras", "tensorflow", "flax")
ROLES = ("bad", "good", "fixed")
HOME = "https://biaslint.github.io/biaslint/"
URL = HOME + "rules/{name}/"

GROUP = "biaslint.rules"  # the entry points through which a package brings rules of its own

UNREADABLE_FILE = "BL001"
UNUSED_SUPPRESSION = "BL002"


class BrokenPage(Exception):
    """A page that does not declare its rule properly. The message names the page."""


class UnknownRule(Exception):
    """A code, name or prefix that no rule has. `nearest` is the one that was probably meant, or None."""

    def __init__(self, word: str, nearest: str | None) -> None:
        super().__init__(f"unknown rule {word!r}" + (f"; did you mean {nearest!r}?" if nearest else ""))
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class Rule:
    """What a page's front matter declares.

    `fix` is "none", "safe" or "unsafe". `made_by` says who finds it: "check" (a module in `biaslint.checks`), "engine", or
    "runtime" (only measured).
    """

    code: str
    name: str
    severity: Severity
    default: bool
    fix: str
    frameworks: tuple[str, ...]
    category: str
    summary: str
    sources: tuple[str, ...]
    made_by: str
    page: Path
    package: str = ""  # the package that brings the rule, "" for biaslint's own

    @property
    def url(self) -> str:
        """Where the page can be read in a browser."""
        return URL.format(name=self.name)


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block with a role: "bad", "good" or "fixed". `line` is the page's line on which the code starts."""

    role: str
    frameworks: tuple[str, ...]
    code: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page: the rule, the Markdown below its front matter, and the examples in it."""

    rule: Rule
    text: str
    examples: tuple[Example, ...]

    @property
    def prose(self) -> str:
        """The text without its pictures, for readers that show none."""
        return re.sub(r"^!\[.*\]\(.*\)\n+", "", self.text, flags=re.MULTILINE)

    @property
    def measured(self) -> str:
        """The first sentence of the section "Measured", what the mistake costs, on one line; "" where there is none."""
        section = re.search(r"^## Measured\n\n(.+?)\n\n", self.text, flags=re.MULTILINE | re.DOTALL)
        return " ".join(section[1].split()) if section else ""


def folder() -> Path:
    """Where the pages are: inside the package (wheel) or beside it (checkout)."""
    package = Path(__file__).parent.parent
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def brought() -> list[tuple[str, Path]]:
    """The packages that bring rules of their own (entry points of the group `biaslint.rules`), each with its folder of pages."""
    from importlib import metadata, util

    found = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        spec = util.find_spec(entry.value)
        if spec is None or not spec.submodule_search_locations:
            raise BrokenPage(f"{entry.value}: the entry point {entry.name!r} of the group {GROUP!r} does not name a package")
        found.append((entry.value, Path(next(iter(spec.submodule_search_locations)))))
    return found


def _pages(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*.md") if path.name != "README.md")


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, by code. Raises BrokenPage where a page does not declare one, or where there are none at all."""
    found = [_declared(path) for path in _pages(folder())]
    if not found:
        raise BrokenPage(f"{folder()}: the rule book is empty")
    for package, place in brought():
        found += [_declared(path, package) for path in _pages(place)]
    found.sort(key=lambda rule: rule.code)
    for one, other in pairwise(found):
        if one.code == other.code:
            raise BrokenPage(f"{other.page}: the code {one.code} is taken by {one.page}")
    return tuple(found)


def find(word: str) -> Rule:
    """The rule with this code or name. Raises UnknownRule, which names the nearest."""
    for rule in rules():
        if word.upper() == rule.code or word.lower().replace("_", "-") == rule.name:
            return rule
    raise UnknownRule(word, nearest(word))


def by_code() -> dict[str, Rule]:
    """Code -> rule."""
    return {rule.code: rule for rule in rules()}


def select(words: Iterable[str]) -> set[str]:
    """The codes meant by codes, names, prefixes of codes ("BL1") or "ALL". Raises UnknownRule."""
    chosen: set[str] = set()
    for word in words:
        prefix = "" if word.upper() == "ALL" else word.upper()
        codes = {rule.code for rule in rules() if rule.code.startswith(prefix)} if _is_prefix(prefix) else set()
        chosen |= codes or {find(word).code}
    return chosen


def nearest(word: str) -> str | None:
    """The code or name that looks most like `word`."""
    words = [*(rule.name for rule in rules()), *(rule.code for rule in rules())]
    close = difflib.get_close_matches(word.lower(), [known.lower() for known in words], n=1, cutoff=0.6)
    return next((known for known in words if close and known.lower() == close[0]), None)


def page(rule: Rule) -> Page:
    """The whole page of a rule. Raises BrokenPage where an example's role is not understood."""
    _, text, offset = _split(rule.page)
    return Page(rule, text, tuple(_examples(rule.page, text, offset)))


def _is_prefix(word: str) -> bool:
    return word == "" or re.fullmatch(r"[A-Z]{2,}\d*", word) is not None


def _split(path: Path) -> tuple[str, str, int]:
    """A page's front matter, the Markdown below, and the number of lines above the Markdown."""
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^\+\+\+[ \t]*\n", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0]:
        raise BrokenPage(f"{path}: a page starts with its declaration, in TOML between two lines '+++'")
    return parts[1], parts[2].lstrip("\n"), text[: len(text) - len(parts[2].lstrip("\n"))].count("\n")


_KEYS: dict[str, type] = {
    "code": str,
    "summary": str,
    "severity": str,
    "default": bool,
    "fix": str,
    "frameworks": list,
    "category": str,
    "sources": list,
    "made_by": str,
}


def _declared(path: Path, package: str = "") -> Rule:
    front, _, _ = _split(path)
    try:
        table: dict[str, Any] = tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        raise BrokenPage(f"{path}: {error}") from error
    table.setdefault("made_by", "check")
    for key in [*_KEYS, *table]:
        if key not in table or key not in _KEYS:
            raise BrokenPage(f"{path}: {'missing' if key in _KEYS else 'unknown'} key {key!r}")
        if not isinstance(table[key], _KEYS[key]):
            raise BrokenPage(f"{path}: {key!r} must be a {_KEYS[key].__name__}")
    _one_of(path, "severity", table["severity"], [str(severity) for severity in Severity])
    _one_of(path, "fix", table["fix"], ["none", "safe", "unsafe"])
    _one_of(path, "made_by", table["made_by"], ["check", "engine", "runtime"])
    for framework in table["frameworks"]:
        _one_of(path, "frameworks", framework, FRAMEWORKS)
    wanted, example = (r"(?!BL)[A-Z]{2,5}\d{3}", "XY101 (BL is taken)") if package else (r"BL\d{3}", "BL101")
    if not re.fullmatch(wanted, table["code"]):
        raise BrokenPage(f"{path}: the code must look like {example}, not {table['code']!r}")
    return Rule(
        code=table["code"],
        name=path.stem,
        severity=Severity[table["severity"].upper()],
        default=table["default"],
        fix=table["fix"],
        frameworks=tuple(table["frameworks"]),
        category=table["category"],
        summary=table["summary"],
        sources=tuple(table["sources"]),
        made_by=table["made_by"],
        page=path,
        package=package,
    )


def _one_of(path: Path, key: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise BrokenPage(f"{path}: {key!r} must be one of {', '.join(allowed)}, not {value!r}")


def _examples(path: Path, text: str, offset: int) -> Iterable[Example]:
    lines = text.splitlines()
    start: int | None = None
    words: list[str] = []
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start, words = number + 1, line[3:].split()
            continue
        roles = [word for word in words if word in ROLES]
        if words[:1] == ["python"] and len(words) > 1:
            strange = [word for word in words[1:] if word not in ROLES and word not in FRAMEWORKS]
            if strange or len(roles) != 1:
                raise BrokenPage(f"{path}:{offset + start}: the example's role {' '.join(words)!r} is not understood")
            frameworks = tuple(word for word in words if word in FRAMEWORKS)
            yield Example(roles[0], frameworks, "\n".join(lines[start:number]) + "\n", offset + start + 1)
        start = None
    if start is not None:
        raise BrokenPage(f"{path}:{offset + start}: the block that starts here is never closed")
