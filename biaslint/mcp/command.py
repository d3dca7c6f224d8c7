"""`biaslint mcp`."""

from __future__ import annotations

import sys

import click


@click.command("mcp", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run the server for coding assistants (Model Context Protocol) on standard input and output.

    Its tools lint, explain rules, preview fixes and measure models. Needs the extra: pip install 'biaslint[mcp]'.
    """
    try:
        from mcp.server.mcpserver import MCPServer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        click.echo("biaslint: the server needs the extra `mcp`: pip install 'biaslint[mcp]'", err=True)
        sys.exit(2)
    from biaslint.mcp.tools import TOOLS

    server = MCPServer("biaslint")
    for tool in TOOLS:
        server.add_tool(tool)
    server.run("stdio")
