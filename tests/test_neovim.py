"""The recipe for Neovim, in a real, headless Neovim that opens a file, edits it and saves it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import DEAD, ROOT, write

pytest.importorskip("pygls", reason="pygls is not installed")
NVIM = shutil.which("nvim")
pytestmark = pytest.mark.skipif(NVIM is None, reason="Neovim (nvim) is not installed")

SCRIPT = """
local said = {}


function said_of()
  local all = {}
  for _, one in ipairs(vim.diagnostic.get(0)) do
    table.insert(all, { line = one.lnum, column = one.col, severity = one.severity, source = one.source, code = one.code, message = one.message })
  end
  return all
end

local function wait_for(count)
  vim.wait(20000, function() return #vim.diagnostic.get(0) == count end, 20)
  return said_of()
end

vim.cmd("edit net.py")
said.opened = wait_for(1)

local answers = vim.lsp.buf_request_sync(0, "textDocument/hover", {
  textDocument = { uri = vim.uri_from_bufnr(0) }, position = { line = 3, character = 8 },
}, 20000)
for _, answer in pairs(answers or {}) do said.hover = answer.result and answer.result.contents.value end

local actions = vim.lsp.buf_request_sync(0, "textDocument/codeAction", {
  textDocument = { uri = vim.uri_from_bufnr(0) },
  range = { start = { line = 3, character = 8 }, ["end"] = { line = 3, character = 8 } },
  context = { diagnostics = {} },
}, 20000)
for id, answer in pairs(actions or {}) do
  local fix = answer.result[1]
  said.title = fix.title
  local client = vim.lsp.get_client_by_id(id)
  vim.lsp.util.apply_workspace_edit(fix.edit, client.offset_encoding)
end
said.fixed = wait_for(0)
vim.cmd("write")
said.text = table.concat(vim.fn.readfile("net.py"), "\\n") .. "\\n"

vim.cmd("%s/, bias=False//")
vim.cmd("write")
said.saved = wait_for(1)

vim.fn.writefile({ vim.fn.json_encode(said) }, "said.json")
vim.cmd("qall!")
"""


def test_neovim_shows_findings_hovers_fixes_and_saves(tmp_path: Path) -> None:
    server = ["/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "biaslint", "lsp"]
    words = ", ".join(json.dumps(word) for word in server)
    write(
        tmp_path,
        {"net.py": DEAD, "script.lua": SCRIPT, "init.lua": f"vim.g.biaslint_cmd = {{ {words} }}\nvim.cmd('filetype on')\n"},
    )
    recipe = ROOT / "editors/neovim/biaslint.lua"
    command = [NVIM or "nvim", "--headless", "-n", "-u", "init.lua", "-c", f"luafile {recipe}", "-c", "luafile script.lua"]
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, env={**os.environ, **home}, check=False
    )
    assert (tmp_path / "said.json").exists(), done.stderr + done.stdout
    said = json.loads((tmp_path / "said.json").read_text())

    (one,) = said["opened"]
    assert (one["line"], one["column"], one["severity"], one["source"]) == (3, 4, 2, "biaslint")
    assert "subtracts again" in one["message"]
    assert "bias-before-norm" in said["hover"]
    assert said["title"].startswith("biaslint, unsafe: ")
    assert said["fixed"] == []
    assert said["text"] == DEAD.replace("(3, 8, 3)", "(3, 8, 3, bias=False)")
    assert [one["line"] for one in said["saved"]] == [3]
