"""Tens of thousands of generated model programs, linted and run: what is reported must be dead in the running model.

    python benchmarks/programs.py --count 50000 [--seed 1] [--framework torch]

writes programs.md beside it. A program is a model put together at random (`program_grammar.py`). The linter reads batches of them in
one process; PyTorch runs each in float64, in training mode, from the same parameters twice: with the bias as it is and with other
values. A bias that changes an output is alive. `--show 17` prints a program with what is said and what is true.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import program_grammar

from biaslint import __version__, engine, fix
from biaslint.config import Config
from biaslint.findings.finding import Finding

RESULT = Path(__file__).with_suffix(".md")
FOLDER = Path("/nowhere")
RULES = ("BL101", "BL102")
BATCH = 250
TOLERANCE = 1e-7
PROGRAM = "<program>"


@dataclass
class Truth:
    """What running a program shows: of each layer, the lines that its constructor was called through, and whether it is alive.

    The key is the lines, innermost first; the value holds one entry for each setting and layer: "alive", "dead" or "none" (no bias).
    """

    layers: dict[tuple[int, ...], list[str]] = field(default_factory=dict)
    by_setting: dict[str, dict[tuple[int, ...], list[str]]] = field(default_factory=dict)


class DoesNotRun(Exception):
    """The program itself is wrong."""


# -- running ---------------------------------------------------------------------------------------------------------------------


class TorchPrograms:
    """Runs programs under PyTorch, in float64. Within `with`, PyTorch's layers record where they are made."""

    def __init__(self) -> None:
        import torch
        from torch import nn

        self.torch, self.nn = torch, nn
        self.before = (torch.get_num_threads(), torch.get_default_dtype())
        self.usual = {
            name: getattr(nn, name) for name in ("BatchNorm2d", "Conv2d", "ConvTranspose2d", "Identity", "ReLU", "Linear")
        }
        self.forwards = {
            cls: cls.__dict__.get("forward") for cls in (nn.BatchNorm2d, nn.Conv2d, nn.modules.batchnorm._BatchNorm)
        }
        self.constructors = {cls: cls.__init__ for cls in (nn.modules.conv._ConvNd, nn.Linear)}

    def __enter__(self) -> TorchPrograms:
        self.torch.set_num_threads(1)
        self.torch.set_default_dtype(self.torch.float64)
        for cls in self.constructors:
            self._record(cls)
        return self

    def __exit__(self, *error: object) -> None:
        for cls, constructor in self.constructors.items():
            cls.__init__ = constructor
        threads, dtype = self.before
        self.torch.set_num_threads(threads)
        self.torch.set_default_dtype(dtype)

    def _record(self, cls: Any) -> None:
        plain = self.constructors[cls]

        def init(module: Any, *args: Any, **kwargs: Any) -> None:
            plain(module, *args, **kwargs)
            module.__dict__["made_at"] = tuple(lines_of(sys._getframe(1)))

        cls.__init__ = init

    def restore(self) -> None:
        """Undo what a program has done to the framework's classes."""
        for name, value in self.usual.items():
            setattr(self.nn, name, value)
        for cls, forward in self.forwards.items():
            if forward is None:
                cls.__dict__.get("forward") is not None and delattr(cls, "forward")
            elif cls.__dict__.get("forward") is not forward:
                cls.forward = forward

    def built(self, code: Any, setting: str) -> Any:
        torch = self.torch
        torch.manual_seed(3)
        space: dict[str, Any] = {"__name__": "program"}
        exec(code, space)
        model = eval(f"Net({setting})", space)
        for module in model.modules():
            if any(
                isinstance(one, torch.nn.parameter.UninitializedTensorMixin)
                for one in (*module._parameters.values(), *module._buffers.values())
            ):
                with torch.no_grad():
                    model.train()(torch.ones(2, 4, 6, 6))
                break
        model.train()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(drawn(torch, name, parameter.shape))
            for name, buffer in model.named_buffers():
                if buffer.is_floating_point():
                    buffer.copy_(drawn(torch, name, buffer.shape).abs() + 0.5)
        return model

    def outputs(self, model: Any) -> list[Any]:
        torch = self.torch
        torch.manual_seed(5)
        x = torch.randn(3, 4, 6, 6)
        return [one.detach().double() for one in tensors(torch, model(x.clone()))]

    def truth(self, text: str, settings: Sequence[str]) -> Truth:
        """Run the program with each setting. DoesNotRun where it cannot be."""
        found = Truth()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for setting in settings:
                found.by_setting[setting] = self._with(text, setting)
                for lines, states in found.by_setting[setting].items():
                    found.layers.setdefault(lines, []).extend(states)
        return found

    def _with(self, text: str, setting: str) -> dict[tuple[int, ...], list[str]]:
        states: dict[tuple[int, ...], list[str]] = {}
        try:
            code = compile(text, PROGRAM, "exec")
            model = self.built(code, setting)
            places = [module.__dict__.get("made_at", ()) for module in model.modules()]
            before = self.outputs(model)
            for number, lines in enumerate(places):
                if not lines:
                    continue
                self.restore()
                model = self.built(code, setting)
                module = list(model.modules())[number]
                bias = bias_of(module)
                if bias is None:
                    states.setdefault(lines, []).append("none")
                    continue
                with self.torch.no_grad():
                    bias.copy_(drawn(self.torch, "another", bias.shape) * 2)
                states.setdefault(lines, []).append("dead" if same(before, self.outputs(model)) else "alive")
        except Exception as error:
            raise DoesNotRun(f"{type(error).__name__}: {error}") from None
        finally:
            self.restore()
        return states

    def outcome(self, text: str, setting: str) -> list[Any]:
        """What the program puts out."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.outputs(self.built(compile(text, PROGRAM, "exec"), setting))
        except Exception as error:
            raise DoesNotRun(f"{type(error).__name__}: {error}") from None
        finally:
            self.restore()


def lines_of(frame: Any) -> Iterator[int]:
    while frame is not None:
        if frame.f_code.co_filename == PROGRAM and frame.f_code.co_name != "<module>":
            yield frame.f_lineno
        frame = frame.f_back


def bias_of(module: Any) -> Any:
    changed = module._modules.get("parametrizations")
    if changed is not None and "bias" in changed:
        return changed["bias"].original
    return module._parameters.get("bias")


def drawn(torch: Any, name: str, shape: Any) -> Any:
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def tensors(torch: Any, value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (int, float)):
        return [torch.tensor(float(value))]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for item in value for one in tensors(torch, item)] if isinstance(value, (list, tuple)) else []


def same(one: list[Any], two: list[Any]) -> bool:
    """Equal to rounding."""
    if [item.shape for item in one] != [item.shape for item in two]:
        return False
    for left, right in zip(one, two, strict=True):
        if left.numel() and bool(((left - right).abs() > TOLERANCE * (1 + left.abs())).any()):
            return False
        if bool((left.isnan() != right.isnan()).any()):
            return False
    return True


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
            wrong = not any(one and all(state == "dead" for state in one) for one in about.values())
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
    runner: TorchPrograms, program: program_grammar.Program, path: Path, findings: list[Finding], totals: Totals, seed: str
) -> None:
    """What the fixes make of the program must run and put out the same."""
    if not any(finding.fix for finding in findings):
        return
    outcome = fix.fix_all(findings, lambda name: program.text, unsafe=True)
    for text in outcome.texts.values():
        totals.fixed += 1
        try:
            if not same(runner.outcome(program.text, ""), runner.outcome(text, "")):
                totals.broken.append((seed, "other outputs"))
                totals.broken_kinds.update(program.parts)
        except DoesNotRun as error:
            totals.broken.append((seed, f"does not run any more: {error}"))
            totals.broken_kinds.update(program.parts)


def run(seed: str, first: int, count: int, totals: Totals | None = None, keep: Path | None = None) -> Totals:
    """Examine `count` programs."""
    totals = totals or Totals()
    with TorchPrograms() as runner:
        for start in range(first, first + count, BATCH):
            examine([f"{seed}:{number}" for number in range(start, min(start + BATCH, first + count))], runner, totals)
            if keep is not None:
                keep.write_text(json.dumps(vars(totals)))
    return totals


def examine(seeds: Sequence[str], runner: TorchPrograms, totals: Totals) -> None:
    """Lint programs in one batch and run each."""
    programs = {FOLDER / f"p{place}.py": program_grammar.make(one) for place, one in enumerate(seeds)}
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


def show(seed: str) -> None:
    program = program_grammar.make(seed)
    path = FOLDER / "p.py"
    result = engine.lint_files([path], Config(FOLDER, select=RULES), {path: program.text})
    print("\n".join(f"{number:3} {line}" for number, line in enumerate(program.text.splitlines(), 1)))
    print(program.parts)
    for finding in result.findings:
        print(finding.place.line, finding.rule, finding.message, "| when:", finding.when)
    print(result.stopped)
    with TorchPrograms() as runner:
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


def again(totals: Totals) -> None:
    """Examine what was wrong once more: what has been mended since is counted apart."""
    seeds = list(dict.fromkeys(seed for seed, _ in (*totals.wrong, *totals.broken)))
    now = Totals()
    with TorchPrograms() as runner:
        for seed in seeds:
            examine([seed], runner, now)
    totals.mended += len({seed for seed, _ in totals.wrong} - {seed for seed, _ in now.wrong})
    totals.mended_fixes += len({seed for seed, _ in totals.broken} - {seed for seed, _ in now.broken})
    totals.wrong, totals.broken = now.wrong, now.broken
    totals.wrong_kinds, totals.broken_kinds = now.wrong_kinds, now.broken_kinds


def report(totals: Totals, command: str) -> str:
    """The page."""
    silent = [(kind, number) for kind, number in totals.silent_kinds.most_common(60) if len(kind) > 4][:25]
    lines = [
        "# Generated programs",
        "",
        "Model programs put together at random from parts (`program_grammar.py`): ways of making and calling a layer, operations and",
        "statements between it and a norm, norms and their modes, hooks, second readers, and what programs do to classes and modules.",
        "The linter reads them in batches; PyTorch runs each in float64 and training mode, with the bias as it is and with other values.",
        "A bias whose change is seen in an output is alive. A program that does not run is counted and left out.",
        "",
        f"    {command}",
        "",
        f"biaslint {__version__}, Python {platform.python_version()}, PyTorch {torch_version()}, {time.strftime('%Y-%m-%d', time.gmtime())}.",
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
            lines += [f"## {title}", "", *(f"- `--show {seed}`: {why}" for seed, why in rows[:40]), ""]
    if totals.broken_kinds:
        lines += [
            "The parts that programs with a wrong fix have most often: "
            + ", ".join(f"{one_line(kind)} ({number})" for kind, number in totals.broken_kinds.most_common(15))
            + ".",
            "",
        ]
    lines += ["## Dead but silent", "", "The parts that these programs have most often (one program has several):", ""]
    lines += [f"- {number:,} x `{one_line(kind)}`" for kind, number in silent]
    return "\n".join(lines) + "\n"


def one_line(kind: str) -> str:
    return "; ".join(line.strip() for line in kind.splitlines())


def torch_version() -> str:
    import torch

    return str(torch.__version__).partition("+")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--show", help="the seed of one program, such as 1:17")
    parser.add_argument("--keep", type=Path, help="go on from the totals in this file: a long run in parts")
    parser.add_argument("--again", action="store_true", help="examine what was wrong in earlier parts once more")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.show:
        show(options.show)
        return
    totals = load(options.keep) if options.keep else Totals()
    first = options.first + totals.programs
    run(options.seed, first, options.count - totals.programs, totals, options.keep)
    if options.again:
        again(totals)
        if options.keep:
            options.keep.write_text(json.dumps(vars(totals)))
    text = report(totals, f"python benchmarks/programs.py --count {totals.programs} --seed {options.seed}")
    options.output.write_text(text, encoding="utf-8")
    print(text)
    raise SystemExit(1 if totals.wrong else 0)


if __name__ == "__main__":
    main()
