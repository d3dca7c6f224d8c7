"""A scan: every kind of source gives the same rows, which do not depend on who makes them, when, and after how many kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, ROOT, biaslint
from scanning import PROJECT, bare, found, git, lasting, lay, repositories, rows_in, scan, tarred, zipped

from biaslint.scan.unit import Unit
from biaslint.scan.work import Job, examine

LINES = "".join(
    json.dumps({"repo_name": name, "path": path, "content": text}) + "\n"
    for path, text in PROJECT.items()
    for name in ("one/alpha", "two/beta")
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Seven repositories of two contents, and one without model code."""
    folder = tmp_path / "archive"
    lay(folder / "checkout")
    bare(folder / "owner" / "bare.git", folder / "checkout")
    zipped(folder / "wheel-1.0-py3-none-any.whl", {**PROJECT, "wheel-1.0.dist-info/METADATA": ""})
    tarred(folder / "sdist-1.0.tar.gz", {f"sdist-1.0/{name}": text for name, text in PROJECT.items()})
    (folder / "table.jsonl").write_text(LINES + "not JSON\n[]\n" + '{"repo_name": null}\n')
    lay(folder / "clean", {"clean.py": CLEAN})
    lay(folder / "plain", {"setup.py": "", "plain.py": "print('no model')\n"})
    return folder


def test_every_kind_of_source_gives_the_rows_that_linting_gives(archive: Path, tmp_path: Path) -> None:
    rows = scan(tmp_path, "archive")
    linted = json.loads(biaslint(archive / "checkout", "--isolated", "--format", "json", "--exit-zero", ".").out)["findings"]
    expected = {(one["rule"], one["path"], one["line"]) for one in linted}
    assert ("BL101", "package/layers.py", 5) in expected
    names = {"checkout", "owner/bare.git", "wheel-1.0-py3-none-any.whl", "sdist-1.0.tar.gz", "one/alpha", "two/beta"}
    for name in names:
        assert found([row for row in rows if row.get("repository") == name]) == expected, name
    facts = repositories(rows)
    assert facts.keys() == names | {"clean", "plain"}
    assert {row["status"] for row in facts.values()} == {"ok"}
    assert len({facts[name]["digest"] for name in names}) == 1
    assert facts["owner/bare.git"]["year"] == 2021
    assert (facts["clean"]["findings"], bool(facts["clean"]["layers"]), facts["plain"]["model_files"]) == (0, True, 0)
    assert facts["checkout"]["frameworks"].keys() == {"torch"}


def test_a_checkout_with_git_tells_its_year(tmp_path: Path) -> None:
    lay(tmp_path / "net")
    git(tmp_path / "net", "init", "-q")
    git(tmp_path / "net", "add", "-A")
    git(tmp_path / "net", "commit", "-q", "-m", "all")
    git(tmp_path / "net", "pack-refs", "--all")
    assert repositories(scan(tmp_path, "net"))["net"]["year"] == 2021


def test_rows_do_not_depend_on_workers_and_shards(archive: Path, tmp_path: Path) -> None:
    whole = lasting(scan(tmp_path, "archive", "-j", "1"))
    (tmp_path / "out.jsonl").unlink()
    assert lasting(scan(tmp_path, "archive", "-j", "3")) == whole
    assert not (tmp_path / "out.jsonl.shared").exists()
    parts = []
    for number in (1, 2, 3):
        (tmp_path / "out.jsonl").unlink()
        parts += [row for row in scan(tmp_path, "archive", "--shard", f"{number}/3") if row["row"] != "scan"]
    assert lasting(parts) == [row for row in whole if '"row": "scan"' not in row]


def test_equal_contents_are_analysed_once_and_others_again(tmp_path: Path) -> None:
    job = Job(shared=str(tmp_path / "shared"))

    def codes(name: str, text: str) -> list[str]:
        file = zipped(tmp_path / name, {"net.py": text})
        findings, _ = json.loads(examine(Unit("", name, "archive", str(file)), job))
        return [one["rule"] for one in findings]

    assert codes("one.zip", DEAD) == ["BL101"]
    (kept,) = [path for path in (tmp_path / "shared").rglob("*") if path.is_file()]
    kept.write_text(kept.read_text().replace("BL101", "BL999"))
    assert codes("two.zip", DEAD) == ["BL999"]  # recalled
    assert codes("three.zip", DEAD + "# changed\n") == ["BL101"]
    kept.write_text("damaged")
    assert codes("four.zip", DEAD) == ["BL101"]


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.9])
def test_a_scan_that_was_cut_off_anywhere_goes_on_with_nothing_lost_or_doubled(
    archive: Path, tmp_path: Path, cut: float
) -> None:
    zipped(tmp_path / "few" / "a.zip", {"net.py": DEAD})
    zipped(tmp_path / "few" / "b.zip", {"net.py": CLEAN})
    whole = scan(tmp_path, "few")
    data = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "out.jsonl").write_bytes(data[: int(len(data) * cut)])
    assert lasting(scan(tmp_path, "few", "--resume")) == lasting(whole)


def test_a_scan_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in range(12):
        zipped(tmp_path / "many" / f"{number}.zip", {"net.py": DEAD + f"# {number}\n"})
    whole = scan(tmp_path, "many")
    (tmp_path / "out.jsonl").unlink()
    command = [sys.executable, "-m", "biaslint", "scan", "many", "-o", "out.jsonl", "-j", "1", "-q"]
    running = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        if (tmp_path / "out.jsonl").exists() and len(rows_in_whole_lines(tmp_path / "out.jsonl")) >= 4:
            break
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert len(rows_in_whole_lines(tmp_path / "out.jsonl")) < len(whole)
    assert lasting(scan(tmp_path, "many", "--resume")) == lasting(whole)


def rows_in_whole_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


def test_results_are_neither_overwritten_nor_mixed(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"net.py": DEAD})
    before = lasting(scan(tmp_path, "a.zip"))
    assert "--resume continues it" in biaslint(tmp_path, "scan", "a.zip", "-o", "out.jsonl").err
    other = biaslint(tmp_path, "scan", "a.zip", "-o", "out.jsonl", "--resume", "--ignore", "BL101")
    assert "other settings (rules)" in other.err
    (tmp_path / "rules.toml").write_text('[severity]\nBL101 = "hint"\n')
    other = biaslint(tmp_path, "scan", "a.zip", "-o", "out.jsonl", "--resume", "--config", "rules.toml")
    assert "other settings (settings)" in other.err
    (tmp_path / "mine.jsonl").write_text('{"mine": 1}\n')
    assert "does not hold results" in biaslint(tmp_path, "scan", "a.zip", "-o", "mine.jsonl", "--resume").err
    assert (tmp_path / "mine.jsonl").read_text() == '{"mine": 1}\n'
    assert lasting(rows_in(tmp_path / "out.jsonl")) == before


def test_what_is_no_source_is_said_before_the_work_begins(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(DEAD)
    assert "no such file" in biaslint(tmp_path, "scan", "nowhere", "-o", "out.jsonl").err
    assert "not a folder, and not a file that ends in .zip" in biaslint(tmp_path, "scan", "net.py", "-o", "out.jsonl").err
    assert not (tmp_path / "out.jsonl").exists()
    for wrong in (("--shard", "0/3"), ("--shard", "4/3"), ("--columns", "file=x"), ("--max-memory", "0")):
        assert biaslint(tmp_path, "scan", ".", "-o", "out.jsonl", *wrong).status == 2


def test_settings_come_from_the_command_line_and_never_from_what_is_scanned(tmp_path: Path) -> None:
    lay(tmp_path / "a" / "net", {"net.py": DEAD, "pyproject.toml": '[tool.biaslint]\nignore = ["BL101"]\nexclude = ["*"]\n'})
    assert found(scan(tmp_path, "a")) == {("BL101", "net.py", 4)}
    (tmp_path / "out.jsonl").unlink()
    assert found(scan(tmp_path, "a", "--ignore", "BL101")) == set()
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / "rules.toml").write_text('[severity]\nBL101 = "hint"\n')
    (row,) = [row for row in scan(tmp_path, "a", "--config", "rules.toml") if row["row"] == "finding"]
    assert row["severity"] == "hint"


def test_a_table_with_columns_of_its_own_names(tmp_path: Path) -> None:
    rows = [{"where": "a/b", "file": "net.py", "source": DEAD}, {"where": "a/b", "file": 3, "source": None}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = "repository=where,path=file,content=source"
    assert found(scan(tmp_path, "t.jsonl", "--columns", columns)) == {("BL101", "net.py", 4)}
    (tmp_path / "out.jsonl").unlink()
    (row,) = repositories(scan(tmp_path, "t.jsonl")).values()
    assert (row["status"], row["reason"]) == (
        "unreadable",
        "damaged table: no column repository or repo or repo_name or repository_name or max_stars_repo_name",
    )


def test_parquet_goes_in_and_out(archive: Path, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    from biaslint.scan import results

    table = arrow.Table.from_pylist([json.loads(line) for line in LINES.splitlines()])
    parquet.write_table(table, archive / "table.parquet", row_group_size=3)
    lines = scan(tmp_path, "archive")
    run = biaslint(tmp_path, "scan", "archive", "-o", "out.parquet", "-q")
    assert run.status == 0, run.err
    assert lasting(list(results.read(str(tmp_path / "out.parquet")))) == lasting(lines)
    by_source = {(row["source"], row["repository"]): row for row in lines if row["row"] == "repository"}
    assert by_source["archive/table.parquet", "one/alpha"]["digest"] == by_source["archive/table.jsonl", "one/alpha"]["digest"]
    # a part of findings that no part of repositories vouches for is what a kill leaves
    (part,) = (tmp_path / "out.parquet" / "repositories").iterdir()
    part.unlink()
    assert biaslint(tmp_path, "scan", "archive", "-o", "out.parquet", "-q", "--resume").status == 0
    assert lasting(list(results.read(str(tmp_path / "out.parquet")))) == lasting(lines)


def test_parquet_without_the_extra_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    zipped(tmp_path / "a.zip", {"net.py": DEAD})
    assert "biaslint[scan]" in biaslint(tmp_path, "scan", "a.zip", "-o", "out.parquet").err
