"""Fixes of TensorFlow 1 code: biases in dicts, in variables, in slim's and tf.layers' arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.fix import fix_all, fix_text

MODEL = """\
import tensorflow as tf
import tf_slim as slim

x = tf.placeholder(tf.float32, [None, 784])
weights = {"h1": tf.Variable(tf.random_normal([784, 256], stddev=0.05)), "out": tf.Variable(tf.random_normal([256, 10], stddev=0.05))}
HERE
hidden = tf.nn.relu(tf.add(tf.matmul(x, weights["h1"]), biases["b1"]))
out = tf.matmul(hidden, weights["out"]) + biases["out"]
"""
DICTS = {
    "a constant": (
        'biases = {"b1": tf.Variable(tf.constant(1.0, shape=[256])),  # why\n          "out": tf.Variable(tf.zeros([10]))}',
        'biases = {"b1": tf.Variable(tf.constant(0.0, shape=[256])),  # why\n          "out": tf.Variable(tf.zeros([10]))}',
    ),
    "random numbers": (
        'biases = {\n    "b1": tf.Variable(tf.random_normal([256]), name="b1"),\n    "out": tf.Variable(tf.zeros([10])),\n}',
        'biases = {\n    "b1": tf.Variable(tf.zeros([256]), name="b1"),\n    "out": tf.Variable(tf.zeros([10])),\n}',
    ),
    "one that is no variable": (
        'biases = {"b1": tf.constant(0.1, shape=[256]), "out": tf.Variable(tf.zeros([10]))}',
        'biases = {"b1": tf.Variable(tf.constant(0.1, shape=[256])), "out": tf.Variable(tf.zeros([10]))}',
    ),
    "entry by entry": (
        'biases = {}\nbiases["b1"] = tf.Variable(\n    tf.ones([256]),\n)\nbiases["out"] = tf.Variable(tf.zeros([10]))',
        'biases = {}\nbiases["b1"] = tf.Variable(\n    tf.zeros([256]),\n)\nbiases["out"] = tf.Variable(tf.zeros([10]))',
    ),
    "one that is frozen": (
        'biases = {"b1": tf.Variable(tf.zeros([256]), trainable=False), "out": tf.Variable(tf.zeros([10]))}',
        'biases = {"b1": tf.Variable(tf.zeros([256])), "out": tf.Variable(tf.zeros([10]))}',
    ),
}
SELECT = ("BL201", "BL202", "BL203", "BL204", "BL205", "BL403", "BL601")


def fixed(text: str) -> str:
    path = Path("/project/model.py")
    findings = engine.lint_text(text, path, Config(root=path.parent, select=SELECT)).findings
    assert len(findings) == 1
    new = fix_text(text, findings, unsafe=True)
    assert engine.lint_text(new, path, Config(root=path.parent, select=SELECT)).findings == []
    return new


@pytest.mark.parametrize(("before", "after"), DICTS.values(), ids=DICTS)
def test_a_bias_in_a_dict_is_mended_where_it_is_made(before: str, after: str) -> None:
    assert fixed(MODEL.replace("HERE", before)) == MODEL.replace("HERE", after)


CALLS = {
    "get_variable": ('tf.get_variable("b", [16], initializer=tf.constant_initializer(1.0))', 'tf.get_variable("b", [16], initializer=tf.zeros_initializer())'),
    "by position": ('tf.get_variable("b", [16], tf.float32, tf.ones_initializer())', 'tf.get_variable("b", [16], tf.float32, tf.zeros_initializer())'),
    "compat": ('tf.compat.v1.Variable(tf.ones([16]))', 'tf.compat.v1.Variable(tf.zeros([16]))'),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CALLS.values(), ids=CALLS)
def test_a_bias_variable_starts_at_zero(before: str, after: str) -> None:
    text = (
        "import tensorflow as tf\n\n\ndef block(x):\n"
        "    w = tf.Variable(tf.truncated_normal([3, 3, 8, 16], stddev=0.1))\n"
        f"    b = {before}\n    return tf.nn.relu(tf.nn.conv2d(x, w, [1, 1, 1, 1], 'SAME') + b)\n"
    )
    assert fixed(text) == text.replace(before, after)


def test_slim_s_initializer_becomes_zeros() -> None:
    text = (
        "import tensorflow as tf\nimport tf_slim as slim\n\n\ndef block(x):\n"
        "    x = slim.conv2d(x, 8, 3, biases_initializer=tf.ones_initializer())\n    return slim.conv2d(x, 8, 3)\n"
    )
    assert fixed(text) == text.replace("ones", "zeros")


def test_a_dict_in_a_notebook_is_mended_and_nothing_else_touched(tmp_path: Path) -> None:
    text = MODEL.replace("HERE", DICTS["a constant"][0]).splitlines(keepends=True)
    cells = [
        {"cell_type": "code", "execution_count": 7, "metadata": {"tags": ["x"]}, "outputs": [], "source": text[:4]},
        {"cell_type": "code", "execution_count": 8, "metadata": {}, "outputs": [{"output_type": "stream"}], "source": text[4:]},
    ]
    path = tmp_path / "model.ipynb"
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1), encoding="utf-8"
    )
    findings = engine.lint([path], Config(root=tmp_path, select=SELECT)).findings
    outcome = fix_all(findings, lambda name: Path(name).read_text(encoding="utf-8"), unsafe=True)
    new = outcome.texts[str(path)]
    assert new == path.read_text(encoding="utf-8").replace("tf.constant(1.0, shape=[256])", "tf.constant(0.0, shape=[256])")
