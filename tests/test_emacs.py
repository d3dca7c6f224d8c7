"""The recipe for Emacs, as the documentation shows it, in a real Emacs with Eglot."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import DEAD, ROOT, write

pytest.importorskip("pygls", reason="pygls is not installed")
EMACS = shutil.which("emacs")
SCRIPT = """
(package-initialize)
(require 'eglot)
{recipe}
(setq eglot-sync-connect 30)
(find-file "net.py")
(python-mode)
(call-interactively 'eglot)
(flymake-mode 1)
(defun wait-for (count)
  (let ((rounds 0))
    (while (and (< rounds 300) (/= count (length (flymake-diagnostics))))
      (accept-process-output nil 0.1)
      (flymake-start)
      (setq rounds (1+ rounds))))
  (dolist (one (flymake-diagnostics))
    (princ (format "said %d %s\\n" (line-number-at-pos (flymake-diagnostic-beg one)) (flymake-diagnostic-text one)))))
(wait-for 1)
(goto-char (point-min))
(search-forward "(3, 8, 3")
(insert ", bias=False")
(save-buffer)
(wait-for 0)
(princ (format "left %d\\n" (length (flymake-diagnostics))))
"""


def has_eglot() -> bool:
    if EMACS is None:
        return False
    command = [EMACS, "--batch", "--eval", "(package-initialize)", "--eval", "(require 'eglot)"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_eglot(), reason="Emacs with Eglot is not installed")
def test_eglot_shows_a_finding_and_removes_it_when_it_is_mended(tmp_path: Path) -> None:
    text = (ROOT / "docs/editors.md").read_text(encoding="utf-8")
    recipe = next(block for block in re.findall(r"```elisp\n(.*?)```", text, re.DOTALL) if "eglot-server-programs" in block)
    server = ["/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "biaslint", "lsp"]
    own = recipe.replace('"biaslint" "lsp"', " ".join(json.dumps(word) for word in server))
    assert own != recipe
    write(tmp_path, {"net.py": DEAD, "script.el": SCRIPT.replace("{recipe}", own)})
    done = subprocess.run(
        [EMACS or "emacs", "--batch", "-l", "script.el"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
        check=False,
    )
    assert re.search(r"^said 4 biaslint \[BL101\]: .*subtracts again", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("left 0")
    assert (tmp_path / "net.py").read_text() == DEAD.replace("(3, 8, 3)", "(3, 8, 3, bias=False)")
