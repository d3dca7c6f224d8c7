"""Looking up names and bases of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import Class, External, FunctionValue, Method, Unknown, is_constant

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Instance, Value


def plain_attributes(cls: Value) -> dict[str, Value]:
    """The class attributes of a class and its bases that are Python's own constants."""
    bases = [base for base in reversed(cls.mro) if isinstance(base, Class)] if isinstance(cls, Class) else []
    return {name: value for base in bases for name, value in base.attrs.items() if is_constant(value)}


def find_in_class(cls: Value, name: str, after: Class | None = None) -> Value:
    """The class attribute of a name, with the class that has it; None where there is none. The lookup starts `after` that class."""
    mro = cls.mro if isinstance(cls, Class) else [cls]
    started = after is None
    for base in mro:
        if not started:
            started = base is after
            continue
        if isinstance(base, Class) and name in base.attrs:
            return Found(base.attrs[name], base)
    return None


def external_bases(cls: Value) -> list[External]:
    """The classes from outside the project that a class is built on, in method resolution order; an External itself is one."""
    if isinstance(cls, Class):
        return [base for base in cls.mro if isinstance(base, External)]
    return [cls] if isinstance(cls, External) else []


def is_built_on(cls: Value, *names: str) -> bool:
    """Does an external base have one of these last names?"""
    return any(base.name.rpartition(".")[2] in names for base in external_bases(cls))


def most_specific(cls: Value, specificity: Callable[[str], int]) -> str:
    """The name of the external base of which `specificity` is highest, the first of equals; "" where it is 0 for all."""
    best, rank = "", 0
    for base in cls.mro if isinstance(cls, Class) else (cls,):  # asked for most attributes: without a list
        if isinstance(base, External):
            how = specificity(base.name)
            if how > rank:
                best, rank = base.name, how
    return best


class Found:
    """A class attribute and the class that holds it."""

    __slots__ = ("owner", "value")

    def __init__(self, value: Value, owner: Class) -> None:
        self.value = value
        self.owner = owner


def is_enum(cls: Class) -> bool:
    """Is it an enumeration? Its members stand for their values."""
    return is_built_on(cls, "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")


def find_method(obj: Instance, name: str) -> Value:
    """A method of the project for an instance, bound; None where there is none."""
    found = find_in_class(obj.cls, name)
    if found is not None and isinstance(found.value, FunctionValue):
        return Method(obj, found.value)
    return None


def describe(value: Any) -> str:
    """A short name of a value, for lists of what was not understood."""
    if isinstance(value, External):
        return value.name
    if isinstance(value, Unknown):
        return value.text or "an unknown value"
    return type(value).__name__


def is_named_tuple(cls: Class) -> bool:
    return is_built_on(cls, "NamedTuple", "TypedDict")


def linearize(cls: Class) -> list[Value]:
    """The method resolution order: C3 where it works out, depth first otherwise."""
    sequences: list[list[Value]] = []
    for base in cls.bases:
        sequences.append(list(base.mro) if isinstance(base, Class) else [base])
    if len(sequences) == 1:
        return [cls, *sequences[0]]
    if sum(map(len, sequences)) > 300:  # generated code; the merge below takes cubic time
        return [cls, *dict.fromkeys(base for sequence in sequences for base in sequence)]
    sequences.append(list(cls.bases))
    order: list[Value] = [cls]
    while any(sequences):
        for sequence in sequences:
            if sequence and not any(same(sequence[0], other) for rest in sequences for other in rest[1:]):
                head = sequence[0]
                break
        else:
            head = next(sequence[0] for sequence in sequences if sequence)
        order.append(head)
        for sequence in sequences:
            sequence[:] = [item for item in sequence if not same(item, head)]
    return order


def same(one: Value, two: Value) -> bool:
    return one is two or (isinstance(one, External) and one == two)
