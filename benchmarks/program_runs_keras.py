"""Running generated programs under Keras, in float64 and training mode, for `programs.py`."""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from program_runs import PROGRAM, DoesNotRun, Truth, lines_of, same, truth_of

os.environ.setdefault("KERAS_BACKEND", "torch")
TOLERANCE = 1e-5  # TensorFlow resizes images in float32
PATCHED = ("BatchNormalization", "Identity", "Conv2D", "Dense")  # the classes that programs replace


class KerasPrograms:
    """Runs programs under Keras. What layers add to the loss counts as an output; a penalty on a weight alone is none."""

    def __init__(self) -> None:
        import keras

        self.keras = keras
        self.usual = {name: getattr(keras.layers, name) for name in PATCHED}
        self.norm = keras.layers.BatchNormalization
        self.call = self.norm.call
        layers = keras.layers
        bases = [
            cls.__mro__[1] for cls in (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D, layers.Conv2DTranspose)
        ]
        self.constructors = {cls: cls.__init__ for cls in (*bases, layers.Dense, layers.EinsumDense)}
        self.add_weight = layers.Layer.add_weight
        self.made: list[tuple[tuple[int, ...], Any, str]] = []  # lines, and the layer, whose attribute is the bias
        self.promotion: Any = None
        self.before: tuple[str, Any] = ("", None)

    def __enter__(self) -> KerasPrograms:
        config = self.keras.config
        self.before = (config.floatx(), config.dtype_policy())
        config.set_floatx("float64")
        config.set_dtype_policy("float64")
        for cls in self.constructors:
            self._record(cls)
        self._record_weights()
        self._promote_to_float64()
        return self

    def _promote_to_float64(self) -> None:
        """Norms compute in what float32 and the type of their input are promoted to, which Keras takes for float32."""
        from keras.src.backend.common import dtypes

        plain = self.promotion = dtypes._lattice_result_type

        def promoted(*given: Any) -> str:
            kind = plain(*given)
            return "float64" if kind == "float32" and any("float64" in str(one) for one in given) else kind

        dtypes._lattice_result_type = promoted

    def __exit__(self, *error: object) -> None:
        for cls, constructor in self.constructors.items():
            cls.__init__ = constructor
        self.keras.layers.Layer.add_weight = self.add_weight
        from keras.src.backend.common import dtypes

        dtypes._lattice_result_type = self.promotion
        floatx, policy = self.before
        self.keras.utils.clear_session(free_memory=False)
        self.keras.config.set_floatx(floatx)
        self.keras.config.set_dtype_policy(policy)

    def _record(self, cls: Any) -> None:
        plain, made = self.constructors[cls], self.made

        def init(layer: Any, *args: Any, **kwargs: Any) -> None:
            plain(layer, *args, **kwargs)
            made.append((tuple(lines_of(sys._getframe(1))), layer, "bias"))

        cls.__init__ = init

    def _record_weights(self) -> None:
        plain, made, known = self.add_weight, self.made, tuple(self.constructors)

        def add_weight(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("name") == "bias" and not isinstance(layer, known):
                made.append((tuple(lines_of(sys._getframe(1))), layer, "bias"))
            return plain(layer, *args, **kwargs)

        self.keras.layers.Layer.add_weight = add_weight

    def restore(self) -> None:
        """Undo what a program has done to the framework's classes."""
        for name, value in self.usual.items():
            setattr(self.keras.layers, name, value)
        self.norm.call = self.call

    def built(self, code: Any, setting: str) -> Any:
        keras = self.keras
        keras.utils.clear_session(free_memory=False)
        keras.config.set_dtype_policy("float64")
        keras.utils.set_random_seed(3)
        self.made.clear()
        space: dict[str, Any] = {"__name__": "program"}
        exec(code, space)
        model = eval(f"Net({setting})", space)
        if not model.built or any(not layer.built for layer in model._flatten_layers()):
            model(drawn("first", (2, 6, 6, 4)), training=True)
        every = {id(one): one for one in model.variables}
        every |= {id(one): one for _, layer, _ in self.made for one in layer.variables}
        for variable in every.values():
            if "float" in str(variable.dtype):
                value = drawn(variable.path, tuple(variable.shape))
                variable.assign(abs(value) + 0.5 if variable.name in ("moving_variance", "gamma") else value)
        return model

    def outputs(self, model: Any) -> list[Any]:
        self.keras.utils.set_random_seed(5)
        results = [*arrays(self.keras, model(drawn("x", (3, 6, 6, 4)), training=True))]
        added = [loss for layer in (model, *model._flatten_layers(include_self=False)) for loss in layer._get_own_losses()]
        return results + [self.keras.ops.convert_to_numpy(loss).astype("float64") for loss in added]

    def truth(self, text: str, settings: Sequence[str]) -> Truth:
        """Run the program with each setting. DoesNotRun where it cannot be."""
        return truth_of(lambda setting: self._with(text, setting), settings)

    def _with(self, text: str, setting: str) -> dict[tuple[int, ...], list[str]]:
        states: dict[tuple[int, ...], list[str]] = {}
        try:
            code = compile(text, PROGRAM, "exec")
            with without_gradients(self.keras):
                model = self.built(code, setting)
                places = [lines for lines, _, _ in self.made]
                before = self.outputs(model)
                for number, lines in enumerate(places):
                    self.restore()
                    model = self.built(code, setting)
                    _, layer, name = self.made[number]
                    bias = getattr(layer, name, None)
                    if bias is None:
                        states.setdefault(lines, []).append("none")
                        continue
                    bias.assign(drawn("another", tuple(bias.shape)) * 2)
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
            with warnings.catch_warnings(), without_gradients(self.keras):
                warnings.simplefilter("ignore")
                return self.outputs(self.built(compile(text, PROGRAM, "exec"), setting))
        except Exception as error:
            raise DoesNotRun(f"{type(error).__name__}: {error}") from None
        finally:
            self.restore()


def without_gradients(keras: Any) -> Any:
    import contextlib

    if keras.config.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def drawn(name: str, shape: tuple[int, ...]) -> Any:
    import numpy

    return numpy.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)


def arrays(keras: Any, value: Any) -> Iterator[Any]:
    """The tensors and numbers in a result, however nested."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays(keras, item)
    elif value is not None and not isinstance(value, (str, bool)):
        yield keras.ops.convert_to_numpy(value).astype("float64")
