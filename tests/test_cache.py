"""A run is answered from the cache only where it would find the same again."""

import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from projects import ROOT

from biaslint import engine
from biaslint.analysis.incremental.store import ResultStore
from biaslint.cli import lint as command_line
from biaslint.config import Config
from biaslint.engine import cache
from biaslint.findings import as_json

MODEL = """import torch.nn as nn
from parts import make_norm


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = make_norm(8)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""
NORM = "import torch.nn as nn\n\n\ndef make_norm(size):\n    return nn.{kind}(size)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.biaslint]\n")
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "parts.py").write_text(NORM.format(kind="BatchNorm2d"))
    return tmp_path


def kept(root: Path, **options: Any) -> cache.Cache:
    return cache.Cache(root / cache.FOLDER, **options)


def lint(root: Path, config: Config | None = None, only: str = "") -> engine.Result:
    """A run with the cache, which must find what a run without it finds."""
    config = config or Config(root, select=("BL101", "BL102"))
    paths = [root / only if only else root]
    result, fresh = engine.lint(paths, config, kept(root)), engine.lint(paths, config)
    assert result.findings == fresh.findings
    assert result.unknowns == fresh.unknowns
    assert result.statistics == fresh.statistics
    return result


def later(path: Path, text: str) -> None:
    """Write a file with a time stamp of its own, as somebody would who types."""
    path.write_text(text)
    later.now += 7_000_000_000  # type: ignore[attr-defined]
    os.utime(path, ns=(later.now, later.now))


later.now = 1_600_000_000_000_000_000


def test_a_second_run_analyses_nothing_and_finds_the_same(project: Path) -> None:
    config = Config(project, select=("BL101",))
    first = engine.lint([project], config, kept(project))
    second = engine.lint([project], config, kept(project))
    assert len(first.findings) == 1
    assert second.findings == first.findings
    assert second.statistics == first.statistics
    assert first.executions
    assert second.executions == []


def test_a_finding_survives_the_way_through_the_cache_with_its_fix(project: Path) -> None:
    (finding,) = lint(project).findings
    assert finding.fix is not None
    assert as_json.decode(json.loads(json.dumps(as_json.encode(finding)))) == finding


def test_a_changed_import_changes_the_findings_of_the_file_that_imports_it(project: Path) -> None:
    assert len(lint(project, only="model.py").findings) == 1
    later(project / "parts.py", NORM.format(kind="Identity"))
    assert lint(project, only="model.py").findings == []


def test_a_file_that_appears_where_an_import_failed_counts(project: Path) -> None:
    (project / "parts.py").rename(project / "elsewhere")
    assert lint(project, only="model.py").findings == []
    (project / "elsewhere").rename(project / "parts.py")
    assert len(lint(project, only="model.py").findings) == 1


def test_comments_of_a_file_that_has_not_changed_still_count(project: Path) -> None:
    silent = MODEL.replace("Conv2d(3, 8, 3)", "Conv2d(3, 8, 3)  # biaslint: ignore[BL101, BL201] -- kept for old checkpoints")
    later(project / "model.py", silent)
    first = lint(project, Config(project, select=("ALL",)))
    later(project / "other.py", "import torch\n")
    second = lint(project, Config(project, select=("ALL",)))
    assert [finding.rule for finding in second.findings] == ["BL002"]  # BL201 was not silenced
    assert second.findings == first.findings
    assert second.statistics.suppressed == 1


def test_what_nothing_depends_on_any_more_is_forgotten(project: Path) -> None:
    sizes = []
    for number in range(6):
        later(project / f"part{number}.py", NORM.format(kind="BatchNorm2d"))
        (project / f"part{number - 1}.py").unlink(missing_ok=True)
        later(project / "model.py", MODEL.replace("from parts", f"from part{number}"))
        assert len(lint(project).findings) == 1
        (entry,) = (project / cache.FOLDER).glob("*.pieces")
        sizes.append(len(json.loads(entry.read_bytes().split(b"\n", 2)[1])["states"]["stamps"]))
    assert len(set(sizes[1:])) == 1


def test_a_file_replaced_by_an_older_one_while_it_is_linted_is_seen(project: Path) -> None:
    other = project / "other"
    other.write_text(NORM.format(kind="Identity"))
    os.utime(other, ns=(later.now, later.now))  # type: ignore[attr-defined]

    class Late(cache.Cache):
        def keep(self, *args: object) -> None:
            other.replace(project / "parts.py")
            super().keep(*args)  # type: ignore[arg-type]

    config = Config(project, select=("BL101",))
    assert len(engine.lint([project / "model.py"], config, Late(project / cache.FOLDER)).findings) == 1
    assert engine.lint([project / "model.py"], config, kept(project)).findings == []


def test_no_place_for_temporary_files_means_no_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert len(lint(project).findings) == 1
    assert len(lint(project).findings) == 1


def test_settings_are_part_of_what_is_kept(project: Path) -> None:
    assert len(lint(project).findings) == 1
    assert lint(project, Config(project, select=("BL102",))).findings == []
    assert lint(project, Config(project, select=("BL101",), per_file_ignores={"model.py": ("BL101",)})).findings == []


def test_a_change_within_the_same_tick_of_the_clock_is_seen(project: Path) -> None:
    assert len(lint(project).findings) == 1
    parts = project / "parts.py"
    before = parts.stat()
    text = NORM.format(kind="BatchNorm2d").replace("nn.BatchNorm2d", "nn.InstanceNor")  # as long as before
    with parts.open("r+") as stream:  # the same file, size and time
        stream.write(text)
    os.utime(parts, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert parts.stat().st_size == before.st_size
    assert lint(project).findings == []


def test_a_new_version_of_a_rule_counts(project: Path) -> None:
    config = Config(project, select=("BL101",))
    for version in ("one", "another"):
        assert engine.lint([project], config, kept(project, version=lambda version=version: [version])).executions
    assert not engine.lint([project], config, kept(project, version=lambda: ["another"])).executions


@pytest.mark.parametrize("damage", ["", "{}", "[1, 2]", "no JSON", "\x00\xff", '{"result": {"findings": 3}}'])
def test_a_damaged_entry_is_no_entry(project: Path, damage: str) -> None:
    lint(project)
    for entry in (project / cache.FOLDER).glob("*.json"):
        entry.write_bytes(cache.digest(damage.encode("utf-8")).encode() + b"\n" + damage.encode("utf-8"))
    assert len(lint(project).findings) == 1
    for entry in [*(project / cache.FOLDER).glob("*.json"), *(project / cache.FOLDER).glob("*.pieces")]:
        entry.write_bytes(entry.read_bytes()[:-9])
    later(project / "model.py", MODEL + "\n")
    assert len(lint(project).findings) == 1


@pytest.mark.parametrize("damage", ['{"pieces": 3}', "[]", '{"states": {}, "places": [], "pieces": {}}', "null"])
def test_damaged_pieces_are_none(project: Path, damage: str) -> None:
    lint(project)
    (entry,) = (project / cache.FOLDER).glob("*.pieces")
    _, _, values = entry.read_bytes().split(b"\n", 2)
    entry.write_bytes(b"\n".join((cache.digest(damage.encode()).encode(), damage.encode(), values)))
    later(project / "model.py", MODEL + "\n")
    assert len(lint(project).findings) == 1


@pytest.mark.parametrize(
    "value", ["null", "[]", "{}", '{"state": 1}', '{"uses": [[9]], "values": []}', '{"uses": [], "values": [["Path"]]}']
)
def test_a_piece_that_is_something_else_is_made_anew(project: Path, value: str) -> None:
    config = Config(project, select=("BL101", "BL102"))
    engine.lint([project], config, kept(project))
    asked = []

    class Altered(ResultStore):
        def recall(self, name: str) -> Any:
            asked.append(super().recall(name))
            return value.encode(), value.encode

    later(project / "model.py", MODEL + "\n")
    assert len(engine.lint([project], config, kept(project, store=Altered)).findings) == 1
    assert any(asked)


def test_no_byte_of_an_entry_can_change_unseen(project: Path) -> None:
    lint(project)
    (entry,) = (project / cache.FOLDER).glob("*.json")
    whole = entry.read_bytes()
    config = Config(project, select=("BL101", "BL102"))
    for place in random.Random(3).sample(range(len(whole)), 60):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        one = kept(project)
        one.begin([project / "model.py", project / "parts.py"], config)
        assert one.recall() is None


def test_a_folder_that_cannot_be_written_is_no_error(project: Path) -> None:
    (project / cache.FOLDER).write_text("a file")
    assert len(lint(project).findings) == 1


def test_an_entry_of_a_moved_project_is_not_its_own(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    lint(project)
    other = tmp_path_factory.mktemp("other") / "copy"
    project.rename(other)
    later(other / "parts.py", NORM.format(kind="Identity"))
    assert lint(other).findings == []


def test_a_link_in_the_folders_place_is_not_followed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (project / cache.FOLDER).symlink_to(outside)
    lint(project)
    assert list(outside.iterdir()) == []


def test_only_the_newest_entries_stay(project: Path) -> None:
    for number in range(6):
        engine.lint([project], Config(project, extend_exclude=(str(number),)), kept(project, entries=3, large=2))
    assert len(list((project / cache.FOLDER).glob("*.json"))) == 3
    assert len(list((project / cache.FOLDER).glob("*.pieces"))) == 2
    assert {path.name for path in (project / cache.FOLDER).iterdir() if path.suffix not in (".json", ".pieces")} == {
        ".gitignore",
        "CACHEDIR.TAG",
    }


def test_any_sequence_of_edits_gives_what_a_run_without_cache_gives(project: Path) -> None:
    """`lint` compares the two."""
    chance = random.Random(11)
    names = ["model.py", "parts.py", "more.py", "package/__init__.py", "package/parts.py"]
    texts = [
        MODEL,
        *(NORM.format(kind=kind) for kind in ("BatchNorm2d", "Identity", "GroupNorm")),
        "x = (",
        "",
        "import torch\n",
    ]
    texts += [
        MODEL.replace("from parts", "from package.parts"),
        MODEL.replace("Conv2d(3, 8, 3)", "Conv2d(3, 8, 3, bias=False)"),
    ]
    configs = [Config(project, select=("BL101",)), Config(project, select=("ALL",))]
    found = set()
    for _ in range(60):
        path = project / chance.choice(names)
        action = chance.random()
        if action < 0.7:
            path.parent.mkdir(exist_ok=True)
            (path.write_text if chance.random() < 0.5 else lambda text, path=path: later(path, text))(chance.choice(texts))
        elif action < 0.85 and path.exists() and path.name != "model.py":
            path.unlink()
        result = lint(project, chance.choice(configs), only=chance.choice(["", "", "model.py"]))
        found.add(tuple(finding.rule for finding in result.findings))
    assert len(found) >= 3  # none, one and two findings


LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked, and fail, as on Linux")


def repeated(root: Path) -> tuple[object, ...]:
    """Three runs with the cache and one without."""
    config = Config(root, select=("BL101", "BL102"))
    results = [engine.lint([root], config, kept(root)) for _ in range(3)] + [engine.lint([root], config)]
    return tuple((one.findings, one.unknowns, one.errors, one.notes) for one in results)


@LINUX
def test_four_processes_write_at_once_and_none_reads_what_another_has_half_written(project: Path) -> None:
    chance = random.Random(5)
    found = set()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        for number in range(12):
            kind = chance.choice(("BatchNorm2d", "Identity", "InstanceNorm2d"))
            later(project / "parts.py", NORM.format(kind=kind))
            later(project / f"other{number % 3}.py", MODEL.replace("Net", f"Net{number}"))
            runs = [run for one in pool.map(repeated, [project] * 4, chunksize=1) for run in one]
            assert all(run == runs[0] for run in runs)
            found.add(len(runs[0][0]))
    assert len(found) >= 3
    assert not list((project / cache.FOLDER).glob("*.part"))


def faulty(root: Path, prelude: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, to which something happens."""
    program = f"import os, resource, signal, sys\n{prelude}\nfrom biaslint.cli import main\nsys.argv = ['biaslint', '-q', '.']\nmain()\n"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=root, capture_output=True, text=True, env=environ, check=False
    )


@LINUX
def test_a_full_disk_means_no_cache_and_no_error(project: Path) -> None:
    full = "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    for prelude in (full, full, "", full, ""):
        done = faulty(project, prelude)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.count("BL101") == 1
        later(project / "other.py", f"import torch\nx = {prelude!r}\n")


KILLED = """
left, original = [{moment}], os.{call}
def killing(path, *args, **options):
    if ".biaslint_cache" in str(path):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return original(path, *args, **options)
os.{call} = killing
"""


@LINUX
@pytest.mark.parametrize("call", ["replace", "unlink", "mkdir", "write"])
def test_a_run_that_is_killed_while_it_writes_leaves_nothing_that_misleads(project: Path, call: str) -> None:
    ended = set()
    for moment in range(4):
        size = 40 * 7**moment  # a file that grows beyond this kills who writes it
        limited = f"signal.signal(signal.SIGXFSZ, signal.SIG_DFL); resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
        ended.add(faulty(project, limited if call == "write" else KILLED.format(moment=moment, call=call)).returncode)
        later(project / "parts.py", NORM.format(kind=("Identity", "BatchNorm2d")[moment % 2]))
        assert len(lint(project).findings) == moment % 2
    assert any(status < 0 for status in ended)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_cache_that_may_only_be_read_is_read(project: Path) -> None:
    """The runs are those of a child that is nobody: root may write everything."""
    lint(project)
    for path in (project, *(one for one in project.parents if one != Path("/"))):
        path.chmod(path.stat().st_mode | 0o055)
    folder = project / cache.FOLDER
    folder.chmod(0o555)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    child = os.fork()
    if child == 0:
        status = 9
        try:
            os.setgid(65534)
            os.setuid(65534)
            config = Config(project, select=("BL101", "BL102"))
            first = engine.lint([project], config, kept(project))
            other = engine.lint([project], Config(project, select=("BL101",)), kept(project))
            status = 0 if len(first.findings) == len(other.findings) == 1 and not first.uses else 1
        except BaseException:
            status = 2
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to nowhere", "a link to itself"])
def test_something_else_in_an_entry_s_place_is_no_entry(project: Path, kind: str) -> None:
    lint(project)
    for entry in [*(project / cache.FOLDER).glob("*.json"), *(project / cache.FOLDER).glob("*.pieces")]:
        entry.unlink()
        if kind == "a pipe":
            os.mkfifo(entry)
        elif kind == "a folder":
            entry.mkdir()
        else:
            entry.symlink_to("nowhere" if kind == "a link to nowhere" else entry.name)
    assert len(lint(project).findings) == 1
    assert len(lint(project).findings) == 1


def test_the_command_line_keeps_its_runs_in_the_project_or_where_it_is_told(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "kept"
    run = CliRunner().invoke
    shown = [
        run(command_line.command, [str(project), *more]).output for more in (["--no-cache"], ["--cache-dir", str(elsewhere)])
    ]
    assert not (project / cache.FOLDER).exists()
    assert len(list(elsewhere.glob("*.json"))) == 1
    shown += [run(command_line.command, [str(project)]).output for _ in range(2)]
    assert len(list((project / cache.FOLDER).glob("*.json"))) == 1
    assert re.search("BL101", shown[0])
    assert set(shown) == {shown[0]}


def test_a_folder_that_is_no_project_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    CliRunner().invoke(command_line.command, [str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]
