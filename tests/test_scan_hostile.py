"""Whatever is scanned is hostile: nothing is unpacked, followed, executed or trusted, and each repository answers for itself alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import scanning
from projects import CLEAN, DEAD, ROOT, biaslint
from scanning import bare, found, git, lay, repositories, scan, tarred, zipped

from biaslint.scan import guard
from biaslint.scan.limits import Limits
from biaslint.scan.reading.tally import plain_name
from biaslint.scan.unit import GivenUp

NAMES = (
    "../up.py", "a/../../up.py", "/absolute.py", "C:/drive.py", "C:\\drive.py", "..\\up.py", "red\x1b[31m.py", "new\nline.py", "turned\u202eyp.py",
    "nul\0.py", "half\udc80.py", "d/" * 5000 + "deep.py", "d/" * 70 + "deep.py", "n" * 5000 + ".py", ".py/..", "\u2028.py",
)  # fmt: skip
WRITABLE = [name for name in NAMES if name.isprintable() or ("\0" not in name and "\udc80" not in name)]


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_or_pretends_is_none(name: str) -> None:
    assert plain_name(name) is None


@pytest.mark.parametrize("name", ["net.py", "./a//net.py", "a b/ünet.py", "..a/...py", "d/" * 60 + "net.py"])
def test_a_plain_name_is_kept(name: str) -> None:
    kept = plain_name(name)
    assert kept is not None
    assert kept == os.path.normpath(name)


def test_entries_with_such_names_are_left_out_and_nothing_is_written(tmp_path: Path) -> None:
    bad = {name: DEAD for name in WRITABLE if name.endswith(".py")}
    home = tmp_path / "home"
    zipped(home / "in" / "a.zip", {**bad, "net.py": DEAD})
    tarred(home / "in" / "b.tar.gz", {**bad, "net.py": DEAD})
    (home / "in" / "c.jsonl").write_text(
        "".join(json.dumps({"repo": "c", "path": name, "content": DEAD}) + "\n" for name in (*bad, "net.py"))
    )
    before = everything(tmp_path)
    rows = scan(home, "in")
    assert everything(tmp_path) - before == {str(home / "out.jsonl")}
    assert found(rows) == {("BL101", "net.py", 4)}
    for row in repositories(rows).values():
        assert row["skipped"]["unsafe name"] >= len(bad) - 2, row  # zip cuts a name at a zero byte


def test_links_and_special_files_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    lay(outside, {"secret.py": DEAD})
    home = tmp_path / "home"
    folder = lay(home / "in" / "checkout", {"clean.py": CLEAN})
    (folder / "link.py").symlink_to(outside / "secret.py")
    (folder / "below").symlink_to(outside)
    os.mkfifo(folder / "pipe.py")
    links = [tarfile.TarInfo(name) for name in ("symbolic.py", "hard.py", "device.py", "pipe.py")]
    for entry, kind in zip(links, (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE), strict=True):
        entry.type, entry.linkname = kind, str(outside / "secret.py")
    tarred(home / "in" / "a.tar.gz", {"clean.py": CLEAN}, tuple(links))
    with zipfile.ZipFile(home / "in" / "b.zip", "w") as archive:
        entry = zipfile.ZipInfo("link.py")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, str(outside / "secret.py"))
        archive.writestr("clean.py", CLEAN)
    os.remove(folder / "pipe.py")
    bare(home / "in" / "c.git", folder)
    os.mkfifo(folder / "pipe.py")
    (home / "in" / "d").symlink_to(outside)
    rows = scan(home, "in")
    assert found(rows) == set()
    skipped = {name: row["skipped"] for name, row in repositories(rows).items()}
    assert skipped == {
        "a.tar.gz": {"link": 2, "special file": 2},
        "b.zip": {"link": 1},
        "c.git": {"link": 1},
        "checkout": {"link": 1, "special file": 1},
    }


def test_bombs_cost_their_own_row(tmp_path: Path) -> None:
    zeros = b"\0" * (40 << 20)
    zipped(tmp_path / "in" / "file.zip", {"bomb.py": zeros, "net.py": DEAD})
    zipped(tmp_path / "in" / "lies.zip", {"bomb.py": zeros, "net.py": DEAD})
    data = (tmp_path / "in" / "lies.zip").read_bytes()
    (tmp_path / "in" / "lies.zip").write_bytes(data.replace((40 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    zipped(tmp_path / "in" / "sum.zip", {f"{number}.py": zeros[: 7 << 20] for number in range(5)})
    tarred(tmp_path / "in" / "other.tar.gz", {"net.py": DEAD, "data.bin": zeros})
    tarred(tmp_path / "in" / "many.tar.gz", {f"{number}": "" for number in range(300)})
    zipped(tmp_path / "in" / "files.zip", {f"{number}.py": "" for number in range(30)})
    inner = zipped(tmp_path / "inner.zip", {"net.py": DEAD}).read_bytes()
    zipped(tmp_path / "in" / "nested.zip", {"inner.zip": inner, "inner.py.zip": inner})
    limits = ("--max-file-size", "8", "--max-size", "20", "--max-unpacked", "30", "--max-entries", "200", "--max-files", "20")
    rows = repositories(scan(tmp_path, "in", *limits))
    told = {name: (row["status"], row["reason"] or row["skipped"]) for name, row in rows.items()}
    assert told == {
        "file.zip": ("ok", {"file too large": 1}),
        "lies.zip": ("ok", {"damaged entry": 1}),
        "sum.zip": ("too large", "more than 20 MB of Python files and notebooks"),
        "other.tar.gz": ("too large", "more than 30 MB when decompressed"),
        "many.tar.gz": ("too large", "more than 200 entries"),
        "files.zip": ("too large", "more than 20 Python files and notebooks"),
        "nested.zip": ("ok", {}),
    }
    assert (rows["file.zip"]["findings"], rows["lies.zip"]["findings"], rows["nested.zip"]["files"]) == (1, 1, 0)


def test_damaged_archives_cost_their_own_row(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "whole.tar.gz", {"net.py": DEAD * 500}).read_bytes()
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.PAX_FORMAT))
    header[156:157], header[124:136] = b"x", b"77777777777\0"  # an extended header that says that it has 8 GB
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    broken = {
        "cut.tar.gz": whole[: len(whole) // 2], "random.zip": os.urandom(5000), "empty.whl": b"", "random.tar.xz": os.urandom(5000),
        "header.tar": bytes(header) + b"\0" * 5120, "random.jsonl": os.urandom(5000), "deep.jsonl": b"[" * 100_000 + b"\n",
    }  # fmt: skip
    (tmp_path / "in").mkdir()
    for name, data in broken.items():
        (tmp_path / "in" / name).write_bytes(data)
    (tmp_path / "in" / "bad.git" / "objects").mkdir(parents=True)
    (tmp_path / "in" / "bad.git" / "refs").mkdir()
    (tmp_path / "in" / "bad.git" / "HEAD").write_text("ref: refs/../../../etc/passwd\n")
    zipped(tmp_path / "in" / "good.zip", {"net.py": DEAD})
    rows = scan(tmp_path, "in")
    assert found(rows) == {("BL101", "net.py", 4)}
    statuses = {name: row["status"] for name, row in repositories(rows).items()}
    unreadable = ("cut.tar.gz", "random.zip", "empty.whl", "random.tar.xz", "header.tar", "bad.git")
    assert statuses == {**dict.fromkeys(unreadable, "unreadable"), "good.zip": "ok"}


def test_nothing_that_a_git_repository_names_is_started_or_fetched(tmp_path: Path) -> None:
    lay(tmp_path / "checkout", {"net.py": DEAD})
    folder = bare(tmp_path / "in" / "net.git", tmp_path / "checkout")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    trap.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "gpg.program",
        "core.editor",
        "diff.external",
        "uploadpack.packObjectsHook",
    ):
        git(folder, "config", key, str(trap))
    for key, value in (("log.showSignature", "true"), ("core.hooksPath", str(tmp_path)), ("extensions.partialClone", "far"),
                       ("core.repositoryFormatVersion", "1"), ("remote.far.promisor", "true"), ("remote.far.url", f"ext::{trap}"), ("protocol.ext.allow", "always")):  # fmt: skip
        git(folder, "config", key, value)
    assert found(scan(tmp_path, "in")) == {("BL101", "net.py", 4)}
    (tmp_path / "out.jsonl").unlink()
    for file in (folder / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    (row,) = repositories(scan(tmp_path, "in")).values()
    assert row["status"] == "unreadable"
    assert not (tmp_path / "ran").exists()


def test_imports_lead_to_nothing_outside_of_the_repository(tmp_path: Path) -> None:
    lay(tmp_path / "outside", {"secret.py": "from torch.nn import BatchNorm2d as Norm\n"})
    text = f"import sys\nsys.path.append({str(tmp_path / 'outside')!r})\nfrom secret import Norm\n"
    lay(tmp_path / "in" / "net", {"net.py": text + DEAD.replace("nn.BatchNorm2d", "Norm")})
    assert "BL101" in biaslint(tmp_path, "--isolated", "in").out
    assert found(scan(tmp_path, "in")) == set()


@pytest.mark.parametrize(
    ("task", "status", "reason"),
    [
        ("compute_for_ever", "time", "more than 1 s"),
        ("wait_for_ever", "time", "no answer in 2 s"),
        ("take_all_memory", "memory", "more than 200 MB"),
        ("crash", "crashed", "signal 11"),
        ("leave", "crashed", "exit status 7"),
        ("fail", "error", "internal error: LookupError: nothing there"),
    ],
)
def test_a_process_that_misbehaves_costs_its_own_row(task: str, status: str, reason: str) -> None:
    # One limit is low for each, so that a slow machine does not come to another one first.
    limits = Limits(seconds=1 if task == "compute_for_ever" else 60, wall=2 if task == "wait_for_ever" else 60, memory=200)
    with pytest.raises(GivenUp) as told:
        guard.answered(getattr(scanning, task), (), limits)
    assert (told.value.status, told.value.reason) == (status, reason)
    assert guard.answered(scanning.work, (), limits)[0] == b"done"


def test_what_a_process_has_started_ends_with_it(tmp_path: Path) -> None:
    with pytest.raises(GivenUp):
        guard.answered(scanning.leave_a_child_behind, (str(tmp_path / "pid"),), Limits(wall=2))
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_killed_scan_leaves_no_process_behind(tmp_path: Path) -> None:
    program = "import scanning; from biaslint.scan import guard, limits; guard.answered(scanning.leave_a_child_behind, ('pid',), limits.Limits())"
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    running = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths})
    until = time.monotonic() + 60
    while time.monotonic() < until and not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        time.sleep(0.02)
    child = int((tmp_path / "pid").read_text())
    assert not ended(child)
    running.kill()
    running.wait()
    while time.monotonic() < until and not ended(child):
        time.sleep(0.02)
    assert ended(child)


def ended(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
