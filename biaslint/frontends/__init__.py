"""From source text to facts: `analyse` executes what the files build on abstract values."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biaslint.graph import Program

STACK = 512 * 1024 * 1024
DEPTH = 20_000


def analyse(
    files: Sequence[Path],
    root: Path,
    texts: Mapping[Path, str] | None = None,
    layers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Program:
    """What the given files build.

    `files` are the files that were asked for; other files below `root` are opened where an import leads there. `texts` holds
    unsaved text that stands for a file's content. `layers` describes the project's own wrappers
    (`[tool.biaslint.layers]`). Nothing is imported or executed.
    """
    from biaslint.frontends import roots
    from biaslint.frontends.project import Project

    project = Project(root.resolve(), {path.resolve(): text for path, text in (texts or {}).items()})
    project.layers = layers or {}
    program = Program()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            modules = []
            for path in files:
                module = project.open(path.resolve())
                if module is not None:
                    module.shown = str(path)
                    modules.append(module)
            reached = roots.run_all(project, modules)
            shown = {module.shown for module in modules}
            program.uses = [use for use in reached.uses if any(place.path in shown for place in use.chain)]
            program.unknowns = [fact for fact in reached.unknowns if fact.place.path in shown]
            program.stopped = reached.stopped
        except BaseException as error:
            failure.append(error)

    # models nest deeply, and so does the interpreter: give it a stack of its own
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)  # most of what is made lives until its execution ends
    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK)
    sys.setrecursionlimit(DEPTH)
    try:
        thread = threading.Thread(target=work, name="biaslint")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        gc.set_threshold(*thresholds)
        threading.stack_size(size)
    if failure:
        raise failure[0]
    return program
