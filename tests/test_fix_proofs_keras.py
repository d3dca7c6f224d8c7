"""The same proofs as in test_fix_proofs.py, for the pages' Keras examples, on whichever backend Keras has here."""

from __future__ import annotations

from typing import Any

import pytest

from biaslint.findings import rule_book

keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")

PAGES = [rule_book.page(rule) for rule in rule_book.rules()]
OF_THEIR_OWN = {"BL205", "BL404", "BL405", "BL406", "BL502", "BL601"}  # what these fixes promise is looked at below
PAIRS = [
    pytest.param(page.rule.code, page.examples[index - 1].code, example.code, id=f"{page.rule.code}-{index}")
    for page in PAGES
    for index, example in enumerate(page.examples)
    if example.role == "fixed" and "keras" in page.examples[index - 1].frameworks and page.rule.code not in OF_THEIR_OWN
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
        wanted = (
            np.concatenate([np.zeros(16), np.ones(16), np.zeros(32)]) if code in ("BL301", "BL302") else np.zeros_like(value)
        )
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


def example(code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page's Keras example and its fixed form define."""
    page = next(page for page in PAGES if page.rule.code == code)
    ((bad, fixed),) = [
        (page.examples[index - 1].code, one.code)
        for index, one in enumerate(page.examples)
        if one.role == "fixed" and "keras" in page.examples[index - 1].frameworks
    ]
    made: list[dict[str, Any]] = []
    for text in (bad, fixed):
        keras.utils.set_random_seed(0)
        made.append({"__name__": "example"})
        exec(text, made[-1])
    return made[0], made[1]


def test_a_keras_bias_that_was_kept_from_learning_learns() -> None:
    old, new = example("BL205")
    assert [tuple(weight.shape) for weight in old["model"].trainable_weights] == [(4, 8)]
    assert sorted(tuple(weight.shape) for weight in new["model"].trainable_weights) == [(4, 8), (8,)]


def test_a_keras_prior_that_is_set_last_stays() -> None:
    old, new = example("BL404")
    starts = [float(keras.ops.sigmoid(one["model"].layers[-1].bias)[0]) for one in (old, new)]
    assert starts == pytest.approx([0.5, 0.01])


def test_a_keras_optimizer_that_is_told_so_decays_no_bias() -> None:
    old, new = example("BL502")
    for made, wanted in ((old, [True, True]), (new, [True, False])):
        kernel, bias = made["model"].layers[0].trainable_weights
        made["optimizer"].build(made["model"].trainable_variables)
        assert [made["optimizer"]._use_weight_decay(one) for one in (kernel, bias)] == wanted


def test_a_keras_spread_that_is_put_right_is_he_s() -> None:
    spreads = [float(keras.ops.std(one["model"].layers[0].kernel)) for one in example("BL601")]
    assert spreads == pytest.approx([1, (2 / 32) ** 0.5], rel=0.15)


@pytest.mark.parametrize("code", ["BL405", "BL406"])
def test_a_keras_loss_that_is_told_what_it_gets_is_that_of_the_logits(code: str) -> None:
    (_, new), logits = example(code), keras.ops.convert_to_tensor([[2.0, -1.0, 0.5]])
    loss = new["model"].loss
    given = logits if code == "BL406" else keras.ops.softmax(logits)
    target = keras.ops.convert_to_tensor([[0.0, 1.0, 0.0]] if code == "BL406" else [1])
    wanted = keras.ops.logsumexp(logits) + 1.0
    assert float(loss(target, given)) == pytest.approx(float(wanted), rel=1e-5)
