"""PyTorch's names."""

from __future__ import annotations

import re
from functools import lru_cache

from biaslint.analysis.frameworks.torch import sparse, vocabulary as torch_vocabulary

PREFIXES = (
    "torch", "torchvision", "lightning", "pytorch_lightning", "einops", "timm", "mmcv", "mmengine", "mmdet", "transformers", "fastai",
    "huggingface_hub", "apex", "fvcore", "torch_geometric", "accelerate", "detectron2", "segmentation_models_pytorch", "dgl",
    *sparse.PACKAGES,
)  # fmt: skip
INIT = "transformers.initialization"  # torch.nn.init's functions, which leave parameters alone that are loaded already
LAYER_NAMES = r"Conv\w*|\w+Conv\w*|conv\w*|Linear|LSTM\w*|GRU\w*|RNN\w*|\w*(LSTM|GRU|RNN)Cell|Embedding|matmul|Sequential|ModuleList|Module"
CALL_METHODS = ("__call__", "forward")


def owns(name: str) -> bool:
    return name.partition(".")[0] in PREFIXES


@lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """torch.nn.modules.conv.Conv2d is torch.nn.Conv2d."""
    short = name.rpartition(".")[2]
    if name.startswith(sparse.PACKAGES):
        return sparse.canonical(name)
    if name.startswith(("torch.nn.modules.", "torch.nn.parameter.")):
        return f"torch.nn.{short}"
    if name.startswith(("torch.nn.quantizable.", "torch.ao.")):
        return f"torch.nn.{short}"
    if name.startswith("torch.functional."):
        return f"torch.{short}"
    if name.startswith("torch._C._nn."):
        return f"torch.nn.functional.{short}"
    if name.startswith("apex.parallel.") and short == "SyncBatchNorm":
        return "torch.nn.SyncBatchNorm"
    if name.startswith("torch.jit.") and short == "ScriptModule":
        return "torch.nn.Module"
    return name


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
