"""Running generated programs under PyTorch, in float64 and training mode, for `programs.py`."""

from __future__ import annotations

import sys
import warnings
import zlib
from collections.abc import Sequence
from typing import Any

from program_runs import PROGRAM, DoesNotRun, Truth, lines_of, same, truth_of

TOLERANCE = 1e-7


class TorchPrograms:
    """Runs programs under PyTorch, in float64. Within `with`, PyTorch's layers record where they are made."""

    def __init__(self) -> None:
        import torch
        from torch import nn

        self.torch, self.nn = torch, nn
        self.before = (torch.get_num_threads(), torch.get_default_dtype())
        self.usual = {
            name: getattr(nn, name) for name in ("BatchNorm2d", "Conv2d", "ConvTranspose2d", "Identity", "ReLU", "Linear")
        }
        self.forwards = {
            cls: cls.__dict__.get("forward") for cls in (nn.BatchNorm2d, nn.Conv2d, nn.modules.batchnorm._BatchNorm)
        }
        self.constructors = {cls: cls.__init__ for cls in (nn.modules.conv._ConvNd, nn.Linear)}

    def __enter__(self) -> TorchPrograms:
        self.torch.set_num_threads(1)
        self.torch.set_default_dtype(self.torch.float64)
        for cls in self.constructors:
            self._record(cls)
        return self

    def __exit__(self, *error: object) -> None:
        for cls, constructor in self.constructors.items():
            cls.__init__ = constructor
        threads, dtype = self.before
        self.torch.set_num_threads(threads)
        self.torch.set_default_dtype(dtype)

    def _record(self, cls: Any) -> None:
        plain = self.constructors[cls]

        def init(module: Any, *args: Any, **kwargs: Any) -> None:
            plain(module, *args, **kwargs)
            module.__dict__["made_at"] = tuple(lines_of(sys._getframe(1)))

        cls.__init__ = init

    def restore(self) -> None:
        """Undo what a program has done to the framework's classes."""
        for name, value in self.usual.items():
            setattr(self.nn, name, value)
        for cls, forward in self.forwards.items():
            if forward is None:
                cls.__dict__.get("forward") is not None and delattr(cls, "forward")
            elif cls.__dict__.get("forward") is not forward:
                cls.forward = forward

    def built(self, code: Any, setting: str) -> Any:
        torch = self.torch
        torch.manual_seed(3)
        space: dict[str, Any] = {"__name__": "program"}
        exec(code, space)
        model = eval(f"Net({setting})", space)
        for module in model.modules():
            if any(
                isinstance(one, torch.nn.parameter.UninitializedTensorMixin)
                for one in (*module._parameters.values(), *module._buffers.values())
            ):
                with torch.no_grad():
                    model.train()(torch.ones(2, 4, 6, 6))
                break
        model.train()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(drawn(torch, name, parameter.shape))
            for name, buffer in model.named_buffers():
                if buffer.is_floating_point():
                    buffer.copy_(drawn(torch, name, buffer.shape).abs() + 0.5)
        return model

    def outputs(self, model: Any) -> list[Any]:
        torch = self.torch
        torch.manual_seed(5)
        x = torch.randn(3, 4, 6, 6)
        return [one.detach().double().numpy() for one in tensors(torch, model(x.clone()))]

    def truth(self, text: str, settings: Sequence[str]) -> Truth:
        """Run the program with each setting. DoesNotRun where it cannot be."""
        return truth_of(lambda setting: self._with(text, setting), settings)

    def _with(self, text: str, setting: str) -> dict[tuple[int, ...], list[str]]:
        states: dict[tuple[int, ...], list[str]] = {}
        try:
            code = compile(text, PROGRAM, "exec")
            model = self.built(code, setting)
            places = [module.__dict__.get("made_at", ()) for module in model.modules()]
            before = self.outputs(model)
            for number, lines in enumerate(places):
                if not lines:
                    continue
                self.restore()
                model = self.built(code, setting)
                module = list(model.modules())[number]
                bias = bias_of(module)
                if bias is None:
                    states.setdefault(lines, []).append("none")
                    continue
                with self.torch.no_grad():
                    bias.copy_(drawn(self.torch, "another", bias.shape) * 2)
                states.setdefault(lines, []).append("dead" if self.same(before, self.outputs(model)) else "alive")
        except Exception as error:
            raise DoesNotRun(f"{type(error).__name__}: {error}") from None
        finally:
            self.restore()
        return states

    def same(self, one: Sequence[Any], two: Sequence[Any]) -> bool:
        """Are two outcomes equal to rounding?"""
        return same(one, two, TOLERANCE)

    def outcome(self, text: str, setting: str) -> list[Any]:
        """What the program puts out."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.outputs(self.built(compile(text, PROGRAM, "exec"), setting))
        except Exception as error:
            raise DoesNotRun(f"{type(error).__name__}: {error}") from None
        finally:
            self.restore()


def bias_of(module: Any) -> Any:
    changed = module._modules.get("parametrizations")
    if changed is not None and "bias" in changed:
        return changed["bias"].original
    return module._parameters.get("bias")


def drawn(torch: Any, name: str, shape: Any) -> Any:
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def tensors(torch: Any, value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (int, float)):
        return [torch.tensor(float(value))]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for item in value for one in tensors(torch, item)] if isinstance(value, (list, tuple)) else []
