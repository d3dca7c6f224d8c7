"""`biaslint migrate` on Keras's files: weights, whole models, the old format, optimizers."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from migrating import migrate

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")

import numpy  # noqa: E402

from biaslint.runtime.migrate.keras import files, models, optimiser  # noqa: E402
from biaslint.runtime.target.targets import TargetError  # noqa: E402

NET = """
import keras
from keras import layers


def build(bias=True):
    x = inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=bias, name="one")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(5, 1, use_bias=bias)(x)
    x = layers.Conv2D(5, 1, name="kept")(x)
    x = layers.Activation("tanh")(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(4)(x))
    model.compile("adam", "mse")
    return model


class Own(keras.Model):
    def __init__(self, bias=True):
        super().__init__()
        self.parts = [layers.Dense(5, use_bias=bias), layers.BatchNormalization()]
        self.last = layers.Dense(3)

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if part is self.parts[1] else part(x)
        return self.last(keras.ops.relu(x))
"""
Run = Callable[..., Result]
OLD_AND_NEW = ("net.py:build", "net.py:build", "--new-arg", "bias=False", "--batch", "4")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *words: migrate(monkeypatch, *words)


def built(bias: bool, name: str = "build") -> Any:
    keras.utils.clear_session()
    space: dict[str, Any] = {"__name__": "made"}
    exec(NET, space)
    return space[name](bias)


def trained(scaled: bool = False) -> Any:
    """The old model and its optimizer with values that hide nothing. Scaled: as mixed precision makes it, with names of later layers."""
    model = built(True)
    if scaled:
        space: dict[str, Any] = {"__name__": "made"}
        exec(NET, space)
        model = space["build"]()
        model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()), "mse")
    settle(model)
    model.optimizer.build(model.trainable_variables)
    for number, variable in enumerate(model.optimizer.variables[2:]):
        variable.assign(numpy.full(variable.shape, number))
    return model


def settle(model: Any) -> None:
    generator = numpy.random.default_rng(1)
    for variable in model.weights:
        if "float" in variable.dtype:
            positive = variable.name in ("gamma", "moving_variance")
            variable.assign(
                generator.uniform(0.5, 1.5, variable.shape) if positive else generator.standard_normal(variable.shape) * 0.5
            )


def outputs(model: Any, *shape: int) -> Any:
    fed = numpy.random.default_rng(2).standard_normal((4, *shape)).astype("float32")
    return numpy.asarray(model(fed, training=False))


def test_weights_with_the_optimizer_s_state_in_what_the_fixes_make(folder: Path, run: Run) -> None:
    plain = NET.partition("class Own")[0].replace("use_bias=bias, ", "").replace(", use_bias=bias", "")
    (folder / "plain.py").write_text(plain.replace('name="kept"', 'name="kept", activation="tanh"'))
    old = trained()
    old.save_weights("old.weights.h5")
    done = run("--fixes", "plain.py:build", "--batch", "4", "old.weights.h5", "new.weights.h5")
    assert done.exit_code == 0, done.output
    assert "optimizer state 4 of 22 variables dropped" in done.output
    new = built(False)
    new.optimizer.build(new.trainable_variables)
    new.load_weights("new.weights.h5")
    numpy.testing.assert_allclose(outputs(new, 6, 6, 3), outputs(old, 6, 6, 3), atol=1e-5)
    kept = {variable.path: variable for variable in old.optimizer.variables}
    for variable in new.optimizer.variables:
        assert numpy.array_equal(variable, kept[variable.path]), variable.path
    with h5py.File("old.weights.h5") as one, h5py.File("new.weights.h5") as other:
        moved = []
        one.visititems(
            lambda name, item: (
                moved.append(name)
                if hasattr(item, "shape")
                and not name.startswith("optimizer")
                and (name not in other or item[()].tobytes() != other[name][()].tobytes())
                else None
            )
        )
    assert len(moved) == 4  # two biases, one mean, one bias


@pytest.mark.parametrize(
    ("name", "scaled", "said"),
    [
        ("old.weights.h5", False, "keeps averages of the variables"),
        ("old.keras", True, "keeps averages of the variables"),
        ("old.h5", False, "keeps averages of the variables"),
    ],
)
def test_averages_that_an_optimizer_keeps_are_refused_until_it_is_left_out(
    folder: Path, name: str, scaled: bool, said: str
) -> None:
    old, optimiser = built(True), keras.optimizers.Adam(use_ema=True)
    old.compile(keras.optimizers.LossScaleOptimizer(optimiser) if scaled else optimiser, "mse")
    old.optimizer.build(old.trainable_variables)
    old.save_weights(name) if "weights" in name else old.save(name)
    model = models.variables(old)
    dropped = models.dropped_keys(model, models.variables(built(False)))
    found = files.Checkpoint(folder / name, model)
    with pytest.raises(TargetError, match=said):
        found.settle_optimiser(model, set(dropped), drop=False)
    assert found.settle_optimiser(model, set(dropped), drop=True) == ["left out"]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_whole_model_loads_by_itself(folder: Path, run: Run, scaled: bool) -> None:
    old = trained(scaled)
    old.save("old.keras")
    done = run(*OLD_AND_NEW, "old.keras", "new.keras")
    assert done.exit_code == 0, done.output
    new = keras.saving.load_model("new.keras")
    assert [layer.use_bias for layer in new.layers if hasattr(layer, "use_bias")] == [False, False, True, True]
    numpy.testing.assert_allclose(outputs(new, 6, 6, 3), outputs(old, 6, 6, 3), atol=1e-5)
    kept = {variable.path: variable for variable in old.optimizer.variables}
    assert len(new.optimizer.variables) == len(kept) - 4
    assert all(numpy.array_equal(variable, kept[variable.path]) for variable in new.optimizer.variables)
    before, after = (zipfile.ZipFile(name) for name in ("old.keras", "new.keras"))
    assert before.namelist() == after.namelist()
    assert before.read("metadata.json") == after.read("metadata.json")
    assert json.loads(before.read("config.json"))["compile_config"] == json.loads(after.read("config.json"))["compile_config"]


@pytest.mark.parametrize("many", [False, True])
def test_the_old_format_with_the_optimizer_s_state(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    if many:  # names that are too many for one list come in several
        monkeypatch.setattr("keras.src.legacy.saving.legacy_h5_format.HDF5_OBJECT_HEADER_LIMIT", 200)
    old = trained()
    old.compile(
        old.optimizer, keras.losses.MeanSquaredError()
    )  # in this format, Keras cannot read back what it writes for "mse"
    old.save("old.h5")
    done = run(*OLD_AND_NEW, "old.h5", "new.h5")
    assert done.exit_code == 0, done.output
    assert "optimizer state 4 of 22 variables dropped" in done.output
    new = keras.saving.load_model("new.h5", compile=False)
    numpy.testing.assert_allclose(outputs(new, 6, 6, 3), outputs(old, 6, 6, 3), atol=1e-5)
    with h5py.File("old.h5") as one, h5py.File("new.h5") as other:
        before, after = (
            {name: file["optimizer_weights"][name] for name in files._names(file["optimizer_weights"])} for file in (one, other)
        )
        assert list(after) == [name for name in before if not re.search(r"/(one|conv2d(_2)?)_bias_", name)]
        assert all(value[()].tobytes() == before[name][()].tobytes() for name, value in after.items())
        lists = [name for name in other["optimizer_weights"].attrs if name.startswith("weight_names")]
        assert (len(lists) > 1) == many
    assert run(*OLD_AND_NEW, "old.h5", "bare.h5", "--drop-optimizer").exit_code == 0
    with h5py.File("bare.h5") as file:
        assert set(file) == {"model_weights"}


def test_the_optimizer_of_a_model_that_was_not_trained_keeps_what_it_has(folder: Path) -> None:
    for wrapped in (False, True):
        old = built(True)
        old.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()) if wrapped else "adam", "mse")
        old.save("old.keras")
        model = models.variables(old)
        dropped = models.dropped_keys(model, models.variables(built(False)))
        said = files.Checkpoint(folder / "old.keras", model).settle_optimiser(model, set(dropped), drop=False)
        assert said == [f"0 of {4 if wrapped else 2} variables dropped"]


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        ("Adam/{layer}/{kind}/m:0", True),
        ("Adam/m/{layer}/{kind}:0", True),
        ("sgd/{layer}_{kind}_momentum", True),
        ("my/{layer}_{kind}_momentum", False),  # `my` and `dense` are as well `my_dense`
        ("momentum/{kind}", False),
    ],
)
def test_names_of_the_old_format_say_whose_each_value_is(slot: str, told: bool) -> None:
    parts = [keras.layers.Dense(2, name=name) for name in ("dense", "my_dense")]
    old = models.variables(keras.Sequential([keras.Input((3,)), *parts]))
    dropped = {key for key in old.by_key if old.shown(key) == "dense/bias"}
    known = {key: old.shown(key) for key in old.by_key}
    names = ["iteration", *(slot.format(layer=part.name, kind=kind) for part in parts for kind in ("kernel", "bias"))]
    if told:
        assert optimiser.kept_by_name(names, old, known, dropped) == [0, 1, 3, 4]
        assert optimiser.kept_by_name(names[:1], old, known, dropped) == [0]
    else:
        with pytest.raises(TargetError, match="which values of the optimizer belong to which parameter is unclear"):
            optimiser.kept_by_name(names, old, known, dropped)


def test_a_model_that_is_a_class(folder: Path, run: Run) -> None:
    old = built(True, "Own")
    outputs(old, 7)
    settle(old)
    old.save_weights("old.weights.h5")
    words = [word.replace("build", "Own") for word in OLD_AND_NEW]
    done = run(*words, "--input", "7", "old.weights.h5", "new.weights.h5")
    assert done.exit_code == 0, done.output
    new = built(False, "Own")
    outputs(new, 7)
    new.load_weights("new.weights.h5")
    numpy.testing.assert_allclose(outputs(new, 7), outputs(old, 7), atol=1e-5)


def test_a_bent_function_between_is_refused(folder: Path, run: Run) -> None:
    bent = NET.replace("layers.Dense(5, use_bias=bias)", "layers.Dense(5, use_bias=bias, activation='relu')")
    (folder / "net.py").write_text(bent)
    old = built(True, "Own")
    outputs(old, 7)
    old.save_weights("old.weights.h5")
    words = [word.replace("build", "Own") for word in OLD_AND_NEW]
    done = run(*words, "--input", "7", "old.weights.h5", "new.weights.h5")
    assert done.exit_code == 2
    assert "nothing was written" in done.output
    assert "dense/bias (" in done.output
    assert not Path("new.weights.h5").exists()


def test_bad_files_end_in_a_clear_message(folder: Path, run: Run) -> None:
    built(True).save_weights("old.weights.h5")
    whole = Path("old.weights.h5").read_bytes()
    Path("cut.weights.h5").write_bytes(whole[: len(whole) // 2])
    Path("text.keras").write_text("no archive")
    Path("more.txt").write_text("none")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights("other.weights.h5")
    said = {
        "cut.weights.h5": "cannot be read as an HDF5 file",
        "text.keras": "cannot be read as a .keras file",
        "more.txt": "expected a .keras, .weights.h5 or .h5 file",
        "other.weights.h5": "does not fit the old model",
    }
    before = sorted(os.listdir())
    for name, message in said.items():
        done = run(*OLD_AND_NEW, name, "new.weights.h5")
        assert done.exit_code == 2
        assert message in done.output
    assert sorted(os.listdir()) == before
