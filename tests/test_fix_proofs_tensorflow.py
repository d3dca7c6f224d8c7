"""The pages' low-level TensorFlow examples, before and after their fixes: both graphs are built, and their variables looked at.

TensorFlow no longer brings `tf.layers`, `tf.contrib` and its recurrent cells; examples that use them are linted and not run.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from biaslint.findings import rule_book

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: the fixed examples are not run")
np = pytest.importorskip("numpy")

GONE = ("tf.layers", "contrib", "rnn_cell", "slim")
SIZES = (("4096", "64"), ("784", "96"))
PAIRS = [
    pytest.param(page.rule.code, page.examples[index - 1].code, example.code, id=f"{page.rule.code}-{index}")
    for page in map(rule_book.page, rule_book.rules())
    for index, example in enumerate(page.examples)
    if example.role == "fixed"
    and "tensorflow" in page.examples[index - 1].frameworks
    and not any(word in example.code for word in GONE)
]
Starts = dict[tuple[int, ...], tuple[bool, Any]]  # shape of a variable -> whether it is trained, and what it starts at


def starts(code: str) -> Starts:
    """The variables of the graph that the example's function builds."""
    for old, new in SIZES:
        code = code.replace(old, new)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(0)
        names: dict[str, Any] = {}
        exec(code.replace("import tensorflow as tf", "import tensorflow.compat.v1 as tf"), names)
        build = [value for value in names.values() if callable(value) and getattr(value, "__module__", "") != "tensorflow"][-1]
        shape = (1, 8, 8, 64) if "conv2d" in code else (1, 64) if "[64, 64]" in code else (1, 96)
        build(tf.compat.v1.placeholder(tf.float32, shape))
        session.run(tf.compat.v1.global_variables_initializer())
        trained = {id(one) for one in tf.compat.v1.trainable_variables()}
        return {tuple(one.shape): (id(one) in trained, session.run(one)) for one in tf.compat.v1.global_variables()}


@pytest.mark.parametrize(("code", "bad", "fixed"), PAIRS)
def test_a_fixed_graph_starts_and_trains_as_its_page_promises(code: str, bad: str, fixed: str) -> None:
    old, new = starts(bad), starts(fixed)
    ((vector, (trained, value)),) = [(shape, one) for shape, one in new.items() if len(shape) == 1]
    ((matrix, (_, weight)),) = [(shape, one) for shape, one in new.items() if len(shape) > 1]
    assert trained
    if code == "BL205":
        assert vector not in old
        assert (value == np.float32(0.1)).all()
    elif code == "BL601":
        assert weight.std() == pytest.approx((2 / np.prod(matrix[:-1])) ** 0.5, rel=0.1)
        assert old[matrix][1].std() > 0.9
    else:
        assert old[vector][1].any()
        assert not value.any()
        assert set(old) == set(new)


def test_there_are_examples_to_run() -> None:
    assert len(PAIRS) >= 5
