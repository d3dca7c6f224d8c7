"""Tens of thousands of generated model programs, linted and run: what is reported must be dead in the running model.

    python benchmarks/programs.py --count 50000 [--seed 1]
    python benchmarks/programs.py --framework keras --count 10000 [--seed 1]

writes the framework's section of programs.md beside it. A program is a model put together at random (`program_grammar.py`,
`keras_program_grammar.py`). The linter reads batches of them in one process; the framework runs each in float64, in training mode,
from the same parameters twice: with the bias as it is and with other values. A bias that changes an output is alive. `--show 1:17`
prints a program with what is said and what is true.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import keras_program_grammar
import program_grammar
from program_runs import DoesNotRun, Runner, Truth
from program_runs_keras import KerasPrograms
from program_runs_torch import TorchPrograms

from biaslint import __version__, engine, fix
from biaslint.config import Config
from biaslint.findings.finding import Finding

RESULT = Path(__file__).with_suffix(".md")
FOLDER = Path("/nowhere")
RULES = ("BL101", "BL102")
BATCH = 250


@dataclass(frozen=True)
class Framework:
    """Where a framework's programs come from and what runs them."""

    title: str
    make: Callable[[str], program_grammar.Program]
    runner: Callable[[], Runner]
    package: str


FRAMEWORKS = {
    "torch": Framework("PyTorch", program_grammar.make, TorchPrograms, "torch"),
    "keras": Framework("Keras", keras_program_grammar.make, KerasPrograms, "keras"),
}
TORCH = FRAMEWORKS["torch"]


# -- comparing --------------------------------------------------------------------------------------------------------------------


@dataclass
class Totals:
    """What a run came to."""

    programs: int = 0
    not_run: Counter[str] = field(default_factory=Counter)
    layers: int = 0
    alive: int = 0
    dead: int = 0
    found: int = 0  # dead layers that are reported
    reported: int = 0
    fixed: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)  # the program's seed and what is wrong
    broken: list[tuple[str, str]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)  # parts of the programs with a finding
    wrong_kinds: Counter[str] = field(default_factory=Counter)
    broken_kinds: Counter[str] = field(default_factory=Counter)
    silent_kinds: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    mended: int = 0
    mended_fixes: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"linting": 0.0, "running": 0.0})


def judge(program: program_grammar.Program, findings: list[Finding], truth: Truth, totals: Totals, seed: str) -> None:
    """Compare what is said of a program with what is true."""
    lines = {finding.place.line: finding for finding in findings}
    if lines:
        totals.kinds.update(program.parts)
    for line, finding in lines.items():
        totals.reported += 1
        about = {
            setting: [state for chain, states in by.items() if line in chain for state in states]
            for setting, by in truth.by_setting.items()
        }
        states = [state for one in about.values() for state in one]
        usual = about.get("", states)
        if finding.when:
            wrong = not any("dead" in one and "alive" not in one for one in about.values())
        else:
            wrong = "alive" in usual or "dead" not in usual
        if wrong:
            totals.wrong.append(
                (
                    seed,
                    f"line {line} ({finding.rule}{', when ' + finding.when if finding.when else ''}): {', '.join(states) or 'not a layer'}",
                )
            )
            totals.wrong_kinds.update(program.parts)
    for chain, states in truth.by_setting[""].items():
        totals.layers += len(states)
        totals.alive += states.count("alive")
        if set(states) == {"dead"}:
            totals.dead += 1
            if any(line in lines for line in chain):
                totals.found += 1
            else:
                totals.silent.append(seed)
                totals.silent_kinds.update(program.parts)


def check_fixes(
    runner: Runner, program: program_grammar.Program, path: Path, findings: list[Finding], totals: Totals, seed: str
) -> None:
    """What the fixes make of the program must run and put out the same."""
    if not any(finding.fix for finding in findings):
        return
    outcome = fix.fix_all(findings, lambda name: program.text, unsafe=True)
    for text in outcome.texts.values():
        totals.fixed += 1
        try:
            if not runner.same(runner.outcome(program.text, ""), runner.outcome(text, "")):
                totals.broken.append((seed, "other outputs"))
                totals.broken_kinds.update(program.parts)
        except DoesNotRun as error:
            totals.broken.append((seed, f"does not run any more: {error}"))
            totals.broken_kinds.update(program.parts)


def run(
    seed: str, first: int, count: int, totals: Totals | None = None, keep: Path | None = None, framework: Framework = TORCH
) -> Totals:
    """Examine `count` programs."""
    totals = totals or Totals()
    with framework.runner() as runner:
        for start in range(first, first + count, BATCH):
            examine(
                [f"{seed}:{number}" for number in range(start, min(start + BATCH, first + count))], runner, totals, framework
            )
            if keep is not None:
                keep.write_text(json.dumps(vars(totals)))
    return totals


def examine(seeds: Sequence[str], runner: Runner, totals: Totals, framework: Framework) -> None:
    """Lint programs in one batch and run each."""
    programs = {FOLDER / f"p{place}.py": framework.make(one) for place, one in enumerate(seeds)}
    clock = time.perf_counter()
    result = engine.lint_files(
        list(programs), Config(FOLDER, select=RULES), {path: program.text for path, program in programs.items()}
    )
    totals.seconds["linting"] += time.perf_counter() - clock
    said: dict[str, list[Finding]] = {}
    for finding in result.findings:
        said.setdefault(Path(finding.place.path).name, []).append(finding)
    clock = time.perf_counter()
    for one, (path, program) in zip(seeds, programs.items(), strict=True):
        totals.programs += 1
        findings = said.get(path.name, [])
        try:
            truth = runner.truth(program.text, program.settings)
        except DoesNotRun as error:
            totals.not_run[str(error).partition(":")[0]] += 1
            continue
        judge(program, findings, truth, totals, one)
        check_fixes(runner, program, path, findings, totals, one)
    totals.seconds["running"] += time.perf_counter() - clock


def show(seed: str, framework: Framework) -> None:
    program = framework.make(seed)
    path = FOLDER / "p.py"
    result = engine.lint_files([path], Config(FOLDER, select=RULES), {path: program.text})
    print("\n".join(f"{number:3} {line}" for number, line in enumerate(program.text.splitlines(), 1)))
    print(program.parts)
    for finding in result.findings:
        print(finding.place.line, finding.rule, finding.message, "| when:", finding.when)
    print(result.stopped)
    with framework.runner() as runner:
        try:
            print(runner.truth(program.text, program.settings).by_setting)
        except DoesNotRun as error:
            print(error)


def load(file: Path) -> Totals:
    """The totals of earlier parts of a run."""
    totals = Totals()
    if file.exists():
        for name, value in json.loads(file.read_text()).items():
            old = getattr(totals, name)
            if isinstance(old, Counter):
                old.update(value)
            elif name in ("wrong", "broken"):
                setattr(totals, name, [(seed, why) for seed, why in value])
            else:
                setattr(totals, name, value)
    return totals


def again(totals: Totals, framework: Framework) -> None:
    """Examine what was wrong once more: what has been mended since is counted apart."""
    seeds = list(dict.fromkeys(seed for seed, _ in (*totals.wrong, *totals.broken)))
    now = Totals()
    with framework.runner() as runner:
        for seed in seeds:
            examine([seed], runner, now, framework)
    totals.mended += len({seed for seed, _ in totals.wrong} - {seed for seed, _ in now.wrong})
    totals.mended_fixes += len({seed for seed, _ in totals.broken} - {seed for seed, _ in now.broken})
    totals.wrong, totals.broken = now.wrong, now.broken
    totals.wrong_kinds, totals.broken_kinds = now.wrong_kinds, now.broken_kinds


INTRODUCTION = """# Generated programs

Model programs put together at random from parts: ways of making and calling a layer, operations and statements between it and a norm,
norms and their modes, hooks, second readers, and what programs do to classes and modules. The linter reads them in batches; the
framework runs each in float64 and training mode, with the bias as it is and with other values. A bias whose change is seen in an
output is alive. A program that does not run is counted and left out.
"""


def report(totals: Totals, command: str, framework: Framework) -> str:
    """The section of a framework."""
    silent = [(kind, number) for kind, number in totals.silent_kinds.most_common(60) if len(kind) > 4][:25]
    versions = f"Python {platform.python_version()}, {framework.title} {metadata.version(framework.package).partition('+')[0]}"
    lines = [
        f"## {framework.title}",
        "",
        f"    {command}",
        "",
        f"biaslint {__version__}, {versions}, {time.strftime('%Y-%m-%d', time.gmtime())}.",
        "",
        "| | |",
        "|---|---:|",
        f"| programs | {totals.programs:,} |",
        f"| of them: do not run | {sum(totals.not_run.values()):,} |",
        f"| layers | {totals.layers:,} |",
        f"| of them: alive | {totals.alive:,} |",
        f"| reported | {totals.reported:,} |",
        f"| alive but reported | {len(totals.wrong):,} |",
        f"| places where every bias is dead | {totals.dead:,} |",
        f"| of them: reported | {totals.found:,} |",
        f"| dead but silent | {totals.dead - totals.found:,} |",
        f"| programs with a fix | {totals.fixed:,} |",
        f"| fix that changes outputs or breaks the program | {len(totals.broken):,} |",
        "",
    ]
    if totals.mended or totals.mended_fixes:
        lines += [
            f"Found in earlier parts of this run and mended since: {totals.mended} programs with a wrong report, {totals.mended_fixes} with a wrong fix.",
            "",
        ]
    for title, rows in (("Alive but reported", totals.wrong), ("Wrong fixes", totals.broken)):
        if rows:
            lines += [f"### {title}", "", *(f"- `--show {seed}`: {why}" for seed, why in rows[:40]), ""]
    if totals.broken_kinds:
        lines += [
            "The parts that programs with a wrong fix have most often: "
            + ", ".join(f"{one_line(kind)} ({number})" for kind, number in totals.broken_kinds.most_common(15))
            + ".",
            "",
        ]
    lines += ["### Dead but silent", "", "The parts that these programs have most often (one program has several):", ""]
    lines += [f"- {number:,} x `{one_line(kind)}`" for kind, number in silent]
    return "\n".join(lines) + "\n"


def page(old: str, section: str, title: str) -> str:
    """The page with a framework's section replaced; sections of other titles stay, behind those of the frameworks."""
    sections = {part.partition("\n")[0]: f"## {part}" for part in f"\n{old}".split("\n## ")[1:]}
    sections[title] = section
    titles = [one.title for one in FRAMEWORKS.values()]
    order = [*(one for one in titles if one in sections), *(one for one in sections if one not in titles)]
    return "\n".join([INTRODUCTION, *(f"{sections[one].strip()}\n" for one in order)])


def one_line(kind: str) -> str:
    return "; ".join(line.strip() for line in kind.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=FRAMEWORKS, default="torch")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--show", help="the seed of one program, such as 1:17")
    parser.add_argument("--keep", type=Path, help="go on from the totals in this file: a long run in parts")
    parser.add_argument("--again", action="store_true", help="examine what was wrong in earlier parts once more")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    framework = FRAMEWORKS[options.framework]
    if options.show:
        show(options.show, framework)
        return
    totals = load(options.keep) if options.keep else Totals()
    first = options.first + totals.programs
    run(options.seed, first, options.count - totals.programs, totals, options.keep, framework)
    if options.again:
        again(totals, framework)
        if options.keep:
            options.keep.write_text(json.dumps(vars(totals)))
    option = "" if framework is TORCH else f"--framework {options.framework} "
    text = report(totals, f"python benchmarks/programs.py {option}--count {totals.programs} --seed {options.seed}", framework)
    old = options.output.read_text(encoding="utf-8") if options.output.exists() else ""
    options.output.write_text(page(old, text, framework.title), encoding="utf-8")
    print(text)
    raise SystemExit(1 if totals.wrong or totals.broken else 0)


if __name__ == "__main__":
    main()
