"""What the shell may complete an option to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.findings import rule_book

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes and names of rules; after a comma, those of the next."""
    from click.shell_completion import CompletionItem

    before, comma, word = incomplete.rpartition(",")
    found = []
    for rule in rule_book.rules():
        for spelling in (rule.code, rule.name):
            if spelling.lower().startswith(word.lower()):
                found.append(CompletionItem(f"{before}{comma}{spelling}", help=rule.summary))
    return found
