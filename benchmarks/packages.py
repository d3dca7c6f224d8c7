"""The linter on other people's code: no crash, no hang, no internal error on what machine learning projects are made of.

    python benchmarks/packages.py --cache ~/.cache/biaslint-packages

fetches the packages below (the newest wheel or source archive, without what it depends on), lints the sources of each in a process
of its own with a time limit, and writes packages.md beside it. The standard library with its test suite and LibCST's own tests are linted
twice: as they are, and with `everything`, which takes every file for model code and executes every function and class in it.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import platform
import re
import resource
import subprocess
import sys
import sysconfig
import tarfile
import time
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_suffix(".md")
LIMIT = 1800.0  # seconds for one package
# The fifty most downloaded packages on PyPI that hold models, layers, training loops or what serves them, in this order.
PACKAGES = (
    "scikit-learn", "tokenizers", "transformers", "datasets", "torch==2.13.0", "safetensors", "onnxruntime", "nltk", "xgboost", "torchvision",
    "scikit-image", "sentence-transformers", "tensorboard", "accelerate", "thinc", "einops", "tensorflow", "jax", "onnx", "spacy", "keras",
    "optuna", "lightgbm", "shap", "imbalanced-learn", "timm", "torchaudio", "torchmetrics", "peft", "pytorch-lightning", "ultralytics",
    "diffusers", "bitsandbytes", "catboost", "flax", "gymnasium", "evaluate", "umap-learn", "tf-keras", "albumentations", "lightning", "gensim",
    "optax", "trl", "torchao", "kornia", "pytorch-metric-learning", "xformers", "easyocr", "open-clip-torch", "torch-geometric",
    "openai-whisper", "keras-hub", "monai", "fastai", "mmengine", "segmentation-models-pytorch", "pytorchcv", "tf-models-official",
)  # fmt: skip
SHORT = 10_000  # steps of an execution when everything is executed: there are hundreds of thousands of them
WITH_TESTS = ("libcst",)  # the wheel leaves the grammar's tests out, the source archive has them
OWN = {"standard library": "", "libcst": "libcst"}  # linted with `everything`, too


def fetch(requirement: str, cache: Path) -> Path | None:
    """The package's Python files, unpacked; None where it cannot be had."""
    name = re.split("[=<>]", requirement)[0]
    folder = cache / name
    if (folder / ".complete").exists():
        return folder
    archives = cache / f"{name}.archives"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(archives)]
    wheel, source = ["--only-binary=:all:"], ["--no-binary=:all:", "--no-build-isolation"]
    for more in ([f"--no-binary={name}"], wheel) if name in WITH_TESTS else (wheel, source):
        if subprocess.run([*command, *more, requirement], capture_output=True, check=False).returncode == 0:
            break
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(archives.iterdir()) if archives.exists() else []
    if not found:
        return None
    unpack(found[-1], folder)
    found[-1].unlink()
    (folder / ".complete").write_text(found[-1].name)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder, [name for name in file.namelist() if name.endswith((".py", ".ipynb"))])
        return
    with tarfile.open(archive) as file:
        members = [one for one in file if one.isfile() and one.name.endswith((".py", ".ipynb"))]
        file.extractall(folder, members, filter="data")


def measure(folder: Path, everything: bool) -> dict[str, Any]:
    """Lint a folder in this process; how long it takes is told as a multiple of the time that Python needs to parse the files."""
    from biaslint import engine
    from biaslint.analysis.interpreter import framework
    from biaslint.analysis.limits import Limits
    from biaslint.config import Config
    from biaslint.engine import triage

    limits = None
    if everything:
        triage.mentions_framework = lambda text: True
        framework.layer_names = functools.cache(lambda: re.compile(".*"))
        limits = Limits(steps=SHORT, executions=2)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for times that can be compared
    config = Config(folder, exclude=("site-packages",), respect_gitignore=False)
    start = time.process_time()
    result = engine.lint([folder], config, limits=limits)
    spent = time.process_time() - start
    size, parsing = parse(result.files)
    internal = [*result.errors, *(f"{what}: {why}" for what, why in result.stopped if why.startswith("internal error"))]
    return {
        "files": result.statistics.files,
        "skipped": result.statistics.skipped,
        "size": size,
        "ratio": spent / max(parsing, 0.001),
        "seconds": spent,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "internal": internal,
        "problems": result.problems,
        "findings": len([one for one in result.findings if one.rule != "BL001"]),
        "unreadable": len([one for one in result.findings if one.rule == "BL001"]),
        "stopped": len(result.stopped),
    }


def parse(files: Sequence[Path]) -> tuple[int, float]:
    """The size of the files, and the time that `ast.parse` takes for them."""
    size, start = 0, time.process_time()
    for file in files:
        data = file.read_bytes()
        size += len(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ast.parse(data)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return size, time.process_time() - start


def examine(folder: Path, everything: bool, limit: float) -> dict[str, Any]:
    """`measure` in a process of its own: it may die or hang."""
    command = [sys.executable, __file__, "--measure", str(folder), *(["--everything"] if everything else [])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environ, check=False)
    except subprocess.TimeoutExpired:
        return {"failure": f"hang: longer than {limit:.0f} s"}
    if done.returncode:
        return {"failure": f"crash: status {done.returncode}: {done.stderr.strip().rpartition(chr(10))[2][:200]}"}
    answer: dict[str, Any] = json.loads(done.stdout.rpartition("\n")[2] or done.stdout.splitlines()[-1])
    return answer


def row(name: str, answer: dict[str, Any]) -> str:
    if "failure" in answer:
        return f"| {name} | | | | | 1 | | | {answer['failure']} |"
    return (
        f"| {name} | {answer['files']:,} | {answer['size'] / 1e6:.1f} | {answer['ratio']:.1f} | {answer['memory']:,} | 0"
        f" | {len(answer['internal'])} | {answer['findings']:,} | {answer['stopped']:,} |"
    )


def summary(answers: dict[str, dict[str, Any]], whole: Sequence[dict[str, Any]]) -> str:
    files, size = sum(one["files"] for one in whole), sum(one["size"] for one in whole) / 1e6
    internal = sum(len(one["internal"]) for one in whole)
    lost = len(answers) - len(whole)
    return f"{len(answers)} runs, {files:,} files, {size:.0f} MB: {lost} crashes or hangs, {internal} internal errors."


def report(answers: dict[str, dict[str, Any]], missing: Sequence[str]) -> str:
    whole = [answer for answer in answers.values() if "failure" not in answer]
    lines = [
        "# Other people's code",
        "",
        "    python benchmarks/packages.py",
        "",
        f"Python {platform.python_version()}, one core, {time.strftime('%Y-%m-%d', time.gmtime())}. `time` is the CPU time of a cold run as a multiple",
        "of the time that Python's own parser takes for the same files; `memory` is the peak in MB; `stopped` counts the executions that ended",
        "before their end (the program raises, or the analysis ran out of steps). With *everything*, every file is taken for model code",
        "and every function and class in it is executed. The rows were made one after the other, by several versions of biaslint, on a",
        "machine with other work.",
        "",
        summary(answers, whole),
        "",
        "| sources | files | MB | time | memory | crashes | internal errors | findings | stopped |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(row(name, answer) for name, answer in answers.items()),
        "",
    ]
    if missing:
        lines += [f"Not to be had here: {', '.join(missing)}.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "biaslint-packages")
    parser.add_argument("--only", action="append", help="these packages only")
    parser.add_argument("--skip", action="append", default=[], help="not these")
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--fetch", action="store_true", help="only fetch")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--everything", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.everything)))
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    kept = options.cache / "answers.json"  # a run that is interrupted goes on where it was
    answers: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    missing: list[str] = []
    todo: list[tuple[str, Path, bool]] = []
    for requirement in (*OWN, *PACKAGES):
        name = re.split("[=<>]", requirement)[0]
        if (options.only and name not in options.only) or name in options.skip:
            continue
        folder = Path(sysconfig.get_path("stdlib")) if name == "standard library" else fetch(requirement, options.cache)
        if folder is None:
            missing.append(name)
            continue
        label = name if name in OWN else f"{name} {version(folder)}"
        todo.append((label, folder, False))
        if name in OWN:
            todo.append((f"{name}, everything", folder, True))
    todo.sort(
        key=lambda one: (one[2], sum(file.stat().st_size for file in one[1].rglob("*.py") if "site-packages" not in file.parts))
    )
    for name, folder, everything in [] if options.fetch else todo:
        if name in answers and not options.only:
            continue
        answers[name] = examine(folder, everything, options.limit)
        print(row(name, answers[name]), *answers[name].get("internal", [])[:5], sep="\n    ", flush=True)
        kept.write_text(json.dumps(answers))
        RESULT.write_text(report(answers, missing), encoding="utf-8")


def version(folder: Path) -> str:
    return (folder / ".complete").read_text().split("-")[1].removesuffix(".tar.gz")


if __name__ == "__main__":
    main()
