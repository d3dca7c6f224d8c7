"""Fixed files on the disk, also when something goes wrong half-way."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixing import finding, no_bias

from biaslint.fix import CannotFix, diff, edits_of, fix_files, write
from biaslint.theory.program import Place

OLD, NEW = b"c = f(1)\n", b"c = f(1, bias=False)\n"


def call_in(path: Path | str, line: int = 1) -> Place:
    return Place(str(path), line, 5, line, 9)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.py"
    path.write_bytes(OLD)
    return path


def test_a_file_is_fixed_and_nothing_else_is_left_beside_it(model, tmp_path):
    result = fix_files([finding(call_in("m.py"))], tmp_path)
    assert (result.written, result.failed) == (["m.py"], {})
    assert model.read_bytes() == NEW
    assert os.listdir(tmp_path) == ["m.py"]


def test_a_dry_run_writes_nothing_and_has_the_difference(model, tmp_path):
    result = fix_files([finding(call_in("m.py"))], tmp_path, dry_run=True)
    assert list(result.diffs()) == ["--- m.py\n+++ m.py\n@@ -1 +1 @@\n-c = f(1)\n+c = f(1, bias=False)\n"]
    assert model.read_bytes() == OLD


@pytest.mark.skipif(not shutil.which("patch"), reason="patch is not installed")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nx\nc\n"),
        ("a\nb", "a\nc"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\x0c\nb\rc\n", "a\x0c\nd\rc\n"),
        ("a", "a\n"),
    ],
)
def test_patch_understands_the_difference(tmp_path, old, new):
    (tmp_path / "m.py").write_bytes(old.encode())
    subprocess.run(
        ["patch", "-p0", "--binary"], cwd=tmp_path, input=diff("m.py", old, new).encode(), check=True, capture_output=True
    )
    assert (tmp_path / "m.py").read_bytes() == new.encode()


def test_a_dry_run_needs_no_right_to_write(model, tmp_path):
    model.chmod(0o444)
    assert list(fix_files([finding(call_in("m.py"))], tmp_path, dry_run=True).diffs())


ENCODED = {
    "a byte order mark": b"\xef\xbb\xbfs = '\xc3\xa9'\r\n",
    "a Latin cookie": b"# -*- coding: latin-1 -*-\ns = '\xe9'\n",
    "a Japanese cookie": "#!python\n# vim: fileencoding=shift_jis\ns = '脳'\n".encode("shift_jis"),
    "mixed line endings": b"a = 1\r\nb = 2\nd = 3\r",
    "old Mac line endings": b"a = 1\rb = 2\r",
    "form feeds and separators": "a = 1\n\x0cb = '\u2028\x85'\n".encode(),
}


@pytest.mark.parametrize("head", ENCODED.values(), ids=ENCODED)
def test_encoding_mark_and_line_endings_stay(tmp_path, head):
    path = tmp_path / "m.py"
    path.write_bytes(head + OLD)
    line = len(head.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    assert fix_files([finding(call_in(path, line))], tmp_path).written == [str(path)]
    assert path.read_bytes() == head + NEW


def test_permissions_stay(model, tmp_path):
    model.chmod(0o751)
    write(model, OLD, NEW.decode(), tmp_path)
    assert model.stat().st_mode & 0o7777 == 0o751


def test_extended_attributes_stay(model, tmp_path):
    try:
        os.setxattr(model, "user.note", b"mine")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes here")
    write(model, OLD, NEW.decode(), tmp_path)
    assert os.getxattr(model, "user.note") == b"mine"


def test_a_file_that_changed_since_it_was_read_is_left_alone(model, tmp_path):
    model.write_bytes(b"other\n")
    with pytest.raises(CannotFix, match="changed"):
        write(model, OLD, NEW.decode(), tmp_path)
    assert model.read_bytes() == b"other\n"


def test_a_file_that_changes_while_the_new_one_is_written_is_left_alone(model, tmp_path, monkeypatch):
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (sync(descriptor), model.write_bytes(b"other\n")))
    with pytest.raises(CannotFix, match="changed"):
        write(model, OLD, NEW.decode(), tmp_path)
    assert model.read_bytes() == b"other\n"
    assert os.listdir(tmp_path) == ["m.py"]


def test_a_write_protected_file_is_left_alone(model, tmp_path):
    model.chmod(0o444)
    outcome = fix_files([finding(call_in("m.py"))], tmp_path).outcome
    assert "write-protected" in outcome.refused[0][1]
    assert model.read_bytes() == OLD


def test_a_link_that_leads_out_of_the_project_is_not_followed(tmp_path):
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "m.py").write_bytes(OLD)
    (project / "m.py").symlink_to(outside / "m.py")
    (project / "folder").symlink_to(outside)
    for name in ("m.py", "folder/m.py"):
        outcome = fix_files([finding(call_in(name))], project).outcome
        assert "leads out" in outcome.refused[0][1]
    assert (outside / "m.py").read_bytes() == OLD


def test_a_link_within_the_project_stays_a_link(model, tmp_path):
    (tmp_path / "link.py").symlink_to("m.py")
    assert fix_files([finding(call_in("link.py"))], tmp_path).written == ["link.py"]
    assert (tmp_path / "link.py").is_symlink()
    assert model.read_bytes() == NEW


def test_what_is_not_a_regular_file_is_refused(tmp_path):
    (tmp_path / "m.py").mkdir()
    assert "regular" in fix_files([finding(call_in("m.py"))], tmp_path).outcome.refused[0][1]
    assert "No such file" in fix_files([finding(call_in("n.py"))], tmp_path).outcome.refused[0][1]


def test_a_text_that_the_encoding_cannot_hold_is_refused(tmp_path):
    old = b"# coding: latin-1\n"
    (tmp_path / "m.py").write_bytes(old)
    with pytest.raises(CannotFix, match="cannot be encoded as"):
        write(tmp_path / "m.py", old, "# coding: latin-1\n'脳'\n", tmp_path)
    assert (tmp_path / "m.py").read_bytes() == old


@pytest.mark.parametrize(
    "old", [b"# coding: nonsense\n", b"# coding: rot13\n", b"\xff\xfe\n", b"# coding: utf-7\na = '+AGEAYg-+AGM-'\n"]
)
def test_a_file_that_cannot_be_read_and_written_back_is_refused(tmp_path, old):
    (tmp_path / "m.py").write_bytes(old)
    with pytest.raises(CannotFix):
        write(tmp_path / "m.py", old, "a = 1\n", tmp_path)
    assert (tmp_path / "m.py").read_bytes() == old


CALLS = ["open", "write", "fchmod", "fsync", "link", "replace"]


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_full_disk_leaves_the_old_file_alone(model, tmp_path, monkeypatch, call, nameless):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, call, full)
    reached = call != "link"  # a file that cannot be given a name is written once more, with one
    result = fix_files([finding(call_in("m.py"))], tmp_path)
    monkeypatch.undo()
    assert (result.written == []) == reached
    assert model.read_bytes() == (OLD if reached else NEW)
    assert os.listdir(tmp_path) == ["m.py"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_device_that_is_full_for_real_leaves_the_old_file_alone(model, tmp_path, monkeypatch):
    real = os.open

    def opened(path, flags, *args, **options):
        return real("/dev/full", os.O_WRONLY) if flags & os.O_RDWR else real(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", opened)
    assert "No space left" in fix_files([finding(call_in("m.py"))], tmp_path).failed["m.py"]
    assert (model.read_bytes(), os.listdir(tmp_path)) == (OLD, ["m.py"])


KILLED = """
import os, signal, sys
from pathlib import Path
from biaslint.fix import write
if sys.argv[3] == "named" and hasattr(os, "O_TMPFILE"):
    del os.O_TMPFILE
def killed_around(name):
    original = getattr(os, name)
    def call(*args, **options):
        global left
        for _ in range(2):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*args, **options) if _ == 0 else result
        return result
    setattr(os, name, call)
left = int(sys.argv[2])
for name in ("open", "write", "fchmod", "fsync", "link", "replace", "close"):
    killed_around(name)
write(Path(sys.argv[1]), b"old " * 5000, "new " * 6000, Path(sys.argv[1]).parent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("kind", ["nameless", "named"])
def test_killed_at_any_moment_the_file_is_the_old_or_the_new_one(tmp_path, kind):
    old, new = b"old " * 5000, b"new " * 6000
    seen = []
    for moment in range(40):
        folder = tmp_path / str(moment)
        folder.mkdir()
        (folder / "m.py").write_bytes(old)
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder / "m.py"), str(moment), kind], check=False)
        content = (folder / "m.py").read_bytes()
        assert content in (old, new)
        seen.append((content == new, len(os.listdir(folder)) - 1))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert seen[0] == (False, 0)
    assert seen[-1] == (True, 0)
    assert sorted(seen, key=lambda each: each[0]) == seen  # once new, it stays new
    if kind == "nameless" and hasattr(os, "O_TMPFILE"):  # only between the naming and the move is there a second file
        assert sum(stray for _, stray in seen) <= 2


def test_files_that_one_fix_changes_are_written_together_or_not_at_all(model, tmp_path, monkeypatch):
    for name in ("n.py", "o.py"):
        (tmp_path / name).write_bytes(OLD)
    findings = [finding(call_in("m.py"), no_bias(call_in("m.py")), no_bias(call_in("n.py"))), finding(call_in("o.py"))]
    replace, seen = os.replace, []

    def second_time_full(source, target):
        seen.append(target)
        if len(seen) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_time_full)
    result = fix_files(findings, tmp_path)
    assert (result.written, sorted(result.failed)) == (["o.py"], ["m.py", "n.py"])
    assert [(tmp_path / name).read_bytes() for name in ("m.py", "n.py", "o.py")] == [OLD, OLD, NEW]
    assert sorted(os.listdir(tmp_path)) == ["m.py", "n.py", "o.py"]


def test_the_edits_of_a_finding_are_those_of_the_unsaved_text(model):
    (edit,) = edits_of(finding(call_in(model)))
    assert (edit.line, edit.column, edit.text) == (1, 8, ", bias=False")
    place = Place(str(model), 2, 1, 2, 4)
    (edit,) = edits_of(finding(place), {model: "\nf()\n"})
    assert (edit.line, edit.column, edit.text) == (2, 3, "bias=False")


def test_a_finding_whose_fix_cannot_be_written_has_no_edits(model):
    assert edits_of(finding(Place(str(model), 7, 1, 7, 2))) == []
    assert edits_of(finding(call_in("/nowhere/m.py"))) == []


def test_edits_follow_a_file_that_changes_between_two_reports(model):
    assert edits_of(finding(call_in(model)))
    model.write_bytes(b"changed = 1\n")
    assert edits_of(finding(call_in(model))) == []


def test_importing_the_fixes_does_not_import_libcst():
    code = "import sys, biaslint.fix; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
