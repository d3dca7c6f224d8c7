"""Whatever the model's process does, the parent ends with a clear error; and the process can do little harm."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from biaslint.runtime.command import verify
from biaslint.runtime.process import parent
from biaslint.runtime.process.parent import VerifyError, environment, run
from biaslint.runtime.target.job import Job

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def make(text: str, name: str = "model.py") -> str:
        (tmp_path / name).write_text(text)
        return name

    return make


def failing(target: str, **options: object) -> str:
    with pytest.raises(VerifyError) as caught:
        run(Job(target, **options))  # type: ignore[arg-type]
    return str(caught.value)


def test_a_model_that_hangs_is_stopped_in_time(write) -> None:
    write("import time\ndef build():\n    time.sleep(60)\n")
    begun = time.monotonic()
    assert "took longer than 1 seconds; raise --timeout" in failing("model.py:build", timeout=1)
    assert time.monotonic() - begun < 20


def test_a_model_that_calls_exit_is_said_to(write) -> None:
    write("import sys\ndef build():\n    print('leaving now')\n    sys.exit(0)\n")
    message = failing("model.py:build")
    assert "exited while it was loaded or built (exit status 0)" in message
    assert "leaving now" in message


def test_a_model_that_leaves_at_once_leaves_no_result(write) -> None:
    write("import os\nos._exit(7)\n")
    assert "exited with status 7" in failing("model.py:build")


def test_a_crash_in_native_code_is_named(write) -> None:
    write("import ctypes\ndef build():\n    ctypes.string_at(0)\n")
    assert "SIGSEGV" in failing("model.py:build")


def test_a_gigabyte_of_output_is_cut_off(write) -> None:
    write("import sys\ndef build():\n    while True:\n        sys.stdout.write('x' * 1000000)\n")
    assert "printed more than 16 MB" in failing("model.py:build", timeout=60)


HOSTILE = {
    "hangs": ("import time\ndef build():\n    time.sleep(60)\n", "took longer than 2 seconds"),
    "hangs deaf to signals": (
        (
            "import signal, time\nfor one in (signal.SIGTERM, signal.SIGINT):\n    signal.signal(one, signal.SIG_IGN)\n"
            "def build():\n    while True:\n        pass\n"
        ),
        "took longer than 2 seconds",
    ),
    "exits": ("import os\ndef build():\n    os._exit(0)\n", "exited with status 0 before it was measured"),
    "crashes": ("import ctypes\ndef build():\n    ctypes.string_at(0)\n", "SIGSEGV"),
    "aborts": ("import os\ndef build():\n    os.abort()\n", "SIGABRT"),
    "prints without end": (
        "import os\ndef build():\n    while True:\n        os.write(2, b'x' * 1000000)\n",
        "printed more than 16 MB",
    ),
    "recurses": ("def build():\n    return build()\n", "RecursionError"),
    "closes the line to its parent": (
        "import os\ndef build():\n    os.closerange(3, 256)\n    raise ValueError('gone')\n",
        "exited",
    ),
    "writes over its result": (
        (
            "import os, threading\ndef write():\n    while True:\n        for one in range(3, 32):\n            try:\n"
            "                os.write(one, b'[[[\\n{\\n')\n            except OSError:\n                pass\n"
            "threading.Thread(target=write, daemon=True).start()\ndef build():\n    import time\n    time.sleep(2)\n    os._exit(0)\n"
        ),
        "damaged",
    ),
}


@LINUX
@pytest.mark.parametrize("what", HOSTILE)
def test_the_command_outlives_a_model_that(write, what: str) -> None:
    text, message = HOSTILE[what]
    write(text)
    timeout = "2" if what.startswith("hangs") else "60"
    result = CliRunner().invoke(verify, ["model.py:build", "--timeout", timeout, "--memory", "900"])
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output or what == "closes the line to its parent"


@LINUX
def test_a_model_that_takes_all_memory_with_tensors_is_said_to(write) -> None:
    pytest.importorskip("torch")
    write(
        "import torch\nclass Net(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(4, 4)\n"
        "    def forward(self, x):\n        return [torch.ones(1 << 28) for _ in range(99)]\n"
    )
    result = CliRunner().invoke(verify, ["model.py:Net", "--input", "4", "--memory", "3000"])
    assert result.exit_code == 2
    assert "memory" in result.output


@LINUX
def test_memory_is_bounded(write) -> None:
    write("def build():\n    return bytearray(4 << 30)\n")
    assert "out of memory (limit 600 MB); raise it with --memory" in failing("model.py:build", memory=600)


LEAVES = {
    "starts a session": "import os\nif os.fork() == 0:\n    os.setsid()\n",
    "makes a group and forks again": "import os\nif os.fork() == 0:\n    os.setpgid(0, 0)\n    if os.fork():\n        os._exit(0)\n",
    "runs a program without an environment": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', LATER], env={}, start_new_session=True)\n"
        "if False:\n    pass\n"
    ),
}  # fmt: skip
LATER = "import time\nuntil = time.monotonic() + 60\nwhile time.monotonic() < until:\n    open('alive.txt', 'a').write('x')\n    time.sleep(0.05)\n"


@LINUX
def test_a_model_that_is_stopped_takes_those_it_started_with_it(write, tmp_path: Path) -> None:
    write(f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {LATER!r}])\ntime.sleep(60)\n")
    assert "took longer" in failing("model.py:x", timeout=1.5)
    size = (tmp_path / "alive.txt").stat().st_size
    time.sleep(0.4)
    assert (tmp_path / "alive.txt").stat().st_size == size


@LINUX
@pytest.mark.parametrize("what", LEAVES)
def test_nothing_outlives_the_run_of_a_model_that(write, tmp_path: Path, what: str) -> None:
    later = "".join(f"    {line}\n" for line in LATER.splitlines())
    write(f"LATER = {LATER!r}\n{LEAVES[what]}" + ("" if "program" in what else later) + "import time\ntime.sleep(0.5)\nx = 3\n")
    assert "is a int" in failing("model.py:x", run_script=True)
    assert (tmp_path / "alive.txt").exists()
    size = (tmp_path / "alive.txt").stat().st_size
    time.sleep(0.4)
    assert (tmp_path / "alive.txt").stat().st_size == size


@LINUX
def test_what_is_left_behind_is_found_by_its_mark_where_the_system_has_no_namespaces(write, tmp_path: Path) -> None:
    write(LEAVES["makes a group and forks again"] + "".join(f"    {line}\n" for line in LATER.splitlines()))
    mark = "0123456789abcdef"
    subprocess.run([sys.executable, "model.py"], env={**os.environ, parent.MARK: mark}, check=True)
    time.sleep(0.3)
    parent.kill_left(mark)
    size = (tmp_path / "alive.txt").stat().st_size
    time.sleep(0.3)
    assert (tmp_path / "alive.txt").stat().st_size == size


STANDARD = ("dataclasses", "json", "importlib", "pathlib", "traceback", "ctypes", "random", "typing", "inspect", "ast")


def test_a_file_called_like_a_standard_module_is_not_what_the_checker_imports(write, tmp_path: Path) -> None:
    for name in STANDARD:
        write("open('early.txt', 'a').write(__name__)\nraise SystemExit\n", f"{name}.py")
    write("x = 3\n")
    assert "is a int" in failing("model.py:x")
    assert not (tmp_path / "early.txt").exists()


def test_a_script_that_reads_its_command_line_finds_no_arguments(write) -> None:
    write(
        "import argparse, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--epochs', default=3)\n"
        "parser.parse_args()\nif len(sys.orig_argv) > 2 or sys.argv != ['model.py']:\n    raise ValueError(sys.orig_argv)\nx = 3\n"
    )
    assert "is a int" in failing("model.py:x")


@pytest.mark.parametrize(
    ("raised", "hinted"),
    [
        ("OSError('We could not find it. Is your Internet connection on?')", True),
        ("ValueError('no weights') from ConnectionRefusedError()", True),
        ("ValueError('no weights')", False),
    ],
)
def test_what_looks_for_something_on_the_network_says_how_to_do_without(write, raised: str, hinted: bool) -> None:
    write(f"def build():\n    raise {raised}\n")
    assert ("build the model without downloaded weights, or allow it with --network" in failing("model.py:build")) == hinted


@LINUX
def test_the_process_reaches_no_server(write) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    write(
        f"import socket\ndef build():\n    socket.create_connection(('127.0.0.1', {port}), timeout=3)\n    raise ValueError('reached it')\n"
    )
    assert "reached it" in failing("model.py:build", network=True)
    probe = subprocess.run(
        [
            sys.executable,
            "-c",
            "from biaslint.runtime.process.isolation import isolate as f; print(f(network=False)['network'])",
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if "not isolated" in probe.stdout:
        pytest.skip(f"this system does not allow it: {probe.stdout.strip()}")
    assert "reached it" not in failing("model.py:build")
    server.close()


def test_the_environment_is_trimmed(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    write("import os\ndef build():\n    raise ValueError(os.environ.get('MY_SECRET', 'nothing to see'))\n")
    assert "nothing to see" in failing("model.py:build")
    assert "MY_SECRET" not in environment()
    assert environment(("MY_SECRET",))["MY_SECRET"] == "hunter2"
    assert "PATH" in environment()


def test_control_characters_in_what_the_model_prints_do_not_reach_the_terminal(write) -> None:
    write("import os\nprint('\\x1b]0;gotcha\\x07 bye', flush=True)\nos._exit(1)\n")
    result = CliRunner().invoke(verify, ["model.py:build"])
    assert result.exit_code == 2
    assert "bye" in result.output
    assert "\x1b" not in result.output
    assert "\x07" not in result.output


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nowhere.py:Net", "no such file: nowhere.py"),
        ("nowhere.at_all:Net", "no module named 'nowhere'"),
        ("model.py:Nest", "model.py has no 'Nest'; it has Net, build"),
        ("model.py", "say which class or function builds the model: model.py:NAME, where NAME may be Net, build"),
        ("model.py:number", "is a int: neither a model nor a callable that builds one"),
        ("model.py:build", "model.py:build gave a dict, which is not a model of a known framework"),
        ("model.py:Net", "Its signature is Net(width, depth=3); pass what is missing with --arg name=value"),
        ("broken.py:Net", "building broken.py:Net failed with SyntaxError"),
        ("missing.py:Net", "No module named 'surely_not_installed'"),
    ],
)
def test_what_cannot_be_built_gets_a_message_that_helps(write, target: str, text: str) -> None:
    write("number = 3\nclass Net:\n    def __init__(self, width, depth=3): pass\ndef build():\n    return {}\n")
    write("def (:\n", "broken.py")
    write("import surely_not_installed\n", "missing.py")
    assert text in failing(target)


def test_the_command_fails_with_status_2_and_says_why(write) -> None:
    write("def build():\n    raise RuntimeError('no such luck')\n")
    result = CliRunner().invoke(verify, ["model.py:build", "--format", "json"])
    assert result.exit_code == 2
    assert "building model.py:build failed with RuntimeError: no such luck at" in result.output
    assert "model.py:2" in result.output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--prior", "0.2,x"], "expected numbers separated by commas"),
        (["--prior", "1.5"], "between 0 and 1"),
        (["--threshold", "dead=1"], "no threshold is called 'dead'; there are dead_ratio"),
        (["--threshold", "dead_units=many"], "'many' is not a number"),
    ],
)
def test_wrong_options_are_said_before_anything_runs(write, options: list[str], text: str) -> None:
    write("raise SystemExit('must not run')\n")
    result = CliRunner().invoke(verify, ["model.py:build", *options])
    assert result.exit_code == 2
    assert text in " ".join(result.output.split())


def test_another_interpreter_can_be_named(write) -> None:
    write("def build():\n    return 1\n")
    with pytest.raises(VerifyError, match="could not be started"):
        run(Job("model.py:build"), python="/no/such/python")
    with pytest.raises(VerifyError, match="gave a int"):
        run(Job("model.py:build"), python=os.path.realpath(sys.executable))


def test_a_result_says_how_the_process_was_isolated(write) -> None:
    pytest.importorskip("torch")
    write("import torch\ndef build():\n    return torch.nn.Linear(3, 2)\n")
    result = CliRunner().invoke(verify, ["model.py:build", "--format", "json", "--input", "3", "--memory", "4000"])
    found = json.loads(result.output)["model"]["isolation"]
    assert set(found) == {"network", "processes", "memory"}
    if sys.platform == "linux":
        assert found["memory"] == "4000 MB (data)"
