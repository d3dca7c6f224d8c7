"""PyTorch's calling conventions: which name is what, and what calling it does."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from biaslint.frontends import facts, ops, reshaping, torch_functions, torch_layers, torch_modules, writes
from biaslint.frontends.choices import multiply
from biaslint.frontends.values import (
    MISSING,
    Class,
    DictV,
    External,
    Layer,
    ListV,
    Native,
    Obj,
    Param,
    Unknown,
    Value,
    key_of,
)
from biaslint.theory.dataflow import Dims, Node
from biaslint.vocabulary import torch as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

PREFIXES = (
    "torch", "torchvision", "lightning", "pytorch_lightning", "einops", "timm", "mmcv", "mmengine", "mmdet", "transformers", "fastai",
    "huggingface_hub", "apex", "fvcore", "torch_geometric", "accelerate", "detectron2", "segmentation_models_pytorch",
)  # fmt: skip
INIT = "transformers.initialization"  # torch.nn.init's functions, which leave parameters alone that are loaded already
CALL_METHODS = ("__call__", "forward")

is_module = torch_modules.is_module
prepare = torch_modules.prepare
finished = torch_modules.finished
attribute = torch_modules.attribute
has_attribute = torch_modules.has_attribute
store = torch_modules.store
method = torch_modules.method
base_method = torch_modules.base_method
call_object = torch_modules.call_object


def owns(name: str) -> bool:
    return name.partition(".")[0] in PREFIXES


@lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """torch.nn.modules.conv.Conv2d is torch.nn.Conv2d."""
    short = name.rpartition(".")[2]
    if name.startswith(("torch.nn.modules.", "torch.nn.parameter.")):
        return f"torch.nn.{short}"
    if name.startswith(("torch.nn.quantizable.", "torch.ao.")):
        return f"torch.nn.{short}"
    if name.startswith("torch.functional."):
        return f"torch.{short}"
    if name.startswith("torch._C._nn."):
        return f"torch.nn.functional.{short}"
    if name.startswith("apex.parallel.") and short == "SyncBatchNorm":
        return "torch.nn.SyncBatchNorm"
    if name.startswith("torch.jit.") and short == "ScriptModule":
        return "torch.nn.Module"
    return name


@lru_cache(maxsize=1 << 16)
def short_of(name: str) -> str:
    """The name below torch.nn, "" for anything else."""
    name = canonical(name)
    return name[9:] if name.startswith("torch.nn.") and "." not in name[9:] else ""


def knows(name: str) -> bool:
    short = short_of(name)
    known = (
        short in vocabulary.LAYERS or short in vocabulary.CONTAINERS or short in ("Module", "Parameter", "functional", "init")
    )
    return name.startswith(INIT) or (bool(short) and known)


def specific(name: str) -> int:
    short = short_of(name)
    if short in vocabulary.LAYERS:
        return 4
    if short in vocabulary.CONTAINERS:
        return 3
    if short == "Module" or name.rpartition(".")[2] in vocabulary.MODULE_CLASSES:
        return 2
    return 1 if owns(name) else 0


def call(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of PyTorch or of a library built on it. MISSING where it is not known."""
    short = short_of(name)
    if short:
        if short in vocabulary.LAYERS:
            return torch_layers.construct(interp, short, args, kwargs)
        if short in vocabulary.CONTAINERS or short == "Module":
            obj = Obj(External(name), interp.origin())
            interp.objects.append(obj)
            prepare(interp, obj)
            base_method(interp, obj, "__init__", args, kwargs)
            return obj
        if short in ("Parameter", "UninitializedParameter", "Buffer"):
            return parameter(interp, args, kwargs, trainable=short != "Buffer")
    name = f"torch.nn.init.{name.rpartition('.')[2]}" if name.startswith(INIT + ".") else name
    if name.startswith("torch.nn.init."):
        return writes.initializer(interp, name[14:] if name.endswith("_") else name[14:] + "_", args, kwargs)
    if name.startswith("torch.nn.functional."):
        return torch_functions.functional(interp, name[20:], args, kwargs)
    if name.startswith("torch.optim."):
        return optimizer(interp, name, args, kwargs)
    handler = torch_functions.NAMED.get(name)
    if handler is not None:
        return handler(interp, args, kwargs)
    if name.startswith("einops.") and name.endswith("rearrange") and args and isinstance(args[0], Node):
        return reshaping.rearrange(interp, args[0], args[1] if len(args) > 1 else kwargs.get("pattern"), kwargs)
    if name == "einops.layers.torch.Rearrange":
        return rearranging(interp, args[0] if args else kwargs.get("pattern"), kwargs)
    if name.startswith("torch.") and "." not in name[6:]:
        return torch_functions.plain(interp, name[6:], args, kwargs)
    return MISSING


def rearranging(interp: Interpreter, pattern: Value, sizes: dict[str, Value]) -> Value:
    """einops' layer, which has no parameters: a function of a tensor."""

    def apply(x: Value = None, *more: Value, **options: Value) -> Value:
        if isinstance(x, Node):
            return reshaping.rearrange(interp, x, pattern, {name: size for name, size in sizes.items() if name != "pattern"})
        return interp.opaque(x, name="rearrange")

    return Native("Rearrange", apply)


def parameter(interp: Interpreter, args: list[Value], kwargs: dict[str, Value], trainable: bool) -> Value:
    """nn.Parameter(data): a tensor that does not depend on the inputs, with a place of its own."""
    data = args[0] if args else kwargs.get("data")
    if isinstance(data, Param):
        return data
    requires = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
    dims: Dims | None = data.dims if isinstance(data, Node) else None
    learns = requires is not False or facts.chosen(interp, "requires_grad")
    info: dict[str, Any] = {"parameter": trainable and learns, "made": interp.origin()}
    if isinstance(data, Node) and data.info.get("write") is not None:
        info["write"] = data.info["write"]
    return ops.const(interp, dims, "a parameter", **info)


def optimizer(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    short = name.rpartition(".")[2]
    obj = Obj(External(name), interp.origin())
    if short in vocabulary.OPTIMIZERS:
        layer = Layer(name, "optimizer", "torch", {}, interp.origin())
        layer.config.update(dict(kwargs.items()))
        layer.texts.update(torch_layers.argument_texts(interp, ("params", "lr")))
        params = args[0] if args else kwargs.get("params")
        layer.config["groups"] = groups(params)
        decay = kwargs.get("weight_decay", 0.01 if short == "AdamW" else 0.0)
        layer.covers_all = cover(layer, params, decay)
        layer.settings = torch_layers.settings(interp)
        interp.facts.append(layer)
    return obj


def cover(optimizer: Layer, params: Value, decay: Value) -> bool:
    """Note the parameters that an optimiser is given; False where some of them are not known."""
    if isinstance(params, Param):
        optimizer.covers.append((params.layer, params.which, decay))
        return True
    if isinstance(params, DictV):
        return not params.open and cover(optimizer, params.items.get("params"), params.items.get("weight_decay", decay))
    if isinstance(params, ListV):
        return (
            all(cover(optimizer, item.items[1] if is_named(item) else item, decay) for item in params.items) and not params.open
        )
    return isinstance(params, Node) and bool(params.info.get("parameter"))


def is_named(item: Value) -> bool:
    """Is it a pair (name, parameter)?"""
    return isinstance(item, ListV) and item.kind == "tuple" and len(item.items) == 2 and isinstance(item.items[0], str)


def groups(params: Value) -> int:
    """How many parameter groups an optimiser is given: 0 for a plain list or iterator."""
    if isinstance(params, ListV):
        return sum(1 for item in params.items if isinstance(item, DictV))
    return 0


def is_instance(value: Value, kind: External) -> bool | None:
    """isinstance(value, kind) for a class of PyTorch."""
    name = canonical(kind.name)
    short = name.rpartition(".")[2]
    if name in ("torch.Tensor", "torch.FloatTensor", "torch.LongTensor"):
        return isinstance(value, (Node, Param))
    if name == "torch.nn.Parameter":
        return isinstance(value, Param) or (isinstance(value, Node) and bool(value.info.get("parameter")))
    if name in ("torch.Size",):
        return isinstance(value, ListV) and value.kind == "tuple"
    if not isinstance(value, Obj):
        return None if isinstance(value, Unknown) else False
    bases = [base for base in value.cls.mro if isinstance(base, External)] if isinstance(value.cls, Class) else [value.cls]
    for base in bases:
        if is_subclass(base, kind):
            return True
    return False if owns(name) and (name.startswith("torch.") or short) else None


def is_subclass(cls: External, kind: External) -> bool:
    one, two = canonical(cls.name), canonical(kind.name)
    if one == two:
        return True
    short, other = one.rpartition(".")[2], two.rpartition(".")[2]
    if short in vocabulary.BASES.get(other, ()):
        return True
    if two == "torch.nn.Module":
        return one.startswith("torch.nn.") or short in vocabulary.MODULE_CLASSES
    if other == "BatchNorm2d" and short == "SyncBatchNorm":
        return False
    return two == "torch.nn.Linear" and short == "NonDynamicallyQuantizableLinear"


def param_dims(param: Param) -> Dims | None:
    """The dimensions of a layer's parameter."""
    layer = param.layer
    config = layer.config

    def size(*names: str) -> Any:
        for name in names:
            value = config.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, Unknown):
                return value.key
        return ("size", layer, names[0])

    if layer.kind in ("rnn", "rnn_cell"):
        gates = {"lstm": 4, "gru": 3}.get(vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts.get("cell", ""), 1)
        hidden = size("hidden_size")
        total: Any = multiply([gates, hidden])
        return (total,) if param.which.startswith("bias") else (total, size("input_size"))
    if layer.kind == "linear":
        return (size("out_features"),) if param.which == "bias" else (size("out_features"), size("in_features"))
    if layer.kind == "conv":
        if param.which == "bias":
            return (size("out_channels"),)
        dims = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts.get("dims", 2)
        kernel = config.get("kernel_size")
        sides = kernel.items if isinstance(kernel, ListV) else [kernel] * dims
        head = (size("out_channels"), size("in_channels"))
        return (*head, *(side if isinstance(side, int) else key_of(side) for side in sides))
    if layer.kind == "norm":
        return (size("num_features", "num_channels", "normalized_shape"),)
    if layer.kind == "embedding":
        return (size("num_embeddings"), size("embedding_dim"))
    return None
