"""A framework with faults, for tests of what becomes of a fault of biaslint itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from biaslint.analysis import machine
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.framework_record import Framework
from biaslint.analysis.project.module import Module

# What a file must hold for a fault outside all executions, and for one within the execution of what calls it.
FAULTY_FILE = "# a file that the analysis cannot take\n"
FAULTY_CALL = "import faulty\n\nfaulty.layer()\n"


def layer(*_: Any) -> Any:
    raise ZeroDivisionError("a fault")


def trait(module: Module) -> bool:
    if FAULTY_FILE in module.text:
        raise RuntimeError("no luck")
    return False


def is_own(name: str) -> bool:
    return name.partition(".")[0] == "faulty"


FAULTY = Framework(
    name="faulty",
    import_names=frozenset({"faulty"}),
    owns=is_own,
    canonical=str,
    knows=is_own,
    specificity=lambda name: 0,
    call=layer,
    module_trait=trait,
)


@contextmanager
def registered() -> Iterator[None]:
    """The framework is one of those that are known."""
    framework.register((*machine.FRAMEWORKS, FAULTY))
    try:
        yield
    finally:
        framework.register(machine.FRAMEWORKS)
