"""`biaslint rules`: the list."""

from __future__ import annotations

import json

import click

from biaslint.findings import rule_book


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to write the list.")
def command(format_: str) -> None:
    """List all rules: code, name, severity, whether it is on by default, its fix, and what it finds."""
    rules = rule_book.rules()
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
    wide = max(len(rule.name) for rule in rules)
    for rule in rules:
        state = "" if rule.default else "off"
        fix = {"none": "", "safe": "fix", "unsafe": "unsafe fix"}[rule.fix]
        click.echo(f"{rule.code}  {rule.name:{wide}}  {rule.severity!s:7}  {state:3}  {fix:10}  {rule.summary}")
