"""`biaslint verify` on models that nobody here wrote: measured at the first try or not, at what cost, and with what result.

    python benchmarks/runtime_models.py [--only WORD] [--kept FILE] [--write benchmarks/runtime_models.md]

Needs timm, torchvision, transformers and Keras (each is left out where it cannot be imported). Each model is named and nothing else is
said: no input, no arguments but the model's name or a configuration without weights. Times are processor seconds, imports included; the
time for building is that of a process which only builds the model. `--kept` goes on where an earlier run was broken off.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

TIMM = [
    "resnet18",
    "efficientnet_b0",
    "mobilenetv3_small_100",
    "convnext_atto",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "mixer_s32_224",
    "densenet121",
    "regnetx_002",
    "inception_v3",
    "cait_xxs24_224",
    "ghostnet_100",
    "mobilevit_xxs",
    "levit_128s",
    "poolformer_s12",
    "repvgg_a0",
]
TORCHVISION = [
    "models.alexnet",
    "models.vgg11",
    "models.squeezenet1_1",
    "models.shufflenet_v2_x0_5",
    "models.mnasnet0_5",
    "models.googlenet",
    "models.regnet_y_400mf",
    "models.segmentation.lraspp_mobilenet_v3_large",
    "models.video.r3d_18",
]
BACKBONE = {"lraspp_mobilenet_v3_large": ["weights_backbone=None"]}  # would be downloaded
SMALL = "hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256"
TRANSFORMERS = {
    "BertModel": f"BertConfig({SMALL})",
    "BertForSequenceClassification": "BertConfig(num_hidden_layers=4)",
    "RobertaForMaskedLM": f"RobertaConfig({SMALL}, vocab_size=2000)",
    "DistilBertForTokenClassification": "DistilBertConfig(dim=128, n_layers=3, n_heads=4, hidden_dim=256)",
    "ElectraForPreTraining": f"ElectraConfig({SMALL})",
    "GPT2LMHeadModel": "GPT2Config(n_embd=128, n_layer=3, n_head=4, vocab_size=2000)",
    "LlamaForCausalLM": f"LlamaConfig({SMALL}, vocab_size=2000)",
    "MistralForCausalLM": f"MistralConfig({SMALL}, vocab_size=2000, num_key_value_heads=2)",
    "T5Model": "T5Config(d_model=128, d_ff=256, num_layers=3, num_heads=4, d_kv=32)",
    "BartForConditionalGeneration": "BartConfig(d_model=128, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=256, decoder_ffn_dim=256)",
    "ViTForImageClassification": f"ViTConfig({SMALL})",
    "CLIPModel": f"CLIPConfig(text_config=dict({SMALL}), vision_config=dict({SMALL}))",
    "Wav2Vec2Model": f"Wav2Vec2Config({SMALL})",
    "WhisperModel": "WhisperConfig(d_model=128, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4)",
    "SegformerForSemanticSegmentation": "SegformerConfig()",
    "DebertaV2Model": f"DebertaV2Config({SMALL}, vocab_size=2000)",
}
KERAS = ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50")
SECONDS = 400


@dataclass(slots=True)
class Outcome:
    """One model: what became of it."""

    name: str
    status: int
    build: float
    verify: float
    findings: list[str] = field(default_factory=list)
    fed: str = ""
    ratios: dict[str, float | None] = field(default_factory=dict)
    error: str = ""


def targets() -> dict[str, tuple[str, list[str]]]:
    """By name: the target, and what its builder is given. Libraries that are not installed are left out."""
    found: dict[str, tuple[str, list[str]]] = {}
    there = {name for name in ("timm", "torchvision", "transformers", "keras") if importlib.util.find_spec(name)}
    if "torchvision" in there:
        for name in TORCHVISION:
            where, _, builder = name.rpartition(".")
            found[f"torchvision {builder}"] = (f"torchvision.{where}:{builder}", ["weights=None", *BACKBONE.get(builder, [])])
    if "transformers" in there:
        found |= {f"transformers {name}": (f"configured.py:{name.lower()}", []) for name in TRANSFORMERS}
    if "timm" in there:
        found |= {f"timm {name}": ("timm:create_model", [name]) for name in TIMM}
    if "keras" in there:
        found |= {f"keras {name}": (f"keras.applications:{name}", ["weights=None"]) for name in KERAS}
    return found


def configured() -> str:
    """Functions that build the library's models from a configuration, without weights."""
    functions = [f"def {name.lower()}():\n    return t.{name}(t.{config})\n" for name, config in TRANSFORMERS.items()]
    return "import transformers as t\n\n" + "\n\n".join(functions)


def timed(command: list[str], folder: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A finished process, and the processor seconds that it took with all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


BUILD = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
sys.path.insert(0, os.getcwd())
from biaslint.runtime.target.targets import build
build(sys.argv[1], sys.argv[2:])
"""


def measure(name: str, target: str, arguments: list[str], folder: str) -> Outcome:
    """Build the model, then measure it with nothing said but its name."""
    _, build = timed([sys.executable, "-c", BUILD, target, *arguments], folder)
    options = [part for one in arguments for part in ("--arg", one)]
    command = [sys.executable, "-m", "biaslint", "verify", target, *options, "--format", "json", "--timeout", str(SECONDS)]
    done, seconds = timed(command, folder)
    outcome = Outcome(name, done.returncode, build, seconds)
    if done.returncode not in (0, 1, 3):
        outcome.error = (done.stderr or done.stdout).strip().splitlines()[0][:160] if done.stderr or done.stdout else ""
        return outcome
    report = json.loads(done.stdout)
    outcome.findings = sorted(f"{one['rule']} ({one['severity']})" for one in report["findings"])
    outcome.fed = ", ".join(report["model"]["inputs"]).replace(" (guessed)", "")
    outcome.ratios = {one["name"]: one["value"] for one in report["measurements"] if one["name"].endswith("-scale")}
    outcome.error = "; ".join(f"{key}: {why}" for key, why in report["model"]["inconclusive"].items())
    return outcome


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as Markdown, with their sums."""
    rows = [
        "| model | measured | fed with | findings | outputs | gradients | building, s | measuring, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        said = {0: "yes", 1: "yes", 3: f"in part: {one.error}"}.get(one.status, f"no: {one.error}")
        counts = ", ".join(f"{one.findings.count(code)} {code}" for code in dict.fromkeys(one.findings)) or "none"
        sizes = [one.ratios.get(f"{name}-scale") for name in ("activation", "gradient")]
        shown = ["" if value is None else f"{value:.3g}" for value in sizes]
        rows.append(
            f"| {one.name} | {said} | {one.fed} | {counts} | {shown[0]} | {shown[1]} | {one.build:.1f} | {one.verify:.1f} |"
        )
    whole = sum(one.status in (0, 1) for one in outcomes)
    scales = sum(any(code.startswith("BL703") for code in one.findings) for one in outcomes)
    build, verify = sum(one.build for one in outcomes), sum(one.verify for one in outcomes)
    summary = (
        f"{whole} of {len(outcomes)} models were measured at the first try. BL703 failed {scales} of them. Building took {build:.0f} "
        f"processor seconds, building and measuring {verify:.0f}."
    )
    return f"{summary}\n\n" + "\n".join(rows) + "\n"


def kept(file: Path | None) -> list[Outcome]:
    """The outcomes of an earlier run."""
    if file is None or not file.is_file():
        return []
    return [Outcome(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def versions() -> str:
    """The libraries that were measured."""
    found = []
    for name in ("torch", "timm", "torchvision", "transformers", "keras"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def main() -> None:
    """Measure every model, print a line for each, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    outcomes = kept(options.kept)
    done = {one.name for one in outcomes}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "configured.py").write_text(configured())
        for name, (target, arguments) in targets().items():
            if options.only in name and name not in done:
                outcomes.append(measure(name, target, arguments, folder))
                one = outcomes[-1]
                if options.kept:
                    with options.kept.open("a", encoding="utf-8") as handle:
                        handle.write(json.dumps(asdict(one)) + "\n")
                print(
                    f"{name}: {one.status} {one.build:.1f} {one.verify:.1f} {one.findings} {one.ratios} {one.error}", flush=True
                )
    text = table(outcomes)
    left = len(targets().keys() - {one.name for one in outcomes})
    text = f"{left} models of the list were not measured in this run. {text}" if left else text
    print(text)
    if options.write:
        intro = (__doc__ or "").split("\n\n")
        head = "# Models that nobody here wrote\n\nMade by `python benchmarks/runtime_models.py --write benchmarks/runtime_models.md`, with "
        notes = (
            "*Outputs* and *gradients* are the largest ratio between the root mean squares of layers of one kind through depth; BL703 fails "
            "above 1000 and 10000."
        )
        options.write.write_text(f"{head}{versions()}.\n\n{intro[-1].strip()}\n\n{notes}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
