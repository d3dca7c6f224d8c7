"""The server for coding assistants, driven by the SDK's own client; its tools also without it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import DEAD, ROOT, process, write

from biaslint.mcp import tools


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return write(tmp_path, {"pyproject.toml": "", "dead.py": DEAD})


def test_linting_gives_the_report(project: Path) -> None:
    report = tools.lint([str(project)])
    assert [(one["rule"], one["line"]) for one in report["findings"]] == [("BL101", 4)]
    assert report["exit_status"] == 1
    assert tools.lint([str(project)], select=["BL301"])["findings"] == []


def test_what_cannot_be_linted_is_said(project: Path) -> None:
    assert "No such file" in tools.lint([str(project / "nowhere.py")])["messages"]


def test_a_path_is_never_an_option(project: Path) -> None:
    report = tools.lint(["--fix"])
    assert report["exit_status"] == 2
    assert (project / "dead.py").read_text() == DEAD


def test_fixes_are_previewed_and_nothing_is_changed(project: Path) -> None:
    assert "+    nn.Conv2d(3, 8, 3, bias=False)," in tools.preview_fixes([str(project)], unsafe=True)
    assert "add --unsafe-fixes" in tools.preview_fixes([str(project)])
    assert (project / "dead.py").read_text() == DEAD


def test_rules_are_explained() -> None:
    assert "# bias-before-norm (BL101)" in tools.explain("BL101")
    assert "did you mean" in tools.explain("bias-befor-norm")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    write(tmp_path, {"mcp/__init__.py": "raise ModuleNotFoundError('no mcp', name='mcp')\n"})
    done = process(tmp_path, "mcp", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert (done.status, "pip install 'biaslint[mcp]'" in done.err) == (2, True)


def test_an_assistant_lists_and_calls_the_tools(project: Path) -> None:
    sdk: Any = pytest.importorskip("mcp", reason="the SDK is not installed")
    import anyio
    from mcp.client.stdio import stdio_client

    async def talk() -> tuple[list[str], Any]:
        parameters = sdk.StdioServerParameters(
            command=sys.executable, args=["-m", "biaslint", "mcp"], env={"PYTHONPATH": str(ROOT)}
        )
        async with stdio_client(parameters) as (read, send), sdk.ClientSession(read, send) as session:
            await session.initialize()
            listed = await session.list_tools()
            called = await session.call_tool("lint", {"paths": [str(project)]})
            return [tool.name for tool in listed.tools], called

    names, called = anyio.run(talk)
    assert names == [tool.__name__ for tool in tools.TOOLS]
    report = json.loads(called.content[0].text)
    assert [one["rule"] for one in report["findings"]] == ["BL101"]
