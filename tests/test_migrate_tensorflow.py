"""`biaslint migrate` on TensorFlow checkpoints: the graph of objects loses the dropped variables and what optimizers keep for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from kills import killed_at_each_call
from migrating import migrate

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

import numpy  # noqa: E402

from biaslint.runtime.migrate.keras import bundle, models  # noqa: E402
from biaslint.runtime.target.targets import TargetError  # noqa: E402

NET = """
import keras
from keras import layers


def build(bias=True):
    x = inputs = keras.Input((6,))
    x = layers.Dense(5, use_bias=bias)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(4)(x))


class Own(keras.Model):
    def __init__(self, bias=True):
        super().__init__()
        self.first = layers.Dense(5, use_bias=bias)
        self.norm = layers.BatchNormalization()
        self.last = layers.Dense(3)

    def call(self, x, training=False):
        return self.last(keras.ops.relu(self.norm(self.first(x), training=training)))
"""
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras has another backend here")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def go(*words: str, name: str = "build") -> Result:
        return migrate(monkeypatch, *[f"net.py:{name}"] * 2, "--new-arg", "bias=False", "--input", "6", *words)

    return go


def built(bias: bool, optimiser: Any = None, name: str = "build") -> Any:
    """A model and its optimizer whose values hide nothing."""
    space: dict[str, Any] = {"__name__": "made"}
    exec(NET, space)
    made = space[name](bias)
    made(numpy.ones((1, 6), "float32"))
    generator = numpy.random.default_rng(1)
    if optimiser is not None:
        optimiser.build(made.trainable_variables)
    for variable in [*made.weights, *(optimiser.variables[2:] if optimiser is not None else ())]:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return made


def outputs(model: Any) -> Any:
    return numpy.asarray(model(numpy.random.default_rng(2).standard_normal((4, 6)).astype("float32"), training=False))


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("make", [keras.optimizers.Adam, lambda: keras.optimizers.SGD(momentum=0.9)])
def test_the_model_its_average_and_the_optimizer_s_state(folder: Path, run: Run, make: Callable[[], Any]) -> None:
    optimiser, again = make(), make()
    old, average = built(True, optimiser), built(True)
    beside = {"step": tf.Variable(7), "note": tf.Variable("hello")}
    tf.train.Checkpoint(model=old, average=average, optimizer=optimiser, **beside).write("old")
    done = run("old", "new")
    assert done.exit_code == 0, done.output
    new, other = built(False, again), built(False)
    for variable in [*new.weights, *other.weights, *again.variables[2:]]:
        variable.assign(variable * 0)
    left = {"step": tf.Variable(0), "note": tf.Variable("")}
    status = tf.train.Checkpoint(model=new, average=other, optimizer=again, **left).read("new")
    status.assert_consumed()
    numpy.testing.assert_allclose(outputs(new), outputs(old), atol=1e-5)
    numpy.testing.assert_allclose(outputs(other), outputs(average), atol=1e-5)
    assert (left["step"].numpy(), left["note"].numpy()) == (7, b"hello")
    before = [one for one in optimiser.variables if "bias" not in one.path or one.shape != (5,)]
    assert all(numpy.array_equal(a, b) for a, b in zip(again.variables, before, strict=True))


def test_a_class_and_one_of_its_files(folder: Path, run: Run) -> None:
    old = built(True, name="Own")
    tf.train.Checkpoint(net=old).write("old")
    assert run("old.index", "new", name="Own").exit_code == 0
    new = built(False, name="Own")
    tf.train.Checkpoint(net=new).read("new").assert_consumed()
    numpy.testing.assert_allclose(outputs(new), outputs(old), atol=1e-5)


def test_in_place_the_old_index_and_its_data_stay_whole(folder: Path, run: Run) -> None:
    old = built(True)
    tf.train.Checkpoint(old).write("old")
    before = written(folder)
    done = run("old", "--in-place")
    assert done.exit_code == 0, done.output
    now = written(folder)
    assert now["old.index.old"] == before["old.index"]
    assert now["old.data-00000-of-00001"] == before["old.data-00000-of-00001"]
    new = built(False)
    tf.train.Checkpoint(new).read("old").assert_consumed()
    numpy.testing.assert_allclose(outputs(new), outputs(old), atol=1e-5)
    os.replace("old.index.old", "old.index")
    tf.train.Checkpoint(built(True)).read("old").assert_consumed()
    assert not [name for name in os.listdir() if name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_the_old_index_and_its_data_or_the_new_ones(folder: Path) -> None:
    for name, text in (("whole", "old"), ("other", "new")):
        (folder / name).mkdir()
        tf.train.Checkpoint(said=tf.Variable(text), more=tf.Variable(numpy.ones(9))).write(f"{name}/kept")
    tensors = tf.train.load_checkpoint("other/kept")
    values = {name: tf.constant(tensors.get_tensor(name)) for name in tensors.get_variable_to_shape_map()}
    (folder / "made").mkdir()
    bundle._save(folder / "made/ready", values, 2)

    def prepare() -> None:
        shutil.rmtree("weights", ignore_errors=True)
        shutil.copytree("whole", "weights")

    def said(path: str) -> bytes:
        found: bytes = tf.train.load_checkpoint(path).get_tensor("said/.ATTRIBUTES/VARIABLE_VALUE")
        return found

    def check(ended: bool) -> None:
        found = said("weights/kept")
        assert found == b"new" or (found == b"old" and not ended)
        if found == b"new":
            os.replace("weights/kept.index.old", "weights/kept.index")
            assert said("weights/kept") == b"old"

    commit = Path("weights/kept"), None, lambda waiting: shutil.copytree("made/ready", waiting)
    assert killed_at_each_call(prepare, *commit, check) > 5  # type: ignore[arg-type]


def averaging() -> Any:
    return keras.optimizers.Adam(use_ema=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [(averaging, "keeps averages of the variables"), (keras.optimizers.Adafactor, "cannot be told")],
)
def test_an_optimizer_that_cannot_follow_is_named(folder: Path, make: Callable[[], Any], said: str) -> None:
    optimiser = make()
    old = built(True, optimiser)
    tf.train.Checkpoint(model=old, optimizer=optimiser).write("old")
    model = models.variables(old)
    dropped = {(number, "bias") for number, layer in enumerate(model.layers) if layer is old.layers[1]}
    found = bundle.Bundle(folder / "old", model)
    with pytest.raises(TargetError, match=said):
        found.settle_optimiser(model, dropped, drop=False)
    assert found.settle_optimiser(model, dropped, drop=True) == ["optimizer: left out"]


def cut() -> None:
    whole = Path("old.data-00000-of-00001").read_bytes()
    Path("old.data-00000-of-00001").write_bytes(whole[: len(whole) // 2])


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no index": (lambda: Path("old.index").unlink(), "no such file"),
    "an empty index": (lambda: Path("old.index").write_bytes(b""), "cannot be read as a TensorFlow checkpoint"),
    "half the data": (cut, "cannot be read as a TensorFlow checkpoint"),
    "another model": (
        lambda: tf.train.Checkpoint(model=keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])).write("old"),
        "does not fit the old model: it lacks",
    ),
    "no graph": (
        lambda: tf.raw_ops.SaveV2(prefix="old", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.ones(2)]),
        "has no graph of objects",
    ),
    "a name that is taken": (lambda: Path("new.index").write_text("mine"), "new.index exists already"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_end_in_a_clear_message(folder: Path, run: Run, kind: str) -> None:
    make, said = BAD[kind]
    tf.train.Checkpoint(built(True)).write("old")
    make()
    before = written(folder)
    done = run("old", "new")
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert written(folder) == before
