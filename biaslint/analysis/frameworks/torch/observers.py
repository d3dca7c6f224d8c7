"""Libraries that are handed a model to watch, wrap, describe or train it, and that leave the start of its parameters alone."""

from __future__ import annotations

import re

LIBRARIES = {
    "accelerate", "apex", "clearml", "comet_ml", "composer", "deepspeed", "fairscale", "fvcore", "horovod", "ignite", "lightning",
    "lightning_fabric", "mlflow", "neptune", "onnx", "poptorch", "ptflops", "pytorch_lightning", "skorch", "swanlab", "tensorboardX",
    "thop", "torch_ema", "torchinfo", "torchsummary", "torchsummaryX", "torchview", "torchviz", "wandb",
}  # fmt: skip
NAMES = re.compile(
    r"(^|\.)(SummaryWriter|Trainer|Seq2SeqTrainer|SFTTrainer|Accelerator|Fabric)\b|(^|\.)(add_graph|watch|summary)$"
    r"|(^|\.)(accelerator|fabric)\.(prepare|prepare_model|setup|setup_module)$|(^|\.)trainer\.(fit|train|test|validate|evaluate|predict)$"
)


def observes(name: str) -> bool:
    """Does a call of this name leave the parameters of the models that it is given alone?"""
    return name.partition(".")[0] in LIBRARIES or NAMES.search(name.replace("(...)", "")) is not None
