"""The same proofs as in test_fix_proofs.py, for the pages' Keras examples, on whichever backend Keras has here."""

from __future__ import annotations

from typing import Any

import pytest

from biaslint import rule_book

keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")

PAGES = [rule_book.page(rule) for rule in rule_book.rules()]
PAIRS = [
    pytest.param(page.rule.code, page.examples[index - 1].code, example.code, id=f"{page.rule.code}-{index}")
    for page in PAGES
    for index, example in enumerate(page.examples)
    if example.role == "fixed" and "keras" in page.examples[index - 1].frameworks
]


def build(code: str) -> Any:
    keras.utils.set_random_seed(0)
    names: dict[str, Any] = {"__name__": "example"}
    exec(code, names)
    return [value for value in names.values() if isinstance(value, keras.Model)][-1]


def by_layer(model: Any) -> list[dict[str, Any]]:
    """Each layer's weights by name; a recurrent layer keeps them in its cell."""
    return [{weight.name: weight for weight in layer.weights} for layer in model.layers]


def run(model: Any) -> Any:
    x = np.random.default_rng(1).normal(size=(4, *model.input_shape[1:])).astype("float32")
    return keras.ops.convert_to_numpy(model(x, training=True))


@pytest.mark.parametrize(("code", "bad", "fixed"), PAIRS)
def test_a_fixed_keras_model_is_what_its_page_promises(code: str, bad: str, fixed: str) -> None:
    old, new = build(bad), build(fixed)
    before, after = by_layer(old), by_layer(new)
    assert len(before) == len(after)
    rng = np.random.default_rng(0)
    dropped = [(place, name) for place, names in enumerate(before) for name in names if name not in after[place]]
    added = [(place, name) for place, names in enumerate(after) for name in names if name not in before[place]]
    assert {name for _, name in (*dropped, *added)} <= {"bias"}
    if not dropped and not added:  # a start value: one bias differs, and is what the page says
        pairs = [
            (keras.ops.convert_to_numpy(one[name]), keras.ops.convert_to_numpy(other[name]))
            for one, other in zip(before, after, strict=True)
            for name in one
            if name == "bias"
        ]
        changed = [value for old_value, value in pairs if not np.array_equal(old_value, value)]
        assert len(changed) == 1
        value = changed[0]
        wanted = np.concatenate([np.zeros(16), np.ones(16), np.zeros(32)]) if code == "BL301" else np.zeros_like(value)
        np.testing.assert_array_equal(value, wanted)
        return
    for names in before:
        if "bias" in names:  # a bias of zero would prove nothing
            names["bias"].assign(rng.normal(size=names["bias"].shape))
    for old_names, new_names in zip(before, after, strict=True):
        for name in old_names.keys() & new_names.keys():
            new_names[name].assign(old_names[name])
    if code == "BL104":
        first, second = before[0], after[1]
        second["bias"].assign(second["bias"] + keras.ops.matmul(first["bias"], second["kernel"]))
    for place, name in added:
        after[place][name].assign(np.zeros(after[place][name].shape))
    np.testing.assert_allclose(run(old), run(new), rtol=1e-4, atol=1e-5)
