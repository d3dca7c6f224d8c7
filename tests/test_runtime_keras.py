"""Real Keras models, measured; through the command on both backends."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from same_process import measured as run

pytest.importorskip("keras")
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None
if not HAS_TENSORFLOW:
    os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy  # noqa: E402
from click.testing import CliRunner  # noqa: E402

try:
    import keras
except ImportError:
    pytest.skip("Keras has no backend here", allow_module_level=True)
from keras import layers  # noqa: E402

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.compare.comparison import AFTER, BEFORE  # noqa: E402
from biaslint.runtime.facts.observed import Observed  # noqa: E402
from biaslint.runtime.facts.task import Task  # noqa: E402
from biaslint.runtime.keras.layers import all_layers  # noqa: E402
from biaslint.runtime.keras.measuring import measure  # noqa: E402
from biaslint.runtime.keras.tracing import origins, tracing  # noqa: E402
from biaslint.runtime.process.parent import VerifyError, environment  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402

BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name) is not None]
IMAGES = numpy.random.default_rng(0).standard_normal((4, 12, 12, 3)).astype("float32")
ONE_IN_TEN = numpy.array([0] * 200 + [1] * 20)


def failed(observed: Observed) -> list[str]:
    return [failure.rule for failure in judge(observed).failures]


def dead(model: Any, inputs: Any = IMAGES) -> dict[str, str]:
    return {layer.name: layer.dead for layer in measure(model, inputs).layers if layer.dead}


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([layers.BatchNormalization()], "dead_bn"),
        ([layers.ReLU(), layers.BatchNormalization()], "alive"),
        ([layers.LayerNormalization()], "alive"),
        ([layers.GroupNormalization(-1)], "dead_always"),
        ([layers.AveragePooling2D(2), layers.BatchNormalization()], "dead_bn"),
        ([layers.BatchNormalization(trainable=False)], "alive"),
    ],
)
def test_what_follows_a_conv_decides(between: list[Any], expected: str) -> None:
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(4, 3, name="conv"), *between, layers.ReLU()])
    assert dead(model)["conv"] == expected


def test_the_model_is_left_as_it_was_found() -> None:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(trainable=False),
            layers.Dropout(0.3),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
        ]
    )
    call, activation = keras.layers.Layer.__call__, model.layers[0].activation
    before = [numpy.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    assert dead(model) == {model.layers[0].name: "alive", model.layers[3].name: "dead_bn"}
    after = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    assert all((one == other).all() for one, other in zip(before, after, strict=True))
    assert [layer.trainable for layer in model.layers] == [True, False, True, True, True]
    assert model.layers[2].rate == 0.3
    assert keras.layers.Layer.__call__ is call
    assert model.layers[0].activation is activation


def test_an_activation_inside_the_layer_keeps_the_bias_alive() -> None:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    )
    assert dead(model) == {"conv": "alive"}


def test_a_residual_sum_before_the_norm_names_the_norm_for_both_branches() -> None:
    inputs = keras.Input((12, 12, 3))
    total = layers.Conv2D(4, 3, name="left")(inputs) + layers.Conv2D(4, 3, name="right", use_bias=True)(inputs)
    model = keras.Model(inputs, layers.ReLU()(layers.BatchNormalization(name="norm")(total)))
    found = {layer.name: (layer.dead, layer.cancelled_by) for layer in measure(model, IMAGES).layers if layer.dead}
    assert found == {"left": ("dead_bn", ["norm"]), "right": ("dead_bn", ["norm"])}


def test_a_subclassed_model_is_measured_and_left_as_it_was_found() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = layers.Conv2D(4, 3, use_bias=True), layers.BatchNormalization()
            self.drop, self.head = layers.Dropout(0.5), layers.Dense(2)

        def call(self, x: Any, training: bool = False) -> Any:
            x = keras.ops.relu(self.norm(self.conv(x), training=training))
            return self.head(self.drop(keras.ops.mean(x, (1, 2)), training=training))

    with tracing():
        model = Net()
    model(IMAGES)
    chains = origins(all_layers(model))
    before = [numpy.array(value) for value in model.get_weights()]
    calls = (keras.layers.Layer.__call__, keras.layers.Layer.__mro__[-2].__call__)
    observed = measure(model, IMAGES, Task(labels=numpy.array([0, 1, 0, 1])), chains=chains)
    assert {layer.name.rpartition("/")[2]: layer.dead for layer in observed.layers if layer.dead} == {
        model.conv.name: "dead_bn",
        model.head.name: "alive",
    }
    head = next(layer for layer in observed.layers if layer.is_output)
    assert head.name == model.head.name
    assert head.chain[0][0] == __file__
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))
    assert model.drop.rate == 0.5
    assert model.conv.activation is keras.activations.linear
    assert calls == (keras.layers.Layer.__call__, keras.layers.Layer.__mro__[-2].__call__)


def classifier(bias: Any = "zeros", activation: str | None = "softmax", units: int = 2) -> Any:
    keras.utils.set_random_seed(0)
    small = keras.initializers.RandomNormal(stddev=0.02, seed=0)
    initial = bias if isinstance(bias, str) else keras.initializers.Constant(bias)
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(units, activation=activation, kernel_initializer=small, bias_initializer=initial, name="out"),
        ]
    )


def test_a_one_to_ten_classifier_before_and_after_setting_its_bias() -> None:
    x = numpy.random.default_rng(0).standard_normal((220, 6)).astype("float32")
    observed = measure(classifier(), x, Task(labels=ONE_IN_TEN))
    found = [one for one in judge(observed).failures if one.rule == "unset-output-bias"]
    assert found[0].advice == "start from the prior: model.get_layer('out').bias.assign([1.151, -1.151])"
    assert observed.loss.best == pytest.approx(0.3046, abs=1e-3)
    model = classifier()
    exec(found[0].advice.partition(": ")[2], {"model": model})
    mended = measure(model, x, Task(labels=ONE_IN_TEN))
    assert failed(mended) == []
    assert mended.loss.value < observed.loss.value


def test_a_sigmoid_output_and_a_regressor_of_mean_50() -> None:
    x = numpy.random.default_rng(0).standard_normal((220, 6)).astype("float32")
    observed = measure(classifier(activation="sigmoid", units=1), x, Task(labels=ONE_IN_TEN.astype("float32")))
    assert observed.loss.bias == [pytest.approx(math.log(0.1))]
    assert "unset-output-bias" in failed(observed)
    targets = (50 + numpy.random.default_rng(1).standard_normal(220)).astype("float32")
    before, after = (measure(classifier(bias, None, 1), x, Task(labels=targets)) for bias in (0.0, 50.0))
    assert "unset-output-bias" in failed(before)
    assert failed(after) == []


def test_keras_raises_the_forget_gate_unless_it_is_told_not_to() -> None:
    def recurrent(raised: bool) -> Any:
        return keras.Sequential(
            [keras.Input((5, 3)), layers.Bidirectional(layers.LSTM(4, unit_forget_bias=raised)), layers.Dense(1)]
        )

    x = numpy.zeros((4, 5, 3), "float32")
    observed = measure(recurrent(True), x)
    assert [round(gate.value, 3) for layer in observed.layers for gate in layer.gates] == [0.731, 0.731]
    assert failed(observed) == []
    assert failed(measure(recurrent(False), x)) == ["forget-gate-bias"] * 2


def test_an_inverted_he_helper_shows_as_growth() -> None:
    def stack(deviation: float) -> Any:
        hidden = [
            layers.Dense(64, activation="relu", kernel_initializer=keras.initializers.RandomNormal(stddev=deviation, seed=i))
            for i in range(6)
        ]
        return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(2)])

    x = numpy.random.default_rng(0).standard_normal((16, 64)).astype("float32")
    assert "scale-through-depth" in failed(measure(stack(math.sqrt(64)), x))
    assert failed(measure(stack(math.sqrt(2 / 64)), x)) == []


MODEL = """
import keras, numpy
from keras import layers

def build(filters=8):
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(filters, 3)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(2, kernel_initializer="zeros")(x))

def data():
    for _ in range(10):
        yield numpy.random.randn(22, 16, 16, 3).astype("float32"), numpy.array([0] * 20 + [1] * 2)

def sneaky():
    return keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(1)])
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


@pytest.fixture
def folder(written: Path, same_process: None) -> Path:
    return written


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_command_measures_on_each_backend(folder: Path, backend: str) -> None:
    arguments = ["model.py:build", "--arg", "filters=4", "--data", "model.py:data", "--format", "json"]
    code = "from biaslint.runtime.command import verify; verify()"
    there = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=there, cwd=folder)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [(one["rule"], one["path"], one["line"]) for one in report["findings"]] == [
        ("BL101", "model.py", 7),
        ("BL401", "model.py", 10),
    ]
    assert report["model"]["versions"]["backend"] == backend
    assert "KERAS_BACKEND" in environment(source=there)


TRAINED = (
    MODEL
    + """
def compiled():
    model = build()
    model.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model

made = build()
"""
)


@pytest.mark.parametrize(
    ("target", "trained_with"),
    [
        ("compiled", "SGD, learning rate 0.05, sparse_categorical_crossentropy"),
        ("made", "Adam, learning rate 0.001, sparse_categorical_crossentropy"),
    ],
)
def test_short_trainings_from_several_seeds_show_what_the_advised_start_is_worth(
    folder: Path, target: str, trained_with: str
) -> None:
    (folder / "model.py").write_text(TRAINED)
    arguments = ["--data", "model.py:data", "--steps", "4", "--seeds", "2", "--format", "json"]
    result = CliRunner().invoke(verify, [f"model.py:{target}", *arguments])
    report = json.loads(result.stdout)
    found = report["comparison"]
    assert found["trained_with"] == trained_with
    assert {name: [len(curve) for curve in curves] for name, curves in found["curves"].items()} == {
        BEFORE: [4, 4],
        AFTER: [4, 4],
    }
    for before, after in zip(*found["curves"].values(), strict=True):
        assert before[0] == pytest.approx(math.log(2), abs=1e-3)  # zero weights: the bias alone decides
        assert after[0] < before[-1] < before[0]
    assert "ahead by" in found["effect"]


def test_saved_models_are_measured_and_code_in_them_refused(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    try:
        model = importlib.import_module("model")
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("model", None)
    model.build().save("plain.keras")
    model.build().save("plain.h5")
    model.sneaky().save("sneaky.keras")
    for name in ("plain.keras", "plain.h5"):
        observed = run(Job(name))
        assert [layer.dead for layer in observed.layers if layer.dead] == ["dead_bn", "alive"]
        assert "bias-before-norm" in failed(observed)
    with pytest.raises(VerifyError, match="--allow-unsafe-keras"):
        run(Job("sneaky.keras"))
    assert len(run(Job("sneaky.keras", allow_unsafe_keras=True)).layers) == 1


@pytest.mark.skipif(not HAS_TENSORFLOW, reason="TensorFlow is not installed")
def test_resnet50_of_the_applications_has_only_dead_conv_biases() -> None:
    with tracing():
        model = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)
    observed = measure(
        model, numpy.random.default_rng(0).standard_normal((4, 64, 64, 3)).astype("float32"), chains=origins(all_layers(model))
    )
    statuses = {layer.name: layer.dead for layer in observed.layers if layer.dead}
    assert len(statuses) == 54
    assert {status for name, status in statuses.items() if name != "predictions"} == {"dead_bn"}
    assert statuses["predictions"] == "alive"
    assert all(layer.chain[0][0].endswith("resnet.py") for layer in observed.layers)


def test_layers_that_compute_in_half_precision_are_not_called_alive() -> None:
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), layers.Conv2D(4, 3, dtype="mixed_bfloat16"), layers.BatchNormalization()]
    )
    observed = measure(model, IMAGES)
    assert [layer.dead for layer in observed.layers] == ["", ""]
    assert observed.notes == ["dead biases not measured: layers compute in bfloat16"]


def test_a_function_without_parameters_makes_the_loss(folder: Path) -> None:
    (folder / "losses.py").write_text(
        "import keras\ndef build():\n    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
    )
    observed = run(Job("model.py:build", data="model.py:data", loss="losses.py:build"))
    assert observed.loss.value == pytest.approx(math.log(2))


class Reading(keras.Model):
    """Its result holds, beside the norm's, what a function makes of the layer."""

    def __init__(self, reader: Any) -> None:
        super().__init__()
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.norm = layers.BatchNormalization()
        self.reader = reader

    def call(self, x: Any, training: Any = None) -> Any:
        y = self.norm(self.conv(x), training=training)
        return [y, self.reader(self)]


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (lambda net: keras.ops.sum(net.conv.bias), "alive"),
        (lambda net: keras.ops.sum(net.norm.moving_mean), "alive"),
        (lambda net: keras.ops.sum(net.conv.kernel), "dead_bn"),
        (lambda net: keras.ops.sum(net.norm.moving_variance), "dead_bn"),
    ],
)
def test_a_bias_that_is_read_itself_is_alive(reader: Any, expected: str) -> None:
    assert dead(Reading(reader))["conv"] == expected
