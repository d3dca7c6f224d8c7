"""What a PyTorch model expects where it cannot be run on what it was given: the layer that refuses, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaslint.runtime.facts.expected_labels import shape_text
from biaslint.runtime.torch.function_watch import own_parameters, preserved, tensors_of, watching
from biaslint.runtime.torch.gradient_test import set_training

# Attribute of a layer -> what its value says of the input.
_EXPECTED = {
    "in_features": "{} values in the last axis",
    "in_channels": "{} channels in axis 1",
    "num_features": "{} channels in axis 1",
    "num_channels": "{} channels in axis 1",
    "input_size": "{} values in the last axis",
    "embed_dim": "{} values in the last axis",
    "normalized_shape": "a shape that ends in {}",
    "num_embeddings": "whole numbers (int64) below {}",
}


def described(value: Any) -> str:
    """The types and shapes of the tensors in some inputs."""
    tensors = list(tensors_of(value))
    return ", ".join(f"{_type(one)} {shape_text(one.shape)}" for one in tensors) or f"a {type(value).__name__}"


def reason(model: Any, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Why the model does not run on these inputs, and what the layer that refuses them expects; "" where it does run."""
    import torch

    given: dict[int, Any] = {}

    def note(module: Any, inputs: Any) -> None:
        given[id(module)] = inputs

    stack: list[Any] = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(note)
    try:
        with preserved(model), torch.no_grad(), watching(lambda *_: None) as stack:
            set_training(model, False)
            model(*positional, **named)
    except Exception as error:
        lines = str(error).strip().splitlines()
        said = f"{type(error).__name__}: {lines[0] if lines else ''}"
        expects = _expects(model, stack[-1], given.get(id(stack[-1]))) if stack else ""
        return f"{said}; {expects}" if expects else said
    finally:
        hook.remove()
    return ""


def _expects(model: Any, module: Any, inputs: Any) -> str:
    """What the module takes, and what it was given."""
    wanted = [_EXPECTED[name].format(_value(getattr(module, name))) for name in _EXPECTED if hasattr(module, name)][:1]
    if not wanted:
        return ""
    spatial = getattr(module, "kernel_size", None)
    if hasattr(module, "in_channels") and isinstance(spatial, tuple):
        wanted.append(f"{len(spatial) + 2} axes")
    own = next((one for one in own_parameters(module).values() if one.is_floating_point()), None)
    if own is not None and not hasattr(module, "num_embeddings"):
        wanted.append(f"type {_type(own)}")
    name = next((name for name, one in model.named_modules() if one is module), "")
    what = f"`{name}` ({type(module).__name__})" if name else type(module).__name__
    return f"{what} expects {', '.join(wanted)}, and is given {described(inputs)}"


def _value(value: Any) -> str:
    return shape_text(value) if isinstance(value, (tuple, list)) else f"{value}"


def _type(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")
