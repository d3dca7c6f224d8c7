"""What PyTorch refuses with an exception: noted as faults, for proofs of fixes. The execution goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import DictValue, External, Instance, SequenceValue
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution

INTEGERS = {"long", "int", "short", "bool", "int8", "int16", "int32", "int64", "uint8"}
FILLED_WITH = {"tensor": 0, "as_tensor": 0, "full": 1, "full_like": 1}  # where an integer makes a tensor of integers


def assignment(ex: Execution, obj: Instance, name: str, value: Value) -> None:
    """Module.__setattr__: a parameter needs a module that is ready for it, and is replaced by nothing but a parameter or None."""
    if ex.faults is None or (name.startswith("bias") and obj.layer is not None):
        return
    old = obj.attrs.get(name)
    if is_parameter(value) and id(obj) not in ex.initialized:
        ex.fault(f"`{name}` is assigned a parameter before Module.__init__")
    if is_parameter(old) and value is not None and not is_parameter(value):
        ex.fault(f"the parameter `{name}` is assigned something else")


def is_parameter(value: Value) -> bool:
    return isinstance(value, Node) and value.info.get("parameter") is not None


def made_of_integers(name: str, args: Args, kwargs: Kwargs) -> bool:
    """Does torch.name(...) make a tensor of integers or truths?"""
    dtype = kwargs.get("dtype")
    if dtype is not None:
        return isinstance(dtype, External) and dtype.name.rpartition(".")[2] in INTEGERS
    if name in ("randint", "LongTensor", "IntTensor", "BoolTensor"):
        return True
    if name == "arange":
        return bool(args) and all(isinstance(item, int) for item in args)
    place = FILLED_WITH.get(name)
    value = kwargs.get("fill_value", args[place] if len(args) > place else None) if place is not None else None
    return whole(value)


def whole(value: Value) -> bool:
    """Is it an integer, or a list of nothing but integers?"""
    if isinstance(value, SequenceValue):
        return bool(value.items) and all(map(whole, value.items))
    return isinstance(value, int)


def parameter_of(ex: Execution, data: Value) -> None:
    """nn.Parameter(data): integers have no gradient."""
    if isinstance(data, Node) and data.info.get("integer"):
        ex.fault("a parameter of integers")


def state(ex: Execution, own: list[tuple[str, Param]], args: Args, kwargs: Kwargs) -> None:
    """load_state_dict(state): the keys must be those of the module."""
    given = args[0] if args else kwargs.get("state_dict")
    strict = args[1] if len(args) > 1 else kwargs.get("strict", True)
    if ex.faults is None or strict is False or not isinstance(given, DictValue):
        return
    keys = {key for key in given.items if isinstance(key, str) and key.rpartition(".")[2].startswith(("weight", "bias"))}
    if keys != {name for name, _ in own}:
        ex.fault("load_state_dict: other keys")
