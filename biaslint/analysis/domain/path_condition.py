"""The path condition: the branches that one execution takes on unknown conditions, the same branch for equal conditions.

A whole model is executed once per path condition. So a flag that switches the bias in the constructor and the norm in the forward
pass is one branch, and the difference between two executions tells which flag matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import DictValue, SequenceValue, Unknown
from biaslint.theory import terms
from biaslint.theory.term_arithmetic import ARITHMETIC, COMPARE
from biaslint.theory.terms import (
    FALSE,
    NEGATED,
    TRUE,
    Attribute,
    BoolConstant,
    CallOf,
    Compare,
    FloatConstant,
    Item,
    Not,
    Operation,
    Parameter,
    Term,
)

Table = dict[Any, list[Any]]
LENGTH = 3  # how many items a list of unknown length is given


class PathCondition:
    """The branches of one execution. `prescribed` are given to it; `assumed` are all that it took, in order."""

    def __init__(
        self,
        prescribed: dict[Any, bool] | None = None,
        prefers_false_branch: bool = False,
        released: frozenset[Any] = frozenset(),
    ) -> None:
        self.prescribed = prescribed or {}
        self.released = released  # parameters that are taken for unknown although they have a default
        self.releasable: dict[Any, None] = {}  # those whose default is a number or None, and decides whether there is a norm
        self.optional: dict[Any, None] = {}  # those whose default decides something else, or what is made
        self.others: set[Any] = set()  # those of them that have another value in this execution
        self.of_tensors: set[Any] = set()  # the conditions that a graph decides when it runs
        self.flags: set[Any] = set()  # those whose default is a truth or a string, and decides whether there is a norm
        self.prefers_false_branch = prefers_false_branch
        self.assumed: dict[Any, bool] = {}
        self.texts: dict[Any, str] = {}
        self.open: list[Any] = []  # those that another execution may make the other way
        self.by_default: set[Any] = set()  # those that a default decided
        self.where: dict[Any, str] = {}  # the file in which a choice was first asked for
        self.asking: Callable[[], str] = str
        self.sizes: dict[Any, int] = {}
        self.equal: dict[Any, Any] = {}
        self.members: dict[Any, list[tuple[tuple[Any, ...], bool]]] = {}  # which constants it is one of, or none of
        self.refused: set[Any] = set()  # settings that are not what they are by default
        self.table: tuple[int, Table] | None = None  # what has been decided of each value

    def truth_of(self, value: Unknown) -> bool:
        """The branch that this execution takes on an unknown condition."""
        return self.branch(value.key, value.text, value.default)

    def branch(self, key: Any, text: str, default: Any = None) -> bool:
        known = self.known(key)
        if known is not None:
            return known
        if isinstance(key, Not):
            return not self.branch(key.term, text.removeprefix("not "), terms.contrary(default))
        if isinstance(key, Compare) and key.op in NEGATED:
            opposite = text.replace(key.op, NEGATED[key.op], 1)
            return not self.branch(key.opposite(), opposite, terms.contrary(default))
        choice = self.prescribed[key] if key in self.prescribed else self.usual(key, default)
        self.open.append(key)
        self.where[key] = self.asking()
        if default is not None:
            self.by_default.add(key)
        self.set(key, choice, text)
        return choice

    def usual(self, key: Any, default: Any) -> bool:
        """The branch on a condition that nothing prescribes."""
        usual = bool(default) if default is not None else not (terms.is_comparison(key, "is") or self.one_of_many(key))
        return usual != (self.prefers_false_branch and default is None)

    def one_of_many(self, key: Any) -> bool:
        """Is it one more value that a setting may have instead of its default? One execution tests all of them."""
        return (terms.is_comparison(key, "==") or terms.is_comparison(key, "in")) and key.left in self.refused

    def set(self, key: Any, choice: bool, text: str = "") -> None:
        """Record a branch."""
        self.assumed[key] = choice
        self.texts.setdefault(key, text)
        if choice and terms.is_comparison(key, "=="):
            self.equal[key.left] = key.right
        if terms.is_comparison(key, "in") and terms.plain_items(key.right):
            self.members.setdefault(key.left, []).append((key.right.items, choice))

    def settable(
        self, default: Any, key: Any, name: str, decides: bool = False, tested: bool = False, made: bool = False
    ) -> Any:
        """A parameter's default that callers may change: a flag is unknown, a string a setting, anything else the default.

        A number or None that `decides` whether there is a norm is what it is in one execution, and something else in another; so is
        None that is `tested` at all, and what decides what is `made`, where a bias may be reported.
        """
        if decides and isinstance(default, (bool, str)):
            self.flags.add(key)
        if isinstance(default, bool):
            return Unknown(key, name, default=default)
        if (decides and isinstance(default, int)) or ((decides or tested) and default is None):
            if key in self.released:
                self.set(Compare("is", key, None) if default is None else Compare("==", key, default), False)
                return Unknown(key, name)
            (self.releasable if decides else self.optional)[key] = None
        elif made or says_more_than_sizes(default, tested) or (decides and isinstance(default, (float, SequenceValue))):
            if key in self.released:
                self.others.add(key)
                if isinstance(default, (int, float, str)):
                    self.set(Compare("==", key, default), False)
                return Unknown(key, name)
            self.optional[key] = None
        if isinstance(default, DictValue) and not default.items:
            given = DictValue()
            given.options = True  # what is looked up in it has a default there
            return given
        if isinstance(default, DictValue) and not default.open and all(type(one) is str for one in default.items):
            return DictValue({one: self.entry(value, key, name, one) for one, value in default.items.items()})
        if not isinstance(default, str):
            return default
        for test, holds in self.prescribed.items():
            of_this = terms.is_comparison(test, "in") and test.left == key and terms.plain_items(test.right)
            if of_this and holds != (default in test.right.items):
                self.set(test, holds, f"{name} in {test.right.items!r}")
                if holds:
                    return Setting.of(test.right.items[0], key)
                self.refused.add(key)
                return Unknown(key, name)
        for test, holds in self.prescribed.items():  # so that all that is asked of the string has answers that go together
            if terms.is_comparison(test, "==") and test.left == key and isinstance(test.right, str):
                if holds == (default == test.right):
                    continue
                self.set(test, holds, f"{name} == {test.right!r}")
                if holds:
                    return Setting.of(test.right, key)
            elif test == key:
                if holds == bool(default):
                    continue
                self.set(key, holds, name)
                return Setting.of("", key)
            elif string_test(test, key, default) in (None, holds):
                continue
            self.refused.add(key)
            return Unknown(key, name)
        return Setting.of(default, key)

    def is_other(self, key: Any) -> bool:
        """Is it a setting, or an item of one, that has another value than its default in this execution?"""
        return key in self.others or (isinstance(key, Item) and key.base in self.others)

    def entry(self, value: Any, key: Any, name: str, entry: str) -> Any:
        """A flag, string or dict in a dict that is a parameter's default: a setting of its own."""
        plain = isinstance(value, (bool, str)) or (isinstance(value, DictValue) and value.items)
        return self.settable(value, Item(key, entry), f"{name}[{entry!r}]") if plain else value

    def decided(self, about: Any) -> list[Any]:
        """The decided conditions on a value and on what is computed from it."""
        if self.table is None or self.table[0] != len(self.assumed):
            found: Table = {}
            for key in self.assumed:
                for part in dict.fromkeys(parts_of(key)):
                    found.setdefault(part, []).append(key)
            self.table = (len(self.assumed), found)
        return self.table[1].get(about, [])

    def take_back(self, count: int) -> None:
        """Drop all branches but the first `count`."""
        for key in self.open[count:]:
            choice = self.assumed.pop(key)
            self.by_default.discard(key)
            if terms.is_comparison(key, "=="):
                self.equal.pop(key.left, None)
            if terms.is_comparison(key, "in") and terms.plain_items(key.right):
                self.members[key.left].remove((key.right.items, choice))
        del self.open[count:]

    def assume(self, value: Unknown, choice: bool) -> None:
        """Take the branch that does not raise. The other is not explored."""
        key: Any = value.key
        while isinstance(key, Not) or (isinstance(key, Compare) and key.op in NEGATED):
            key, choice = key.term if isinstance(key, Not) else key.opposite(), not choice
        self.set(key, choice, value.text)

    def known(self, key: Any) -> bool | None:
        """The truth of a condition, where the path condition implies it."""
        if key in self.assumed:
            return self.assumed[key]
        if isinstance(key, Not):
            inner = self.known(key.term)
            return None if inner is None else not inner
        subject = self.equal.get(setting_of(key))
        told = string_test(key, setting_of(key), subject) if isinstance(subject, str) else None
        if told is not None:
            return told
        if isinstance(key, Compare):
            return self.known_comparison(key)
        return self.known_truth(key) if isinstance(key, Term) else None

    def known_truth(self, term: Term) -> bool | None:
        """The truth of a value, as far as comparisons with it have been decided."""
        if self.assumed.get(Compare("is", term, None)) or self.assumed.get(Compare("is", term, FALSE)):
            return False
        if self.assumed.get(Compare("is", term, TRUE)):
            return True
        if term in self.equal:
            other = self.equal[term]
            if isinstance(other, (BoolConstant, FloatConstant)):
                return bool(other.value)
            return None if isinstance(other, Term) else bool(other)
        size = self.number(term)
        return None if size is None else bool(size)

    def known_comparison(self, key: Compare) -> bool | None:
        """The truth of a comparison, as far as others with its sides have been decided."""
        if key.op in NEGATED:
            inner = self.known(key.opposite())
            return None if inner is None else not inner
        if key.op == "in":
            return self.member(key.left, key.right)
        if key.op == "is":
            if self.assumed.get(key.left) is (key.right != TRUE) and key.right in (None, TRUE, FALSE):
                return False
            return True if key.left == key.right else None
        one, two = self.number(key.left), self.number(key.right)
        if one is not None and two is not None:
            return bool(COMPARE[key.op](one, two)) if key.op in COMPARE else None
        return self.known_equality(key.left, key.right) if key.op == "==" else None

    def known_equality(self, left: Any, right: Any) -> bool | None:
        if left == right:
            return True
        if left in self.equal and not isinstance(self.equal[left], Term) and not isinstance(right, Term):
            return bool(self.equal[left] == right)
        if right is not None and not isinstance(right, Term) and self.assumed.get(Compare("is", left, None)):
            return False
        tests = [(string_test(test, left, right), test) for test in self.decided(left)] if isinstance(right, str) else []
        if any(told is not None and told != self.assumed[test] for told, test in tests):
            return False
        for items, holds in self.members.get(left, ()):
            if holds != (right in items):
                return False
            if holds and all(self.assumed.get(Compare("==", left, one)) is False for one in items if one != right):
                return True
        return None

    def member(self, item: Any, of: Any) -> bool | None:
        """Is something one of several constants, as far as comparisons with them have been decided?"""
        if not terms.plain_items(of):
            return None
        if item in self.equal and not isinstance(self.equal[item], Term):
            return self.equal[item] in of.items
        if self.assumed.get(Compare("is", item, None)):
            return None in of.items
        return False if all(self.assumed.get(Compare("==", item, one)) is False for one in of.items) else None

    def number(self, key: Any) -> float | None:
        """The number behind a key, where sizes that were chosen make it known."""
        known = self._number(key)
        return None if isinstance(known, float) and not math.isfinite(known) else known

    def _number(self, key: Any) -> float | None:
        if isinstance(key, (int, float)) and not isinstance(key, bool):
            return key
        if key in self.sizes:
            return self.sizes[key]
        if isinstance(key, FloatConstant):
            return float(key.value)
        if isinstance(key, Operation) and key.symbol in ARITHMETIC:
            one, two = self.number(key.left), self.number(key.right)
            if one is not None and two is not None:
                try:
                    result = ARITHMETIC[key.symbol](one, two)
                    return float(result) if key.symbol == "/" else result
                except (ArithmeticError, ValueError):
                    return None
        return None

    def count(self, value: Unknown, start: int = 0) -> int:
        """The end of a number of rounds or copies. Where callers set it, there may be none: this execution takes a branch on that."""
        if is_setting(value.key) and self.number(value.key) is None and not self.exceeds(value.key, value.text, start):
            self.sizes[value.key] = start
            return start
        return max(self.size(value.key), start + 1)

    def exceeds(self, key: Any, text: str, start: int) -> bool:
        """Is a number greater than this one?"""
        known = self.known_truth(key) if start == 0 else None
        if known is not None or (start == 0 and key in self.assumed):
            return bool(known if known is not None else self.assumed[key])
        for test in self.decided(key):
            least = self.number(test.left) if terms.is_comparison(test, "<") and test.right == key else None
            if least is not None and least > start and self.assumed[test]:
                return True
            if start == 0 and test == Compare("==", key, 0) and not self.assumed[test]:
                return True
        return self.branch(Compare("<", start, key), f"{text} > {start}", default=True)

    def size(self, key: Any) -> int:
        """The number of rounds of a loop over something of unknown length."""
        known = self.number(key)
        if known is not None:
            return max(0, min(int(known), 64))
        if isinstance(key, Operation) and isinstance(key.right, int):
            # a length derived from a number that has not been given a size: give it one (`range(depth - 1)`)
            self.size(key.left)
            known = self.number(key)
            if known is not None:
                return max(0, min(int(known), 64))
        self.sizes[key] = LENGTH
        return LENGTH


def is_setting(key: Any) -> bool:
    """Is it a parameter, a part of one, or a number worked out from one?"""
    if isinstance(key, (Attribute, Item)):
        return is_setting(key.base)
    if isinstance(key, Operation):
        return is_setting(key.left) and isinstance(key.right, int)
    return isinstance(key, Parameter)


def parts_of(key: Any) -> Iterator[Any]:
    """A term and the terms within it."""
    if isinstance(key, tuple):
        yield key
        for part in key:
            yield from parts_of(part)


def string_test(test: Any, key: Any, value: str) -> bool | None:
    """Whether a string begins or ends with another one, or has it in it; None for a condition on something else."""
    if terms.is_comparison(test, "in") and test.right == key:
        return test.left in value
    if (
        isinstance(test, CallOf)
        and len(test) == 3
        and test.function in (Attribute(key, "startswith"), Attribute(key, "endswith"))
    ):
        return value.startswith(test[2]) if test.function.name == "startswith" else value.endswith(test[2])
    return None


def setting_of(key: Any) -> Any:
    """The setting that a condition tests or compares with a constant."""
    if isinstance(key, Compare) and key.op in ("==", "in"):
        return setting_of(key.right if isinstance(key.left, str) else key.left)
    return setting_of(key.function.base) if isinstance(key, CallOf) and isinstance(key.function, Attribute) else key


def says_more_than_sizes(default: Any, tested: bool) -> bool:
    """Is a default 0, and tested, or a sequence that is gone through or looked at, and is empty, or has flags or names?"""
    if not tested or not isinstance(default, SequenceValue):
        return tested and type(default) in (int, float) and default == 0
    return not all(type(item) is int and item > 1 for item in default.items) or not default.items
