"""Hundreds of thousands of damaged model files through the whole linter: none may crash it, hang it or end in an internal error.

    python benchmarks/fuzzing.py --count 200000 [--seed 1] [--more FOLDER]

writes fuzzing.md beside it. Each input is linted, its fixes are carried out, and the reports are written in every format. A child
process does the work; the parent sees when it dies or stays with one input for longer than the limit. An input depends on the seed, its number
and the corpus alone: `--only 1234` runs that one again, `--show 1234` prints it.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import select
import subprocess
import sys
import time
import traceback
import warnings
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import fuzz_inputs

from biaslint import __version__, engine, fix, reporters
from biaslint.analysis.limits import Limits
from biaslint.config import Config
from biaslint.findings import rule_book
from biaslint.source import file as source_file

RESULT = Path(__file__).with_suffix(".md")
LIMIT = 60.0  # seconds for one input, on a machine that may be busy
SHORT = 5_000  # steps of an execution, but for one of so many inputs:
LONG = 20
REPORTED = 8  # of so many inputs, one has its reports written in every format
FOLDER = Path("/biaslint-fuzzing")  # does not exist: everything is in memory
EVERY_RULE = Config(FOLDER, select=("ALL",))


@dataclass
class Totals:
    """What a run came to."""

    inputs: int = 0
    findings: int = 0
    fixed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)  # the input's number, and what went wrong
    inputs_of: dict[str, dict[str, str]] = field(default_factory=dict)  # the failed inputs: the corpus grows
    mended: list[tuple[int, str]] = field(default_factory=list)  # failures of earlier parts of the run that are none any more
    slowest: float = 0.0
    seconds: float = 0.0


def examine(files: fuzz_inputs.Files, reports: bool = True, limits: Limits | None = None) -> tuple[int, int]:
    """One input through the whole path. Returns its findings and fixes; raises where something is wrong."""
    texts: dict[Path, str] = {}
    name = next(iter(files))
    if len(files) == 1:
        result = engine.lint_text(files[name], FOLDER / name, EVERY_RULE, limits=limits)
        texts = dict(result.texts)
    else:
        texts = {FOLDER / one: source_file.decode(data) for one, data in files.items()}
        result = engine.lint_files(list(texts), EVERY_RULE, texts, limits=limits)
    complain(result)
    if reports:
        check_reports(reporters.View(result, EVERY_RULE, FOLDER, show_unknown=True, statistics=True))
    if not any(finding.fix for finding in result.findings):
        return len(result.findings), 0
    written = {str(path): text for path, text in texts.items()}
    outcome = fix.fix_all(result.findings, written.__getitem__, unsafe=True)
    for path, text in outcome.texts.items():
        if path.endswith(".py"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
    if outcome.texts:
        new = {**texts, **{Path(path): text for path, text in outcome.texts.items()}}
        again = engine.lint_files(list(new), EVERY_RULE, new, limits=limits)
        complain(again)
        broken = [finding for finding in again.findings if finding.rule == rule_book.UNREADABLE_FILE]
        if len(broken) > sum(finding.rule == rule_book.UNREADABLE_FILE for finding in result.findings):
            raise AssertionError(f"a fix broke the file: {broken[0].message}")
    return len(result.findings), len(outcome.applied)


def complain(result: engine.Result) -> None:
    """Raise what the linter says about itself."""
    said = [*result.errors, *result.problems, *(why for _, why in result.stopped if why.startswith("internal error"))]
    said += [note for note in result.notes if "internal error" in note]
    if said:
        raise AssertionError(said[0])


def check_reports(view: reporters.View) -> None:
    for name in reporters.FORMATS:
        text = reporters.render(name, view)
        text.encode("utf-8", "backslashreplace")
        if name in ("json", "sarif", "gitlab"):
            json.loads(text)
        elif name == "junit":
            ElementTree.fromstring(text.encode("utf-8"))
        elif "\x1b" in text:
            raise AssertionError(f"{name} lets an escape character through")


# -- the child -------------------------------------------------------------------------------------------------------------------


def work(seed: str, numbers: Sequence[int], more: Sequence[Path]) -> None:
    """Examine inputs, and say on standard output, line by line, which one is begun and what came of it."""
    pieces = fuzz_inputs.corpus(more)
    few = Limits(executions=3)  # more executions of one input with other choices show less than another input does
    short = replace(few, steps=SHORT)
    for number in numbers:
        kind, files = fuzz_inputs.make(pieces, f"{seed}:{number}")
        print(json.dumps(["begin", number, kind, {name: data.decode("latin-1") for name, data in files.items()}]), flush=True)
        start = time.perf_counter()
        findings, fixed, wrong = 0, 0, ""
        try:
            findings, fixed = examine(files, number % REPORTED == 0, short if number % LONG else few)
        except source_file.Unreadable:
            pass
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            wrong = f"{type(error).__name__}: {error} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
        print(json.dumps(["end", number, findings, fixed, time.perf_counter() - start, wrong[:300]]), flush=True)


# -- the parent --------------------------------------------------------------------------------------------------------------------


def run(seed: str, count: int, more: Sequence[Path] = (), limit: float = LIMIT, first: int = 0) -> Totals:
    """Examine `count` inputs; what the child dies of, or stays with too long, is a failure, and a new child goes on behind it."""
    totals = Totals()
    start = time.monotonic()
    while totals.inputs < count:
        command = [sys.executable, __file__, "--child", "--seed", seed, "--first", str(first + totals.inputs)]
        command += ["--count", str(count - totals.inputs), *(f"--more={folder}" for folder in more)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        try:
            if not follow(child, totals, limit) and child.wait() and not totals.kinds:
                raise SystemExit("the child does not start")
        finally:
            child.kill()
            child.wait()
    totals.seconds = time.monotonic() - start
    return totals


def follow(child: subprocess.Popen[bytes], totals: Totals, limit: float) -> bool:
    """Read what a child says until it ends. True where it left in the middle of an input, which is then counted as failed."""
    assert child.stdout is not None
    buffer, begun, files = b"", -1, {}
    while True:
        patience = limit if begun >= 0 else 120.0  # it reads the corpus first
        ready, _, _ = select.select([child.stdout], [], [], patience)
        data = os.read(child.stdout.fileno(), 1 << 16) if ready else b""
        if not data:
            if begun < 0:
                return False
            child.kill()
            status = child.wait()
            why = f"hang: longer than {limit:.0f} s" if not ready else f"crash: the process ended with status {status}"
            totals.failures.append((begun, why))
            totals.inputs_of[str(begun)] = files
            totals.inputs += 1
            return True
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            what, number, *rest = json.loads(line)
            if what == "begin":
                begun, files = number, rest[1]
                totals.kinds[rest[0]] += 1
                continue
            begun = -1
            totals.inputs += 1
            totals.findings += rest[0]
            totals.fixed += rest[1]
            totals.slowest = max(totals.slowest, rest[2])
            if rest[3]:
                totals.failures.append((number, rest[3]))
                totals.inputs_of[str(number)] = files
                print(f"{number}: {rest[3]}", file=sys.stderr, flush=True)


def keep(totals: Totals, options: argparse.Namespace) -> Totals:
    """Add to what earlier parts of the same run came to; inputs that failed then are examined again."""
    file: Path = options.keep
    if file.exists():
        old = json.loads(file.read_text())
        totals.inputs += old["inputs"]
        totals.findings += old["findings"]
        totals.fixed += old["fixed"]
        totals.kinds.update(old["kinds"])
        totals.slowest = max(totals.slowest, old["slowest"])
        totals.seconds += old["seconds"]
        totals.mended = [tuple(one) for one in old["mended"]]
        for number, why in old["failures"]:
            kept = old.get("inputs_of", {}).get(str(number), {})
            files = {name: text.encode("latin-1") for name, text in kept.items()}
            try:
                examine(files)
                totals.mended.append((number, why))
            except AssertionError:
                totals.failures.append((number, why))
                totals.inputs_of[str(number)] = kept
    file.write_text(json.dumps(vars(totals)))
    return totals


def report(totals: Totals, command: str) -> str:
    lines = [
        "# Fuzzing",
        "",
        "Damaged model files and programs made by a grammar, through the whole path: lint with every rule, carry out every fix, parse and",
        f"lint the result; of each {REPORTED} inputs, one has its reports written in every format. A failure is a crash, an internal error (also one that ends a single execution), a fix",
        f"that breaks the file, a report that cannot be read, or an input that takes longer than {LIMIT:.0f} s.",
        "",
        f"    {command}",
        "",
        f"biaslint {__version__}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d', time.gmtime())}.",
        "",
        "| | |",
        "|---|---:|",
        f"| inputs | {totals.inputs:,} |",
        *(f"| of them: {kind} | {number:,} |" for kind, number in sorted(totals.kinds.items())),
        f"| findings | {totals.findings:,} |",
        f"| fixes carried out | {totals.fixed:,} |",
        f"| mean time | {1000 * totals.seconds / max(totals.inputs, 1):.0f} ms |",
        f"| longest | {totals.slowest:.1f} s |",
        f"| crashes | {sum(why.startswith('crash') for _, why in totals.failures)} |",
        f"| hangs | {sum(why.startswith('hang') for _, why in totals.failures)} |",
        f"| internal errors and other failures | {sum(not why.startswith(('crash', 'hang')) for _, why in totals.failures)} |",
        "",
    ]
    if totals.mended:
        lines += [
            "Failures that earlier parts of this run found; mended since, or, where only the time limit was passed (on a busy",
            "machine), not seen again. The corpus has grown in the meantime: not each of these inputs could be made once more.",
            "",
        ]
        lines += [*(f"- {count} x `{why}`" for why, count in Counter(why for _, why in totals.mended).most_common()), ""]
    if totals.failures:
        lines += ["Failures:", "", *(f"- input {number}: `{why}`" for number, why in totals.failures[:50]), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="take pieces of the files below this folder, too"
    )
    parser.add_argument("--only", type=int, help="examine the input of this number, here")
    parser.add_argument("--show", type=int, help="print the input of this number")
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--keep", type=Path, help="add to the totals in this file: a long run in parts")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(options.seed, range(options.first, options.first + options.count), options.more)
        return
    number = options.show if options.only is None else options.only
    if number is not None:
        kind, files = fuzz_inputs.make(fuzz_inputs.corpus(options.more), f"{options.seed}:{number}")
        for name, data in files.items():
            print(f"# {kind}: {name}\n{data.decode(errors='backslashreplace')}")
        if options.only is not None:
            print(examine(files))
        return
    totals = run(options.seed, options.count, options.more, first=options.first)
    if options.keep:
        totals = keep(totals, options)
    text = report(totals, f"python benchmarks/fuzzing.py --count {totals.inputs} --seed {options.seed}")
    options.output.write_text(text, encoding="utf-8")
    print(text)
    raise SystemExit(1 if totals.failures else 0)


if __name__ == "__main__":
    main()
