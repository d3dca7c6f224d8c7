"""`biaslint explain`: a rule's page, rendered for a terminal."""

from __future__ import annotations

import sys

import click

from biaslint.cli.markdown import rendered
from biaslint.findings import rule_book


@click.command("explain")
@click.argument("rules", nargs=-1, required=True, metavar="RULE...")
@click.option("--raw", is_flag=True, help="The page's Markdown as it is.")
def command(rules: tuple[str, ...], raw: bool) -> None:
    """Show the pages of rules, named by code (BL101) or name (bias-before-norm)."""
    pages = []
    for word in rules:
        try:
            pages.append(rule_book.page(rule_book.find(word)))
        except rule_book.UnknownRule as error:
            raise click.UsageError(f"{error}; `biaslint rules` lists them all") from error
    color = colored(None)
    texts = [page.text if raw else rendered(_head(page.rule) + page.text, color) for page in pages]
    click.echo("\n".join(texts).rstrip("\n"), color=True)


def _head(rule: rule_book.Rule) -> str:
    """What the front matter says, as a line of Markdown."""
    state = "on by default" if rule.default else "off by default"
    fix = {"none": "no fix", "safe": "safe fix", "unsafe": "unsafe fix"}[rule.fix]
    return f"{rule.code}, {rule.severity}, {state}, {fix}: {', '.join(rule.frameworks) or 'any file'}\n\n"


def colored(wish: bool | None) -> bool:
    """Whether to colour what goes to the standard output: as wished, else if it is a terminal and NO_COLOR is not set."""
    import os

    if wish is not None:
        return wish
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
