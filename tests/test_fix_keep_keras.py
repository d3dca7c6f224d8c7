"""`--fix --unsafe-fixes --keep-checkpoints` in Keras classes: files of older versions load and compute the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from biaslint.cli.lint import command

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

import numpy  # noqa: E402

NET = '''import keras
from keras import layers


class Net(keras.Model):
    """Two layers whose norms are loaded before and after them, and a sequence."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.early = layers.Dense(5)
        self.norm = layers.BatchNormalization(scale=False)
        self.second = layers.Dense(4)
        self.a_norm = layers.BatchNormalization()
        self.parts = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
        self.head = layers.Dense(2)

    def call(self, x, training=False):
        x = self.norm(self.early(x), training=training)
        x = self.second(keras.ops.relu(x))
        x = self.a_norm(x, training=training)
        x = self.parts(keras.ops.relu(x), training=training)
        return self.head(keras.ops.relu(x))
'''


def fixed(folder: Path, text: str) -> tuple[str, str]:
    (folder / "net.py").write_text(text)
    words = ("--fix", "--unsafe-fixes", "--keep-checkpoints", "--isolated", "--no-cache")
    done = CliRunner().invoke(command, [*words, str(folder / "net.py")])
    return (folder / "net.py").read_text(), done.output


def outputs(model: Any) -> Any:
    fed = numpy.random.default_rng(2).standard_normal((4, 6)).astype("float32")
    return keras.ops.convert_to_numpy(model(fed, training=False))


def made(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "made"}
    exec(text, space)
    return space


def settled(model: Any) -> Any:
    outputs(model)
    generator = numpy.random.default_rng(1)
    for variable in model.weights:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model


def test_old_files_load_into_the_fixed_class_and_compute_the_same(tmp_path: Path) -> None:
    text, _ = fixed(tmp_path, NET)
    assert text.count("use_bias=False") == 3
    assert text.count("def load_own_variables(self, store)") == 1
    old, new = settled(made(NET)["Net"]()), made(text)["Net"]()
    old.save_weights(tmp_path / "old.weights.h5")
    old.save(tmp_path / "old.keras")
    outputs(new)
    for _ in range(2):
        new.load_weights(tmp_path / "old.weights.h5")
        numpy.testing.assert_allclose(outputs(new), outputs(old), rtol=1e-4, atol=1e-5)
    whole = keras.saving.load_model(tmp_path / "old.keras", custom_objects=made(text))
    numpy.testing.assert_allclose(outputs(whole), outputs(old), rtol=1e-4, atol=1e-5)
    whole.save_weights(tmp_path / "new.weights.h5")
    again = made(text)["Net"]()
    outputs(again)
    again.load_weights(tmp_path / "new.weights.h5")
    numpy.testing.assert_allclose(outputs(again), outputs(old), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.norm(self.early(x), training=training)", "self.norm(self.early(x) * 2, training=training)"),
        ("    def call", "    def load_own_variables(self, store):\n        super().load_own_variables(store)\n\n    def call"),
    ],
)
def test_a_fold_that_cannot_be_read_off_the_class_is_left(tmp_path: Path, old: str, new: str) -> None:
    text, said = fixed(tmp_path, NET.replace(old, new))
    assert "early = layers.Dense(5)\n" in text
    assert "use `biaslint migrate`" in said


BLOCKS = """import keras
from keras import layers


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.linear = layers.Dense(5)
        self.norm = layers.BatchNormalization()

    def call(self, x, training=False):
        return keras.ops.relu(self.norm(self.linear(x), training=training))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.blocks = [Block(), Block()]
        self.aside = [self.block.norm]
        self.unused = Block()

    def call(self, x, training=False):
        x = self.block(x, training=training)
        for one in self.blocks:
            x = one(x, training=training)
        return x
"""
MADE_BY_BUILD = BLOCKS.replace("        self.linear", "\n    def build(self, shape):\n        self.linear")
MADE_BY_BUILD = MADE_BY_BUILD.replace("        self.aside = [self.block.norm]\n", "")


@pytest.mark.parametrize("text", [BLOCKS, BLOCKS.replace("aside", "zeroth"), MADE_BY_BUILD], ids=["aside", "zeroth", "build"])
def test_blocks_whose_norms_are_reached_in_any_order(tmp_path: Path, text: str) -> None:
    new_text, _ = fixed(tmp_path, text)
    assert new_text.count("use_bias=False") == 1
    old, new = settled(made(text)["Net"]()), made(new_text)["Net"]()
    old.save_weights(tmp_path / "old.weights.h5")
    outputs(new)
    new.load_weights(tmp_path / "old.weights.h5")
    numpy.testing.assert_allclose(outputs(new), outputs(old), rtol=1e-4, atol=1e-5)
    new.save_weights(tmp_path / "new.weights.h5")
    again = made(new_text)["Net"]()
    outputs(again)
    again.load_weights(tmp_path / "new.weights.h5")
    numpy.testing.assert_allclose(outputs(again), outputs(old), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", ["linear", "norm", "neither"])
def test_values_of_a_part_that_is_not_built_end_in_an_error(tmp_path: Path, part: str) -> None:
    """Keras's own rule is to ask such a part twice, and to be content where it has nothing to load the second time."""
    text, _ = fixed(tmp_path, BLOCKS)
    old, new = settled(made(BLOCKS)["Net"]()), made(text)["Net"]()
    old.save_weights(tmp_path / "old.weights.h5")
    for block in [new.block, *new.blocks]:
        if part != "neither":
            getattr(block, part).build((None, 6 if block is new.block and part == "linear" else 5))
    new.built = True
    with pytest.raises(ValueError, match="was never built"):
        new.load_weights(tmp_path / "old.weights.h5")
    outputs(new)
    new.load_weights(tmp_path / "old.weights.h5")
    numpy.testing.assert_allclose(outputs(new), outputs(old), rtol=1e-4, atol=1e-5)
