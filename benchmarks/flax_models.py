"""Measures one public Flax model: which of its biases are dead. Run by `flax_accuracy.py` with a Python that has JAX and Flax.

What a model's file imports beside these, and is not installed, is stood in for: data pipelines and trainers have no part in a model.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock


@dataclass(frozen=True)
class Model:
    """A model: where it comes from, how it is built and what it is fed with."""

    repository: str
    root: str  # the folder that is on the path
    module: str
    build: str  # evaluated in the module, with `nnx`, `jnp` and `partial`
    inputs: str = "images(4, 32, 3)"
    linted: str = ""  # the folder or file that is linted, below the repository; the root where it is left out


FLAX, SCENIC, INIT = "google/flax", "google-research/scenic", "google/init2winit"
MODELS = {
    "imagenet-resnet": Model(
        FLAX,
        "examples/imagenet",
        "models",
        "ResNet(stage_sizes=[1, 1], block_cls=BottleneckResNetBlock, num_classes=10, num_filters=8)",
    ),
    "ppo-actor-critic": Model(FLAX, "examples/ppo", "models", "ActorCritic(num_outputs=6)", "images(2, 84, 4)"),
    "vae": Model(FLAX, "examples/vae", "models", "VAE(latents=8)", "vectors(4, 784), jax.random.key(1)"),
    "sst2-classifier": Model(
        FLAX,
        "examples/sst2",
        "models",
        "TextClassifier(embedding_size=8, hidden_size=8, vocab_size=20, output_size=1, dropout_rate=0.0, word_dropout_rate=0.0, unk_idx=1)",
        "tokens(4, 9, 20), jnp.array([9, 5, 7, 3])",
    ),
    "mnist-cnn": Model(FLAX, "examples/mnist", "train", "CNN(rngs=nnx.Rngs(0))", "images(4, 28, 1), nnx.Rngs(0)"),
    "nnx-block": Model(
        FLAX,
        "examples/nnx_toy_examples",
        "06_scan_over_layers",
        "Block(8, rngs=nnx.Rngs(0))",
        "vectors(4, 8)",
        "examples/nnx_toy_examples/06_scan_over_layers.py",
    ),
    "mlp-mixer": Model(
        "google-research/vision_transformer",
        ".",
        "vit_jax.models_mixer",
        "MlpMixer(patches=types.SimpleNamespace(size=(8, 8)), num_classes=5, num_blocks=2, hidden_dim=12, tokens_mlp_dim=8, channels_mlp_dim=8)",
        linted="vit_jax",
    ),
    "vision-transformer": Model(
        "google-research/vision_transformer",
        ".",
        "vit_jax.models_vit",
        "VisionTransformer(num_classes=5, patches=types.SimpleNamespace(size=(8, 8)), transformer=dict(mlp_dim=16, num_heads=2, num_layers=2, dropout_rate=0.0, attention_dropout_rate=0.0), hidden_size=8)",
        linted="vit_jax",
    ),
    "jax-resnet-18": Model(
        "n2cholas/jax-resnet",
        ".",
        "jax_resnet.resnet",
        "partial(ResNet, block_cls=ResNetBlock, stage_sizes=[1])(n_classes=10)",
        linted="jax_resnet",
    ),
    "flaxmodels-resnet-18": Model(
        "matthias-wright/flaxmodels",
        ".",
        "flaxmodels.resnet.resnet",
        "ResNet18(output='logits', pretrained=None, num_classes=10, normalize=False)",
        linted="flaxmodels",
    ),
    "flaxmodels-vgg-16": Model(
        "matthias-wright/flaxmodels",
        ".",
        "flaxmodels.vgg.vgg",
        "VGG16(output='logits', pretrained=None, num_classes=10, normalize=False, include_head=False)",
        linted="flaxmodels",
    ),
    "scenic-unet": Model(
        SCENIC,
        ".",
        "scenic.projects.baselines.unet",
        "UNet(num_classes=3, block_size=(4,), use_batch_norm=True)",
        linted="scenic/projects/baselines/unet.py",
    ),
    "scenic-mixer": Model(
        SCENIC,
        ".",
        "scenic.projects.baselines.mixer",
        "Mixer(num_classes=5, patch_size=(8, 8), hidden_size=12, num_layers=2, channels_mlp_dim=8, sequence_mlp_dim=8)",
        linted="scenic/projects/baselines/mixer.py",
    ),
    "scenic-resnet": Model(
        SCENIC,
        ".",
        "scenic.projects.baselines.resnet",
        "ResNet(num_outputs=5, num_filters=8, num_layers=18)",
        "images(2, 32, 3)",
        linted="scenic/projects/baselines/resnet.py",
    ),
    "scenic-point-cloud": Model(
        SCENIC,
        ".",
        "scenic.projects.pointcloud.models",
        "PointCloudTransformerClassifier(in_dim=3, feature_dim=8, num_classes=4, dropout_rate=0.0)",
        "sequences(4, 16, 3)",
        "scenic/projects/pointcloud",
    ),
    "van-patches": Model(
        "DarshanDeshpande/jax-models",
        ".",
        "jax_models.models.van",
        "OverlapPatchEmbed(8, 7, 4)",
        linted="jax_models",
    ),
    "segformer-head": Model(
        "DarshanDeshpande/jax-models",
        ".",
        "jax_models.models.segformer",
        "SegFormerHead(8, num_classes=4)",
        "[images(2, 16, 8), images(2, 8, 8), images(2, 4, 8), images(2, 2, 8)]",
        "jax_models",
    ),
    "conv-mixer": Model(
        "DarshanDeshpande/jax-models",
        ".",
        "jax_models.models.conv_mixer",
        "ConvMixer(features=8, patch_size=4, num_mixer_layers=2, filter_size=3, num_classes=4, deterministic=False)",
        linted="jax_models",
    ),
    "jax-fit": Model("noahzhy/Jax-Fit", ".", "model", "Model(nnx.Rngs(0))", "images(4, 28, 1)"),
    "mlops-resnet-block": Model(
        "dylandronnier/mlops",
        "src/models",
        "resnet",
        "_ResNetBlock(in_features=3, out_features=8, strides=(2, 2), rngs=nnx.Rngs(0))",
        linted="src",
    ),
    "mlops-convnext-block": Model(
        "dylandronnier/mlops",
        "src/models",
        "convnext",
        "_ConvNeXTBlock(in_features=3, out_features=8, strides=(1, 1), rngs=nnx.Rngs(0))",
        linted="src",
    ),
    "init2winit-wide-resnet": Model(
        INIT,
        ".",
        "init2winit.model_lib.wide_resnet",
        "WideResnet(blocks_per_group=1, channel_multiplier=1, group_strides=[(1, 1), (2, 2), (2, 2)], num_outputs=5)",
        linted="init2winit/model_lib/wide_resnet.py",
    ),
    "init2winit-autoencoder": Model(
        INIT,
        ".",
        "init2winit.model_lib.convolutional_autoencoder",
        "ConvAutoEncoder(output_shape=(32, 32, 3), encoder=dict(filter_sizes=[4, 8], kernel_sizes=[(3, 3), (3, 3)], kernel_paddings=['SAME', 'SAME'], window_sizes=[(2, 2), (2, 2)], window_paddings=['SAME', 'SAME'], strides=[(2, 2), (2, 2)], activations=['relu', 'relu']), decoder=dict(filter_sizes=[8, 3], kernel_sizes=[(3, 3), (3, 3)], window_sizes=[(2, 2), None], paddings=['SAME', 'SAME'], activations=['relu', 'id']))",
        linted="init2winit/model_lib/convolutional_autoencoder.py",
    ),
}


class Stood(ModuleType):
    """A module that is not installed: whatever is asked of it is there."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = MagicMock(name=f"{self.__name__}.{name}")
        setattr(self, name, made)
        return made


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: for packages that nothing else has."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if importlib.machinery.PathFinder.find_spec(name.partition(".")[0]) is not None:
            return None  # a part of an installed package that this version has not
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        return Stood(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def main() -> None:
    name, sources, target = sys.argv[1:]
    model = MODELS[name]
    root = Path(sources) / model.repository.replace("/", "+") / model.root
    sys.path.insert(0, str(root))
    import types
    from functools import partial

    import flax
    import jax
    import jax.numpy as jnp
    import numpy
    import optax  # noqa: F401
    from flax import linen, nnx, training  # noqa: F401

    from biaslint.runtime.flax.live import live
    from biaslint.runtime.flax.measuring import measure
    from biaslint.runtime.flax.tracing import tracing

    jax.nn.initializers.orthogonal()(jax.random.key(0), (2, 2))  # loads what asks for packages that may be missing
    sys.meta_path.append(StandIns())
    generator = numpy.random.default_rng(0)
    made = {
        "images": lambda count, size, channels: generator.standard_normal((count, size, size, channels)).astype("float32"),
        "vectors": lambda count, size: generator.standard_normal((count, size)).astype("float32"),
        "sequences": lambda count, length, size: generator.standard_normal((count, length, size)).astype("float32"),
        "tokens": lambda count, length, size: generator.integers(0, size, (count, length)),
    }
    started = time.monotonic()
    with tracing():
        module = importlib.import_module(model.module)
        space = {**vars(module), **made, "jax": jax, "jnp": jnp, "nnx": nnx, "partial": partial, "types": types}
        built = eval(model.build, space)
        fed = list(eval(f"({model.inputs},)", space))
        observed = measure(live(built, fed, {}, 0), name=name)
    layers = [
        {"name": one.name, "kind": one.kind, "dead": one.dead, "ratio": one.ratio, "chain": [frame[:2] for frame in one.chain]}
        for one in observed.layers
        if one.kind in ("conv", "linear") and one.bias_present
    ]
    versions = {"flax": flax.__version__, "jax": jax.__version__}
    Path(target).write_text(
        json.dumps({"layers": layers, "seconds": round(time.monotonic() - started, 1), "versions": versions})
    )


if __name__ == "__main__":
    main()
