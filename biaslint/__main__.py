"""The command `biaslint`, also `python -m biaslint`."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130  # 128 + SIGINT
PATIENCE = 2.0  # seconds for what is cleaned up after an interrupt


def main() -> None:
    """Run the command line. Interrupted at any moment, imports included, it says so in one line and exits with status 130."""
    try:
        try:
            _main()
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _interrupted()
        raise


def _interrupted() -> None:
    """Say that the run was interrupted, clean up and exit."""
    import atexit
    import contextlib
    import io
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would end in a traceback
    print("\nbiaslint: interrupted", file=sys.stderr, flush=True)
    # Processes may be in the middle of being started: that they cannot be ended in order is nobody's business, nor is it waited for.
    with contextlib.redirect_stderr(io.StringIO()):
        cleaning = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
        cleaning.start()
        cleaning.join(PATIENCE)
    processes = sys.modules.get("multiprocessing")
    for child in processes.active_children() if processes is not None else ():
        child.kill()
    sys.stdout.flush()
    # Where the interrupt hit an `exec`, as in making a dataclass, Python would end itself by the signal instead of the status.
    os._exit(INTERRUPTED)


def _main() -> None:
    """The version is answered before anything is imported: editors and hooks ask for it often."""
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
