"""`--fix --unsafe-fixes --keep-checkpoints` in libraries' own source: old checkpoints in the fixed library.

    python benchmarks/load_hooks.py [--only WORD]

Needs transformers, segmentation_models_pytorch and keras_cv (each is left out where it cannot be found). The package is copied, and one
of its files is fixed there. The library as it is makes a model with random values and settled running statistics, and writes its
checkpoint and its outputs. A process that imports the copy loads that checkpoint (strictly, in PyTorch) and compares evaluation outputs,
relative to the largest. *Without the hook*: the same with the biases simply left out. `checkpoints.py` puts the table on its page.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TORCH, KERAS = "torch", "keras"


@dataclass(frozen=True, slots=True)
class Case:
    """A file of a package, and what builds a model of it, and what it is fed with."""

    package: str
    file: str
    model: str
    builds: str
    inputs: str
    framework: str = TORCH


CASES = [
    Case(
        "transformers",
        "models/swiftformer/modeling_swiftformer.py",
        "SwiftFormerModel",
        "transformers.SwiftFormerModel(transformers.SwiftFormerConfig())",
        "[torch.randn(4, 3, 64, 64)]",
    ),
    Case(
        "segmentation_models_pytorch",
        "decoders/pan/decoder.py",
        "PAN",
        "segmentation_models_pytorch.PAN('resnet18', encoder_weights=None)",
        "[torch.randn(4, 3, 128, 128)]",
    ),
    Case(
        "keras_cv",
        "src/layers/object_detection_3d/voxelization.py",
        "DynamicVoxelization",
        "voxels(keras_cv.layers.DynamicVoxelization([0.5, 0.5, 1000], [-4, 4, -4, 4, -20, 20]))",
        "[random(4, 60, 3), random(4, 60, 5), numpy.ones((4, 60), bool)]",
        KERAS,
    ),
]
START_TORCH = """
import sys, torch
import {package}

model = {builds}
torch.manual_seed(0)
fed = {inputs}


def outputs():
    with torch.no_grad():
        found = model.eval()(*fed)
    return found if isinstance(found, torch.Tensor) else found[0]
"""
MAKE_TORCH = """
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.dim() < 2:
            p.copy_(torch.randn(p.shape) * 0.3 + ("bias" not in name))
    model.train()
    for _ in range(8):
        model(*[torch.randn_like(one) for one in fed])
torch.save({"state": model.state_dict(), "outputs": outputs()}, "old.pt")
"""
CHECK_TORCH = """
old = torch.load("old.pt")
state, wanted = old["state"], old["outputs"]
gone = state.keys() - model.state_dict().keys()
model.load_state_dict({key: value for key, value in state.items() if key not in gone})
naive = (outputs() - wanted).abs().max()
model.load_state_dict(dict(state))
size = wanted.abs().max()
print(sys.modules["{package}"].__file__, len(gone), float(naive / size), float((outputs() - wanted).abs().max() / size))
"""
START_KERAS = """
import sys, keras, numpy
import {package}

generator = numpy.random.default_rng(0)


def random(*shape):
    return generator.uniform(-3, 3, shape).astype("float32")


def voxels(layer):
    given = [keras.Input((60, 3)), keras.Input((60, 5)), keras.Input((60,), dtype="bool")]
    return keras.Model(given, layer(*given))


model, fed = {builds}, {inputs}


def outputs():
    return numpy.asarray(model(fed, training=False))
"""
MAKE_KERAS = """
outputs()  # makes the variables
for variable in model.trainable_variables:
    if len(variable.shape) < 2:
        drawn = generator.standard_normal(variable.shape) * 0.3
        variable.assign(drawn if variable.name in ("bias", "beta") else 1 + drawn.clip(-0.6, 0.6))
for _ in range(8):
    model(fed, training=True)
model.save_weights("old.weights.h5")
numpy.savez("old.npz", outputs=outputs(), count=len(model.variables))
"""
CHECK_KERAS = """
old = numpy.load("old.npz")
outputs()  # makes the variables
model.load_weights("old.weights.h5")
wanted, found = old["outputs"], outputs()
mean = next(one for one in model.variables if one.name == "moving_mean")
import h5py
file, biases = h5py.File("old.weights.h5"), []
file.visititems(lambda name, item: biases.append(item[()]) if name.endswith("point_net_dense/vars/1") else None)
mean.assign(mean + biases[0])
naive, size = abs(outputs() - wanted).max(), abs(wanted).max()
print(sys.modules["{package}"].__file__, int(old["count"]) - len(model.variables), naive / size, abs(found - wanted).max() / size)
"""
HEADING = [
    "The load hook of `--keep-checkpoints`, written into libraries' own source (`python benchmarks/load_hooks.py`): the package is copied and one of its",
    "files fixed; the library as it is writes a checkpoint, and the copy loads it. Differences are relative to the largest output.",
    "",
    "| library | model | file | biases removed | without the hook | with it |",
    "|---|---|---|---|---|---|",
]


def python(folder: Path, program: str, path: str = "") -> str:
    """What a program prints last; `path` goes before what is installed."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(part for part in (path, os.environ.get("PYTHONPATH", "")) if part)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["?"])[-1][:300])
    return (done.stdout.strip().splitlines() or [""])[-1]


def tried(case: Case) -> str:
    """One row of the table."""
    found = importlib.util.find_spec(case.package)
    assert found is not None
    assert found.origin is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / "fixed" / case.package
        shutil.copytree(Path(found.origin).parent, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so", "tests"))
        words = ["-m", "biaslint", str(copy / case.file), "--select", "BL101", "--fix", "--unsafe-fixes", "--keep-checkpoints"]
        subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)
        start, make, check = (
            (START_TORCH, MAKE_TORCH, CHECK_TORCH) if case.framework == TORCH else (START_KERAS, MAKE_KERAS, CHECK_KERAS)
        )

        def filled(text: str) -> str:
            return text.replace("{package}", case.package).replace("{builds}", case.builds).replace("{inputs}", case.inputs)

        try:
            python(folder, filled(start + make))
            where, gone, naive, difference = python(folder, filled(start + check), str(copy.parent)).split()
        except (RuntimeError, ValueError) as error:
            return f"| {case.package} | {case.model} | {case.file} | {str(error).replace('|', '/')} | | |"
        assert where.startswith(str(folder)), where
    return f"| {case.package} | {case.model} | `{case.file}` | {gone} | {float(naive):.2g} | {float(difference):.2g} |"


def section(only: str = "") -> list[str]:
    """The table, of what is installed."""
    rows = [tried(case) for case in CASES if only in case.package and importlib.util.find_spec(case.package)]
    return [*HEADING, *rows] if rows else []


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="")
    print("\n".join(section(parser.parse_args().only)))


if __name__ == "__main__":
    main()
