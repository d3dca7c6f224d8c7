"""What the analysis reads in low-level TensorFlow 1 code, held against the graph that TensorFlow builds from it.

Skipped, and said so, where TensorFlow is not installed.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: the fixtures are not held against live graphs")

from biaslint.analysis.run import analyse  # noqa: E402

FOLDER = Path(__file__).parent.parent / "fixtures" / "tensorflow"
SMALLER = (("224, 224", "16, 16"), ("112 * 112", "8 * 8"), ("4096", "32"))


def smaller(stem: str) -> str:
    """The fixture, with sizes that a test can afford and TensorFlow 1 under the name it has today."""
    text = (FOLDER / f"{stem}.py").read_text(encoding="utf-8")
    for old, new in SMALLER:
        text = text.replace(old, new)
    return text.replace("import tensorflow as tf", "import tensorflow.compat.v1 as tf")


def live(text: str) -> tuple[Counter[Any], Counter[Any]]:
    """The constants that the graph's biases start at, and which operations add them."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        exec(compile(text, "fixture", "exec"), {"__name__": "fixture"})
        session.run(tf.compat.v1.global_variables_initializer())
        vectors = [session.run(one) for one in tf.compat.v1.global_variables() if len(one.shape) == 1]
        starts = Counter(float(one[0]) for one in vectors if (one == one[0]).all())
        products = Counter(one.type for one in graph.get_operations() if one.type in ("Conv2D", "MatMul"))
    return starts, products


@pytest.mark.parametrize("stem", ["vgg_low_level", "vgg_swapped"])
def test_the_analysis_finds_the_layers_and_starts_of_the_live_graph(stem: str, tmp_path: Path) -> None:
    text = smaller(stem)
    path = tmp_path / "fixture.py"
    path.write_text(text, encoding="utf-8")
    uses = [use for use in analyse([path], tmp_path).uses if use.kind in ("conv", "linear")]
    script = [use for use in uses if use.run == max(use.run for use in uses)]
    starts, products = live(text)
    assert Counter(use.bias.last.value for use in script if use.bias.last is not None) == starts
    assert Counter({"conv": "Conv2D", "linear": "MatMul"}[use.kind] for use in script) == products
    assert all(use.bias.present for use in script)


SHAPES = {"batch_normed": (1, 8, 8, 8), "untrained": (1, 784)}


@pytest.mark.parametrize("name", SHAPES)
def test_the_analysis_finds_the_layers_and_starts_of_a_function_s_live_graph(name: str, tmp_path: Path) -> None:
    text = smaller("low_level")
    path = tmp_path / "fixture.py"
    path.write_text(text, encoding="utf-8")
    uses = [use for use in analyse([path], tmp_path).uses if use.kind in ("conv", "linear") and use.root == name]
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        names: dict[str, Any] = {"__name__": "fixture"}
        exec(compile(text, "fixture", "exec"), names)
        before = len(graph.get_operations()), len(tf.compat.v1.global_variables())
        names[name](tf.compat.v1.placeholder(tf.float32, SHAPES[name]))
        session.run(tf.compat.v1.global_variables_initializer())
        products = Counter(one.type for one in graph.get_operations()[before[0] :] if one.type in ("Conv2D", "MatMul"))
        vectors = [session.run(one) for one in tf.compat.v1.global_variables()[before[1] :] if len(one.shape) == 1]
    assert Counter({"conv": "Conv2D", "linear": "MatMul"}[use.kind] for use in uses) == products
    starts = Counter(use.bias.last.value for use in uses if use.bias.last is not None and use.bias.trainable)
    assert starts <= Counter(float(one[0]) for one in vectors)
    assert all(use.bias.present for use in uses)


def test_the_spread_of_biases_in_a_dict_is_that_of_the_live_variables(tmp_path: Path) -> None:
    text = smaller("low_level")
    path = tmp_path / "fixture.py"
    path.write_text(text, encoding="utf-8")
    uses = [use for use in analyse([path], tmp_path).uses if use.kind in ("conv", "linear") and use.name.startswith("biases[")]
    said = {use.name[8:-2]: use.bias.last.spread for use in uses if use.bias.last is not None}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(0)
        names: dict[str, Any] = {"__name__": "fixture"}
        exec(compile(text, "fixture", "exec"), names)
        session.run(tf.compat.v1.global_variables_initializer())
        live_spreads = {key: float(session.run(one).std()) for key, one in names["biases"].items()}
    assert said.keys() == live_spreads.keys()
    assert all(live_spreads[key] == pytest.approx(spread, rel=0.6) for key, spread in said.items())
