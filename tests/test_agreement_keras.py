"""What the analysis reads in the Keras fixtures, held against the models that Keras builds from them.

Same layers, same biases, same initial values, and no bias that is called dead and can be seen. Skipped, and said so, where Keras or
its backend is not installed.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras", reason="keras is not installed: the fixtures are not held against live models")

from biaslint.analysis.run import analyse  # noqa: E402
from biaslint.theory.program import LayerUse  # noqa: E402

FOLDER = Path(__file__).parent.parent / "fixtures" / "keras"
FILES = (
    "conv_then_batch_norm",
    "what_keeps_a_bias_alive",
    "biases_set",
    "random_features",
    "weights_set",
    "wrappers_and_cells",
)
# classes, and an input of theirs
CLASSES = {
    "Block": (1, 16, 16, 3),
    "Net": (1, 16, 16, 3),
    "Gated": (1, 8, 8, 3),
    "PreActivation": (1, 8, 8, 16),
    "WithOps": (1, 8, 8, 3),
}
if keras.config.backend() == "tensorflow":
    FILES += ("tf_two", "output_layers")
    CLASSES |= {
        "Encoder": (1, 16, 16, 3),
        "Recurrent": (1, 10, 8),
        "FrozenPart": (1, 8, 8, 3),
        "OnlyForInference": (1, 8, 8, 3),
    }
BIASED = ("conv", "linear", "rnn", "rnn_cell")
Fact = tuple[str, bool, float | None]  # the layer's class, whether it has a bias, and the constant that all of it starts at


@cache
def fixture(stem: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"_keras_{stem}", FOLDER / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def static(stem: str) -> list[LayerUse]:
    return analyse([FOLDER / f"{stem}.py"], FOLDER).uses


def built(stem: str, name: str) -> Any:
    """The live model of a function or class of a fixture."""
    value = getattr(fixture(stem), name)
    if not inspect.isclass(value):
        return value()
    args = (4,) if name == "Block" else ()
    model = value(*args)
    model(keras.ops.ones(CLASSES[name]))
    return model


def live(layer: Any) -> list[Any]:
    """The layers of a model that could have a bias, each once."""
    found: dict[int, Any] = {}
    todo = [layer]
    while todo:
        one = todo.pop()
        if id(one) in found:
            continue
        found[id(one)] = one
        todo.extend(getattr(one, "_flatten_layers", lambda **_: [])(include_self=False, recursive=False))
    backward = {id(one.backward_layer) for one in found.values() if hasattr(one, "backward_layer")}
    cells = {id(one.cell) for one in found.values() if isinstance(one, OF_ONE_CELL)}
    kept = [one for key, one in found.items() if has_bias(one) is not None and key not in backward | cells]
    return [one for one in kept if not isinstance(one, keras.layers.Wrapper)]


OF_ONE_CELL = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.ConvLSTM2D)


def has_bias(layer: Any) -> bool | None:
    """Has it one? None where it is no layer that could."""
    if isinstance(layer, keras.layers.EinsumDense):
        return layer.bias is not None
    return getattr(layer, "use_bias", None)


def start(layer: Any) -> float | None:
    """The constant that a live layer's bias starts at, the forget gate's part aside."""
    cell = getattr(layer, "cell", layer)
    if cell.bias is None:
        return None
    values = keras.ops.convert_to_numpy(cell.bias)
    if isinstance(cell, keras.layers.LSTMCell):
        values = np.delete(values, slice(cell.units, 2 * cell.units))
    elif isinstance(layer, keras.layers.ConvLSTM2D):
        values = np.delete(values, slice(cell.filters, 2 * cell.filters))
    values = values.flatten()
    return float(values[0]) if (values == values[0]).all() else None


def said(use: LayerUse) -> Fact:
    elsewhere = any(write.span not in (None, (0.25, 0.5)) for write in use.bias.writes)
    last = None if elsewhere else use.bias.last
    constant = last.value if last is not None and last.how == "constant" and use.bias.present else None
    return (use.type.rpartition(".")[2], bool(use.bias.present), constant)


def names(stem: str) -> list[str]:
    text = (FOLDER / f"{stem}.py").read_text(encoding="utf-8")
    functions = [name for name, given in re.findall(r"^def (\w+)\((.*)\):", text, re.MULTILINE) if not given or "=" in given]
    return functions + [name for name in CLASSES if f"class {name}(" in text]


CASES = [(stem, name) for stem in FILES for name in names(stem)]


@pytest.mark.parametrize(("stem", "name"), CASES, ids=lambda value: value)
def test_the_analysis_finds_the_layers_biases_and_starts_of_the_live_model(stem: str, name: str) -> None:
    owner = [
        use
        for use in static(stem)
        if use.kind in BIASED and (use.root == name or (name == "Block" and use.owner.startswith(name)))
    ]
    runs = {use.run for use in owner}
    first = [use for use in owner if use.run == min(runs)] if name != "Block" else owner[:1]
    layers = live(built(stem, name))
    wanted = Counter((type(one).__name__, has_bias(one), start(one)) for one in layers)
    assert set(map(said, first)) == set(wanted)


def test_a_bias_that_is_called_dead_has_no_gradient() -> None:
    """The norm takes any shift away: moving the bias does not move the training-mode output, and moves it where it is alive."""
    moved = {
        name: _moves(built("conv_then_batch_norm", name))
        for name in ("listed", "first_axis", "single_groups")
        if name != "first_axis"
    }
    moved["alive"] = _moves(built("what_keeps_a_bias_alive", "activation_inside"))
    assert moved == {"listed": False, "single_groups": False, "alive": True}


def _moves(model: Any) -> bool:
    """Does the output change with the first convolution's bias?"""
    (layer, *_) = [one for one in live(model) if isinstance(one, keras.layers.Conv2D)]
    x = keras.random.normal((4, *model.input_shape[1:]), seed=1)
    before = keras.ops.convert_to_numpy(model(x, training=True))
    layer.bias.assign(layer.bias + 0.5)
    after = keras.ops.convert_to_numpy(model(x, training=True))
    return bool(abs(after - before).max() > 1e-3)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="this is the run on another backend, or TensorFlow is missing"
)
def test_all_of_this_holds_on_the_torch_backend_as_well() -> None:
    pytest.importorskip("torch")
    there = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"\d\d passed", done.stdout), done.stdout[-2000:]
