"""PyTorch's functions: torch.*, torch.nn.functional.*, and the wrappers that pass a module or function through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values, values as domain_values
from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import (
    Args,
    DictValue,
    External,
    Instance,
    Kwargs,
    ModelFunction,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.torch import layers as torch_layers, losses, makers, refusals, vocabulary as torch_vocabulary
from biaslint.analysis.interpreter import containers, execution
from biaslint.analysis.interpreter.builtins import standard_library
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import (
    contents,
    known_numbers,
    methods as tensor_methods,
    nodes,
    ops,
    parameter_writes,
)
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def functional(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """torch.nn.functional.name(...)"""
    if kwargs.get("out") is not None:
        return written_out(ex, functional, name, args, kwargs)
    if name in torch_vocabulary.LOSS_FUNCTIONS:
        return losses.function(ex, name, args, kwargs)
    handler = FUNCTIONAL.get(name)
    if handler is not None:
        return handler(ex, args, kwargs)
    result = on_tensor(ex, name, args, kwargs)
    target = args[0] if args else kwargs.get("input")
    if kwargs.get("inplace") is True and isinstance(target, Node) and isinstance(result, Node):
        ex.flow.change(target, result)
    return result


def plain(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """torch.name(...)"""
    if kwargs.get("out") is not None:
        return written_out(ex, plain, name, args, kwargs)
    if tensor_methods.in_place(name) and args and isinstance(args[0], Node):
        return tensor_methods.method(ex, args[0], name, args[1:], kwargs)
    if name in makers.FILLED:
        like = args[0] if name.endswith("_like") and args else None
        dims = like.dims if isinstance(like, Node) else tensor_methods.size_dims(ex, args or [kwargs.get("size")])
        if isinstance(like, Param):
            dims = nodes.param_dims(like)
        return nodes.const(ex, dims, name, write=makers.FILLED[name], integer=refusals.made_of_integers(name, args, kwargs))
    if name in makers.MAKERS:
        result = makers.made(ex, name, args, kwargs)
        if isinstance(result, Node) and result.op == "const" and refusals.made_of_integers(name, args, kwargs):
            result.info["integer"] = True
        return result
    if name in ("cat", "concat", "concatenate"):
        return ops.concat(
            ex,
            argument(args, kwargs, 0, "tensors"),
            argument(args, kwargs, 1, "dim", "axis", default=0),
        )
    if name in ("stack",):
        return ops.stack(
            ex,
            argument(args, kwargs, 0, "tensors"),
            argument(args, kwargs, 1, "dim", default=0),
        )
    if name == "einsum":
        operands = args[1:] if len(args) > 1 else []
        if len(operands) == 1 and isinstance(operands[0], SequenceValue):
            operands = operands[0].items
        return ops.einsum(ex, args[0] if args else None, operands)
    if name in ("chunk", "split") and args and isinstance(args[0], Param):
        return parameter_writes.pieces(ex, args[0], name, args[1:])
    if name == "where" and len(args) == 3:
        return ops.where(ex, *args)
    if name in ("no_grad", "enable_grad", "inference_mode", "set_grad_enabled", "autocast", "device", "Generator"):
        return Instance(External(f"torch.{name}"))
    if name in ("is_tensor",):
        return isinstance(args[0], Node) if args and not isinstance(args[0], Unknown) else ex.fresh(name)
    if name in ("compile", "jit"):
        return args[0] if args else ModelFunction(name, lambda value, *rest, **options: value)
    if name in ("manual_seed", "set_float32_matmul_precision", "set_num_threads", "save"):
        return None
    if name in FUNCTIONAL:
        return FUNCTIONAL[name](ex, args, kwargs)
    return on_tensor(ex, name, args, kwargs)


def written_out(ex: Execution, call: Any, name: str, args: Args, kwargs: Kwargs) -> Value:
    """torch.mul(x, y, out=z): the result is written into z."""
    target = kwargs["out"]
    result = call(ex, name, args, {key: value for key, value in kwargs.items() if key != "out"})
    made = nodes.tensor(ex, result)
    if isinstance(target, Node) and made is not None:
        ex.flow.change(target, made)
    return result


def on_tensor(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function whose first argument is the tensor it works on."""
    values = list(args)
    options = dict(kwargs)
    if not values:
        for key in ("input", "query", "x", "tensor"):
            if key in options:
                values = [options.pop(key)]
                break
    x = nodes.tensor(ex, values[0]) if values else None
    if isinstance(values[0] if values else None, Param):
        x = nodes.tensor(ex, values[0])
    if x is not None:
        return tensor_methods.apply(ex, name, x, values[1:], options)
    found = [node for value in (*values, *options.values()) for node in domain_values.tensors_in(value)]
    if found:
        if values and isinstance(values[0], (int, float)) and name in ("mul", "add", "sub"):
            return nodes.keep(ex, found[0], name)
        return ex.opaque(*values, *options.values(), name=name)
    result = standard_library.call(ex, f"math.{name}", values, options)
    return result if result is not MISSING else ex.fresh(f"{name}(...)")


def raw_layer(ex: Execution, kind: str, name: str, bias: Value, node: Node, axes: tuple[int, ...]) -> Node:
    """F.linear and F.conv with a bias of their own: the bias belongs to the layer whose parameter it is, or stands for itself."""
    if isinstance(bias, Node) and bias.op == "const":
        node.info["raw_bias"] = bias
    if isinstance(bias, Param):
        bias.layer.axes = axes
        return torch_layers.biased(bias.layer, node)
    if isinstance(bias, Node) and bias.info.get("parameter") and bias.op == "const":
        layer: Layer | None = bias.info.get("raw_layer")
        if layer is None:
            layer = Layer(
                f"torch.nn.functional.{name}",
                kind,
                "torch",
                {},
                bias.info["made"],
                name=bias.info.get("called", bias.name),
                bias=True,
            )
            layer.axes = axes
            bias.info["raw_layer"] = layer
            ex.layers.append(layer)
        return torch_layers.biased(layer, node)
    return node


def do_linear(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    weight, bias = argument(args, kwargs, 1, "weight"), argument(args, kwargs, 2, "bias")
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="linear")
    w = nodes.tensor(ex, weight)
    out: Any = w.dims[0] if w is not None and w.dims else ex.fresh().key
    node = ops.linear(ex, x, out, "linear", w)
    node.info["raw_weight"] = weight
    return with_bias(ex, raw_layer(ex, "linear", "linear", bias, node, (-1,)), bias)


def with_bias(ex: Execution, node: Node, bias: Value) -> Node:
    """A bias that is computed is an addition like any other."""
    if isinstance(bias, Node) and bias.op != "const":
        added = ops.add(ex, node, ex.opaque(bias, name="a computed bias"))
        assert isinstance(added, Node)
        return added
    return node


def do_conv(spatial: int, transposed: bool) -> Callable[[Execution, Args, Kwargs], Value]:
    name = f"conv_transpose{spatial}d" if transposed else f"conv{spatial}d"

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
        weight, bias = argument(args, kwargs, 1, "weight"), argument(args, kwargs, 2, "bias")
        if x is None:
            return ex.opaque(*args, *kwargs.values(), name=name)
        w = nodes.tensor(ex, weight)
        padding = argument(args, kwargs, 4, "padding", default=0)
        kernel: Value = None
        if isinstance(weight, Param):
            kernel = weight.layer.config.get("kernel_size")
        groups = argument(args, kwargs, 6, "groups", default=1)
        out: Any = ex.fresh().key
        if w is not None and w.dims and (not transposed or (groups == 1 and len(w.dims) > 1)):
            out = w.dims[1 if transposed else 0]
        stride = argument(args, kwargs, 3, "stride", default=1)
        node = ops.conv(
            ex, x, spatial, out, padding=padding, kernel=kernel, stride=stride, transposed=transposed, name=name, weight=w
        )
        node.info["raw_weight"] = weight
        return with_bias(ex, raw_layer(ex, "conv", name, bias, node, (1,)), bias)

    return work


def norm_layer_of(*given: Value) -> Layer | None:
    """The norm that one of these parameters belongs to."""
    return next((value.layer for value in given if isinstance(value, Param) and value.layer.kind == "norm"), None)


def scaled_by(ex: Execution, result: Node, *given: Value) -> Node:
    """A norm's result, scaled and shifted by what it is given. What belongs to other layers or is computed is seen there."""
    read = [nodes.tensor(ex, value) for value in given if value is not None and not belongs_to_norm(value)]
    seen = [node for node in read if node is not None and not ("parameter" in node.info and not node.inputs)]
    if not seen:
        return result
    made = ex.opaque(result, *seen, name=result.name)
    made.dims = result.dims
    return made


def belongs_to_norm(value: Value) -> bool:
    """Is it a norm's own parameter?"""
    return isinstance(value, Param) and value.layer.kind == "norm"


def do_batch_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="batch_norm")
    weight, bias = argument(args, kwargs, 3, "weight"), argument(args, kwargs, 4, "bias")
    training = argument(args, kwargs, 5, "training", default=False)
    layer = norm_layer_of(weight, bias)
    name = layer.name if layer is not None and layer.name else "F.batch_norm"
    if (values.is_constant(training) and not training) or (layer is not None and layer.eval_mode):
        result = scaled_by(ex, ops.scaled(ex, x, 1, name), weight, bias)
        statistics = argument(args, kwargs, 1, "running_mean")
        if isinstance(statistics, Param) and statistics.layer is not layer:
            return ops.add(ex, result, ex.read(statistics, None), name)
        return result
    node = torch_layers.normalize(ex, x, "batch", {}, name, layer, False)
    node.info["statistics"] = norm_layer_of(argument(args, kwargs, 1, "running_mean"))
    return scaled_by(ex, node, weight, bias)


def do_instance_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="instance_norm")
    affine = argument(args, kwargs, 3, "weight"), argument(args, kwargs, 4, "bias")
    layer = norm_layer_of(*affine)
    name = layer.name if layer is not None and layer.name else "F.instance_norm"
    if argument(args, kwargs, 5, "use_input_stats", default=True) is not True:
        return scaled_by(ex, ops.scaled(ex, x, 1, "F.instance_norm"), *affine)
    return scaled_by(ex, torch_layers.normalize(ex, x, "instance", {}, name, layer, False), *affine)


def do_group_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="group_norm")
    affine = argument(args, kwargs, 2, "weight"), argument(args, kwargs, 3, "bias")
    layer = norm_layer_of(*affine)
    config = dict(layer.config) if layer is not None else {}
    config["num_groups"] = argument(args, kwargs, 1, "num_groups")
    return scaled_by(ex, torch_layers.normalize(ex, x, "group", config, "F.group_norm", layer, False), *affine)


def do_layer_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="layer_norm")
    shape = argument(args, kwargs, 1, "normalized_shape")
    affine = argument(args, kwargs, 2, "weight"), argument(args, kwargs, 3, "bias")
    made = torch_layers.normalize(ex, x, "layer", {"normalized_shape": shape}, "F.layer_norm", norm_layer_of(*affine), False)
    return scaled_by(ex, made, *affine)


def do_rms_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = nodes.tensor(ex, argument(args, kwargs, 0, "input"))
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name="rms_norm")
    made = torch_layers.normalize(ex, x, "rms", {}, "F.rms_norm", None, False)
    return scaled_by(ex, made, argument(args, kwargs, 2, "weight"))


FUNCTIONAL: dict[str, Callable[[Execution, Args, Kwargs], Value]] = {
    "linear": do_linear,
    "batch_norm": do_batch_norm,
    "instance_norm": do_instance_norm,
    "group_norm": do_group_norm,
    "layer_norm": do_layer_norm,
    "rms_norm": do_rms_norm,
}
for _spatial in (1, 2, 3):
    FUNCTIONAL[f"conv{_spatial}d"] = do_conv(_spatial, False)
    FUNCTIONAL[f"conv_transpose{_spatial}d"] = do_conv(_spatial, True)


def first(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """A wrapper that gives back what it is given."""
    if args:
        return args[0]
    return next(iter(kwargs.values())) if kwargs else ModelFunction("wrapper", lambda value, *rest, **options: value)


def do_checkpoint(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torch.utils.checkpoint.checkpoint(function, *inputs)"""
    options = {"use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug"}
    rest = {key: value for key, value in kwargs.items() if key not in options}
    return ex.call(args[0], list(args[1:]), rest, ex.node) if args else ex.fresh()


def do_checkpoint_sequential(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    if len(args) < 3:
        return ex.fresh()
    value: Value = args[2]
    for item in ex.iterate(args[0]):
        value = ex.call(item, [value], {}, ex.node)
    return value


def do_differentiated(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torch.func.vjp(function, *inputs): what the function puts out, and a derivative, which sees all that the function makes."""
    given = [one for arg in args[1:] for one in (arg.items if isinstance(arg, SequenceValue) else [arg])]
    result = ex.call(args[0], given, {}, ex.node) if args else None
    seen = ex.opaque(result, *given, name="a derivative")
    return SequenceValue([result, ex.fresh("a derivative", tensors=[seen])], "tuple")


def do_transformed(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torch.func.jacrev(function): a function whose result sees all that the given one makes."""
    function = args[0] if args else None
    return ModelFunction(
        "a derivative", lambda *given, **named: ex.opaque(ex.call(function, list(given), named, ex.node), name="a derivative")
    )


def do_averaged(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torch.optim.swa_utils.AveragedModel(model): a copy, whose parameters follow those of the model."""
    return containers.copy(ex, args[0]) if args else ex.fresh()


def no(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return False


def reparametrize(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """weight_norm(module, name="weight"), register_parametrization(module, "bias", ...): the parameter is worked out from another one."""
    module, name = argument(args, kwargs, 0, "module"), argument(args, kwargs, 1, "name", "tensor_name", default="weight")
    if isinstance(module, Instance) and module.layer is not None:
        if isinstance(name, str) and name.startswith("bias"):
            if module.layer.bias is False:
                ex.fault("no bias to reparametrize")
            parameter_writes.record(ex, Param(module.layer, name), contents.UNKNOWN)
        else:
            module.layer.reparametrized = True
    return first(ex, args, kwargs)


def do_state(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return DictValue(open=True)


def do_focal(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torchvision.ops.sigmoid_focal_loss"""
    execution.note_call(ex, "torchvision.ops.sigmoid_focal_loss", "loss", "torch")
    return ex.opaque(*args, *kwargs.values(), name="sigmoid_focal_loss")


def do_linspace(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """torch.linspace(0, 0.1, 12): a schedule over the layers, as a rule."""
    start, stop, count = (argument(args, kwargs, place, key) for place, key in enumerate(("start", "end", "steps")))
    numbers = standard_library.evenly_spaced(start, stop, count)
    return ex.fresh("linspace") if numbers is None else known_numbers.make(ex, numbers, "linspace")


def do_count(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ex.fresh("counts", [node for value in args for node in values.tensors_in(value)])


NAMED: dict[str, Callable[[Execution, Args, Kwargs], Value]] = {
    "torchvision.ops.sigmoid_focal_loss": do_focal,
    "torchvision.ops.focal_loss.sigmoid_focal_loss": do_focal,
    "torch.bincount": do_count,
    "torch.linspace": do_linspace,
    "torch.utils.checkpoint.checkpoint": do_checkpoint,
    "torch.utils.checkpoint.checkpoint_sequential": do_checkpoint_sequential,
    "torch.optim.swa_utils.AveragedModel": do_averaged,
    **dict.fromkeys(
        [
            *(f"torch.func.{name}" for name in ("vjp", "jvp", "linearize")),
            *(f"torch.autograd.functional.{name}" for name in ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp")),
        ],
        do_differentiated,
    ),
    **dict.fromkeys(
        [f"torch.func.{name}" for name in ("grad", "grad_and_value", "jacrev", "jacfwd", "hessian", "vmap")], do_transformed
    ),
    "torch.jit.is_scripting": no,
    "torch.jit.is_tracing": no,
    "torch.onnx.is_in_onnx_export": no,
    "torch.compiler.is_compiling": no,
    "torch._dynamo.is_compiling": no,
    "torch.is_autocast_enabled": no,
    "torch.is_grad_enabled": lambda ex, args, kwargs: True,
    "torch.cuda.is_available": no,
    "torch.autograd.Variable": first,
    "torch.autograd.variable.Variable": first,
    "torch.jit.script": first,
    "torch.jit.ignore": first,
    "torch.jit.export": first,
    "torch.jit.unused": first,
    "torch.jit.trace": first,
    "torch.compile": first,
    "torch.fx.wrap": first,
    "torch.nn.DataParallel": first,
    "torch.nn.parallel.DataParallel": first,
    "torch.nn.parallel.DistributedDataParallel": first,
    "torch.nn.SyncBatchNorm.convert_sync_batchnorm": first,
    "torch.nn.utils.weight_norm": reparametrize,
    "torch.nn.utils.spectral_norm": reparametrize,
    "torch.nn.utils.parametrizations.weight_norm": reparametrize,
    "torch.nn.utils.parametrizations.spectral_norm": reparametrize,
    "torch.nn.utils.parametrizations.orthogonal": reparametrize,
    "torch.nn.utils.parametrize.register_parametrization": reparametrize,
    "torch.nn.utils.remove_weight_norm": first,
    "torch.nn.utils.clip_grad_norm_": lambda ex, args, kwargs: None,
    "torch.utils.model_zoo.load_url": do_state,
    "torch.hub.load_state_dict_from_url": do_state,
    "torch.load": do_state,
    "torch.special.expm1": lambda ex, args, kwargs: ex.opaque(*args, name="expm1"),
}
