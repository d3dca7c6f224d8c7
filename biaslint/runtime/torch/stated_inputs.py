"""What a PyTorch model says itself of the inputs that it takes: an example, a configuration, a stated size."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from biaslint.runtime.target.inputs import Spec
from biaslint.runtime.torch.layer_inputs import LENGTH

EXAMPLES = "_biaslint_examples"  # the attribute in which an exported program's example inputs are kept
_SIZES = ("image_size", "img_size", "input_resolution", "im_size")


def parameters(model: Any) -> dict[str, inspect.Parameter]:
    """The parameters of the forward pass."""
    try:
        return dict(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):
        return {}


def stated(model: Any) -> Iterator[list[Spec]]:
    """Inputs as the model states them, most certain first."""
    examples = vars(model).get(EXAMPLES)
    if examples:
        yield list(examples)
    settings = getattr(model, "default_cfg", None) or {}
    if isinstance(settings, Mapping) and settings.get("input_size"):
        yield [Spec(tuple(settings["input_size"]))]
    example = getattr(model, "example_input_array", None)
    if example is not None:
        named = example if isinstance(example, Mapping) else {}
        several = list(named.values()) or (list(example) if isinstance(example, (list, tuple)) else [example])
        specs = [
            spec for one, name in zip(several, list(named) or [""] * len(several), strict=True) if (spec := like(one, name))
        ]
        if len(specs) == len(several):
            yield specs
    config = getattr(model, "config", None)
    if config is not None and isinstance(getattr(model, "main_input_name", None), str):
        yield from _of_config(model, config)


def like(tensor: Any, name: str = "", *, whole: bool = False) -> Spec | None:
    """What is like an example tensor; with `whole`, its first axis is no batch of which another could be made."""
    if not hasattr(tensor, "dtype") or not (whole or tensor.dim()):
        return None
    shape = tuple(int(size) for size in tensor.shape)
    shape = shape if whole else shape[1:]
    if tensor.is_floating_point():
        return Spec(shape, name, fixed=whole)
    if str(tensor.dtype) == "torch.bool":
        return Spec(shape, name, "bool", fixed=whole)
    return Spec(shape, name, "int", 0, int(tensor.max()) + 1 if tensor.numel() else 1, fixed=whole)


def image_sizes(model: Any) -> list[tuple[int, int]]:
    """The heights and widths that parts of the model say they are made for."""
    found: dict[tuple[int, int], None] = {}
    for module in model.modules():
        for name in _SIZES:
            value = getattr(module, name, None)
            pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
            if len(pair) == 2 and all(isinstance(one, int) and 8 <= one <= 1024 for one in pair):
                found[pair] = None
    return list(found)


def _of_config(model: Any, config: Any) -> Iterator[list[Spec]]:
    """The inputs of a model with a configuration in the manner of Hugging Face."""
    names = list(parameters(model))
    main = str(model.main_input_name)
    made = [spec for name in dict.fromkeys([main, *names]) if (spec := _configured(name, config, main, model)) is not None]
    yield made
    if len(made) > 1:
        yield made[:1]


def _setting(config: Any, *names: str) -> Any:
    """A setting of a configuration or of one of its parts."""
    parts = [
        config,
        *(part for part in (getattr(config, name, None) for name in ("text_config", "vision_config", "encoder")) if part),
    ]
    for part in parts:
        for name in names:
            value = getattr(part, name, None) if not isinstance(part, Mapping) else part.get(name)
            if value is not None:
                return value
    return None


def _configured(name: str, config: Any, main: str, model: Any) -> Spec | None:
    """One input by its name, None where the model does without it."""
    encoder_decoder = bool(getattr(config, "is_encoder_decoder", False))
    if name == "input_ids" or (name == "decoder_input_ids" and encoder_decoder):
        vocabulary = _setting(config, "vocab_size") or 100
        return Spec((LENGTH,), name, "int", 0, float(vocabulary)) if name == main or name in parameters(model) else None
    if name == "pixel_values":
        size = _setting(config, "image_size") or 224
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return Spec((int(_setting(config, "num_channels") or 3), int(height), int(width)), name)
    if name == "input_values":
        return Spec((16_000,), name)
    if name == "input_features":
        return Spec(
            (int(_setting(config, "num_mel_bins") or 80), 2 * int(_setting(config, "max_source_positions") or 1500)), name
        )
    return None
