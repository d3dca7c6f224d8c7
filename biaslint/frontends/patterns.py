"""`match` statements: does a pattern fit?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.frontends import operators, reflection, scopes
from biaslint.frontends.values import DictV, ListV, Unknown, Value, is_constant, key_of

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter
    from biaslint.frontends.values import Scope


def matches(interp: Interpreter, pattern: ast.pattern, subject: Value, scope: Scope) -> bool:
    """Does the subject fit the pattern? Where that is not known, this execution takes one side. Binds the pattern's names."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None and not matches(interp, pattern.pattern, subject, scope):
            return False
        if pattern.name:
            scopes.bind(interp, pattern.name, subject, scope)
        return True
    if isinstance(pattern, ast.MatchOr):
        return any(matches(interp, option, subject, scope) for option in pattern.patterns)
    if isinstance(pattern, (ast.MatchValue, ast.MatchSingleton)):
        value = interp.eval(pattern.value, scope) if isinstance(pattern, ast.MatchValue) else pattern.value
        equal = operators.equal(interp, subject, value)
        if equal is not None:
            return equal
        text = f"{subject.text} == {value!r}" if isinstance(subject, Unknown) and is_constant(value) else ""
        return interp.truth(Unknown(("cmp", "==", key_of(subject), key_of(value)), text))
    if isinstance(pattern, ast.MatchClass):
        fits = reflection.is_instance(interp, subject, interp.eval(pattern.cls, scope))
        return interp.truth(fits) and not pattern.patterns and not pattern.kwd_patterns
    if isinstance(pattern, ast.MatchSequence):
        if not isinstance(subject, ListV) or len(subject.items) != len(pattern.patterns):
            return False
        return all(matches(interp, part, item, scope) for part, item in zip(pattern.patterns, subject.items, strict=True))
    if isinstance(pattern, ast.MatchMapping):
        if not isinstance(subject, DictV):
            return False
        for key_node, part in zip(pattern.keys, pattern.patterns, strict=True):
            key = interp.eval(key_node, scope)
            if key not in subject.items or not matches(interp, part, subject.items[key], scope):
                return False
        return True
    return False
