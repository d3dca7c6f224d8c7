"""The command line. `biaslint PATH` lints; the other commands are imported when they are used."""

from __future__ import annotations

import difflib
import importlib
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from biaslint import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Command -> (where it is, what it does). The first is what happens without a command.
COMMANDS = {
    "lint": ("biaslint.cli.lint:command", "Lint files and folders (the default command)."),
    "explain": ("biaslint.cli.explain:command", "Show the documentation of a rule."),
    "verify": ("biaslint.runtime.command:verify", "Build a model and measure its initial outputs and biases."),
    "migrate": ("biaslint.runtime.migrate.command:migrate", "Rewrite checkpoints for a model without its dead biases."),
    "scan": ("biaslint.cli.scan:command", "Lint whole archives of repositories."),
    "scan-report": ("biaslint.cli.scan:report_command", "Summarize the results of a scan."),
    "lsp": ("biaslint.lsp.command:command", "Run the language server."),
    "mcp": ("biaslint.mcp.command:command", "Run the server for coding assistants."),
    "init": ("biaslint.cli.init:command", "Write a starter configuration for this project."),
    "rules": ("biaslint.cli.rules:command", "List rules."),
}

_EXAMPLES = """\
  biaslint                              lint the current folder
  biaslint src/ train.py                lint files and folders
  biaslint --select BL1,forget-gate-bias src/
                                        enable only these rules
  biaslint --fix --diff src/            print what --fix would change
  biaslint --output sarif:out.sarif .   also write a SARIF report
  biaslint --write-baseline             accept current findings, fail on new ones
  cat net.py | biaslint - --stdin-filename net.py
  biaslint explain BL101                explain a rule
"""


class Lazy(click.Group):
    """A group whose commands are imported when they are asked for, and whose first command is the default."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands that are installed, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command. A missing extra is the user's to install, so it is said and not shown as a traceback."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Whatever does not start with a command is for `lint`."""
        if ctx.resilient_parsing and not args:  # the shell asks how the first word may go on
            return super().parse_args(ctx, args)
        if not args or args[0] not in (*COMMANDS, "--help", "-h", "--version"):
            args = ["lint", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The first word is a command, or already an option or a path for `lint`."""
        from click.shell_completion import CompletionItem

        lint = self.get_command(ctx, "lint")
        assert lint is not None
        options = lint.shell_complete(click.Context(lint, parent=ctx, info_name="lint"), incomplete)
        paths = [] if incomplete.startswith("-") else [CompletionItem(incomplete, type="file")]
        return [*paths, *super().shell_complete(ctx, incomplete), *options]  # bash forgets what stands before a file

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """click's own exit status for an interrupt, 1, would stand for findings."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)

    def invoke(self, ctx: click.Context) -> Any:
        """The same while the command runs. Of the options that a misspelt one may be, name the nearest."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)
        except click.NoSuchOption as error:
            near = difflib.get_close_matches(error.option_name, error.possibilities or [], n=1)
            raise click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx) from None

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One screen: usage, examples, commands, and where the options are."""
        formatter.write("Usage: biaslint [OPTIONS] [PATHS]...\n       biaslint COMMAND ...\n\n")
        formatter.write("Find questionable bias set-ups in PyTorch, Keras, TensorFlow and Flax model code.\n\n")
        formatter.write(f"Examples:\n{_EXAMPLES}\nCommands:\n")
        for name, (_, what) in COMMANDS.items():
            formatter.write(f"  {name:11} {what}\n")
        formatter.write("\nOptions: biaslint lint --help, or --help after any command. --version prints the version.\n")
        formatter.write("Exit status: 0 no findings that fail, 1 findings, 2 wrong usage or internal error, 130 interrupted.\n")


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="biaslint", message="%(prog)s %(version)s")
def group() -> None:
    """Find questionable bias set-ups in PyTorch, Keras, TensorFlow and Flax model code."""


def main() -> Any:
    """The command `biaslint`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name that the terminal's encoding lacks must not end the run.
            stream.reconfigure(errors="backslashreplace")
    return group(prog_name="biaslint")
