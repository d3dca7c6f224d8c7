"""Messages, help and pages are short and in the words of the field."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import click
import pytest
from projects import ROOT

from biaslint.cli import group
from biaslint.findings import rule_book

# Ways of speaking that readers stumbled over: words that name nothing ("what", "somebody"), and verbs for other verbs.
CLUMSY = re.compile(
    r"\b(puts? out|makes? \w+ right|unless they are alike|takes? the mean away|takes? \w+ away again|has a \w+ of its own"
    r"|says? it of|whoever|whosoever|what led to|anew|in vain|until training says|as it is made|who has to|hands? on"
    r"|somebody|goes with|for a person to|has to do with|stands? in the way|lets? go of|of the program's own)\b"
)
# What is printed after a formatted value is counted as this many characters.
VALUE = 8
LONGEST_MESSAGE, LONGEST_SUMMARY, LONGEST_HELP, LONGEST_SENTENCE = 140, 100, 85, 50


def texts(node: ast.expr) -> str:
    """A string as it is printed, with `x` for each formatted value; "" for what is no string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(texts(part) if isinstance(part, ast.Constant) else "x" * VALUE for part in node.values)
    return ""


def printed(path: Path) -> list[tuple[str, str]]:
    """The strings of a module that read as words, without docstrings and the parts of other strings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))
    found = [(node.lineno, texts(node)) for node in nodes if id(node) not in parts | docs]
    return [(f"{path.relative_to(ROOT)}:{line}", text) for line, text in found if text.count(" ") > 1]


def prose(path: Path) -> str:
    """A page without its code, its tables' rules and what others have said, each paragraph on one line."""
    text = re.sub(r"^```.*?^```$|^    .*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^## Measured\n.*?(?=^## )|^\+\+\+.*?^\+\+\+$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r'"[^"]*"|`[^`]*`|\]\([^)]*\)', "x", text)
    return re.sub(r"(?<=\S)\n(?=[^\s|#*-])", " ", text)


MODULES = sorted((ROOT / "biaslint").rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "rules").glob("*.md"))]
PAGES += [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in ("effects.md", "architecture.md")]


@pytest.mark.parametrize(
    "text", ["it puts out zero", "a model that is trained anew", "whoever applies it", "zero makes it right"]
)
def test_the_list_of_clumsy_phrases_finds_some(text: str) -> None:
    assert CLUMSY.search(text)


def test_no_message_and_no_help_has_a_clumsy_phrase() -> None:
    strings = [one for path in MODULES for one in printed(path)]
    assert len(strings) > 1000
    assert [(place, text) for place, text in strings if CLUMSY.search(text)] == []


def test_no_page_has_a_clumsy_phrase() -> None:
    found = [(path.name, match[0]) for path in PAGES for match in CLUMSY.finditer(prose(path))]
    assert found == []


def test_messages_of_checks_are_short() -> None:
    strings = [one for path in MODULES if path.parent.name == "checks" for one in printed(path)]
    assert len(strings) > 60
    assert [(len(text), place, text) for place, text in strings if len(text) > LONGEST_MESSAGE] == []


def test_summaries_of_rules_are_one_short_sentence() -> None:
    for rule in rule_book.rules():
        assert len(rule.summary) <= LONGEST_SUMMARY, rule.summary
        assert re.fullmatch(r"[A-Z].*[^.]\.", rule.summary), rule.summary


def test_sentences_of_pages_are_short() -> None:
    long = [
        (path.name, len(sentence.split()), sentence)
        for path in PAGES
        for line in prose(path).splitlines()
        if not line.startswith("|")
        for sentence in re.split(r"(?<=[.:;?!])\s", line)
        if len(sentence.split()) > LONGEST_SENTENCE
    ]
    assert long == []


def test_lines_of_help_are_short_sentences() -> None:
    context, options = click.Context(group), 0
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            assert CLUMSY.search(paragraph) is None, (name, paragraph)
        for param in command.params:
            help_ = getattr(param, "help", None)
            if help_ is None or getattr(param, "hidden", False):
                continue
            options += 1
            assert len(help_) <= LONGEST_HELP, (name, len(help_), help_)
            assert re.fullmatch(r"[A-Z].*[.)]", help_, re.DOTALL), (name, param.name, help_)
    assert options > 80
