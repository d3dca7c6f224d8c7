"""`biaslint migrate` on models that nobody here wrote: old checkpoints in models without their dead biases.

    python benchmarks/checkpoints.py [--only WORD] [--kept FILE] [--write benchmarks/checkpoints.md]

Needs timm, torchvision, pytorchcv, monai, transformers and Keras (each is left out where it cannot be imported). No weights are
downloaded: weights, biases and scales are drawn at random, and training passes on random inputs settle the running statistics. The new
model is the same builder's, with the biases taken off that the dead-bias test of `biaslint verify` found dead. The checkpoint holds an
Adam state, where the model is a PyTorch one. *Check* is made apart from the command: both checkpoints are loaded into their models in a
process that has no part of it, and evaluation outputs in float32 are compared on other inputs, relative to the largest output; *before*
is the same with the dead biases simply left out.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import load_hooks


@dataclass(frozen=True, slots=True)
class Case:
    """One model: what to import, the expression that builds it, its input without the batch."""

    name: str
    imports: str
    builds: str
    input: str
    batch: int = 4

    @property
    def library(self) -> str:
        """Whose model it is."""
        return self.name.split()[0]


SMALL = "hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96"
TORCH = [
    *(
        Case(f"pytorchcv {name}", "from pytorchcv.model_provider import get_model", f"get_model('{name}')", size)
        for name, size in {
            "resnesta18": "3x64x64",
            "lednet_cityscapes": "3x64x128",
        }.items()
    ),
    *(
        Case(f"monai {name}", "from monai.networks import nets", builds, "1x32x32")
        for name, builds in {
            "UNet": "nets.UNet(2, 1, 2, (8, 16, 32), (2, 2), num_res_units=2, norm='batch')",
            "UNet, instance norms": "nets.UNet(2, 1, 2, (8, 16, 32), (2, 2))",
            "BasicUNet": "nets.BasicUNet(2, 1, 2, (8, 8, 16, 16, 32, 8), norm='batch')",
            "AttentionUnet": "nets.AttentionUnet(2, 1, 2, (8, 16, 32), (2, 2))",
            "AutoEncoder": "nets.AutoEncoder(2, 1, 2, (8, 16), (2, 2), norm='batch')",
            "Regressor": "nets.Regressor((1, 32, 32), (2,), (8, 16), (2, 2), norm='batch')",
        }.items()
    ),
    *(
        Case(f"transformers {name}Model", "import transformers as t", f"t.{name}Model(t.{name}Config({arguments}))", fed)
        for name, arguments, fed in (
            ("Bert", f"{SMALL}, vocab_size=500", "input_ids=16:int[0,500]"),
            ("Roberta", f"{SMALL}, vocab_size=500", "input_ids=16:int[2,500]"),
            ("DistilBert", "dim=64, n_layers=2, n_heads=4, hidden_dim=96, vocab_size=500", "input_ids=16:int[0,500]"),
            ("ViT", f"{SMALL}, image_size=64", "3x64x64"),
            ("SwiftFormer", "", "3x64x64"),
        )
    ),
    Case("timm resnest14d", "import timm", "timm.create_model('resnest14d')", "3x64x64"),
    Case("timm cait_xxs24_224", "import timm", "timm.create_model('cait_xxs24_224', img_size=64)", "3x64x64"),
    Case("torchvision vgg11_bn", "from torchvision import models", "models.vgg11_bn(weights=None)", "3x64x64"),
    Case("timm efficientformer_l1", "import timm", "timm.create_model('efficientformer_l1')", "3x224x224"),
]
KERAS = [
    Case(
        f"keras {name}",
        "from keras import applications",
        f"applications.{name}(weights=None, input_shape=(64, 64, 3))",
        "64x64x3",
    )
    for name in ("ResNet50", "ResNet50V2")
]
SECONDS = 900

OLD = """
{imports}


def build():
    return {builds}
"""
NEW_TORCH = """
import json
from pathlib import Path

import old

DEAD = json.loads((Path(__file__).parent / "dead.json").read_text())


def build():
    model = old.build()
    for name in DEAD:
        model.get_submodule(name).register_parameter("bias", None)
    return model
"""
PREPARE_TORCH = """
import json, sys
import torch
import old
from biaslint.runtime.target import inputs
from biaslint.runtime.target.job import Job
from biaslint.runtime.torch import gradient_test, session

torch.manual_seed(0)
model = old.build()
positional, named, _, _ = session.feed(model, Job("old", inputs=[sys.argv[1]], batch=int(sys.argv[2])))
found = gradient_test.dead_biases(model, positional, named)
dead = [name for name, one in found.items() if one.status.startswith("dead")]
json.dump(dead, open("dead.json", "w"))
generator = torch.Generator().manual_seed(1)
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.dim() < 2:
            drawn = torch.randn(p.shape, generator=generator) * 0.3
            p.copy_(drawn if "bias" in name else 1 + drawn.clamp(-0.6, 0.6))
optimiser = torch.optim.Adam(model.parameters(), 0.0)
model.train()
for module in model.modules():
    if "drop" in type(module).__name__.lower():
        module.eval()


def leaves(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for one in value for leaf in leaves(one)] if isinstance(value, (list, tuple)) else []


for number in range(10):
    fed = [torch.randn_like(one) if one.is_floating_point() else one for one in positional]
    if number == 9:
        total = sum(one.square().mean() for one in leaves(model(*fed, **named)) if one.requires_grad)
        total.backward()
        optimiser.step()
    else:
        with torch.no_grad():
            model(*fed, **named)
torch.save({"model": model.state_dict(), "optimizer": optimiser.state_dict()}, "old.pt")
"""
CHECK_TORCH = """
import json, sys
import torch
import old, new
from biaslint.runtime.target.job import Job
from biaslint.runtime.torch import session

before, after = old.build(), new.build()
was = torch.load("old.pt")["model"]
before.load_state_dict(was)
naive = {key: value for key, value in was.items() if key in after.state_dict()}
positional, named, _, _ = session.feed(before, Job("old", inputs=[sys.argv[1]], batch=int(sys.argv[2]), seed=77))


def leaves(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for one in value for leaf in leaves(one)] if isinstance(value, (list, tuple)) else []


def outputs(model):
    with torch.no_grad():
        return leaves(model.eval()(*positional, **named))


def difference():
    return max(((a - b).abs().max() / a.abs().max()).item() for a, b in zip(outputs(before), outputs(after)))


after.load_state_dict(naive)
print(difference())
after.load_state_dict(torch.load("new.pt")["model"])
print(difference())
resumed = torch.optim.Adam(after.parameters(), 0.0)
resumed.load_state_dict(torch.load("new.pt")["optimizer"])
"""

NEW_KERAS = """
import json
from pathlib import Path

import keras
import old

DEAD = json.loads((Path(__file__).parent / "dead.json").read_text())


def build():
    def copied(layer):
        config = layer.get_config()
        if layer.name in DEAD:
            config["use_bias"] = False
        return type(layer).from_config(config)

    return keras.models.clone_model(old.build(), clone_function=copied)
"""
PREPARE_KERAS = """
import json, sys
import keras, numpy
import old
from biaslint.runtime.keras import measuring
from biaslint.runtime.keras.layers import all_layers, layer_facts

keras.utils.set_random_seed(0)
model = old.build()
shape = (int(sys.argv[2]), *map(int, sys.argv[1].split("x")))
generator = numpy.random.default_rng(0)
fed = generator.standard_normal(shape).astype("float32")
layers = all_layers(model)
facts = layer_facts(layers, {})
measuring.dead_biases(model, fed, facts, layers, measuring.THRESHOLD)
dead = [one.name for one in facts if one.dead.startswith("dead")]
json.dump(dead, open("dead.json", "w"))
for variable in model.trainable_variables:
    if len(variable.shape) < 2:
        drawn = generator.standard_normal(variable.shape) * 0.3
        variable.assign(drawn if variable.name in ("bias", "beta") else 1 + drawn.clip(-0.6, 0.6))
for layer in all_layers(model).values():
    if hasattr(layer, "momentum"):
        layer.momentum = 0.7
for number in range(8):
    model(generator.standard_normal(shape).astype("float32"), training=True)
model.save_weights("old.weights.h5")
"""
CHECK_KERAS = """
import sys
import numpy
import old, new

before, after = old.build(), new.build()
before.load_weights("old.weights.h5")
shape = (int(sys.argv[2]), *map(int, sys.argv[1].split("x")))
fed = numpy.random.default_rng(77).standard_normal(shape).astype("float32")


def difference():
    a, b = (numpy.asarray(model(fed, training=False)) for model in (before, after))
    return float(abs(a - b).max() / abs(a).max())


for one, other in zip(before.layers, after.layers):
    for variable in other.variables:
        variable.assign(next(own for own in one.variables if own.name == variable.name))
print(difference())
after.load_weights("new.weights.h5")
print(difference())
"""

LIT = """
import sys

import lightning
import torch
from torch import nn


class Lit(lightning.LightningModule):
    def __init__(self, bias=True):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        )

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        wide, thin = ([p for p in self.parameters() if (p.dim() > 1) == many] for many in (True, False))
        optimiser = torch.optim.AdamW([{"params": wide}, {"params": thin, "weight_decay": 0.0}], 1e-3)
        return {"optimizer": optimiser, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimiser, 1)}


def fitted(model, epochs, checkpoint=None):
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(32, 3, 10, 10), torch.randint(0, 4, (32,)))
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.fit(model, torch.utils.data.DataLoader(data, 8), ckpt_path=checkpoint)
    return trainer


def main():
    if sys.argv[1] == "make":
        torch.manual_seed(1)
        return fitted(Lit(), 2).save_checkpoint("old.ckpt")
    old, new = Lit(), Lit(False)
    steps = [fitted(old, 5, "old.ckpt").global_step, fitted(new, 5, "new.ckpt").global_step]
    x = torch.randn(8, 3, 10, 10)
    with torch.no_grad():
        a, b = old.eval()(x), new.eval()(x)
    print(*steps, ((a - b).abs().max() / a.abs().max()).item())
"""


def resumed() -> str:
    """A sentence on a Lightning checkpoint that was migrated and resumed; nothing where Lightning is not installed."""
    if importlib.util.find_spec("lightning") is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lit.py").write_text(LIT)
        python(folder, "import lit; lit.main()", "make")
        words = ("migrate", "lit.py:Lit", "lit.py:Lit", "--new-arg", "bias=False", "old.ckpt", "new.ckpt", "--input", "3x10x10")
        done = subprocess.run(
            [sys.executable, "-m", "biaslint", *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS
        )
        if done.returncode:
            return f"A Lightning checkpoint was not migrated: {last_line(done)}"
        done = python(folder, "import lit; lit.main()", "resume")
        first, second, difference = done.stdout.split()[-3:]
    return (
        f"A Lightning checkpoint of two epochs (AdamW in two groups, a schedule) was migrated and resumed for three more: after {first} steps of "
        f"the old model and {second} of the new one, evaluation outputs differ by {float(difference):.2g} of the largest."
    )


@dataclass(slots=True)
class Row:
    """What came of one model."""

    case: Case
    dropped: int = 0
    adjusted: int = 0
    exact: str = ""
    own: str = ""
    before: str = ""
    after: str = ""
    seconds: float = 0.0
    size: int = 0
    saved: int = 0
    error: str = ""


def python(folder: str, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the folder."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS, env=environment
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed process said."""
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {done.returncode}"


def measured(case: Case) -> Row:
    """Migrate one model's checkpoint."""
    row = Row(case)
    with tempfile.TemporaryDirectory() as folder:
        prepare, check, new, suffix = (
            (PREPARE_KERAS, CHECK_KERAS, NEW_KERAS, ".weights.h5")
            if case in KERAS
            else (PREPARE_TORCH, CHECK_TORCH, NEW_TORCH, ".pt")
        )
        (Path(folder) / "old.py").write_text(OLD.format(imports=case.imports, builds=case.builds))
        (Path(folder) / "new.py").write_text(new)
        fed = (case.input, str(case.batch))
        done = python(folder, prepare, *fed)
        if done.returncode:
            row.error = f"not prepared: {last_line(done)}"
            return row
        if not json.loads((Path(folder) / "dead.json").read_text()):
            row.error = "no dead bias"
            return row
        begun = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "biaslint", "migrate", "old.py:build", "new.py:build", f"old{suffix}", f"new{suffix}"),
                *("--input", case.input, "--batch", str(case.batch), "--timeout", str(SECONDS)),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        row.seconds = time.monotonic() - begun
        if done.returncode:
            row.error = last_line(done)
            return row
        counts = re.search(r"(\d+) keys? dropped, (\d+) values? adjusted", done.stdout)
        assert counts is not None
        row.dropped, row.adjusted = int(counts[1]), int(counts[2])
        row.exact = worst(done.stdout, "float64")
        row.own = worst(done.stdout, "float32")
        row.size = (Path(folder) / f"old{suffix}").stat().st_size
        row.saved = row.size - (Path(folder) / f"new{suffix}").stat().st_size
        done = python(folder, check, *fed)
        if done.returncode:
            row.error = f"not checked: {last_line(done)}"
            return row
        row.before, row.after = done.stdout.split()[-2:]
    return row


def worst(text: str, kind: str) -> str:
    """The largest of the differences that the command reports in one precision."""
    found = re.findall(rf", {kind}: largest difference (\S+)", text)
    return max(found, key=float, default="")


def page(rows: list[Row]) -> str:
    """The result as a page."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("torch", "timm", "torchvision", "pytorchcv", "monai", "transformers", "keras")
        if importlib.util.find_spec(name)
    )
    good = [row for row in rows if not row.error]
    lines = [
        "# Checkpoints of models that nobody here wrote",
        "",
        f"Made by `python benchmarks/checkpoints.py --write benchmarks/checkpoints.md`, with {versions}.",
        "",
        (__doc__ or "").split("\n\n", 2)[2].strip(),
        "",
        f"{len(good)} of {len(rows)} checkpoints were migrated, with {sum(row.dropped for row in good)} biases dropped.",
        "",
        "| model | biases dropped | values adjusted | float64 | float32 | before | check | file, kB | smaller by, kB | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.error:
            lines.append(f"| {row.case.name} | {row.error.replace('|', '/')} | | | | | | | | |")
            continue
        lines.append(
            f"| {row.case.name} | {row.dropped} | {row.adjusted} | {row.exact} | {row.own} | {float(row.before):.2g} | {float(row.after):.2g} "
            f"| {row.size / 1000:.0f} | {row.saved / 1000:.1f} | {row.seconds:.0f} |"
        )
    lines += ["", resumed(), "", *load_hooks.section()]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Measure what is installed, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--kept", type=Path, help="rows of an earlier run that was broken off")
    options = parser.parse_args()
    cases = [case for case in [*TORCH, *KERAS] if importlib.util.find_spec(case.library) and options.only in case.name]
    rows = []
    kept = json.loads(options.kept.read_text()) if options.kept and options.kept.exists() else {}
    for case in cases:
        row = Row(case, **kept[case.name]) if case.name in kept else measured(case)
        rows.append(row)
        if options.kept:
            kept[case.name] = {key: value for key, value in asdict(row).items() if key != "case"}
            options.kept.write_text(json.dumps(kept))
        print(
            row.case.name,
            row.error or f"{row.dropped} dropped, {row.adjusted} adjusted, {row.before} -> {row.after}",
            flush=True,
        )
    if options.write:
        options.write.write_text(page(rows), encoding="utf-8")
    else:
        print(page(rows))


if __name__ == "__main__":
    main()
