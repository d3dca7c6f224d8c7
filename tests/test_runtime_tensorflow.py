"""A VGG in the low-level style of TensorFlow 1, ported to TensorFlow 2, measured."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from same_process import measured as run

tf = pytest.importorskip("tensorflow")

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.process.parent import VerifyError, run as run_apart  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402

VGG = """
import tensorflow as tf

def weight_variable(shape):
    return tf.Variable(tf.random.truncated_normal(shape, stddev=(2 / (shape[0] * shape[1] * shape[2] if len(shape) == 4 else shape[0])) ** 0.5))

def bias_variable(value, shape, name):
    return tf.Variable(tf.constant(value, shape=shape), name=name)

class VGG(tf.Module):
    def __init__(self, conv_bias=0.0, dense_bias=1.0, normalised=False):
        self.normalised = normalised
        self.weights = {"wc1": weight_variable([3, 3, 3, 8]), "wc2": weight_variable([3, 3, 8, 8]), "wd": weight_variable([128, 16]), "out": weight_variable([16, 2])}
        self.biases = {
            "bc1": bias_variable(conv_bias, [8], "bc1"),
            "bc2": bias_variable(conv_bias, [8], "bc2"),
            "bd": bias_variable(dense_bias, [16], "bd"),
            "out": bias_variable(0.0, [2], "out"),
        }

    def conv(self, x, key):
        x = tf.nn.bias_add(tf.nn.conv2d(x, self.weights["w" + key], strides=[1, 1, 1, 1], padding="SAME"), self.biases["b" + key])
        if self.normalised:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            x = tf.nn.batch_normalization(x, mean, variance, None, None, 1e-5)
        return tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "SAME")

    def __call__(self, x):
        x = tf.reshape(self.conv(self.conv(x, "c1"), "c2"), [x.shape[0], -1])
        x = tf.nn.dropout(tf.nn.relu(tf.matmul(x, self.weights["wd"]) + self.biases["bd"]), 0.5)
        return tf.add(tf.matmul(x, self.weights["out"]), self.biases["out"])

def function():
    net = VGG(normalised=True)
    return lambda x: net(x)
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg.py").write_text(VGG)
    return tmp_path


@pytest.fixture
def folder(written: Path, same_process: None) -> Path:
    return written


def rules(observed: Any) -> list[tuple[str, str]]:
    return [(failure.rule, failure.layer) for failure in judge(observed).failures]


def test_the_ones_of_the_dense_layer_are_found_and_the_zeros_left_alone(folder: Path) -> None:
    observed = run(Job("vgg.py:VGG", inputs=["16x16x3"]))
    assert [(layer.name, layer.type, layer.kind) for layer in observed.layers] == [
        ("bc1", "tf.nn.conv2d", "conv"),
        ("bc2", "tf.nn.conv2d", "conv"),
        ("bd", "tf.matmul", "linear"),
        ("out", "tf.matmul", "linear"),
    ]
    assert rules(observed) == [("constant-bias-on-dense", "bd")]
    assert [layer.is_output for layer in observed.layers] == [False, False, False, True]
    swapped = run(Job("vgg.py:VGG", ["conv_bias=1.0", "dense_bias=0.0"], inputs=["16x16x3"]))
    assert rules(swapped) == [("constant-bias-on-conv", "bc1"), ("constant-bias-on-conv", "bc2")]


def test_moments_and_batch_normalization_cancel_the_biases_before_them(folder: Path) -> None:
    for target in ("vgg.py:VGG", "vgg.py:function"):
        observed = run(Job(target, ["normalised=True"] if target.endswith("VGG") else [], inputs=["16x16x3"]))
        assert [layer.dead for layer in observed.layers] == ["dead_always", "dead_always", "alive", "alive"], target
        assert observed.layers[0].cancelled_how == ["batch norm"]


def test_findings_stand_where_the_bias_variable_is_made(written: Path) -> None:
    result = CliRunner().invoke(
        verify, ["vgg.py:VGG", "--arg", "normalised=True", "--input", "16x16x3", "--prior", "0.9,0.1", "--format", "json"]
    )
    report = json.loads(result.output)
    lines = VGG.splitlines()
    found = {(one["rule"], lines[one["line"] - 1].strip()) for one in report["findings"]}
    assert ("BL101", '"bc1": bias_variable(conv_bias, [8], "bc1"),') in found
    assert ("BL401", '"out": bias_variable(0.0, [2], "out"),') in found
    assert math.isclose(next(one for one in report["measurements"] if one["name"] == "initial-outputs")["threshold"], 0.1)


def test_without_inputs_it_says_what_to_pass(written: Path) -> None:
    with pytest.raises(VerifyError, match="pass --input SHAPE for each argument"):
        run(Job("vgg.py:VGG"))
    # In a process of its own: some builds of TensorFlow end the process here instead of raising.
    with pytest.raises(VerifyError, match=r"could not be run on 15x15 \(batch 8\)"):
        run_apart(Job("vgg.py:VGG", inputs=["15x15"]))


def test_variables_are_left_as_they_were_found() -> None:
    from biaslint.runtime.tensorflow.measuring import measure

    class Net(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = tf.Variable(tf.random.normal([6, 2])), tf.Variable(tf.zeros([2]))

        def __call__(self, x: Any) -> Any:
            return tf.nn.relu(x @ self.w + self.b)

    net = Net()
    before = [variable.numpy().copy() for variable in net.variables]
    functions = tf.nn.relu, tf.nn.conv2d, tf.Tensor.__add__, tf.Tensor.__matmul__
    assert measure(net, [tf.random.normal([8, 6])], [(one, []) for one in net.variables]).layers[0].dead == "alive"
    assert all((variable.numpy() == value).all() for variable, value in zip(net.variables, before, strict=True))
    assert functions == (tf.nn.relu, tf.nn.conv2d, tf.Tensor.__add__, tf.Tensor.__matmul__)
    assert not tf.config.functions_run_eagerly()


COMPILED = """
import tensorflow as tf

class Dense(tf.Module):
    def __init__(self, i, o, bias):
        super().__init__()
        self.w = tf.Variable(tf.random.normal([i, o], stddev=(1 / i) ** 0.5))
        self.b = tf.Variable(tf.fill([o], bias))

    def __call__(self, x):
        return x @ self.w + self.b

class Net(tf.Module):
    def __init__(self, bias=1.0):
        super().__init__()
        self.one = Dense(6, 16, bias)
        self.two = Dense(16, 2, 0.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 6])])
    def __call__(self, x):
        return self.two(tf.nn.relu(self.one(x)))

class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = tf.keras.layers.Conv2D(8, 3)
        self.norm = tf.keras.layers.BatchNormalization()
        self.head = tf.keras.layers.Dense(1)

    @tf.function
    def call(self, x, training=None):
        x = tf.nn.relu(self.norm(self.conv(x), training=training))
        return tf.sigmoid(self.head(tf.reduce_mean(x, [1, 2])))
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_process: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(COMPILED)
    return tmp_path


def test_what_tf_function_compiles_is_measured_eagerly(compiled: Path) -> None:
    observed = run(Job("net.py:Net", inputs=["6"]))
    assert [(layer.bias_values.mean, layer.dead) for layer in observed.layers if layer.bias_values] == [
        (1.0, "alive"),
        (0.0, "alive"),
    ]
    assert [rule for rule, _ in rules(observed)] == ["constant-bias-on-dense"]


def test_a_subclassed_model_of_tf_keras_is_traced_to_its_lines(compiled: Path) -> None:
    result = CliRunner().invoke(verify, ["net.py:Subclassed", "--input", "16x16x3", "--prior", "0.1", "--format", "json"])
    report = json.loads(result.output)
    lines = COMPILED.splitlines()
    assert [(one["rule"], lines[one["line"] - 1].strip()) for one in report["findings"]] == [
        ("BL101", "self.conv = tf.keras.layers.Conv2D(8, 3)"),
        ("BL401", "self.head = tf.keras.layers.Dense(1)"),
    ]


SAVE = """
import sys
sys.path.insert(0, ".")
import keras, net, tensorflow as tf
from keras import layers
keras.utils.set_random_seed(0)
tf.saved_model.save(net.Net(), "module")
model = net.Net()
tf.saved_model.save(model, "signed", signatures=model.__call__)
head = layers.Dense(2, bias_initializer=keras.initializers.Constant(3.0))
keras.Sequential(
    [keras.Input((16, 16, 3)), layers.Conv2D(8, 3, bias_initializer="ones"), layers.BatchNormalization(), layers.ReLU(),
     layers.GlobalAveragePooling2D(), head]
).export("exported", verbose=False)
"""


def test_saved_models_are_measured_as_the_graphs_that_they_are(compiled: Path) -> None:
    there = os.environ | {"KERAS_BACKEND": "tensorflow"}  # other tests of this process may have chosen another
    subprocess.run([sys.executable, "-c", SAVE], cwd=compiled, check=True, capture_output=True, env=there)
    for name in ("module", "signed"):
        observed = run(Job(name))
        assert [(layer.kind, layer.bias_values.mean) for layer in observed.layers if layer.bias_values] == [
            ("linear", 1.0),
            ("linear", 0.0),
        ], name
        assert [layer.is_output for layer in observed.layers] == [False, True]
        assert [(units.units, units.layer) for units in observed.units] == [(16, observed.layers[0].name)]
        assert [rule for rule, _ in rules(observed)] == ["constant-bias-on-dense"]
    observed = run(Job("exported", prior=[0.9, 0.1]))
    assert (observed.batch, observed.inputs, observed.mode) == (8, ["16x16x3 (guessed)"], "inference")
    assert [(layer.kind, layer.bias_values.mean) for layer in observed.layers if layer.bias_values] == [
        ("conv", 1.0),
        ("linear", 3.0),
    ]
    assert [rule for rule, _ in rules(observed)] == ["unset-output-bias", "constant-bias-on-conv"]
    assert any("inference" in note for note in observed.notes)
    with pytest.raises(VerifyError, match=r"could not be run on 5 .*Its signature is keras_tensor.*16x16x3"):
        run_apart(Job("exported", inputs=["5"]))
