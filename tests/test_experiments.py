"""The experiments run, at a tiny size, and what they train is what PyTorch would train."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import pytest
from projects import ROOT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
sys.path.insert(0, str(ROOT))

from experiments import data, measuring, networks, plans, results, training  # noqa: E402
from experiments.plan import Task, Variant, budget, tiny  # noqa: E402

EXPERIMENTS = plans.experiments()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_at_a_tiny_size(name: str) -> None:
    try:
        result = measuring.run(tiny(EXPERIMENTS[name]))
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    for task in result["tasks"]:
        flagged, fixed = task["variants"][:2]
        assert flagged["name"] != fixed["name"]
        assert all(len(variant["test"]) == 2 and variant["curve"]["at"][-1] == 3 for variant in task["variants"])


def test_the_results_are_those_of_the_plans() -> None:
    found = {result["name"]: result for result in results.load()}
    assert found.keys() == EXPERIMENTS.keys()
    for name, result in found.items():
        plan = EXPERIMENTS[name]
        assert (result["title"], result["rules"], result["hypothesis"]) == (plan.title, list(plan.rules), plan.hypothesis)
        measured = [(one["name"], one["level"], one["budget"], [v["name"] for v in one["variants"]]) for one in result["tasks"]]
        assert measured == [(one.name, one.level, budget(one), [v.name for v in one.variants]) for one in plan.tasks]
        for one, planned in zip(result["tasks"], plan.tasks, strict=True):
            assert all(len(variant["test"]) == planned.seeds for variant in one["variants"])


def measured(test: list[list[float]], valid: list[list[float]]) -> measuring.Measured:
    """What was measured on two evaluations; rows are seeds, columns learning rates."""
    losses = torch.tensor(valid).unsqueeze(-1).expand(-1, -1, 2)
    one = torch.ones(len(test))
    runs = training.Runs([0, 10], losses, losses, torch.tensor(test), torch.tensor(test), one)
    return measuring.Measured(task(steps=10), runs)


def test_errors_include_the_choice_of_the_learning_rate() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(12, 1, generator=generator)
    test = (torch.tensor([[0.3, 0.4]]) + noise).tolist()
    clear = torch.tensor([[0.2, 0.9]]).expand(12, 2).tolist()
    near = torch.tensor([[0.5 + 0.01 * (-1) ** n, 0.5] for n in range(12)]).tolist()
    sure = measuring.errors(measured(test, clear), measured(test, clear))
    unsure = measuring.errors(measured(test, near), measured(test, clear))
    assert sure["test"] == 0  # the same seeds, the same noise: paired
    assert unsure["test"] > 0.03  # now one learning rate, now the other


def task(**changes: object) -> Task:
    settings: dict[str, object] = {
        "name": "digits",
        "data": data.digits,
        "start": networks.mlp_start(64, 8, 10),
        "forward": networks.mlp,
        "variants": (Variant("a"), Variant("b")),
        "steps": 6,
        "level": 0.5,
        "evaluations": 2,
    }
    return Task(**(settings | changes))  # type: ignore[arg-type]


def end(one: Task, seeds: list[int], rates: tuple[float, ...]) -> training.Runs:
    return training.train(one, one.variants[0], seeds, rates, lambda step: None)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_runs_side_by_side_do_not_touch_each_other(optimizer: str) -> None:
    one = task(optimizer=optimizer, decay=0.01, clip=1.0)
    together, alone = end(one, [0, 1], (0.001, 1e6)), end(one, [1], (0.001,))
    assert not torch.allclose(together.valid[0, 0], together.valid[1, 0])
    assert torch.allclose(together.valid[1, 0], alone.valid[0, 0], atol=1e-5)


def modules(p: dict[str, torch.Tensor]) -> torch.nn.Sequential:
    net = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, 10))
    with torch.no_grad():
        for layer, name in ((net[0], "l1"), (net[2], "out")):
            layer.weight.copy_(p[f"{name}.weight"].T)
            layer.bias.copy_(p[f"{name}.bias"])
    return net


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_run_is_what_the_optimizer_of_pytorch_makes_of_the_same_network(optimizer: str) -> None:
    one, rate, seed = task(optimizer=optimizer, decay=0.1), 0.01, 3
    net = modules(one.start(torch.Generator().manual_seed(seed)))
    if optimizer == "adam":
        steps = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.1)
    else:
        steps = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=0.1)
    digits = data.digits()
    fit, valid, _ = training.split(digits, seed)
    for batch in training.batches(fit, one, seed):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(net(digits.x[batch]), digits.y[batch]).backward()
        steps.step()
    shown = valid[: one.shown]
    loss = torch.nn.functional.cross_entropy(net(digits.x[shown]), digits.y[shown]).detach()
    assert math.isclose(float(end(one, [seed], (rate,)).valid[0, 0, -1]), float(loss), rel_tol=1e-4)


def test_a_run_in_keras_is_what_its_optimizer_makes_of_the_same_batches() -> None:
    keras_training = pytest.importorskip("experiments.keras_training", reason="Keras is not installed")
    from experiments.keras_models import perceptron

    keras = keras_training.keras

    build, digits = perceptron(64, 8, 10), data.digits()
    one = task(variants=(Variant("a", model=build),), start=None, forward=None)
    found = keras_training.train(one, one.variants[0], [3], (0.001, 0.01), lambda step: None)
    keras.utils.set_random_seed(3)
    net = build()
    net.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit, valid, _ = training.split(digits, 3)
    losses = []
    for batch in [None, *training.batches(fit, one, 3)]:
        if batch is not None:
            net.train_on_batch(digits.x[batch].numpy(), digits.y[batch].numpy())
        shown = valid[: one.shown]
        scores = torch.tensor(net.predict_on_batch(digits.x[shown].numpy()))
        losses.append(float(torch.nn.functional.cross_entropy(scores, digits.y[shown])))
    assert found.valid[0, 1].tolist() == pytest.approx([losses[step] for step in found.at], rel=1e-4)
    assert found.valid[0, 0, 0] == found.valid[0, 1, 0]
    assert found.valid[0, 0, -1] > found.valid[0, 1, -1]


def test_epochs_become_steps_and_curves_stay_short() -> None:
    one = training.in_steps(task(epochs=50, every=4))
    assert one.steps == round(50 * len(training.split(data.digits(), 0)[0]) / one.batch)
    at = training.evaluation_steps(one)
    assert {late - early for early, late in pairwise(at)} <= {4, 5}
    drawn = measuring.curve(at, torch.arange(len(at)).expand(3, -1) / 100)
    assert drawn["at"][:2] == at[:2]
    assert drawn["at"][-1] == one.steps
    assert measuring.POINTS <= len(drawn["at"]) <= measuring.POINTS + 2
    assert drawn["median"] == [round(at.index(int(step)) / 100, 2) for step in drawn["at"]]


def test_the_lstm_is_that_of_pytorch() -> None:
    made = [networks.lstm_start(3, 5, 2)(torch.Generator().manual_seed(seed)) for seed in range(2)]
    p = {name: torch.stack([one[name] for one in made]) for name in made[0]}
    x = torch.randn(2, 4, 7, 3)
    for run in range(2):
        lstm, out = torch.nn.LSTM(3, 5, batch_first=True), torch.nn.Linear(5, 2)
        with torch.no_grad():
            lstm.weight_ih_l0.copy_(p["lstm.weight"][run].T)
            lstm.weight_hh_l0.copy_(p["lstm.recurrent"][run].T)
            lstm.bias_ih_l0.copy_(p["lstm.bias"][run])
            lstm.bias_hh_l0.zero_()
            out.weight.copy_(p["out.weight"][run].T)
            out.bias.copy_(p["out.bias"][run])
        assert torch.allclose(networks.lstm(p, x, None)[run], out(lstm(x[run])[0][:, -1]), atol=1e-5)


def test_convolutions_and_batch_norms_are_those_of_pytorch() -> None:
    made = [networks.cnn_start(norm=True)(torch.Generator().manual_seed(seed)) for seed in range(2)]
    p = {name: torch.stack([one[name] for one in made]) for name in made[0]}
    x = torch.randn(2, 4, 1, 8, 8)
    stats: dict[str, torch.Tensor] = {}
    y = networks.batch_norm(p, "n1", networks.conv(p, "c1", x), stats)
    for run in range(2):
        expected = torch.nn.functional.conv2d(x[run], p["c1.weight"][run], p["c1.bias"][run], padding=1)
        assert torch.allclose(stats["n1.mean"][run], expected.mean((0, 2, 3)), atol=1e-5)
        assert torch.allclose(y[run], torch.nn.BatchNorm2d(8).train()(expected), atol=1e-4)
    assert torch.allclose(networks.batch_norm(p, "n1", x.expand(2, 4, 8, 8, 8), None), x.expand(2, 4, 8, 8, 8), atol=1e-4)


def test_a_constant_prediction_has_the_loss_of_the_best_constant() -> None:
    y = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert math.isclose(float(training.constant("binary", y, y)), entropy, rel_tol=1e-5)
    assert math.isclose(float(training.constant("numbers", y, y)), 0.1875, rel_tol=1e-5)
    cells = torch.zeros(1, 3, 2, 4, 4)
    cells[0, :, 0, 0, 0] = 1
    best = float(training.constant("cells", cells, cells))
    assert best <= min(float(training.focal(torch.full_like(cells, logit), cells)) for logit in (-6.0, -3.0, -1.0, 0.0))


def test_parts_of_a_split_are_apart_and_whole() -> None:
    for one in (data.digits(), data.documentation()):
        parts = training.split(one, 0)
        numbers = torch.cat(parts)
        assert len(numbers) == len(set(numbers.tolist()))
        assert len(numbers) > 0.98 * len(one.x)
        blocks = [set((part // one.block).tolist()) for part in parts]
        assert not (blocks[0] & blocks[1] | blocks[0] & blocks[2] | blocks[1] & blocks[2])
