"""`biaslint.check_start`, torch-audit and torchtest2 on the same models, batches, losses and optimizers: what each says, and whether that is so.

    python benchmarks/side_by_side.py [--only WORD] [--write benchmarks/side_by_side.md]

Needs torch-audit, torchtest2, torchvision, timm, transformers and monai. What is true is worked out here and by none of the three: a
bias is dead if other values of it leave every output as it is (float64, training mode, no dropout); a start is bad if the loss is
above that of the best constant output by more than a quarter of a nat; the rest is known because the fault was put in. Each tool gets a
process of its own; its time is in processor seconds, as a multiple of those of a process that builds the model and takes one step.
torch-audit audits one training step in all its phases, torchtest2 makes all checks that need no further option.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

TOOLS = ("biaslint", "torch-audit", "torchtest2")
IMAGES = "torch.randn(8, 3, 64, 64)"
LARGE, PIXELS = "torch.randn(8, 3, 224, 224)", "torch.randint(0, 4, (8, 64, 64))"
CLASSES = "torch.arange(8) % 4"
IMBALANCED = "(torch.arange(64) % 16 == 0).long()"
PLANTED = """
class Net(nn.Module):
    def __init__(self, depth=2, std=None, prior=None, unused=False, mixed=False):
        super().__init__()
        self.body = nn.ModuleList(nn.Linear(32, 32) for _ in range(depth))
        self.head, self.mixed = nn.Linear(32, 2), mixed
        if unused:
            self.norm = nn.LayerNorm(32)
        for layer in self.body if std else ():
            nn.init.normal_(layer.weight, std=std)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        if prior:
            self.head.bias.data = torch.tensor(prior).log()

    def forward(self, x):
        for layer in self.body:
            x = layer(x).relu()
        return self.head(x - x.mean(0) if self.mixed else x)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3), nn.GroupNorm(2, 8)
        self.conv3, self.norm3, self.head = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 2)
        x = self.norm2(self.conv2(self.norm1(x).relu())).relu()
        return self.head(self.norm3(self.conv3(x).relu()).mean((2, 3)))
"""
FEATURES, LABELS = "torch.randn(64, 32)", "torch.arange(64) % 2"
OWN = "torch.optim.SGD(model.parameters(), lr=0.01)"
BERT = "hidden_dropout_prob=0, attention_probs_dropout_prob=0, vocab_size=500, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128"
# name -> the model, its inputs, its labels, its optimizer, and the fault that was put in: (kind, where)
MODELS: dict[str, tuple[str, str, str, str, str]] = {
    "torchvision resnet18": ("torchvision.models.resnet18(num_classes=4)", IMAGES, CLASSES, OWN, ""),
    "torchvision mobilenet_v3_small": ("torchvision.models.mobilenet_v3_small(num_classes=4)", IMAGES, CLASSES, OWN, ""),
    "timm resnest14d": ("timm.create_model('resnest14d', num_classes=4)", IMAGES, CLASSES, OWN, ""),
    "timm convnext_atto": ("timm.create_model('convnext_atto', num_classes=4)", IMAGES, CLASSES, OWN, ""),
    "transformers BertForSequenceClassification": (
        f"transformers.BertForSequenceClassification(transformers.BertConfig({BERT}, num_labels=4, return_dict=False))",
        "torch.randint(0, 500, (8, 16))",
        CLASSES,
        OWN,
        "",
    ),
    "monai UNet": (
        "monai.networks.nets.UNet(2, 3, 4, (8, 16, 32), (2, 2), num_res_units=2, norm='batch')",
        IMAGES,
        PIXELS,
        OWN,
        "",
    ),
    "monai AttentionUnet": ("monai.networks.nets.AttentionUnet(2, 3, 4, (8, 16, 32), (2, 2))", IMAGES, PIXELS, OWN, ""),
    "timm efficientformer_l1": ("timm.create_model('efficientformer_l1', num_classes=4)", LARGE, CLASSES, OWN, ""),
    "norms of two kinds": ("Normed()", IMAGES, CLASSES, OWN, ""),
    "a sound classifier": ("Net()", FEATURES, LABELS, OWN, ""),
    "one label in sixteen, bias at zero": ("Net()", FEATURES, IMBALANCED, OWN, ""),
    "one label in sixteen, bias at the prior": ("Net(prior=[15 / 16, 1 / 16])", FEATURES, IMBALANCED, OWN, ""),
    "LSTM, forget gate half open": ("Gated()", "torch.randn(64, 9, 8)", LABELS, OWN, "forget gate: rnn"),
    "weights of standard deviation sqrt(fan_in)": ("Net(depth=6, std=32 ** 0.5)", FEATURES, LABELS, OWN, "scale"),
    "a layer that is never called": ("Net(unused=True)", FEATURES, LABELS, OWN, "not called: norm"),
    "a bias outside the optimizer": (
        "Net()",
        FEATURES,
        LABELS,
        "torch.optim.SGD([p for n, p in model.named_parameters() if n != 'head.bias'], lr=0.01)",
        "optimizer: head.bias",
    ),
    "examples that see each other": ("Net(mixed=True)", FEATURES, LABELS, OWN, "mixed"),
}


def made(name: str) -> tuple[Any, Any, Any, Any, Any]:
    """The model, its inputs, labels, loss and optimizer."""
    import torch
    from torch import nn

    model, inputs, labels, optimiser, _ = MODELS[name]
    space: dict[str, Any] = {"torch": torch, "nn": nn}
    for package in ("torchvision", "timm", "transformers", "monai.networks.nets"):
        if package.partition(".")[0] in model:
            space[package.partition(".")[0]] = __import__(package)
    torch.manual_seed(0)
    exec(PLANTED, space)
    space["model"] = built = eval(model, space)
    x, y = eval(inputs, space), eval(labels, space)
    return built, x, y, _loss, eval(optimiser, space)


def _loss(outputs: Any, labels: Any) -> Any:
    import torch

    return torch.nn.functional.cross_entropy(outputs[0] if isinstance(outputs, tuple) else outputs, labels)


def one_step(name: str) -> dict[str, Any]:
    """What any of them does at least."""
    model, inputs, labels, loss, optimiser = made(name)
    loss(model(inputs), labels).backward()
    optimiser.step()
    return {}


def truth(name: str) -> dict[str, Any]:
    """Dead biases by other values, and how far the loss is from that of the best constant output."""
    import torch

    model, inputs, labels, loss, _ = made(name)
    with torch.no_grad():
        shares = torch.bincount(labels.flatten()).double() / labels.numel()
        excess = float(loss(model.eval()(inputs), labels)) + float((shares * shares.log()).nansum())
    model.double().train()
    for module in model.modules():
        if "Drop" in type(module).__name__:
            module.eval()
    wide = inputs.double() if inputs.is_floating_point() else inputs
    for parameter in model.parameters():  # zeros and ones hide what a bias does
        parameter.data += 0.1 * torch.randn_like(parameter)

    def outputs() -> Any:
        with torch.no_grad():
            found = model(wide)
        return found[0] if isinstance(found, tuple) else found

    before, dead = outputs(), []
    for where, module in model.named_modules():
        bias = getattr(module, "bias", None)
        if isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)) and bias is not None:
            kept = bias.data.clone()
            bias.data += torch.randn_like(bias)
            if float((outputs() - before).abs().max()) < 1e-9 * float(before.abs().max()):
                dead.append(where)
            bias.data = kept
    return {"dead": dead, "excess": excess}


def biaslint(name: str) -> dict[str, Any]:
    """Its findings: the rule, and the layers."""
    from biaslint import check_start

    model, inputs, labels, loss, optimiser = made(name)
    report = check_start(model, (inputs, labels), loss=loss, optimizer=optimiser)
    said = [f"{one.rule}: {', '.join(one.layers or (one.layer,))}" for one in report.verdict.failures]
    dead = [layer for one in report.verdict.failures if one.rule in DEAD for layer in (one.layers or (one.layer,))]
    return {"said": said, "dead": dead}


DEAD = ("bias-before-norm", "bias-before-softmax", "bias-before-linear")


def torch_audit(name: str) -> dict[str, Any]:
    """Its findings of warnings and above, over all phases of one step."""
    from torch_audit import audit_dynamic
    from torch_audit.core import Severity

    model, inputs, labels, loss, optimiser = made(name)
    with audit_dynamic(model, optimizer=optimiser, every_n_steps=1, run_static=True, run_init=True) as auditor:
        optimiser.zero_grad()
        auditor.backward(loss(auditor.forward(inputs), labels))
        auditor.optimizer_step()
    found = [one for one in auditor.finish(report=False).findings if one.severity >= Severity.WARN]
    dead = [
        ".".join(part for part in (one.module_path, str(one.entity).partition("->")[0]) if part)
        for one in found
        if one.rule_id == "TA400"
    ]
    return {"said": sorted({f"{one.rule_id}: {one.message}" for one in found}), "dead": dead}


def torchtest2(name: str) -> dict[str, Any]:
    """Its warnings and failures."""
    from torchtest2 import check_model

    model, inputs, labels, loss, optimiser = made(name)
    report = check_model(model, inputs, labels, loss_fn=loss, optimizer=optimiser)
    found = [one for one in report.results if str(getattr(one.status, "value", one.status)).upper() in ("WARN", "FAIL")]
    return {"said": [f"{one.name}: {one.message}" for one in found], "dead": []}


# The fault, and what names it.
RIGHT = {
    "dead": {*DEAD, "TA400", "params_change"},
    "start": {"unset-output-bias", "initial_loss"},
    "forget gate": {"forget-gate-bias"},
    "scale": {"scale-through-depth", "unset-output-bias", "TA102", "gradient_magnitude", "overfit_batch"},
    "not called": {"TA500", "gradient_flow", "params_change"},
    "optimizer": {"untrainable-bias", "optimizer_coverage", "params_change"},
    "mixed": {"batch_independence"},
}
# Advice on speed, and trainings of one batch with random labels, are neither right nor wrong.
NOT_JUDGED = {"TA200", "TA201", "overfit_batch"}


def faults(name: str, known: dict[str, Any]) -> list[str]:
    """What is wrong with a model."""
    planted = MODELS[name][4].partition(":")[0]
    found = ["dead"] * bool(known["dead"]) + ["start"] * (known["excess"] > 0.25 and planted != "scale")
    return found + [planted] * bool(planted)


def cell(said: dict[str, Any], wrong: list[str], known: dict[str, Any]) -> tuple[str, int, int, int]:
    """What a tool says of a model, in words; faults it names, faults it does not, and what it says beside them."""
    names = list(dict.fromkeys(line.partition(":")[0] for line in said["said"]))
    named = [fault for fault in wrong if RIGHT[fault] & set(names)]
    right = {one for fault in wrong for one in RIGHT[fault]}
    others = [one for one in names if one not in right | NOT_JUDGED]
    dead = set(said["dead"])
    counted = f" ({len(dead & set(known['dead']))} of {len(known['dead'])})" if dead else ""
    words = [f"right: {', '.join(sorted(right & set(names)))}{counted}"] if named else []
    words += [f"wrong: {', '.join(others)}"] if others else []
    words += [f"misses: {', '.join(fault for fault in wrong if fault not in named)}"] if len(named) < len(wrong) else []
    return "; ".join(words) or "nothing", len(named), len(wrong) - len(named), len(others)


def page(kept: dict[str, Any]) -> str:
    """The table."""
    rows, sums = [], {tool: [0, 0, 0] for tool in TOOLS}
    for name in (one for one in MODELS if one in kept):
        known, step = kept[name]["truth"][0], kept[name]["step"][1]
        wrong = faults(name, known)
        cells = []
        for tool in TOOLS:
            text, *counts = cell(kept[name][tool][0], wrong, known)
            sums[tool] = [old + new for old, new in zip(sums[tool], counts, strict=True)]
            cells.append(f"{text} ({kept[name][tool][1] / step:.1f})")
        is_so = ", ".join(f"{len(known['dead'])} dead biases" if one == "dead" else one for one in wrong) or "sound"
        rows.append(f"| {name} | {is_so} | {' | '.join(cells)} |")
    about = (__doc__ or "").split("\n\n")
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch-audit", "torchtest2", "torch"))
    return "\n".join(
        [
            "# Checkers of models before training, side by side\n",
            f"Made by `python benchmarks/side_by_side.py --write benchmarks/side_by_side.md`, with {packages}.\n",
            f"{about[2].strip()}\n",
            "In brackets: the time. torch-audit's advice on speed (TA200, TA201) and torchtest2's training on one batch with random labels",
            "(`overfit_batch`) are not judged. *start*: the output bias ignores the prior. The others are kinds of faults that were put in.\n",
            *(f"- {tool}: names {named} faults, misses {missed}, says {others} things that are not so." for tool, (named, missed, others) in sums.items()),
            "",
            f"| model | true | {' | '.join(TOOLS)} |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )  # fmt: skip


WORK = {"step": one_step, "truth": truth, "biaslint": biaslint, "torch-audit": torch_audit, "torchtest2": torchtest2}


def apart(work: str, name: str) -> tuple[dict[str, Any], float]:
    """What the work gives in a process of its own, and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, __file__, "--work", work, name], capture_output=True, text=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{work} on {name}: {done.stderr[-2000:]}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout.splitlines()[-1]), seconds


def main() -> None:
    """All models, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--work", nargs=2)
    given = parser.parse_args()
    if given.work:
        with contextlib.redirect_stdout(io.StringIO()):
            found = WORK[given.work[0]](given.work[1])
        print(json.dumps(found))
        return
    kept = json.loads(given.kept.read_text()) if given.kept and given.kept.exists() else {}
    for name in MODELS:
        if given.only in name and name not in kept:
            kept[name] = {work: apart(work, name) for work in WORK}
            print(name, json.dumps(kept[name], indent=1), file=sys.stderr, flush=True)
            if given.kept:
                given.kept.write_text(json.dumps(kept))
    if given.write:
        given.write.write_text(page(kept) + "\n", encoding="utf-8")
    else:
        print(page(kept))


if __name__ == "__main__":
    main()
