"""Compiles the typed core with mypyc while a wheel is built. Off unless HATCH_BUILD_HOOKS_ENABLE=1 is set.

Nothing is written into the checkout. What is left out, and why, is in `pyproject.toml`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext


class CompiledCore(BuildHookInterface[Any]):
    """The build hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the extension modules beside the sources in the wheel."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp()
        os.chdir(self.root)
        left_out = {Path(name) for name in self.config["left-out"]}
        files = sorted(path for folder in self.config["folders"] for path in Path(folder).rglob("*.py") if path.stat().st_size)
        distribution = Distribution()
        distribution.ext_modules = mypycify(
            ["--config-file=pyproject.toml", *(str(path) for path in files if path not in left_out)],
            opt_level=os.environ.get("MYPYC_OPT_LEVEL", "3"),
            debug_level="0",
            multi_file=True,
            target_dir=f"{self._folder}/c",
            group_name="biaslint",
        )
        command = build_ext(distribution)
        command.build_lib, command.build_temp = f"{self._folder}/lib", f"{self._folder}/objects"
        command.ensure_finalized()
        command.run()
        for output in command.get_outputs():
            build_data["force_include"][output] = os.path.relpath(output, command.build_lib)
        build_data.update(infer_tag=True, pure_python=False)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the build has left."""
        shutil.rmtree(self._folder)
