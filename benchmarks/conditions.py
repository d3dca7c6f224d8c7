"""Are the conditions true that findings state? Rerun with `python benchmarks/conditions.py`.

Lints the libraries, builds their models in the variants below, measures which biases are dead, and works out each finding's
condition from what the functions on the way to a layer were called with. The bias has to be dead where the condition holds and
alive where it does not. The result is written to `conditions.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

from accuracy import HERE, prepare
from accuracy_models import build, stub_torchvision

# Library -> model and arguments, pairs that differ in a setting.
VARIANTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "timm": [
        ("vgg11", {}),
        ("vgg11_bn", {}),
        ("test_vit", {}),
        ("test_vit", {"qk_norm": True}),
        ("test_vit", {"qkv_bias": False}),
        ("test_byobnet", {}),
        ("test_convnext", {}),
        ("repvit_m0_9", {}),
        ("repvit_m0_9", {"distillation": True}),
        ("levit_128s", {}),
        ("mobileone_s0", {}),
        ("rexnet_100", {}),
        ("edgenext_xx_small", {}),
        ("ghostnet_050", {}),
    ],
    "segmentation_models_pytorch": [
        ("Unet", {}),
        ("Unet", {"decoder_use_norm": False}),
        ("Unet", {"encoder_name": "inceptionresnetv2"}),
        ("Linknet", {}),
        ("Linknet", {"decoder_use_norm": False}),
        ("PSPNet", {}),
        ("PSPNet", {"psp_use_norm": False}),
        ("FPN", {}),
        ("MAnet", {}),
        ("MAnet", {"decoder_use_norm": False}),
    ],
}


def lint(python: str, library: str) -> tuple[str, list[dict[str, Any]]]:
    """The library's folder, and the findings in it that state a condition."""
    command = [python, "-c", f"import importlib.util as u; print(u.find_spec({library!r}).origin)"]
    package = os.path.dirname(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    command = [sys.executable, "-m", "biaslint", "--isolated", "--select", "BL101,BL102", "--format", "json", package]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode not in (0, 1):
        sys.exit(f"biaslint failed on {package}:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout)["findings"]
    for one in found:
        one["path"] = os.path.normpath(os.path.join(HERE.parent, one["path"]))
    return package, [one for one in found if one["when"]]


def note(package: str, lines: dict[tuple[str, int], str]) -> Any:
    """From now on every layer carries `_conditions`: the findings' lines that led to it, and whether their conditions held there."""
    import torch

    given: dict[int, dict[str, Any]] = {}
    files = {path for path, _ in lines}
    original = torch.nn.Module.__init__

    def called(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename in files:
            given[id(frame)] = dict(frame.f_locals)

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        found: list[tuple[str, int, Any]] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            place = (frame.f_code.co_filename, frame.f_lineno)
            if place in lines and frame.f_locals.get("self") is not self:
                found.append((*place, truth(lines[place], frame, given.get(id(frame), {}))))
            frame = frame.f_back
        self.__dict__["_conditions"] = found
        original(self, *args, **kwargs)

    torch.nn.Module.__init__ = noted
    sys.setprofile(called)
    return original


def truth(condition: str, frame: FrameType, parameters: dict[str, Any]) -> bool | None:
    """Does the condition hold for these parameters? None where it speaks of something else."""
    names = {name: getattr(value, "func", value) for name, value in parameters.items()}
    try:
        return bool(eval(condition, {**frame.f_globals, **vars(sys.modules["torch.nn"])}, names))
    except Exception:
        return None


def measure(library: str, model: str, arguments: dict[str, Any], package: str, findings: list[dict[str, Any]]) -> list[Any]:
    """For each layer with a bias that a conditional finding's line led to: the line, whether the condition held, and what it is."""
    import torch

    from biaslint.runtime.torch.gradient_test import dead_biases

    stub_torchvision()
    original = note(package, {(one["path"], one["line"]): one["when"] for one in findings})
    try:
        if library == "timm":
            made = sys.modules.get("timm") or __import__("timm")
            built = made.create_model(model, **arguments)
            shape = tuple(built.default_cfg.get("input_size", (3, 224, 224)))
        elif arguments:
            smp = __import__(library)
            arguments = {"encoder_name": "resnet18", "encoder_weights": None, **arguments}
            built, shape = getattr(smp, model)(**arguments), (3, 64, 64)
        else:
            built, shape = build(library, model)
    finally:
        sys.setprofile(None)
        torch.nn.Module.__init__ = original
    found = []
    torch.manual_seed(0)
    for name, result in dead_biases(built, [torch.randn(2, *shape)]).items():
        state = "alive" if result.dropout_sees_it else result.status.partition("_")[0]
        if state in ("dead", "partial", "alive"):
            module = built.get_submodule(name)
            found += [[*place, state != "alive"] for place in module.__dict__.get("_conditions", [])]
    return found


def run(
    python: str, library: str, job: tuple[str, dict[str, Any]], package: str, found: list[Any], timeout: float
) -> list[Any]:
    """`measure` in a process of its own."""
    request = json.dumps([library, *job, package, found])
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    command = [python, str(HERE / "conditions.py"), "--measure"]
    try:
        done = subprocess.run(command, env=there, input=request, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        print(f"  {job[0]} {job[1]}: took longer than {timeout:g} s", file=sys.stderr)
        return []
    if done.returncode:
        print(f"  {job[0]} {job[1]}: {(done.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)
        return []
    print(f"  {job[0]} {job[1]}", file=sys.stderr)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def report(rows: list[tuple[str, int, str, Counter[tuple[bool | None, bool]]]]) -> str:
    """The page."""
    out = [
        "# Conditions",
        "",
        "Made by `python benchmarks/conditions.py`: layers that were built and measured at each place with a",
    ]
    out += ["condition. Right is dead where it holds and alive where it does not.", ""]
    out += ["| place | condition | holds, dead | holds, alive | fails, dead | fails, alive |", "|---|---|---|---|---|---|"]
    for path, line, when, counts in rows:
        cells = [counts[True, True], counts[True, False], counts[False, True], counts[False, False]]
        out.append(f"| {path}:{line} | `{when}` | {' | '.join(map(str, cells))} |")
    reached = [row for row in rows if row[3]]
    wrong = [row for row in reached if row[3][True, False] or row[3][False, True]]
    sides = [row for row in reached if row[3][True, True] and row[3][False, False]]
    out += [
        "",
        f"{len(rows)} conditions, {len(reached)} reached by the models here, {len(sides)} on both sides, {len(wrong)} wrong.",
        "",
    ]
    return "\n".join(out)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--library", action="append", choices=list(VARIANTS), help="only these (repeatable)")
    parser.add_argument("--python", help="an interpreter that has the libraries already")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one model")
    parser.add_argument("--output", type=Path, default=HERE / "conditions.md")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        warnings.simplefilter("ignore")
        print("\n" + json.dumps(measure(*json.loads(sys.stdin.read()))))
        return
    libraries = options.library or list(VARIANTS)
    python = prepare(libraries, options.python)
    rows = []
    for library in libraries:
        print(library, file=sys.stderr)
        package, findings = lint(python, library)
        counts: dict[tuple[str, int], Counter[tuple[bool | None, bool]]] = defaultdict(Counter)
        for job in VARIANTS[library]:
            for path, line, holds, dead in run(python, library, job, package, findings, options.timeout):
                counts[path, line][holds, dead] += 1
        for one in findings:
            shown = os.path.relpath(one["path"], os.path.dirname(package))
            rows.append((shown, one["line"], one["when"], counts[one["path"], one["line"]]))
    text = report(rows)
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
