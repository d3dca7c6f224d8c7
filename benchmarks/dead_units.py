"""Dead ReLU units in models that start well: what the limit of BL702 was set on.

    python benchmarks/dead_units.py [--only WORD] [--write benchmarks/dead_units.md]

Needs torchvision, timm and transformers. Each model is measured as it starts, on 8 random inputs, from two seeds; and once more with the
biases of all its layers and norms at -2, which kills units. *Largest share*: of the layers with at least 16 units.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaslint.runtime.torch.measuring import measure
from biaslint.runtime.verdict.judge import judge

TORCHVISION = [
    "alexnet",
    "vgg11",
    "vgg13_bn",
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "googlenet",
    "regnet_y_400mf",
    "regnet_x_400mf",
    "resnet18",
    "resnet34",
    "resnext50_32x4d",
    "densenet121",
    "mobilenet_v3_small",
    "inception_v3",
]
TIMM = [
    "resnet10t",
    "resnet26d",
    "ghostnet_100",
    "mobilenetv3_small_100",
    "regnetx_002",
    "repvgg_a0",
    "res2net50_26w_4s",
    "selecsls42",
    "dla34",
    "hrnet_w18_small",
    "seresnet18",
    "skresnet18",
    "hardcorenas_a",
    "rexnet_100",
    "ese_vovnet19b_dw",
    "legacy_seresnet18",
]
TRANSFORMERS = {
    "T5Model": ("T5Config", {"d_model": 128, "d_ff": 256, "num_layers": 3, "num_heads": 4}),
    "OPTModel": ("OPTConfig", {"hidden_size": 128, "num_hidden_layers": 3, "ffn_dim": 256, "num_attention_heads": 4, "word_embed_proj_dim": 128}),
}  # fmt: skip
SEEDS, BIAS, ENOUGH, SIZE = (0, 1), -2.0, 16, {"inception_v3": 96}


def models() -> dict[str, tuple[Callable[[], Any], Callable[[], tuple[list[Any], dict[str, Any]]]]]:
    """What builds each model, and its inputs."""
    import torch

    def images(name: str) -> Callable[[], tuple[list[Any], dict[str, Any]]]:
        return lambda: ([torch.randn(8, 3, SIZE.get(name, 64), SIZE.get(name, 64))], {})

    def tokens(names: list[str]) -> Callable[[], tuple[list[Any], dict[str, Any]]]:
        return lambda: ([], {name: torch.randint(0, 500, (8, 16)) for name in names})

    found: dict[str, Any] = {}
    for name in TORCHVISION:
        settings = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        found[f"torchvision {name}"] = (lambda n=name, s=settings: _of("torchvision.models", n)(**s)), images(name)
    for name in TIMM:
        found[f"timm {name}"] = (lambda n=name: _of("timm", "create_model")(n)), images(name)
    for name, (config, settings) in TRANSFORMERS.items():
        made = lambda n=name, c=config, s=settings: _of("transformers", n)(_of("transformers", c)(vocab_size=500, **s))  # noqa: E731
        found[f"transformers {name}"] = made, tokens(["input_ids"] + ["decoder_input_ids"] * (name == "T5Model"))
    return found


def _of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def shares(build: Callable[[], Any], inputs: Callable[[], Any], seed: int, bias: float | None) -> tuple[int, float, int, int]:
    """Applications of ReLU, the largest share of dead units, those units, and how many of the layers fail."""
    import torch

    torch.manual_seed(seed)
    model, (positional, named) = build(), inputs()
    with torch.no_grad():
        for module in model.modules() if bias is not None else ():
            if isinstance(getattr(module, "bias", None), torch.nn.Parameter):
                module.bias.fill_(bias)
    observed = measure(model, positional, named, seed=seed, untested="not needed here")
    observed.batch = 8
    failed = sum(one.rule == "dead-relu-units" for one in judge(observed).failures)
    most = max(((one.dead / one.units, one.units) for one in observed.units if one.units >= ENOUGH), default=(0.0, 0))
    return len(observed.units), *most, failed


def main() -> None:
    """All models, as a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, failed, caught = [], 0, 0
    for name, (build, inputs) in models().items():
        if given.only not in name:
            continue
        sound = [shares(build, inputs, seed, None) for seed in SEEDS]
        faulty = shares(build, inputs, SEEDS[0], BIAS)
        worst = max(sound, key=lambda one: one[1])
        failed, caught = failed + sum(one[3] for one in sound), caught + bool(faulty[3])
        rows.append(
            f"| {name} | {worst[0]} | {worst[1]:.0%} of {worst[2]} | {sum(one[3] for one in sound)} | {faulty[1]:.0%} | {faulty[3]} |"
        )
        print(rows[-1], file=sys.stderr, flush=True)
    packages = ", ".join(f"{name} {_of(name, '__version__')}" for name in ("torch", "torchvision", "timm", "transformers"))
    about = (__doc__ or "").split("\n\n")
    text = "\n".join(
        [
            "# Dead units of models that start well\n",
            f"Made by `python benchmarks/dead_units.py --write benchmarks/dead_units.md`, with {packages}.\n",
            f"{about[2].strip()}\n",
            f"Of {len(rows)} models as they start, {failed} layers fail. With biases at {BIAS:g}, layers fail in {caught} of them.\n",
            "| model | ReLUs | largest share | fail | largest share, biases at -2 | fail |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
    if given.write:
        given.write.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
