"""`biaslint rules`: the list."""

from __future__ import annotations

import json

import click

from biaslint.cli import completion
from biaslint.findings import rule_book
from biaslint.findings.finding import Severity


@click.command("rules")
@click.argument("words", nargs=-1, metavar="[RULES]...", shell_complete=completion.rules)
@click.option("--framework", type=click.Choice(rule_book.FRAMEWORKS), help="Only rules for this framework.")
@click.option("--severity", type=click.Choice([str(one) for one in Severity]), help="Only rules of this severity.")
@click.option("--fix", type=click.Choice(["none", "safe", "unsafe"]), help="Only rules with this kind of fix.")
@click.option("--default/--off", default=None, help="Only rules that are on (or off) by default.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format (default: text).")
def command(
    words: tuple[str, ...], framework: str | None, severity: str | None, fix: str | None, default: bool | None, format_: str
) -> None:
    """List rules: code, name, severity, whether it is off by default, its fix, and a summary.

    RULES are codes, names or prefixes (BL1); default: all.
    """
    try:
        wanted = rule_book.select(words or ["ALL"])
    except rule_book.UnknownRule as error:
        raise click.UsageError(str(error)) from error
    rules = [
        rule
        for rule in rule_book.rules()
        if rule.code in wanted
        and (framework is None or framework in rule.frameworks)
        and (severity is None or str(rule.severity) == severity)
        and (fix is None or rule.fix == fix)
        and (default is None or rule.default is default)
    ]
    if not rules:
        click.echo("biaslint: no rule matches", err=True)
    if format_ == "json":
        table = [
            {
                "code": rule.code,
                "name": rule.name,
                "severity": str(rule.severity),
                "default": rule.default,
                "fix": rule.fix,
                "frameworks": rule.frameworks,
                "category": rule.category,
                "summary": rule.summary,
                "url": rule.url,
            }
            for rule in rules
        ]
        click.echo(json.dumps(table, indent=2))
        return
    wide = max((len(rule.name) for rule in rules), default=0)
    for rule in rules:
        state = "" if rule.default else "off"
        fix = {"none": "", "safe": "fix", "unsafe": "unsafe fix"}[rule.fix]
        click.echo(f"{rule.code}  {rule.name:{wide}}  {rule.severity!s:7}  {state:3}  {fix:10}  {rule.summary}")
