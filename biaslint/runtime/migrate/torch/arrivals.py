"""What arrives, in one forward pass, at each place that can take up a shift: the norms with running means, the biases that stay.

A shift is one number for each channel that the old model adds and the new one does not. A norm takes it up in its running mean, a
layer or an addition in its bias. The old model's pass is recorded, and the new model's is held against it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from biaslint.runtime.torch.function_watch import AFFINE
from biaslint.runtime.torch.gradient_test import channel_axis

_NORMS = ("batch_norm", "instance_norm")
MEAN, BIAS = "mean", "bias"

# visit(kind, key of the mean or bias, tensor, channel axis): what a norm is given, or what has come out of an addition
Visit = Callable[[str, str, Any, int], None]


def keys_of(model: Any) -> dict[int, str]:
    """The first key of each parameter and buffer, by its storage: a view of it is known by that, too."""
    found: dict[int, str] = {}
    for named in (model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False)):
        for name, tensor in named:
            if tensor is not None and tensor.numel():
                found.setdefault(tensor.untyped_storage().data_ptr(), name)
    return found


@contextlib.contextmanager
def met(model: Any, visit: Visit) -> Iterator[None]:
    """Call `visit` at each place where the model takes something from a running mean, or adds a bias.

    What `visit` does to a mean counts for the norm that is about to run; what it does to a result in place is seen by what follows.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    keys = keys_of(model)
    tensors = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))

    def key_of(value: Any) -> str:
        if not isinstance(value, torch.Tensor) or value.device.type == "meta":
            return ""
        with contextlib.suppress(RuntimeError, NotImplementedError):  # some kinds of tensors have no storage
            key = keys.get(value.untyped_storage().data_ptr(), "")
            return key if key and tensors[key].numel() == value.numel() else ""
        return ""

    class Meetings(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            name = str(getattr(func, "__name__", ""))
            if name in _NORMS and (key := key_of(_mean(func, args, kwargs))):
                visit(MEAN, key, args[0] if args else kwargs["input"], 1)
            result = func(*args, **kwargs)
            if name in AFFINE and isinstance(result, torch.Tensor):
                self.added(name, args, kwargs, result)
            return result

        def added(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
            if "add" in name.replace("addmm", ""):
                parts = [*args[:2], *kwargs.values()]
                known = [(one, key) for one in parts if (key := key_of(one)) and _is_vector(one)]
                if len(known) == 1 and (axis := _axis(known[0][0], result)) is not None:
                    visit(BIAS, known[0][1], result, axis)
                return
            at = AFFINE[name]
            bias = kwargs.get("bias", args[at] if len(args) > at else None)
            if key := key_of(bias):
                visit(BIAS, key, result, channel_axis(name, result))

    def enter(module: Any, inputs: Any) -> None:
        mean = module._buffers.get("running_mean")
        if mean is None or not inputs or not isinstance(inputs[0], torch.Tensor) or not (key := key_of(mean)):
            return
        axis = next((axis for axis in (1, -1) if inputs[0].dim() > 1 and inputs[0].shape[axis] == mean.numel()), None)
        if axis is not None:
            with torch._C.DisableTorchFunction():  # whoever watches the model's calls takes no part in these
                visit(MEAN, f"{key}{MODULE}", inputs[0], axis)

    hooks = [module.register_forward_pre_hook(enter) for module in model.modules() if "running_mean" in module._buffers]
    try:
        with Meetings():
            yield
    finally:
        for hook in hooks:
            hook.remove()


MODULE = "@module"  # after the key of a mean whose norm is met as a module: its formula may be written out


def _mean(func: Any, args: Any, kwargs: Any) -> Any:
    """The running mean among a norm's arguments: `torch.nn.functional` has it in another place than `torch`."""
    at = 1 if getattr(func, "__module__", "") == "torch.nn.functional" else 3
    return kwargs.get("running_mean", args[at] if len(args) > at else None)


def _is_vector(tensor: Any) -> bool:
    return bool(tensor.dim()) and tensor.numel() == max(tensor.shape)


def _axis(bias: Any, result: Any) -> int | None:
    """Which axis of the sum a bias runs along."""
    axis = next((axis for axis in range(-bias.dim(), 0) if bias.shape[axis] == bias.numel()), None)
    fits = axis is not None and -axis <= result.dim() and result.shape[axis] == bias.numel()
    return axis if fits else None
