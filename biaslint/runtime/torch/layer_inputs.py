"""What the first layers of a PyTorch model, or of a part of it, take."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.target.inputs import BATCH, Spec

LENGTH = 16
_ENOUGH = 6
_IMAGES = (64, 224, 32, 28, 299)
_SPACES = {1: (64, 1024, 16000), 2: _IMAGES, 3: (16, 32)}
_FROM_NOISE = (1, 4, 8)  # where a generator starts


def guesses(model: Any) -> list[Spec]:
    """What a single input may be, most likely first."""
    from torch import nn

    found: list[Spec] = []
    for module in model.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            sizes = _FROM_NOISE if module.transposed and not found else _SPACES[len(module.kernel_size)]
            found += [Spec((module.in_channels or 3, *[size] * len(module.kernel_size))) for size in sizes]
        elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            found.append(Spec((LENGTH,), type="int", low=0, high=module.num_embeddings))
        elif isinstance(module, nn.RNNBase):
            found.append(Spec((LENGTH, module.input_size)))
        elif isinstance(module, nn.RNNCellBase):
            found.append(Spec((module.input_size,)))
        elif isinstance(module, nn.Linear):
            found += [Spec((module.in_features,)), Spec((LENGTH, module.in_features))]
        else:
            found += _by_weight(module)
        if len(found) >= _ENOUGH:
            break
    return found or _by_raw_weights(model)


def _by_weight(module: Any) -> list[Spec]:
    """A scripted layer is of none of the classes; it has the name of what it was, and its weight."""
    name: Any = getattr(module, "original_name", "")
    weight: Any = getattr(module, "weight", None)
    if not isinstance(name, str) or not hasattr(weight, "dim"):
        return []
    if "Embedding" in name:
        return [Spec((LENGTH,), type="int", low=0, high=int(weight.shape[0]))]
    if "Conv" in name and "Transpose" not in name and weight.dim() - 2 in _SPACES:
        channels, dimensions = int(weight.shape[1]) * int(getattr(module, "groups", 1) or 1), weight.dim() - 2
        return [Spec((channels, *[size] * dimensions)) for size in _SPACES[dimensions]]
    return [Spec((int(weight.shape[1]),)), Spec((LENGTH, int(weight.shape[1])))] if "Linear" in name else []


def _by_raw_weights(model: Any) -> list[Spec]:
    """Where there is no layer that PyTorch has: a matrix of the model's own may take vectors on either side."""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    return [Spec((int(size),)) for size in (matrices[0].shape if matrices else ())]


def tables(model: Any) -> list[int]:
    """How many rows each embedding has."""
    from torch import nn

    return [module.num_embeddings for module in model.modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag))]


def recurrent_state(model: Any) -> tuple[Spec, bool] | None:
    """What the first recurrent layer keeps from step to step, and whether the batch is its inputs' first axis."""
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            count = module.num_layers * (2 if module.bidirectional else 1)
            one = Spec((count, BATCH, module.proj_size or module.hidden_size))
            cell = Spec((count, BATCH, module.hidden_size))
            lasting = Spec((), parts=(one, cell), nested="tuple") if isinstance(module, nn.LSTM) else one
            return lasting, bool(module.batch_first)
        if isinstance(module, nn.RNNCellBase):
            one = Spec((module.hidden_size,))
            return (Spec((), parts=(one, one), nested="tuple") if isinstance(module, nn.LSTMCell) else one), True
    return None


def batch_second(model: Any) -> bool:
    """Whether some layer of the model has the batch as the second axis of its inputs."""
    from torch import nn

    kinds = (nn.RNNBase, nn.MultiheadAttention)
    return any(not module.batch_first for module in model.modules() if isinstance(module, kinds))
