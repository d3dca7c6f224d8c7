"""`biaslint init`: a configuration to start from."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from biaslint import config, engine
from biaslint.config import discovery
from biaslint.reporters import plain, plain_lines

FOREIGN = ("third_party", "thirdparty", "vendor", "vendored", "_vendor", "external", "extern", "submodules")
TESTS = ("tests", "test")


@click.command("init", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dry-run", is_flag=True, help="Print the configuration without writing it.")
def command(dry_run: bool) -> None:
    """Write a starter configuration for this project.

    It goes into pyproject.toml if there is one, else into biaslint.toml. An existing configuration is not changed.
    """
    here = Path.cwd()
    try:
        chosen = config.discover([here])
    except config.ConfigError as error:
        click.echo(f"biaslint: {plain_lines(str(error))}", err=True)
        sys.exit(2)
    if chosen.file is not None:
        click.echo(f"biaslint: {plain(str(chosen.file))} already configures biaslint", err=True)
        sys.exit(2)
    project = chosen.root / "pyproject.toml"
    file = project if project.is_file() else chosen.root / "biaslint.toml"
    text = proposal(chosen, table=file is project)
    if dry_run:
        click.echo(text, nl=False)
        return
    why = _add(file, text, chosen.root)
    if why:
        click.echo(f"biaslint: {plain(str(file))}: cannot be written: {plain(why)}", err=True)
        sys.exit(2)
    click.echo(f"biaslint: wrote the configuration to {plain(str(file))}")


def _add(file: Path, text: str, root: Path) -> str:
    """Add the text to the file, in one step; why that cannot be done, or ""."""
    from biaslint import fix

    try:
        if not file.exists():
            file.write_text(text, encoding="utf-8")
            return ""
        data = file.read_bytes()
        old = data.decode("utf-8")
        end = "\r\n" if "\r\n" in old else "\n"
        new = old + (end * (2 - old.endswith(end)) if old else "") + text.replace("\n", end)
        fix.write(file, data, new, root)
    except OSError as error:
        return error.strerror or str(error)
    except fix.CannotFix as error:
        return str(error)
    return ""


def proposal(chosen: config.Config, table: bool) -> str:
    """The text of a configuration that suits the project; `table`: it needs a table's name before it."""
    foreign = sorted(f"{path.name}/" for path in chosen.root.iterdir() if path.is_dir() and path.name in FOREIGN)
    looked = config.with_options(chosen, extend_exclude=tuple(foreign))
    files = discovery.files([chosen.root], looked).files
    result = engine.lint_files(files, looked)
    failing = [one for one in result.findings if str(one.severity) != "hint"]
    in_tests = {Path(one.place.path).relative_to(chosen.root).parts[0] for one in failing}

    prefix = "tool.biaslint" if table else ""
    lines = [f"[{prefix}]"] if table else []
    if failing:
        lines.append("# `biaslint --write-baseline` accepts the current findings; from then on only new ones fail.")
    lines.append('fail-on = "warning"  # or "hint", "error", "never"')
    if foreign:
        lines.append(f"extend-exclude = [{', '.join(_quoted(name) for name in foreign)}]  # third-party code")
    tests = [name for name in TESTS if name in in_tests]
    if tests:
        lines += ["", f"[{prefix}.per-file-ignores]" if table else "[per-file-ignores]"]
        lines += [f'"{name}/**" = ["BL1", "BL4"]  # test models are never trained' for name in tests]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
