"""`match` statements: does a pattern fit?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import Class, DictValue, SequenceValue, Unknown
from biaslint.analysis.interpreter.builtins import reflection
from biaslint.analysis.interpreter.objects import attributes, instantiation, names as objects_names, operators
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


def matches(ex: Execution, pattern: ast.pattern, subject: Value, scope: Environment) -> bool:
    """Does the subject fit the pattern? Where that is not known, this execution takes one side. Binds the pattern's names."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None and not matches(ex, pattern.pattern, subject, scope):
            return False
        if pattern.name:
            objects_names.bind(ex, pattern.name, subject, scope)
        return True
    if isinstance(pattern, ast.MatchOr):
        return any(matches(ex, option, subject, scope) for option in pattern.patterns)
    if isinstance(pattern, (ast.MatchValue, ast.MatchSingleton)):
        value = ex.eval(pattern.value, scope) if isinstance(pattern, ast.MatchValue) else pattern.value
        if isinstance(subject, Setting) and type(value) is str:
            text = f"{getattr(subject.key, 'name', '')} == {value!r}"
            return ex.truth(Unknown(terms.Compare("==", subject.key, value), text, default=subject == value))
        equal = operators.equal(ex, subject, value)
        if equal is not None:
            return equal
        text = f"{subject.text} == {value!r}" if isinstance(subject, Unknown) and values.is_constant(value) else ""
        return ex.truth(Unknown(terms.Compare("==", values.term_of(subject), values.term_of(value)), text))
    if isinstance(pattern, ast.MatchClass):
        return of_class(ex, pattern, subject, scope)
    if isinstance(pattern, ast.MatchSequence):
        return isinstance(subject, SequenceValue) and of_sequence(ex, pattern.patterns, subject, scope)
    if isinstance(pattern, ast.MatchMapping):
        return isinstance(subject, DictValue) and of_mapping(ex, pattern, subject, scope)
    return False


def of_class(ex: Execution, pattern: ast.MatchClass, subject: Value, scope: Environment) -> bool:
    """`Config(kind, act="relu")`, `str(name)`"""
    cls = ex.eval(pattern.cls, scope)
    if not ex.truth(reflection.is_instance(ex, subject, cls)):
        return False
    if pattern.patterns and not isinstance(cls, Class):
        return len(pattern.patterns) == 1 and matches(ex, pattern.patterns[0], subject, scope)
    names = positional_names(ex, cls) if isinstance(cls, Class) and pattern.patterns else []
    if len(names) < len(pattern.patterns):
        ex.end_execution("a pattern whose names are not known")
    pairs = [*zip(names, pattern.patterns, strict=False), *zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)]
    return all(matches(ex, part, attributes.load(ex, subject, name), scope) for name, part in pairs)


def positional_names(ex: Execution, cls: Class) -> list[str]:
    """The attributes that the positional patterns of a class stand for."""
    found = class_lookup.find_in_class(cls, "__match_args__")
    if found is not None:
        return [name for name in ex.iterate(found.value) if isinstance(name, str)]
    return list(instantiation.fields_of(cls)) if cls.dataclass else []


def of_sequence(ex: Execution, patterns: list[ast.pattern], subject: SequenceValue, scope: Environment) -> bool:
    """`[first, *others, last]`"""
    items = subject.items
    star = next((place for place, part in enumerate(patterns) if isinstance(part, ast.MatchStar)), None)
    if star is not None:
        after = len(patterns) - star - 1
        if len(items) < len(patterns) - 1:
            return False
        rest = items[star : len(items) - after]
        name = getattr(patterns[star], "name", None)
        if name:
            objects_names.bind(ex, name, SequenceValue(list(rest)), scope)
        items = [*items[:star], *items[len(items) - after :]]
        patterns = [*patterns[:star], *patterns[star + 1 :]]
    return len(items) == len(patterns) and all(
        matches(ex, part, item, scope) for part, item in zip(patterns, items, strict=True)
    )


def of_mapping(ex: Execution, pattern: ast.MatchMapping, subject: DictValue, scope: Environment) -> bool:
    """`{"kind": kind, **others}`"""
    keys = [ex.eval(node, scope) for node in pattern.keys]
    for key, part in zip(keys, pattern.patterns, strict=True):
        if key not in subject.items or not matches(ex, part, subject.items[key], scope):
            return False
    if pattern.rest:
        rest = DictValue({key: value for key, value in subject.items.items() if key not in keys})
        objects_names.bind(ex, pattern.rest, rest, scope)
    return True
