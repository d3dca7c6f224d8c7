"""Does the runtime checker's dead-bias test give the answers of another measurement of the same models?

    python benchmarks/agreement.py REFERENCE.jsonl ... --results FOLDER [--minutes 40] [--output agreement.md]

Run it with an interpreter that has torch and the libraries (`accuracy.py` says which versions). A reference holds one JSON object
per group of layers that the same calls made: `model` ("timm:resnet18"), `layer` (its class), `chain` (the calls that made it,
innermost first, each [file, line, column, function]), `status` ("alive", "dead_bn" ...), `count`, and `example`, one layer's name.
Every model is built and measured in a process of its own; results stay in the folder, so that a second run goes on where the
first one was stopped. A layer agrees where the status is the same, or the same share of its channels is dead, for all layers that its
calls made.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from accuracy_models import build, stub_torchvision

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
BATCH = 3
_BIG = {"inception_v3": 299, "mvit_v1_b": 224, "mvit_v2_s": 224, "vit_b_16": 224, "maxvit_t": 224}
_ANY_SIZE = ("align", "regnet", "textnet")  # convolutions alone, with large images by default
Row = dict[str, Any]
Key = tuple[str, tuple[tuple[str, int], ...]]


def torch_model(library: str, name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The model, untrained, and what to feed it."""
    import torch

    if library == "torchvision":
        models = importlib.import_module("torchvision.models")
        more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        if name in models.list_models(models.segmentation):
            more["weights_backbone"] = None
        model = models.get_model(name, weights=None, **more)
        shape = (3, 4, 64, 64) if name in models.list_models(models.video) else (3, *[_BIG.get(name, 96)] * 2)
        shape = (3, 16, 224, 224) if name.startswith("mvit") else shape
        return model, (torch.randn(2 if len(shape) > 3 else BATCH, *shape),), {}
    if library == "segmentation_models_pytorch":
        smp = importlib.import_module(library)
        decoder, _, encoder = name.partition("-")
        more = {}
        if encoder == "nobn":
            encoder, more = "resnet18", {} if decoder == "PSPNet" else {"decoder_use_norm": False}
        encoder = f"tu-{encoder.removeprefix('timm-')}" if encoder.startswith("timm-") and "regnet" in encoder else encoder
        return getattr(smp, decoder)(encoder, encoder_weights=None, **more), (torch.randn(BATCH, 3, 128, 128),), {}
    if library == "hf":
        return transformers_model(name)
    model, shape = build(library, name)
    if library == "timm" and not model.default_cfg.get("fixed_input_size") and shape[-1] > 96 and name not in _BIG:
        shape = (shape[0], 96, 96)
    return model, (torch.randn(BATCH, *shape),), {}


_DEPTHS = ("num_hidden_layers", "encoder_layers", "decoder_layers", "num_layers", "num_decoder_layers", "n_layers", "layers")


def shallow(config: Any) -> None:
    """Two layers per stack, none left out, in the configurations inside too."""
    for name in _DEPTHS:
        name = getattr(config, "attribute_map", {}).get(name, name)
        if isinstance(getattr(config, name, None), int):
            setattr(config, name, 2)
    for name in (
        "layerdrop",
        "mask_time_prob",
        "mask_feature_prob",
    ):  # which layers and inputs are seen would be left to chance
        if hasattr(config, name):
            setattr(config, name, 0.0)
    for name in ("text_config", "vision_config"):
        if hasattr(config, name):
            shallow(getattr(config, name))


def transformers_model(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """A transformer of its configuration's default width and two layers, and its main inputs."""
    import torch

    auto = importlib.import_module("transformers")
    config = auto.AutoConfig.for_model(name)
    shallow(config)
    model = auto.AutoModel.from_config(config)
    main, numbers = model.main_input_name, torch.randint(1, 100, (BATCH, 16))
    fed: dict[str, Any] = {}
    if main == "pixel_values" or hasattr(config, "vision_config"):
        size = getattr(getattr(config, "vision_config", config), "image_size", None) or 128
        size = 96 if name in _ANY_SIZE else size
        fed["pixel_values"] = torch.randn(BATCH, 3, *([size] * 2 if isinstance(size, int) else size))
    if main == "input_ids" or hasattr(config, "text_config"):
        fed["input_ids"] = numbers
    if main == "input_values":
        fed["input_values"] = torch.randn(BATCH, 6000)
    if main == "past_values":
        fed["past_values"] = torch.randn(BATCH, config.context_length, config.num_input_channels)
    if main == "input_features":
        fed["input_features"] = torch.randn(BATCH, 20, config.num_mel_bins)
    if getattr(config, "is_encoder_decoder", False) and "input_ids" in fed:
        fed["decoder_input_ids"] = numbers
    return model, (), fed


def measure_torch(library: str, name: str) -> list[Row]:
    """Every affine layer with its status."""
    import torch

    from biaslint.runtime.torch.gradient_test import dead_biases
    from biaslint.runtime.torch.tracing import origins, tracing

    torch.manual_seed(0)
    with tracing():
        model, args, kwargs = torch_model(library, name)
    chains = origins(model)
    return [
        {"name": one.name, "layer": one.layer, "status": one.status, "fraction": one.fraction, "ratio": one.ratio,
         "how": list(one.kinds), "chain": chains.get(one.name, [])}
        for one in dead_biases(model, args, kwargs).values()
    ]  # fmt: skip


def measure_keras(name: str) -> list[Row]:
    """The same for a model of `keras.applications`."""
    import keras
    import numpy

    from biaslint.runtime import keras as checker
    from biaslint.runtime.keras.layers import all_layers
    from biaslint.runtime.keras.tracing import origins, tracing

    keras.utils.set_random_seed(0)
    size = 128 if "Inception" in name or "Xception" in name else 96
    with tracing():
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    x = numpy.random.default_rng(0).standard_normal((4, size, size, 3)).astype("float32")
    observed = checker.measure(model, x, chains=origins(all_layers(model)))
    return [
        {"name": one.name, "layer": one.layer, "status": one.dead, "fraction": one.dead_fraction, "ratio": one.ratio,
         "how": one.cancelled_how, "chain": one.chain}
        for one in observed.layers if one.dead
    ]  # fmt: skip


PACKAGES = {"hf": "transformers"}


def child(library: str, name: str, file: Path) -> None:
    """One model, in a process of its own; the result or the error goes to the file."""
    warnings.simplefilter("ignore")
    begun = time.monotonic()
    package = PACKAGES.get(library, library)
    root = os.path.dirname(os.path.dirname(str(importlib.util.find_spec(package).origin))) + os.sep  # type: ignore[union-attr]
    inside = os.path.join(root, package) + os.sep
    try:
        layers = measure_keras(name) if library == "keras" else measure_torch(library, name)
        for one in layers:
            one["chain"] = [[frame[0].removeprefix(root), frame[1]] for frame in one["chain"] if frame[0].startswith(inside)]
        result: Row = {"layers": layers, "seconds": round(time.monotonic() - begun, 1)}
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"}
    file.write_text(json.dumps(result))


def measured(library: str, name: str, folder: Path, seconds: float) -> Row:
    """The result for one model: from the folder, else measured now."""
    file = folder / f"{library}-{name}.json"
    if not file.is_file():
        process = multiprocessing.get_context("fork").Process(target=child, args=(library, name, file))
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            file.write_text(json.dumps({"error": f"took longer than {seconds:g} s"}))
        elif not file.is_file():
            file.write_text(json.dumps({"error": f"its process ended with {process.exitcode}"}))
    result: Row = json.loads(file.read_text())
    return result


def short(status: str) -> str:
    """Any kind of "some channels only" is one answer, and so is a layer that no gradient reaches, called or not."""
    return "partial" if status.startswith("partial") else "nograd" if status == "unused" else status


def _is_within(calls: tuple[tuple[str, int], ...], chain: list[list[Any]]) -> bool:
    """Are these calls in the chain, in this order?"""
    frames = iter(tuple(frame) for frame in chain)
    return all(call in frames for call in calls)


def _same_share(row: Row, layers: list[Row]) -> bool:
    """Do both find the same share of dead channels, and call it differently?"""
    share = row.get("frac", 0.0)
    return bool(share) and any(abs(one["fraction"] - share) < 0.02 for one in layers if one["status"].startswith("partial"))


def compare(rows: list[Row], layers: list[Row]) -> tuple[int, list[tuple[Row, str, int]], int]:
    """Layers that agree, the differences (row, what was measured, how many), and how many could not be matched."""
    by_name = {one["name"]: one for one in layers}
    wanted: dict[Key, Counter[str]] = defaultdict(Counter)
    group: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        key = row["layer"], tuple((frame[0], frame[1]) for frame in row["chain"])
        wanted[key][short(row["status"])] += row["count"]
        group[key].append(row)
    made: dict[Key, list[Row]] = defaultdict(list)
    for one in layers:
        # A reference may leave out calls that only hand on, such as a registry's: the longest chain within ours is meant.
        within = [key for key in wanted if key[0] == one["layer"] and _is_within(key[1], one["chain"])]
        if within:
            made[max(within, key=lambda key: len(key[1]))].append(one)
    same, unmatched, differences = 0, 0, []
    for key, counts in wanted.items():
        ours = Counter(short(one["status"]) for one in made.get(key, ()))
        if sum(ours.values()) == sum(counts.values()):
            both = sum((ours & counts).values())
            same += both
            for row in group[key]:
                missing = counts[short(row["status"])] - ours[short(row["status"])]
                if missing > 0 and _same_share(row, made[key]):
                    same += min(missing, row["count"])
                elif missing > 0:
                    other = ", ".join(ours - counts) or "?"
                    differences.append((row, other, min(missing, row["count"])))
            continue
        # Another configuration made another number of layers here: hold the one layer that is named against its namesake.
        for row in group[key]:
            one = by_name.get(row["example"]) or by_name.get(row["example"].removeprefix("m."))
            unmatched += row["count"] - (one is not None)
            if one is not None:
                same += short(one["status"]) == short(row["status"])
                if short(one["status"]) != short(row["status"]):
                    differences.append((row, one["status"], 1))
    return same, differences, unmatched


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", nargs="+", type=Path)
    parser.add_argument("--results", type=Path, required=True, help="folder for what was measured")
    parser.add_argument("--minutes", type=float, default=40, help="stop after this time (what is left is said)")
    parser.add_argument("--seconds", type=float, default=240, help="for one model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="only models whose name has this in it")
    parser.add_argument("--output", type=Path, help="write the report here too")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    os.environ.update(OMP_NUM_THREADS=str(given.threads), TF_CPP_MIN_LOG_LEVEL="3", HF_HUB_OFFLINE="1")
    given.results.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + given.minutes * 60
    lines = ["| reference | models | layers | agree | differ | not matched |", "|---|---|---|---|---|---|"]
    details: list[str] = []
    for reference in given.reference:
        by_model: dict[str, list[Row]] = defaultdict(list)
        for line in reference.read_text().splitlines():
            row = json.loads(line)
            by_model[row["model"]].append(row)
        models = [model for model in by_model if given.only in model]
        models.sort(key=lambda model: sum(row["count"] for row in by_model[model]))  # the small ones first
        library = models[0].partition(":")[0] if models else ""
        if library != "keras":
            import torch

            torch.set_num_threads(given.threads)
            stub_torchvision()
            importlib.import_module(PACKAGES.get(library, library))
        done, same, differ, lost, failed, left = 0, 0, 0, 0, [], 0
        for model in models:
            name = model.partition(":")[2]
            if time.monotonic() > end and not (given.results / f"{library}-{name}.json").is_file():
                left += 1
                continue
            result = measured(library, name, given.results, given.seconds)
            if "error" in result:
                failed.append(f"- {model}: not measured: {result['error'][:160]}")
                print(failed[-1], file=sys.stderr, flush=True)
                continue
            agree, differences, unmatched = compare(by_model[model], result["layers"])
            done, same, lost = done + 1, same + agree, lost + unmatched
            print(f"{model}: {agree} agree, {len(differences)} differ, {result['seconds']} s", file=sys.stderr, flush=True)
            for row, ours, count in differences:
                differ += count
                details.append(
                    f"- {model} `{row['example']}` ({row['layer']}, {count}): reference {row['status']}"
                    f" ({row.get('frac', 0):.2f}), checker {ours}"
                )
        details += failed
        lines.append(
            f"| {PACKAGES.get(library, library)} | {done} of {len(models)} | {same + differ} | {same} ({same / max(same + differ, 1):.2%}) | {differ} | {lost} |"
        )
        if left:
            details.append(f"- {library}: time was up before {left} models")
    report = "\n".join([*lines, "", *details, ""])
    print(report)
    if given.output:
        given.output.write_text(report)


if __name__ == "__main__":
    main()
