"""`match` statements: does a pattern fit?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import DictValue, SequenceValue, Unknown
from biaslint.analysis.interpreter.builtins import reflection
from biaslint.analysis.interpreter.objects import names as objects_names, operators
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
        equal = operators.equal(ex, subject, value)
        if equal is not None:
            return equal
        text = f"{subject.text} == {value!r}" if isinstance(subject, Unknown) and values.is_constant(value) else ""
        return ex.truth(Unknown(terms.Compare("==", values.term_of(subject), values.term_of(value)), text))
    if isinstance(pattern, ast.MatchClass):
        fits = reflection.is_instance(ex, subject, ex.eval(pattern.cls, scope))
        return ex.truth(fits) and not pattern.patterns and not pattern.kwd_patterns
    if isinstance(pattern, ast.MatchSequence):
        if not isinstance(subject, SequenceValue) or len(subject.items) != len(pattern.patterns):
            return False
        return all(matches(ex, part, item, scope) for part, item in zip(pattern.patterns, subject.items, strict=True))
    if isinstance(pattern, ast.MatchMapping):
        if not isinstance(subject, DictValue):
            return False
        for key_node, part in zip(pattern.keys, pattern.patterns, strict=True):
            key = ex.eval(key_node, scope)
            if key not in subject.items or not matches(ex, part, subject.items[key], scope):
                return False
        return True
    return False
