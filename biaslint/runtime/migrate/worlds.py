"""Two versions of one code base in one process: each model is built, and runs, with the modules of its own version."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from biaslint.runtime.target import script
from biaslint.runtime.target.targets import forget_parts

_Made = TypeVar("_Made")


class World:
    """The modules and the import path that the second version of the code sees; the first one's are those of the process."""

    def __init__(self, modules: Mapping[str, ModuleType], path: list[str], packages: set[str]) -> None:
        self.modules, self.path = dict(modules), list(path)
        self.packages = packages  # installed ones that this world has in another version

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Inside, imports find this world's modules. What is imported there stays in it, but for what both versions share."""
        outside, path = dict(sys.modules), list(sys.path)
        _become(self.modules)
        sys.path[:] = self.path
        try:
            yield
        finally:
            added = {name: module for name, module in sys.modules.items() if name not in self.modules}
            shared = {name: module for name, module in added.items() if name not in outside and not self._is_own(name, module)}
            self.modules, self.path = dict(sys.modules), list(sys.path)
            _become(outside | shared)
            sys.path[:] = path

    def _is_own(self, name: str, module: ModuleType) -> bool:
        return name.partition(".")[0] in self.packages or _is_users(module)


def _become(modules: Mapping[str, ModuleType]) -> None:
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.modules.update(modules)


def second_world(
    before: set[str], path: list[str], texts: Mapping[str, str], build: Callable[[], _Made]
) -> tuple[World, _Made]:
    """Build with the user's modules loaded afresh, `texts` (by path) in place of what the files hold.

    `before` are the modules and `path` the import path from before the first version was loaded.
    """
    texts = {os.path.realpath(file): text for file, text in texts.items()}
    affected = _affected(dict(sys.modules), texts)
    stale = {name for name, module in sys.modules.items() if name not in before and _is_users(module)} | affected
    kept = {name: module for name, module in sys.modules.items() if name not in stale}
    world = World(kept, path, {name.partition(".")[0] for name in affected})
    forget_parts()
    importlib.invalidate_caches()
    with world.active(), replaced(texts):
        made = build()
    return world, made


def _file(module: Any) -> str:
    try:
        return os.path.realpath(module.__file__) if getattr(module, "__file__", None) else ""
    except Exception:  # a stand-in that answers every question in its own way
        return ""


def _is_users(module: Any) -> bool:
    """Whether a module lies outside of what is installed."""
    file = _file(module)
    if not file:
        return False
    installed = {
        os.path.realpath(path) for name, path in sysconfig.get_paths().items() if name in ("stdlib", "purelib", "platlib")
    }
    return "-packages" not in file and not any(file.startswith(folder + os.sep) for folder in installed)


def _affected(modules: Mapping[str, ModuleType], texts: Mapping[str, str]) -> set[str]:
    """The modules with another text, and in their packages those that hold them or something of theirs."""
    stale = {name for name, module in modules.items() if _file(module) in texts}
    packages = {name.partition(".")[0] for name in stale}
    rest = [name for name in modules if name not in stale and name.partition(".")[0] in packages]
    changed = True
    while changed:
        objects = {id(modules[name]) for name in stale}
        found = {name for name in rest if name not in stale and _holds(modules[name], objects, stale)}
        changed = bool(found)
        stale |= found
    return stale


def _holds(module: ModuleType, objects: set[int], names: set[str]) -> bool:
    for value in list(vars(module).values()):
        if id(value) in objects:
            return True
        if isinstance(value, type) or callable(value):
            with contextlib.suppress(Exception):
                if value.__module__ in names:
                    return True
    return False


@contextlib.contextmanager
def replaced(texts: Mapping[str, str]) -> Iterator[None]:
    """Inside, these texts are imported in place of what the files hold."""
    loader: Any = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        text = texts.get(os.path.realpath(self.path))
        return compile(text, self.path, "exec", dont_inherit=True) if text is not None else original(self, fullname)

    script.TEXTS.update(texts)
    loader.get_code = get_code
    try:
        yield
    finally:
        loader.get_code = original
        for path in texts:
            script.TEXTS.pop(path, None)
