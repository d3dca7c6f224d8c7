"""`biaslint explain`: a rule's page, rendered for a terminal."""

from __future__ import annotations

import sys

import click

from biaslint.cli import completion
from biaslint.cli.markdown import rendered
from biaslint.findings import rule_book


@click.command("explain")
@click.argument("rules", nargs=-1, required=True, metavar="RULE...", shell_complete=completion.rules)
@click.option("--raw", is_flag=True, help="Print the page as Markdown.")
def command(rules: tuple[str, ...], raw: bool) -> None:
    """Show the documentation of rules, given by code (BL101) or name (bias-before-norm)."""
    pages = []
    for word in rules:
        try:
            pages.append(rule_book.page(rule_book.find(word)))
        except rule_book.UnknownRule as error:
            raise click.UsageError(_unknown(word, error)) from error
    color = colored(None)
    texts = [page.text if raw else rendered(_head(page.rule) + page.prose, color) for page in pages]
    click.echo("\n".join(texts).rstrip("\n"), color=True)


def _unknown(word: str, error: rule_book.UnknownRule) -> str:
    """What to write instead: the rules that begin so, or the nearest one."""
    begun = [rule for rule in rule_book.rules() if rule.code.startswith(word.upper()) or rule.name.startswith(word.lower())]
    if len(begun) > 1:
        return f"{word} is not one rule; choose from {', '.join(f'{rule.code} {rule.name}' for rule in begun)}"
    return f"{error}; see `biaslint rules` for all"


def _head(rule: rule_book.Rule) -> str:
    """What the front matter says, as a line of Markdown."""
    state = "on by default" if rule.default else "off by default"
    fix = {"none": "no fix", "safe": "safe fix", "unsafe": "unsafe fix"}[rule.fix]
    return f"{rule.code}, {rule.severity}, {state}, {fix}: {', '.join(rule.frameworks) or 'any file'}\n\n"


def colored(wish: bool | None) -> bool:
    """Whether to color the standard output: as asked, else NO_COLOR, else FORCE_COLOR, else whether it is a terminal."""
    import os

    if wish is not None:
        return wish
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
