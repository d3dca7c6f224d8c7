"""The command `biaslint`, also `python -m biaslint`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line. The version is answered before anything is imported: editors and hooks ask for it often."""
    if sys.argv[1:] == ["--version"]:
        from biaslint import __version__

        print(f"biaslint {__version__}")
        return
    from biaslint.cli import main as run

    run()


if __name__ == "__main__":
    # `python -m` looks for modules in the current folder first: what is linted must not stand in for click or tomllib
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    main()
