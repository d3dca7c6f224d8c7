"""Two files make a rule, its page and its check; and a wheel brings the pages along."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT, write

from biaslint import checks
from biaslint.findings import rule_book


def test_every_check_has_a_page_and_every_page_has_a_check() -> None:
    assert checks.names() == sorted(rule.name for rule in rule_book.rules() if rule.made_by == "check")


@pytest.mark.parametrize("name", checks.names())
def test_every_check_can_be_loaded(name: str) -> None:
    assert callable(checks.load(name))


def test_pages_lie_beside_the_package_in_a_checkout() -> None:
    assert not (ROOT / "biaslint" / "rules").exists()
    assert rule_book.folder() == ROOT / "rules"


SYNTAX_OR_FRAMEWORK = {"ast", "libcst", "tokenize", "torch", "keras", "tensorflow"}
OF_OURS = {"analysis", "runtime", "fix", "engine", "source", "config", "rule_book", "reporters", "cli"}


def test_checks_ask_the_graph_and_nothing_else() -> None:
    """A check that reads syntax, or imports a framework, would work for one way of writing or one framework only."""
    paths = list((ROOT / "biaslint" / "checks").glob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
            for name in names:
                top, _, rest = name.partition(".")
                assert top not in SYNTAX_OR_FRAMEWORK, f"{path.name}: {name}"
                assert top != "biaslint" or rest.split(".")[0] not in OF_OURS, f"{path.name}: {name}"


def test_a_wheel_that_is_installed_elsewhere_lints_and_explains_every_rule(tmp_path: Path) -> None:
    wheels, site, project = tmp_path / "wheels", tmp_path / "site", write(tmp_path / "project", {"net.py": "import torch\n"})
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    done = subprocess.run(build, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    assert sorted(path.name for path in site.iterdir() if path.suffix != ".dist-info") == ["biaslint", "bin"]
    assert (site / "biaslint/py.typed").is_file()
    (metadata,) = site.glob("*.dist-info/METADATA")
    links = re.findall(r"^Project-URL: (\w+), https://", metadata.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(links) == ["Changelog", "Documentation", "Issues", "Source"]

    def run(*arguments: str) -> str:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
        code = "import biaslint, sys; sys.stderr.write(biaslint.__file__); from biaslint.__main__ import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=project, env=environ, capture_output=True, text=True, check=True
        )
        assert done.stderr.startswith(str(site))
        return done.stdout

    listed = [line.split()[0] for line in run("rules").splitlines()]
    assert listed == [rule.code for rule in rule_book.rules()]
    explained = run("explain", *listed)
    assert all(f"{rule.name} ({rule.code})" in explained for rule in rule_book.rules())
    assert run("net.py") == "All checks passed (1 file).\n"
