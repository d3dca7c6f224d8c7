"""One model of the accuracy benchmark: build it, measure its dead biases, and ask the tools that look at live models.

Run by `accuracy.py` in an environment that has the library: `accuracy_models.py LIBRARY MODEL RESULT.json`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# Library -> (what to install, then the models). Small ones that differ in how they are written.
LIBRARIES: dict[str, tuple[list[str], list[str]]] = {
    "torchvision": (
        ["torchvision==0.28.0", "pillow"],
        ["vgg11_bn", "alexnet", "squeezenet1_1", "resnet18", "mobilenet_v3_small", "mnasnet0_5", "shufflenet_v2_x0_5",
         "regnet_x_400mf", "efficientnet_b0", "mobilenet_v2", "googlenet", "vgg11", "densenet121", "convnext_tiny",
         "inception_v3", "vit_b_16"],
    ),
    "timm": (
        ["timm==1.0.31", "torchvision==0.28.0", "pillow", "pyyaml", "safetensors", "huggingface_hub"],
        ["test_vit", "test_byobnet", "test_vit_relpos", "test_mambaout", "test_nfnet", "repvit_m0_9", "mobileone_s0",
         "levit_128s", "convit_tiny", "ghostnet_050", "visformer_tiny", "fastvit_t8", "efficientvim_m1", "edgenext_xx_small",
         "shvit_s1", "gmixer_12_224", "tiny_vit_5m_224", "rexnet_100", "resnetv2_18", "cs3darknet_s", "inception_v3",
         "swiftformer_xs", "hrnet_w18_small", "efficientformer_l1"],
    ),
    "segmentation_models_pytorch": (
        ["segmentation_models_pytorch==0.6.0", "timm==1.0.31", "torchvision==0.28.0", "pillow", "pyyaml", "safetensors", "huggingface_hub", "tqdm"],
        ["Segformer", "Unet", "FPN", "PSPNet", "Linknet", "MAnet", "DeepLabV3", "UPerNet", "UnetPlusPlus"],
    ),
    "pytorchcv": (
        ["pytorchcv==0.0.74", "requests"],
        ["resnet10", "channelnet", "shufflenet_g1_w1", "shufflenetv2b_wd2", "fdmobilenet_w1", "cbam_resnet18",
         "bam_resnet18", "mixnet_m", "igcv3_w1", "bagnet9", "scnet50", "dla34", "airnet50_1x64d_r16",
         "xdensenet40_2_k24_bc_cifar10", "ibn_densenet121", "tresnet_m"],
    ),
}  # fmt: skip
# Most models take any size; a small one is quicker, and a bias is as dead on it.
_SIZES = {"inception_v3": (3, 299, 299), "vit_b_16": (3, 224, 224), "alexnet": (3, 128, 128)}
PEERS = {"torch-audit": ["torch-audit==0.3.0", "rich", "click"]}


def stub_torchvision() -> None:
    """Where torchvision came without its compiled operators, declare them, so that its models can be imported all the same."""
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    folder = Path(found.origin).parent
    names = re.findall(r'"(?:torchvision::)?(\w+)"', (folder / "_meta_registrations.py").read_text())
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted(set(names) - {"Meta", "default", "torchvision"}):
        library.define(f"{name}(Tensor x) -> Tensor")
    globals()["_library"] = library  # the declarations last as long as this object


def build(library: str, name: str) -> tuple[Any, tuple[int, ...]]:
    """The model, untrained, and the shape of what it takes."""
    if library == "torchvision":
        models = importlib.import_module("torchvision.models")
        more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return models.get_model(name, weights=None, **more), _SIZES.get(name, (3, 96, 96))
    if library == "timm":
        model = importlib.import_module("timm").create_model(name)
        return model, tuple(model.default_cfg.get("input_size", (3, 224, 224)))
    if library == "pytorchcv":
        model = importlib.import_module("pytorchcv.model_provider").get_model(name, pretrained=False)
        return model, (3, *model.in_size)
    smp = importlib.import_module("segmentation_models_pytorch")
    return getattr(smp, name)("resnet18", encoder_weights=None), (3, 128, 128)


def by_torch_audit(model: Any) -> list[str] | None:
    """The layers that torch-audit calls redundantly biased; None where it is not installed."""
    if importlib.util.find_spec("torch_audit") is None:
        return None
    audit = importlib.import_module("torch_audit").audit
    found = audit(model, show_report=False).findings
    return [".".join(filter(None, [one.module_path, one.entity.split("->")[0]])) for one in found if one.rule_id == "TA400"]


def by_profiler(model: Any, x: Any) -> list[str] | None:
    """The layers that the pattern of torch.profiler finds; None where its events cannot be told apart."""
    import torch
    from torch.profiler import _pattern_matcher as patterns

    called: list[str] = []
    names = {module: name for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d)}
    hooks = [module.register_forward_hook(lambda module, *_: called.append(names[module])) for module in names]
    with torch.profiler.profile(record_shapes=True, with_stack=True) as profile:
        model(x)
    for hook in hooks:
        hook.remove()
    pattern = patterns.Conv2dBiasFollowedByBatchNorm2dPattern(profile)
    events = [event for event in pattern.eventTreeTraversal() if event.name == "aten::conv2d"]
    events.sort(key=lambda event: event.start_time_ns)
    if len(events) != len(called):
        return None
    matched = {event.id for event in pattern.matched_events()}
    return sorted({name for event, name in zip(events, called, strict=True) if event.id in matched})


def measure(library: str, name: str) -> dict[str, Any]:
    """Everything about one model."""
    import torch

    from biaslint.runtime.torch.gradient_test import dead_biases
    from biaslint.runtime.torch.tracing import origins, tracing

    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    stub_torchvision()
    begun = time.monotonic()
    with tracing():
        model, shape = build(library, name)
    chains = origins(model)
    x = torch.randn(4, *shape)
    results = dead_biases(model, [x])
    package = os.path.dirname(str(importlib.util.find_spec(library).origin))  # type: ignore[union-attr]
    root = os.path.dirname(package) + os.sep
    layers = [
        {
            "name": one.name,
            "layer": one.layer,
            "status": one.status,
            "chain": [
                [frame[0].removeprefix(root), frame[1], frame[6]]
                for frame in chains.get(one.name, [])
                if frame[0].startswith(package)
            ],
        }
        for one in results.values()
    ]
    model.train()
    peers: dict[str, list[str] | None] = {"torch-audit": by_torch_audit(model)}
    try:
        peers["torch.profiler"] = by_profiler(model, x[:2])
    except Exception as error:
        print(f"torch.profiler: {type(error).__name__}: {error}", file=sys.stderr)
        peers["torch.profiler"] = None
    return {"library": library, "model": name, "layers": layers, "peers": peers, "seconds": round(time.monotonic() - begun, 1)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    Path(sys.argv[3]).write_text(json.dumps(measure(sys.argv[1], sys.argv[2])))
