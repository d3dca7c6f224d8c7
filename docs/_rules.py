"""The pages of the rules: each with its findings as the terminal shows them, an overview with filters, and the navigation."""

from __future__ import annotations

import html
import re
from itertools import groupby
from pathlib import Path

from biaslint import config, engine, reporters
from biaslint.findings import rule_book

SOURCES = "https://github.com/biaslint/biaslint/blob/main/"
GROUPS = {
    "BL0": "Files and comments",
    "BL1": "Biases without effect, or missing",
    "BL2": "Initial values",
    "BL3": "Recurrent layers",
    "BL4": "Output layers and losses",
    "BL5": "Training and sharing",
    "BL6": "Weights",
    "BL7": "Measured",
    "BL8": "Left out",
}
TITLES = {"bad": "reported", "fixed": "after the fix", "good": "not reported"}
EXPECTED = re.compile(r"[ \t]*#[ \t]*BL\d{3}(?:,[ \t]*BL\d{3})*[ \t]*$", re.MULTILINE)
STYLES = {"1": "bold", "2": "faint", "31;1": "error", "33;1": "warning", "34;1": "related", "36;1": "hint"}


def page(rule: rule_book.Rule) -> str:
    """A rule's page: its facts, then the text with its examples."""
    title, _, rest = rule_book.page(rule).text.strip().partition("\n")
    text = re.sub(r"^```python ([^\n]+)\n(.*?)^```$", lambda match: example(rule, match[1], match[2]), rest, flags=re.M | re.S)
    text = re.sub(
        r"^(## Measured\n.*?)(?=^## )(.*?)(?=^## Sources|\Z)", r"\2\1", text, flags=re.M | re.S
    )  # examples come first
    return f"{title}\n\n{facts(rule)}\n{outside_links(text)}\n"


def facts(rule: rule_book.Rule) -> str:
    """What the rule's declaration says, as labels."""
    fix = "no fix" if rule.fix == "none" else f"{rule.fix} fix"
    labels = [rule.code, str(rule.severity), "on by default" if rule.default else "off by default", fix, *rule.frameworks]
    spans = "".join(f'<span class="label {html.escape(label.split()[0])}">{html.escape(label)}</span>' for label in labels)
    return f'<p class="labels">{spans}</p>\n'


def example(rule: rule_book.Rule, words: str, code: str) -> str:
    """An example with its offending lines marked, and what the terminal says of it."""
    role = next((word for word in words.split() if word in TITLES), "")
    lines = [str(number) for number, line in enumerate(code.splitlines(), 1) if EXPECTED.search(line)]
    plain = EXPECTED.sub("", code)
    marked = f' hl_lines="{" ".join(lines)}"' if role == "bad" and lines else ""
    block = f'```python title="{TITLES.get(role, words)}"{marked}\n{plain}```'
    return f"{block}\n\n{terminal(rule, plain)}" if role == "bad" else block


def terminal(rule: rule_book.Rule, code: str) -> str:
    """The findings of one rule in some code, as the terminal shows them."""
    path = Path("/model.py")
    chosen = config.Config(root=path.parent, select=(rule.code,))
    result = engine.lint_text(code, path, chosen)
    if not result.findings:
        return ""
    shown = reporters.render("text", reporters.View(result, chosen, Path("/"), color=True))
    shown = shown[: shown.rstrip().rindex("\n")].rstrip()  # without the summary
    return f'<div class="terminal"><pre>{spans(shown)}</pre></div>\n'


def spans(text: str) -> str:
    """A terminal's colors as HTML."""
    parts = re.split(r"\x1b\[([\d;]*)m", text)
    out = [html.escape(parts[0])]
    for code, part in zip(parts[1::2], parts[2::2], strict=True):
        style = STYLES.get(code)
        out.append(f'<span class="{style}">{html.escape(part)}</span>' if style else html.escape(part))
    return "".join(out).replace("\n\n", "\n&#8203;\n")  # a blank line would end the block in Markdown


def outside_links(text: str) -> str:
    """Links to files of the repository that are not part of the site lead to the repository."""
    return re.sub(r"\]\(\.\./(?:(docs/)|(?!\.))([^)]+)\)", lambda match: f"]({'../' if match[1] else SOURCES}{match[2]})", text)


def overview() -> str:
    """All rules, with filters."""
    lines = ["# Rules", "", filters(), ""]
    for prefix, rules in grouped():
        lines += [f"## {GROUPS[prefix]}", "", '<div class="rules">', *map(entry, rules), "</div>", ""]
    return "\n".join(lines)


def grouped() -> list[tuple[str, list[rule_book.Rule]]]:
    """The rules by the hundreds of their codes."""
    return [(prefix, list(rules)) for prefix, rules in groupby(rule_book.rules(), lambda rule: rule.code[:3])]


def filters() -> str:
    """A choice for each fact that rules differ in; a small script carries them out."""
    choices = {
        "framework": ("torch", "keras", "tensorflow", "flax"),
        "severity": ("error", "warning", "hint"),
        "fix": ("none", "unsafe", "safe"),
        "default": ("on", "off"),
    }
    boxes = [
        f'<label>{name} <select name="{name}"><option value="">any</option>'
        + "".join(f"<option>{value}</option>" for value in values)
        + "</select></label>"
        for name, values in choices.items()
    ]
    return f'<form class="filters" aria-label="Filter rules">{"".join(boxes)}<output></output></form>'


def entry(rule: rule_book.Rule) -> str:
    """A rule in the overview."""
    state = "on" if rule.default else "off"
    data = f'data-framework="{" ".join(rule.frameworks)}" data-severity="{rule.severity}" data-fix="{rule.fix}" data-default="{state}"'
    labels = [str(rule.severity), *([] if rule.default else ["off"]), *([] if rule.fix == "none" else [f"{rule.fix} fix"])]
    shown = "".join(f'<span class="label {label.split()[0]}">{label}</span>' for label in labels)
    return (
        f'<p class="rule" {data}><a href="{rule.name}/"><code>{rule.code}</code> {rule.name}</a> {shown}'
        f"<br>{html.escape(rule.summary)}</p>"
    )


def navigation() -> str:
    """The rules in the site's navigation, in the format of MkDocs."""
    lines = []
    for prefix, rules in grouped():
        lines.append(f"      - {GROUPS[prefix]}:")
        lines += [f"          - {rule.code} {rule.name}: rules/{rule.name}.md" for rule in rules]
    return "\n".join(lines)
