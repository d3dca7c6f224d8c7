"""Looking up names in the analysed program's classes and their bases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import Class, External, FunctionValue, Method, Unknown

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Instance, Value


def find_in_class(cls: Value, name: str, after: Class | None = None) -> Value:
    """What a class or its bases bind a name to: a value, an External's attribute, or None. `after` skips up to and with that class."""
    mro = cls.mro if isinstance(cls, Class) else [cls]
    started = after is None
    for base in mro:
        if not started:
            started = base is after
            continue
        if isinstance(base, Class) and name in base.attrs:
            return Found(base.attrs[name], base)
    return None


class Found:
    """A class attribute and the class that holds it."""

    __slots__ = ("owner", "value")

    def __init__(self, value: Value, owner: Class) -> None:
        self.value = value
        self.owner = owner


def is_enum(cls: Class) -> bool:
    """Is it an enumeration? Its members stand for their values."""
    return any(isinstance(base, External) and base.name.rpartition(".")[2] in ENUMS for base in cls.mro)


ENUMS = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"}


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
    return any(isinstance(base, External) and base.name.rpartition(".")[2] in ("NamedTuple", "TypedDict") for base in cls.mro)


def linearize(cls: Class) -> list[Value]:
    """The method resolution order: C3 where it works out, depth first otherwise."""
    sequences: list[list[Value]] = []
    for base in cls.bases:
        sequences.append(list(base.mro) if isinstance(base, Class) else [base])
    if len(sequences) == 1:
        return [cls, *sequences[0]]
    if sum(map(len, sequences)) > 300:  # nobody's design; the merge below takes cubic time
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
