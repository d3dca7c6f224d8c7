"""PyTorch's calling conventions: which name is what, and what calling it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import External, Instance, ModelFunction, SequenceValue, Unknown, argument
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.torch import (
    autograd,
    functions as torch_functions,
    hugging_face,
    initializers as torch_initializers,
    layers as torch_layers,
    message_passing,
    modules,
    names as torch_names,
    observers,
    optimizers,
    parameter_shapes,
    refusals,
    sparse,
    vocabulary as torch_vocabulary,
)
from biaslint.analysis.frameworks.torch.names import INIT
from biaslint.analysis.interpreter.framework_record import Composition, Framework
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import graphs, nodes, ops, parameter_writes, reshaping
from biaslint.theory.dataflow import Dims, Node
from biaslint.theory.tensor_info import TensorInfo

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of PyTorch or of a library built on it. MISSING where it is not known."""
    short = torch_names.short_of(name)
    if short:
        if short in torch_vocabulary.LAYERS:
            return torch_layers.construct(ex, short, args, kwargs)
        if short in torch_vocabulary.CONTAINERS or short == "Module":
            obj = Instance(External(name), ex.origin())
            ex.objects.append(obj)
            modules.prepare(ex, obj)
            modules.base_method(ex, obj, "__init__", args, kwargs)
            return obj
        if short in ("Parameter", "UninitializedParameter", "Buffer"):
            return parameter(ex, args, kwargs, trainable=short != "Buffer")
    name = f"torch.nn.init.{name.rpartition('.')[2]}" if name.startswith(INIT + ".") else name
    if name.startswith("torch.nn.init."):
        return torch_initializers.initializer(ex, name[14:] if name.endswith("_") else name[14:] + "_", args, kwargs)
    if name.startswith("torch.nn.functional."):
        return torch_functions.functional(ex, name[20:], args, kwargs)
    if name.startswith("torch.optim.") and name not in torch_functions.NAMED:
        return optimizers.optimizer(ex, name, args, kwargs)
    handler = torch_functions.NAMED.get(name)
    if handler is not None:
        return handler(ex, args, kwargs)
    if name.startswith("einops.") and name.endswith("rearrange") and args and isinstance(args[0], Node):
        return reshaping.rearrange(ex, args[0], args[1] if len(args) > 1 else kwargs.get("pattern"), kwargs)
    if name in ("einops.reduce", "einops.einops.reduce") and args and isinstance(args[0], Node):
        pattern, how = argument(args, kwargs, 1, "pattern"), argument(args, kwargs, 2, "reduction")
        return ops.reduce_named(ex, args[0], pattern, how, kwargs)
    if name == "einops.layers.torch.Rearrange":
        return rearranging(ex, args[0] if args else kwargs.get("pattern"), kwargs)
    if name.startswith("dgl.function."):
        return graphs.builtin(name, args, kwargs)
    if name.startswith("torch_geometric.") and args:
        wrapped = message_passing.wrapper(ex, name, args, kwargs)
        if wrapped is not None:
            return wrapped
    if name.startswith(sparse.PACKAGES):
        known = sparse.call(ex, name, args, kwargs)
        return MISSING if known is None else known
    if name.startswith("torch.") and "." not in name[6:]:
        return torch_functions.plain(ex, name[6:], args, kwargs)
    return MISSING


def rearranging(ex: Execution, pattern: Value, sizes: dict[str, Value]) -> Value:
    """einops' layer, which has no parameters: a function of a tensor."""

    def apply(x: Value = None, *more: Value, **options: Value) -> Value:
        if isinstance(x, Node):
            return reshaping.rearrange(ex, x, pattern, {name: size for name, size in sizes.items() if name != "pattern"})
        return ex.opaque(x, name="rearrange")

    return ModelFunction("Rearrange", apply)


def parameter(ex: Execution, args: list[Value], kwargs: dict[str, Value], trainable: bool) -> Value:
    """nn.Parameter(data): a tensor that does not depend on the inputs, with a place of its own."""
    data = args[0] if args else kwargs.get("data")
    if isinstance(data, Param):
        return data
    refusals.parameter_of(ex, data)
    requires = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
    dims: Dims | None = data.dims if isinstance(data, Node) else None
    learns = requires is not False or construction.is_computed_argument(ex, "requires_grad")
    info: TensorInfo = {"parameter": trainable and learns, "made": ex.origin()}
    if isinstance(data, Node) and data.info.get("write") is not None:
        info["write"] = data.info["write"]
    parts = parameter_writes.filled_with(ex, data)
    if parts:
        info["writes"] = list(parts)
    if isinstance(data, Node) and data.info.get("unfilled") and not data.readers and ex.flow.now(data) is data:
        info["unfilled"] = True
    return nodes.const(ex, dims, "a parameter", **info)


def is_instance(value: Value, kind: External) -> bool | None:
    """isinstance(value, kind) for a class of PyTorch."""
    name = torch_names.canonical(kind.name)
    short = name.rpartition(".")[2]
    if name in ("torch.Tensor", "torch.FloatTensor", "torch.LongTensor"):
        return isinstance(value, (Node, Param))
    if name == "torch.nn.Parameter":
        return isinstance(value, Param) or (isinstance(value, Node) and bool(value.info.get("parameter")))
    if name in ("torch.Size",):
        return isinstance(value, SequenceValue) and value.kind == "tuple"
    if not isinstance(value, Instance):
        return None if isinstance(value, Unknown) else False
    if any(is_subclass(base, kind) for base in class_lookup.external_bases(value.cls)):
        return True
    return False if torch_names.owns(name) and (name.startswith("torch.") or short) else None


def is_subclass(cls: External, kind: External) -> bool:
    one, two = torch_names.canonical(cls.name), torch_names.canonical(kind.name)
    if one == two:
        return True
    short, other = one.rpartition(".")[2].removeprefix("Lazy"), two.rpartition(".")[2]  # a lazy layer turns into the other one
    if short == other or short in torch_vocabulary.BASES.get(other, ()):
        return True
    if two == "torch.nn.Module":
        return one.startswith("torch.nn.") or short in torch_vocabulary.MODULE_CLASSES
    if other == "BatchNorm2d" and short == "SyncBatchNorm":
        return False
    return two == "torch.nn.Linear" and short == "NonDynamicallyQuantizableLinear"


def batch_norm(ex: Execution, layer: Layer, after: bool) -> Value:
    """The batch norm before or after a layer."""
    dims = next((digit for digit in "123" if layer.type.endswith(f"{digit}d")), "1")
    side = ("out_channels", "out_features") if after else ("in_channels", "in_features")
    channels = next((layer.config[name] for name in side if name in layer.config), None)
    return call(ex, f"torch.nn.BatchNorm{dims}d", [channels], {})


COMPOSITION: Composition = Composition(
    bias_argument="bias",
    layers="torch.nn",
    sequential="torch.nn.Sequential",
    sequence=lambda ex, parts: call(ex, "torch.nn.Sequential", parts, {}),
    batch_norm=batch_norm,
)
PYTORCH = Framework(
    name="torch",
    import_names=frozenset(torch_names.PREFIXES),
    owns=torch_names.owns,
    canonical=torch_names.canonical,
    knows=torch_names.knows,
    specificity=torch_names.specific,
    call=call,
    call_methods=torch_names.CALL_METHODS,
    is_module=modules.is_module,
    is_instance=is_instance,
    is_subclass=is_subclass,
    before_init=modules.prepare,
    attribute=modules.attribute,
    has_attribute=modules.has_attribute,
    store=modules.store,
    method=modules.method,
    base_method=modules.base_method,
    native_method=hugging_face.method,
    class_method=autograd.class_method,
    call_object=modules.call_object,
    update_methods=frozenset({"backward", "manual_backward"}),
    layer_names=torch_names.LAYER_NAMES,
    changes_tensors=True,
    forward_method="forward",
    module_class="torch.nn.Module",
    tensor_bias="torch.nn.Parameter",
    uncallable=("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"),
    for_inference=("torch.quantization.", "torch.ao.quantization."),
    bias_may_be_none=r"torch\.nn\.functional\..*|torch\.(conv\w*|batch_norm|layer_norm|group_norm|instance_norm)",
    composition=COMPOSITION,
    observes=observers.observes,
    loss_names=frozenset({*torch_vocabulary.LOSS_FUNCTIONS, *torch_vocabulary.LOSSES, "sigmoid_focal_loss"}),
    configuration_arguments=frozenset({torch_vocabulary.CONFIGURATION}),
    module_trait=hugging_face.defines_models,
    parameter_shape=parameter_shapes.param_dims,
)
