"""What pages take from the program itself: each command's options, and the public functions."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import click

from biaslint.cli import COMMANDS, group

PUBLIC = {
    "biaslint.runtime.check": ("check_start", "assert_good_start"),
    "biaslint.runtime.report.start": ("StartReport",),
    "biaslint.engine": ("lint", "lint_files", "lint_text", "Result", "Statistics"),
    "biaslint.config": ("discover", "load", "Config"),
    "biaslint.findings.finding": ("Finding", "Severity", "Fix", "Safety"),
    "biaslint.theory.program": ("Program", "LayerUse", "Bias", "BiasWrite", "Fate", "Place"),
    "biaslint.findings.rule_book": ("rules", "find", "page"),
    "biaslint.fix": ("fix_all", "fix_files", "text_edits"),
}


def filled_in(markdown: str) -> str:
    """A page with what it asks for by a comment such as `<!-- commands -->`."""
    return markdown.replace("<!-- commands -->", commands()).replace("<!-- functions -->", functions())


def commands() -> str:
    """Each command with its options."""
    parts = []
    context = click.Context(group, info_name="biaslint")
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        parts += [f"## biaslint {name}", "", inspect.cleandoc(command.help or "").replace("\b", ""), ""]
        rows = [record for option in command.params if (record := option.get_help_record(inner))]
        if rows:
            parts += ["| option | |", "|---|---|", *(f"| `{cell(spelling)}` | {cell(what)} |" for spelling, what in rows), ""]
    return "\n".join(parts)


def cell(text: str) -> str:
    """Text that fits into a table's cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def functions() -> str:
    """The public functions and classes with their docstrings."""
    parts = []
    for name, public in PUBLIC.items():
        module = importlib.import_module(name)
        parts += [f"## {name}", "", f"{first_line(module)}", ""]
        for word in public:
            thing = getattr(module, word)
            parts += [
                f"### {name.rpartition('.')[2]}.{word}",
                "",
                "```python",
                signature(word, thing),
                "```",
                "",
                inspect.getdoc(thing) or "",
                "",
            ]
    return "\n".join(parts)


def first_line(module: Any) -> str:
    """What a module says of itself first."""
    return (inspect.getdoc(module) or "").partition("\n")[0]


def signature(name: str, thing: Any) -> str:
    """How a function is called, or what a class holds."""
    try:
        text = str(inspect.signature(thing))
    except ValueError:  # an enumeration
        return f"class {name}  # {', '.join(member.name for member in thing)}"
    text = re.sub(r"<factory>", "...", text)
    if inspect.isclass(thing):
        return f"class {name}:\n    " + "\n    ".join(parameter for parameter in split(text.partition(" -> ")[0][1:-1]))
    return (
        f"def {name}("
        + ",".join(f"\n    {parameter}" for parameter in split(text[1 : text.rindex(") ->")]))
        + f",\n){text[text.rindex(' ->') :]}: ..."
    )


def split(text: str) -> list[str]:
    """Parameters, separated at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for char in text.replace("'", ""):
        depth += (char in "[({") - (char in "])}")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]
