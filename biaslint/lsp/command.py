"""`biaslint lsp`."""

from __future__ import annotations

import sys

import click


@click.command("lsp", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stdio", is_flag=True, hidden=True, help="Use standard input and output (the only transport).")
def command(stdio: bool) -> None:
    """Run the language server on standard input and output.

    Started by editors; see https://biaslint.github.io/biaslint/editors/ for how to configure yours.
    """
    try:
        from biaslint.lsp.features import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        from biaslint.lsp import without_pygls

        sys.exit(without_pygls.main())
    serve()
