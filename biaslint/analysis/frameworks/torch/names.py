"""PyTorch's names."""

from __future__ import annotations

import re
from functools import lru_cache

from biaslint.analysis.frameworks.torch import sparse, vocabulary as torch_vocabulary

# Packages whose names are looked up here: a name of any other package never reaches HOMES and ALIASES.
PREFIXES = (
    "torch", "torchvision", "lightning", "pytorch_lightning", "einops", "timm", "mmcv", "mmengine", "mmdet", "transformers", "fastai",
    "huggingface_hub", "apex", "fvcore", "torch_geometric", "accelerate", "detectron2", "segmentation_models_pytorch", "dgl",
    *sparse.PACKAGES,
)  # fmt: skip
INIT = "transformers.initialization"  # torch.nn.init's functions, which leave parameters alone that are loaded already
LAYER_NAMES = r"Conv\w*|\w+Conv\w*|conv\w*|Linear|LSTM\w*|GRU\w*|RNN\w*|\w*(LSTM|GRU|RNN)Cell|Embedding|matmul|Sequential|ModuleList|(Script|Lightning)?Module"
CALL_METHODS = ("__call__", "forward")

# Where a module path puts the names below it.
HOMES = {
    "torch.nn.modules.": "torch.nn.",
    "torch.nn.parameter.": "torch.nn.",
    "torch.nn.quantizable.": "torch.nn.",
    "torch.ao.": "torch.nn.",
    "torch.functional.": "torch.",
    "torch._C._nn.": "torch.nn.functional.",
}
# One class anywhere below a package or module path, and the class of torch.nn that it is. The package must be in PREFIXES.
ALIASES = {
    ("apex.parallel.", "SyncBatchNorm"): "torch.nn.SyncBatchNorm",
    ("torch.jit.", "ScriptModule"): "torch.nn.Module",
}


def owns(name: str) -> bool:
    return name.partition(".")[0] in PREFIXES


@lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """torch.nn.modules.conv.Conv2d is torch.nn.Conv2d."""
    short = name.rpartition(".")[2]
    if name.startswith(sparse.PACKAGES):
        return sparse.canonical(name)
    for folder, home in HOMES.items():
        if name.startswith(folder):
            return home + short
    return next((public for (folder, own), public in ALIASES.items() if short == own and name.startswith(folder)), name)


@lru_cache(maxsize=1 << 16)
def short_of(name: str) -> str:
    """The name below torch.nn, "" for anything else."""
    name = canonical(name)
    return name[9:] if name.startswith("torch.nn.") and "." not in name[9:] else ""


@lru_cache(maxsize=1 << 12)
def forward_from(name: str) -> tuple[str, ...]:
    """The classes that a layer's forward pass may come from, its own first: a lazy layer becomes another one by its first call."""
    short = short_of(name)
    if not short:
        return (name,)
    short = short.removeprefix("Lazy")
    family = (
        "_BatchNorm" if re.fullmatch(r"BatchNorm\dd", short) else "_InstanceNorm" if short.startswith("InstanceNorm") else ""
    )
    return tuple(f"torch.nn.{one}" for one in (short, family) if one)


def knows(name: str) -> bool:
    short = short_of(name)
    known = (
        short in torch_vocabulary.LAYERS
        or short in torch_vocabulary.CONTAINERS
        or short in ("Module", "Parameter", "functional", "init")
    )
    return name.startswith(INIT) or (bool(short) and known)


def specific(name: str) -> int:
    short = short_of(name)
    if short in torch_vocabulary.LAYERS:
        return 4
    if short in torch_vocabulary.CONTAINERS:
        return 3
    if short == "Module" or name.rpartition(".")[2] in torch_vocabulary.MODULE_CLASSES:
        return 2
    return 1 if owns(name) else 0
