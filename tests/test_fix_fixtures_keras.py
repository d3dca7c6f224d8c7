"""Fixed Keras fixtures, run: given the old weights without the dropped biases, they put out the same values in training mode."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras", reason="keras is not installed: the fixed fixtures are not run")
np = pytest.importorskip("numpy")

from test_agreement_keras import CLASSES, FILES, FOLDER, names  # noqa: E402
from test_fix_fixtures import fixed  # noqa: E402

FIXED = [stem for stem in FILES if "# BL101" in (FOLDER / f"{stem}.py").read_text(encoding="utf-8")]


def module(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        spec.loader.exec_module(made)
    finally:
        del sys.modules[name]
    return made


def model(source: Any, name: str) -> tuple[Any, Any] | None:
    """What the function or class of a fixture builds, and an input for it. None where it is no model that takes one input."""
    keras.utils.set_random_seed(0)
    value = getattr(source, name)
    if inspect.isclass(value):
        made: Any = value(*((4,) if name == "Block" else ()))
        shape = CLASSES[name]
    else:
        made = value()
        if not isinstance(made, keras.Model) or not isinstance(getattr(made, "input_shape", None), tuple):
            return None
        shape = (2, *(size or 4 for size in made.input_shape[1:]))
    x = np.random.default_rng(1).normal(size=(2, *shape[1:])).astype("float32")
    made(x)
    return made, x


def own(layer: Any) -> dict[str, Any]:
    return {one.name: one for one in (*layer._trainable_variables, *layer._non_trainable_variables)}


def run(made: Any, x: Any) -> list[Any]:
    keras.utils.set_random_seed(2)
    return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(made(x, training=True))]


@pytest.mark.parametrize("stem", FIXED)
def test_keras_models_without_their_cancelled_biases_put_out_the_same_values(stem: str, tmp_path: Path) -> None:
    path = FOLDER / f"{stem}.py"
    text, applied, _ = fixed(path, "BL101")
    assert applied
    copy = tmp_path / path.name
    copy.write_text(text, encoding="utf-8")
    before, after = module(path, "as_it_was"), module(copy, "as_mended")
    rng = np.random.default_rng(0)
    gone = 0
    for name in names(stem):
        pair = model(before, name), model(after, name)
        if pair[0] is None or pair[1] is None:
            continue
        (old, x), (new, _) = pair
        layers = [list(one._flatten_layers()) for one in (old, new)]
        for one, other in zip(*layers, strict=True):
            mine, others = own(one), own(other)
            assert mine.keys() - others.keys() <= {"bias"}
            assert not others.keys() - mine.keys()
            gone += len(mine) - len(others)
            for key, value in mine.items():
                if key == "bias":  # a bias of zero would prove nothing
                    value.assign(rng.normal(size=value.shape))
                if key in others:
                    others[key].assign(value)
        for left, right in zip(run(old, x), run(new, x), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-3, atol=2e-4, err_msg=name)
    assert gone
