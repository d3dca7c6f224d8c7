"""Models of torchvision, measured. Where torchvision came without its compiled operators, stand-ins are declared first."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
if importlib.util.find_spec("torchvision") is None:
    pytest.skip("torchvision is not installed", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from accuracy_models import stub_torchvision  # noqa: E402

sys.path.pop(0)
stub_torchvision()
from torchvision import models  # noqa: E402

from biaslint.runtime.torch.measuring import measure  # noqa: E402
from biaslint.runtime.torch.tracing import origins, tracing  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402


def built(name: str, **more: Any) -> Any:
    with tracing():
        model = models.get_model(name, num_classes=10, **more)
    return model, origins(model)


def measured(made: Any) -> Any:
    model, chains = made
    return measure(model, [torch.randn(8, 3, 64, 64)], chains=chains, dead_batch=2)


def test_resnet18_starts_well() -> None:
    observed = measured(built("resnet18"))
    assert {layer.dead for layer in observed.layers if layer.dead} == {"nobias", "alive"}
    assert [layer.name for layer in observed.layers if layer.is_output] == ["fc"]
    assert judge(observed).failures == []


def test_vgg11_bn_keeps_eight_biases_that_its_norms_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same layers with hidden ones of 32 units: nearly all of the model's 130 million numbers are in them.
    linear, narrower = torch.nn.Linear, {4096: 32}
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn, "Linear", lambda i, o: linear(narrower.get(i, i), narrower.get(o, o)))
        made = built("vgg11_bn", init_weights=False)
    observed = measured(made)
    dead = [layer.name for layer in observed.layers if layer.dead == "dead_bn"]
    assert len(dead) == 8
    assert all(layer.dead == "alive" for layer in observed.layers if layer.kind == "linear")
    found = [one for one in judge(observed).failures if one.rule == "bias-before-norm"]
    assert len(found) == 1
    assert found[0].place is not None
    assert Path(found[0].place.path).name == "vgg.py"
    assert "(and 7 more made here)" in found[0].message
