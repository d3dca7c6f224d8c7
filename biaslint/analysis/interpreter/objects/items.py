"""Items of every kind of value: reading, writing and deleting them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, norm_guards, values
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Method,
    PartlyKnown,
    Raised,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.interpreter import containers
from biaslint.analysis.interpreter.objects import names as objects_names, operators
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def load_item(ex: Execution, base: Value, index: Value, node: ast.AST | None = None) -> Value:
    """base[index]"""
    index = operators.taken(ex, index)
    kind = ex.semantics.kinds.get(type(base))
    if kind is not None:
        return kind.item(ex, base, index)
    if isinstance(base, SequenceValue):
        return list_item(ex, base, index)
    if isinstance(base, DictValue):
        return dict_item(ex, base, index)
    if isinstance(base, (str, bytes)):
        if isinstance(index, int) and -len(base) <= index < len(base):
            return base[index]
        bounds = slice_of(index)
        return base[bounds] if bounds is not None else ex.fresh()
    if isinstance(base, Instance):
        return obj_item(ex, base, index)
    if isinstance(base, Unknown):
        if isinstance(base.key, terms.Shape):
            return ex.semantics.tensors.shape_item(ex, base, index)
        return ex.item_of(base, values.term_of(index), (index.text if isinstance(index, Unknown) else "") or "...")
    if isinstance(base, (Class, External)):
        found = class_lookup.find_in_class(base, "__class_getitem__") if isinstance(base, Class) else None
        if found is None and isinstance(base, Class) and isinstance(index, str) and index in base.attrs:
            return base.attrs[index]  # Enum["NAME"]
        return base  # Generic[T]
    if base is None:
        ex.fault("None has no items")
    return ex.fresh()


def slice_of(index: Value) -> slice | None:
    if (
        isinstance(index, SequenceValue)
        and index.kind == "slice"
        and all(part is None or isinstance(part, int) for part in index.items)
    ):
        return slice(*index.items)
    return None


def list_item(ex: Execution, base: SequenceValue, index: Value) -> Value:
    if isinstance(index, (bool, int)):
        if isinstance(base, PartlyKnown):
            base.on_pick(index)
        if -len(base.items) <= index < len(base.items):
            return base.items[index]
        if (base.open or ex.shortened) and base.items:
            return base.items[-1]
        if not base.open and not ex.shortened and not isinstance(base, PartlyKnown):
            ex.fault(f"no item {index}")
        return ex.fresh()
    bounds = slice_of(index)
    if bounds is not None:
        if isinstance(base, PartlyKnown) and (bounds.start or bounds.stop is not None):
            base.on_pick(bounds)
            return SequenceValue(list(base.items))
        return SequenceValue(base.items[bounds], base.kind, base.open)
    if isinstance(index, Unknown):
        number = ex.path.number(index.key)
        if number is not None and -len(base.items) <= int(number) < len(base.items):
            return base.items[int(number)]
        if (
            base.items
            and all(values.is_constant(item) for item in base.items)
            and len({values.term_of(item) for item in base.items}) == 1
        ):
            return base.items[0]
        return of_any_rank(base.items) or ex.fresh(tensors=values.all_in(base))
    if isinstance(index, SequenceValue) and index.kind == "slice":
        bounds_known = [None if part is None else ex.path.number(values.term_of(part)) for part in index.items]
        if all(known is not None or part is None for known, part in zip(bounds_known, index.items, strict=True)):
            start, stop, step = [None if part is None else int(part) for part in bounds_known]
            return SequenceValue(base.items[start : stop : step or None], base.kind, base.open)
        return SequenceValue(list(base.items), base.kind, True)
    return ex.fresh(tensors=values.all_in(base))


def of_any_rank(items: list[Value]) -> Value:
    """The class for images among classes that differ only in the number of spatial axes; None for others."""
    names = [item.name for item in items if isinstance(item, External)]
    if len(names) < 2 or len(names) < len(items) or len({re.sub(r"[123]d$", "", name) for name in names}) > 1:
        return None
    return next((item for item in items if item.name.endswith("2d")), None)


def dict_item(ex: Execution, base: DictValue, index: Value) -> Value:
    if isinstance(index, Unknown):
        for key in base.items:
            if values.is_constant(key) and ex.path.known(terms.Compare("==", index.key, values.term_of(key))):
                return base.items[key]
        if len(base.items) == 1 and not base.open:
            return next(iter(base.items.values()))
        if norm_guards.chooses_norm(base):
            *others, last = base.items
            for key in others:  # as a chain of tests would
                if ex.path.branch(terms.Compare("==", index.key, key), f"{index.text} == {key!r}" if index.text else ""):
                    return base.items[key]
            return base.items[last]
        known = None if base.open else of_any_rank(list(base.items.values()))
        if known is not None:
            return known
        same = {values.term_of(value) for value in base.items.values()}
        if len(same) == 1 and not base.open:
            return next(iter(base.items.values()))
        return Unknown(terms.Item(("object", base), index.key), f"the entry for {index.text}", tuple(values.all_in(base)))
    key = values.hashable(index)
    if key in base.items:
        return base.items[key]
    for other, value in base.items.items():
        if operators.identical(ex, other, index):
            return value
    ex.fault(f"no entry {key!r}" if values.is_constant(key) else "no such entry")
    if base.open or any(isinstance(key, Unknown) for key in base.items):
        return ex.fresh(str(index))
    if ex.try_depth:
        raise Raised(External("builtins.KeyError"))
    ex.not_understood("a missing entry")  # entered by something that was not seen: authors do not mean to raise this
    return ex.fresh("the entry")


def obj_item(ex: Execution, base: Instance, index: Value) -> Value:
    found = class_lookup.find_in_class(base.cls, "__getitem__")
    if found is not None and isinstance(found.value, FunctionValue):
        return ex.call(Method(base, found.value), [index], {}, ex.node)
    if base.items is not None:
        return containers.container_item(ex, base, index)
    if isinstance(index, str) and index in base.attrs:
        return base.attrs[index]
    if isinstance(base.cls, Class) and (
        base.cls.dataclass or any("Tuple" in outside.name for outside in class_lookup.external_bases(base.cls))
    ):
        fields = list(base.attrs.values())
        if isinstance(index, int) and -len(fields) <= index < len(fields):
            return fields[index]
    return ex.fresh(tensors=values.all_in(base))


def store_item(ex: Execution, base: Value, index: Value, value: Value, text: str = "") -> None:
    """base[index] = value"""

    if isinstance(base, SequenceValue):
        if isinstance(index, int) and -len(base.items) <= index < len(base.items):
            base.items[index] = value
        elif isinstance(index, SequenceValue) and isinstance(value, SequenceValue) and slice_of(index) is not None:
            base.items[slice_of(index)] = value.items  # type: ignore[index]
        else:
            base.open = True
    elif isinstance(base, DictValue):
        put = getattr(base, "put", None)  # the entries belong to something else
        if put is not None:
            put(ex, index, value)
        if base.shared:
            objects_names.change(ex, base.items, values.hashable(index), value)
        else:
            base.items[values.hashable(index)] = value
        if isinstance(value, Instance) and value.layer is not None and not value.layer.name:
            value.layer.name = text
    elif isinstance(base, Instance):
        if base.items is not None:
            containers.container_store(ex, base, index, value)
        else:
            method = class_lookup.find_method(base, "__setitem__")
            if method is not None:
                ex.call(method, [index, value], {}, ex.node)
            elif isinstance(index, str):
                base.attrs[index] = value
    elif type(base) in ex.semantics.kinds:
        ex.semantics.kinds[type(base)].store_item(ex, base, index, value)
    elif base is None:
        ex.fault("None has no items to set")


def delete_item(ex: Execution, base: Value, index: Value) -> None:

    if isinstance(base, SequenceValue) and isinstance(index, int) and -len(base.items) <= index < len(base.items):
        del base.items[index]
    elif isinstance(base, SequenceValue) and slice_of(index) is not None:
        del base.items[slice_of(index)]  # type: ignore[arg-type]
    elif isinstance(base, DictValue):
        base.items.pop(values.hashable(index), None)
        drop = getattr(base, "drop", None)
        if drop is not None:
            drop(ex, index)
    elif isinstance(base, Instance) and base.items is not None:
        containers.container_delete(ex, base, index)
