"""`biaslint lsp`."""

from __future__ import annotations

import sys

import click


@click.command("lsp", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stdio", is_flag=True, hidden=True, help="What editors pass; there is no other way to talk to it.")
def command(stdio: bool) -> None:
    """Serve editors over the Language Server Protocol, on the standard input and output.

    Editors start it; https://biaslint.github.io/biaslint/editors/ says how for each.
    """
    try:
        from biaslint.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        click.echo("biaslint: the language server needs pygls: pip install 'biaslint[lsp]'", err=True)
        sys.exit(2)
    serve()
