"""What the front-ends read in Keras and TensorFlow code: layers, biases and what they start at."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint.analysis.run import analyse
from biaslint.theory.program import LayerUse

HEAD = "import keras\nimport math\nimport tensorflow as tf\nfrom keras import layers, ops\n"


def uses(tmp_path: Path, code: str) -> list[LayerUse]:
    path = tmp_path / "code.py"
    path.write_text(HEAD + code, encoding="utf-8")
    return analyse([path], tmp_path).uses


def only(tmp_path: Path, code: str, kind: str) -> LayerUse:
    (use,) = [use for use in uses(tmp_path, code) if use.kind == kind]
    return use


@pytest.mark.parametrize(
    "spelling",
    [
        "keras.layers.Dense(4)",
        "layers.Dense(4)",
        "tf.keras.layers.Dense(4)",
        "tf.compat.v1.keras.layers.Dense(4)",
        "keras.src.layers.core.dense.Dense(4)",
    ],
)
def test_every_spelling_of_a_layer_is_the_same_layer(tmp_path: Path, spelling: str) -> None:
    assert only(tmp_path, f"def build():\n    return keras.Sequential([{spelling}])\n", "linear").type == "keras.layers.Dense"


@pytest.mark.parametrize(
    ("given", "how", "value", "spread"),
    [
        ("'ones'", "constant", 1.0, None),
        ("keras.initializers.Constant(0.5)", "constant", 0.5, None),
        ("keras.initializers.Constant(math.log(3))", "constant", pytest.approx(1.0986, abs=1e-3), None),
        ("keras.initializers.RandomNormal(stddev=0.3)", "normal", 0.0, 0.3),
        ("keras.initializers.RandomUniform(-0.5, 0.5)", "uniform", 0.0, 0.5),
        ("'random_normal'", "normal", 0.0, 0.05),
        ("'he_normal'", "scaled", None, None),
        ("tf.constant_initializer(2.0)", "constant", 2.0, None),
        ("tf.keras.initializers.zeros()", "constant", 0.0, None),
        ("lambda shape, dtype=None: tf.fill(shape, 3.0)", "constant", 3.0, None),
        ("keras.initializers.get(name)", "unknown", None, None),
    ],
)
def test_a_bias_starts_as_its_initialiser_says(tmp_path: Path, given: str, how: str, value: float, spread: float) -> None:
    use = only(
        tmp_path, f"def build(name):\n    return keras.Sequential([layers.Dense(4, bias_initializer={given})])\n", "linear"
    )
    last = use.bias.last
    assert last is not None
    assert (last.how, last.value, last.spread) == (how, value, spread)


def test_keras_starts_biases_at_zero(tmp_path: Path) -> None:
    last = only(tmp_path, "model = keras.Sequential([layers.Dense(4)])\n", "linear").bias.last
    assert last is not None
    assert (last.how, last.value, last.by) == ("constant", 0.0, "default")


def test_assignments_and_set_weights_are_writes(tmp_path: Path) -> None:
    code = "def build():\n    d = layers.Dense(3)\n    d.bias.assign(tf.ones(3))\n    d.set_weights([tf.zeros((2, 3)), tf.ones(3)])\n    return d\n"
    writes = only(tmp_path, code, "linear").bias.writes
    assert [(write.how, write.value, write.by) for write in writes] == [
        ("constant", 1.0, "assign"),
        ("constant", 1.0, "set_weights"),
    ]


def test_a_layer_of_variables_is_one_layer_at_its_bias_variable(tmp_path: Path) -> None:
    code = """
class Mine(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 5))
        self.bias = self.add_weight(shape=(5,), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.bias

def build():
    inputs = keras.Input((10,))
    return keras.Model(inputs, layers.ReLU()(layers.BatchNormalization()(Mine()(inputs))))
"""
    use = only(tmp_path, code, "linear")
    assert (use.name, use.place.line, use.fate.kind, use.fate.by) == ("self.bias", 9, "dead", "batch norm")


def test_the_matrix_operator_and_variables_make_a_layer(tmp_path: Path) -> None:
    code = """
class Mine(tf.Module):
    def __init__(self):
        self.w = tf.Variable(tf.random.normal([3, 4]))
        self.b = tf.Variable(tf.random.normal([4]))

    def __call__(self, x):
        return tf.nn.relu(x @ self.w + self.b)
"""
    use = only(tmp_path, code, "linear")
    assert (use.type, use.name, use.readers) == ("tf.matmul", "self.b", ("relu",))
    assert [(write.how, write.spread) for write in (*use.bias.writes, *use.weight_writes)] == [("normal", 1.0)] * 2


def test_a_model_that_is_called_by_another_is_judged_with_it(tmp_path: Path) -> None:
    code = """
def build():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.ReLU()(layers.BatchNormalization()(inner(inputs))))
"""
    assert only(tmp_path, code, "linear").fate.kind == "dead"


def test_a_frozen_model_does_not_cancel(tmp_path: Path) -> None:
    code = """
def build():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.BatchNormalization()])
    inner.trainable = False
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.ReLU()(inner(inputs)))
"""
    assert only(tmp_path, code, "linear").fate.kind == "alive"


def test_the_activation_of_the_output_layer_is_known(tmp_path: Path) -> None:
    use = only(tmp_path, "model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation='softmax')])\n", "linear")
    assert (use.is_output, use.output_activation) == (True, "softmax")


def test_the_loss_of_compile_is_a_fact(tmp_path: Path) -> None:
    code = "model = keras.Sequential([layers.Dense(1)])\nmodel.compile('adam', loss='binary_focal_crossentropy')\n"
    assert only(tmp_path, code, "loss").type == "keras.losses.BinaryFocalCrossentropy"


def test_a_framework_linted_itself_keeps_its_layers(tmp_path: Path) -> None:
    """A file of Keras's own that imports a layer from another file of Keras's own."""
    package = tmp_path / "keras" / "src" / "layers"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text("class Dense:\n    pass\n", encoding="utf-8")
    model = package.parent / "model.py"
    model.write_text("from keras.src import layers\n\n\ndef build(x):\n    return layers.Dense(3)(x)\n", encoding="utf-8")
    (use,) = analyse([model], tmp_path).uses
    assert use.type == "keras.layers.Dense"


def test_a_loop_over_unknown_calls_ends_soon(tmp_path: Path) -> None:
    code = """
def repeat(condition, body, x):
    while condition(*x) and True:
        x = body(*x)
        if not isinstance(x, (list, tuple)):
            x = (x,)
        x = tuple(x)
    return layers.Dense(3)(x[0])

def build(body, x):
    return repeat(lambda *x: True, body, x)
"""
    assert only(tmp_path, code, "linear").type == "keras.layers.Dense"
