"""Watching one forward pass of a PyTorch model: which function is called on what, from inside which module.

A `TorchFunctionMode` sees every call of a torch function. It hands float64 to code that asks for float32 (the dead-bias test
needs all digits) and smooth functions for bent ones, leaves out dropout where asked, and reports calls of interest to whoever listens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from biaslint.runtime.torch.smooth_activations import smoothed

DROPOUTS = {
    "dropout",
    "dropout_",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "feature_alpha_dropout",
    "native_dropout",
}
# Position of the bias among the arguments.
AFFINE = {
    "linear": 2,
    "conv1d": 2,
    "conv2d": 2,
    "conv3d": 2,
    "conv_transpose1d": 2,
    "conv_transpose2d": 2,
    "conv_transpose3d": 2,
    "convolution": 2,
    "bilinear": 3,
    "addmm": 0,
    "add": 1,
    "__add__": 1,
    "__radd__": 1,
    "add_": 1,
    "__iadd__": 1,
}
NORMS = {
    "batch_norm": "batch norm",
    "instance_norm": "instance norm",
    "group_norm": "group norm",
    "layer_norm": "layer norm",
    "rms_norm": "RMS norm",
    "softmax": "softmax",
    "log_softmax": "softmax",
    "scaled_dot_product_attention": "softmax",
    "multi_head_attention_forward": "softmax",
}
RELUS = {"relu", "relu_", "relu6", "threshold", "threshold_"}

# listen(function name, arguments, keyword arguments, result, innermost module)
Listener = Callable[[str, tuple[Any, ...], dict[str, Any], Any, Any], None]


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", ""))


@contextlib.contextmanager
def watching(
    listen: Listener, *, double: bool = False, smooth: bool = True, dropout: bool = True, on_module: Any = None
) -> Iterator[list[Any]]:
    """Watch torch calls. `double` turns float32 into float64 and (with `smooth`) bends into curves, `dropout=False` leaves it out.

    `on_module(module, output)` is called after each module's forward. Yields the stack of modules that are running.
    """
    import torch
    from torch.nn.modules import module as modules
    from torch.overrides import TorchFunctionMode

    wide = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64}
    wide[torch.complex64] = torch.complex128
    stack: list[Any] = []

    def widened(value: Any) -> Any:
        return wide.get(value, value) if isinstance(value, torch.dtype) else value

    class Watch(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            name = _name(func)
            if not dropout and name in DROPOUTS:
                return args[0] if args else kwargs["input"]
            if double:
                if name in ("float", "half", "bfloat16") and args and isinstance(args[0], torch.Tensor):
                    return args[0].double()
                args = tuple(widened(value) for value in args)
                kwargs = {key: widened(value) for key, value in kwargs.items()}
            result = smoothed(name, args, kwargs) if double and smooth else None
            result = func(*args, **kwargs) if result is None else result
            listen(name, args, kwargs, result, stack[-1] if stack else None)
            return result

    def enter(module: Any, _inputs: Any) -> None:
        stack.append(module)

    def leave(module: Any, _inputs: Any, output: Any) -> None:
        if module in stack:
            while stack.pop() is not module:
                pass
        if on_module is not None:
            on_module(module, output)

    before = torch.get_default_dtype()
    hooks = [modules.register_module_forward_pre_hook(enter), modules.register_module_forward_hook(leave)]
    try:
        if double:
            torch.set_default_dtype(torch.float64)
        with Watch():
            yield stack
    finally:
        torch.set_default_dtype(before)
        for hook in hooks:
            hook.remove()


def tensors_of(value: Any) -> Iterator[Any]:
    """The tensors in an output, however nested."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_of(item)
    elif hasattr(value, "__dataclass_fields__"):
        for field in value.__dataclass_fields__:
            yield from tensors_of(getattr(value, field, None))


def own_parameters(module: Any) -> dict[str, Any]:
    """The module's own parameters by name, also of a scripted module."""
    return dict(module.named_parameters(recurse=False, remove_duplicate=False))


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Whatever is done to the model inside: its values, types, modes and hooks are afterwards as they were."""
    import torch
    from torch.nn.parameter import is_lazy

    modes = [(module, module.training) for module in model.modules()]
    parameters = [(p, p.data, p.data.clone(), p.requires_grad, p.grad) for p in model.parameters() if not is_lazy(p)]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False)
        if buffer is not None and not is_lazy(buffer)
    ]
    attributes = [
        (module, name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, torch.Tensor)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, data, values, requires_grad, grad in parameters:
                data.copy_(values)
                parameter.data = data
                parameter.requires_grad_(requires_grad)
                parameter.grad = grad
            for module, name, buffer, values in buffers:
                buffer.detach().copy_(values)
                if module._buffers[name] is not buffer:
                    module._buffers[name] = buffer
        for module, name, value in attributes:
            vars(module)[name] = value
        for module, mode in modes:
            module.training = mode
