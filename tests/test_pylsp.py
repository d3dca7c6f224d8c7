"""python-lsp-server with its flake8 plugin on shows biaslint's findings."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import DEAD, ROOT, write

pytest.importorskip("pylsp", reason="python-lsp-server is not installed")
if not any(entry.value.startswith("biaslint.") for entry in importlib.metadata.entry_points(group="flake8.extension")):
    pytest.skip("biaslint is not installed in this environment, so flake8 cannot find it", allow_module_level=True)
sys.path.insert(0, str(ROOT / "benchmarks"))
from editor_latency import Client


def documented() -> dict[str, Any]:
    """The settings of python-lsp-server that the page about editors shows."""
    page = (ROOT / "docs/editors.md").read_text(encoding="utf-8")
    settings: dict[str, Any] = json.loads(page.partition("## Zed")[2].split("```")[1].removeprefix("json"))["lsp"]["pylsp"][
        "settings"
    ]
    return settings


def test_pylsp_shows_findings_through_flake8(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": DEAD})
    client = Client(tmp_path, ("pylsp",))
    settings = documented()
    settings["plugins"]["flake8"]["executable"] = str(Path(sys.executable).parent / "flake8")
    client.send("workspace/didChangeConfiguration", {"settings": {"pylsp": settings}})
    item = {"uri": (tmp_path / "net.py").as_uri(), "languageId": "python", "version": 1, "text": DEAD}
    client.send("textDocument/didOpen", {"textDocument": item})
    while (message := client.receive()).get("method") != "textDocument/publishDiagnostics":
        pass
    found = [one for one in message["params"]["diagnostics"] if one.get("code") == "BL101"]
    client.stop()
    assert [one["range"]["start"]["line"] for one in found] == [3]
    assert "subtracts again" in found[0]["message"]
