"""Statistics of the targets that a program works out: class counts, means, balancing and scaling, each as a fact for checks.

A call is known by its name and by what it is given: an expression that is named as targets are, and by nothing that was predicted.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.layers import Layer, Origin
from biaslint.analysis.domain.values import BoundNative, DictValue, External, FunctionValue, SequenceValue, Unknown
from biaslint.analysis.interpreter import framework
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


COUNTS, MEAN, BALANCED, SCALED, STATED = "counts", "target mean", "sampler", "scaled targets", "stated"
COUNTING = {"Counter", "value_counts", "unique", "bincount", "compute_class_weight"}
SHARES = {"mean", "sum"}  # of targets that are zero or one, or of a comparison with a class
BALANCING = {"fit_resample", "fit_sample"}
SCALING = {"fit_transform", "fit"}
DRAWING = {"sample", "resample"}  # as many of one class as there are of another
PLACEHOLDER = "the input"  # how nodes call one
CONVERTED = {"item", "numpy", "cpu", "float", "detach", "astype"}  # methods that give the same number
SHOWING = {"print", "display", "debug", "info", "warning", "log", "write"}
AS_MANY = re.compile(r"len\(|\.min\(|\.shape\b|_(count|size|len)\b")
NAMES = COUNTING | SHARES | BALANCING | SCALING | DRAWING
BALANCING_SAMPLER = re.compile(r"(weighted|balanc|oversampl|undersampl)\w*sampler\w*$", re.IGNORECASE)
BALANCED_DATA = re.compile(  # as many of each class
    r"\bdatasets\.((\w*mnist|cifar10|cifar100|imdb)(\.load_data)?|load_(digits|iris)|make_(moons|circles|blobs))$",
    re.IGNORECASE,
)
CLASSES_ALONE = {
    "index",
    "keys",
    "idxmax",
    "argmax",
    "shape",
    "size",
    "nunique",
}  # of counts: which classes there are, or how many
WEIGHTED_LOSS = re.compile(r"(weighted|balanced)\w*(loss|bce|ce|entropy|criterion)$", re.IGNORECASE)
SCALER = re.compile(r"scaler|normaliz|standard", re.IGNORECASE)
CONSTANTS = re.compile(
    r"(^|_)prior|pos(itive)?_(rate|ratio|fraction|share|weight)|base_rate|imbalance|neg_pos|(target|label|y)_mean|mean_(target|label|y)$"
    r"|prevalence$|(fraud|churn|click|conversion|anomaly|outlier|defect|spam|attack|disease|minority)_(rate|ratio|fraction|share)$",
    re.IGNORECASE,
)
CLASS_COUNTS = re.compile(
    r"(class|label|target|cls)_(counts?|freq(uencie)?s?|distribution|num(_list)?)$|(counts?|samples|images|num)_per_(class|cls|label)$",
    re.IGNORECASE,
)
TALLIES = re.compile(r"count|freq|hist|distrib", re.IGNORECASE)
IMBALANCED = 2  # times as many of one class as of another
TARGETS = re.compile(
    r"(^|_)(ys?|labels?|lbls?|targets?|tgts?|trgs?|class|classes|class_?ids?|categor(y|ies)|outcomes?|sentiments?|ground_?truths?)(_|\d|$)"
)
MASKS = re.compile(r"(^|_)masks(_|\d|$)")  # of a segmentation; their sum is as likely one of padding
WORDS = re.compile(r"(^|_)(words?|tokens?|texts?|corpus|sentences?|vocab(ulary)?|chars?|characters?)(_|$)")
INPUTS = re.compile(r"(^|_)(xs?|inputs?|features?|images?|imgs?|pixels?)(_|\d|$)")
OTHERS = re.compile(
    r"(^|_)(pred(s|icted|iction|ictions)?|hat|probs?|logits?|outputs?|scores?|loss|names?|num|n|weights?|mask|encoder|map|dict|idx|index|ignore)(_|\d|$)"
)
# functions that measure, or that compute a loss on one batch
MEASURES = re.compile(
    r"loss|metric|acc|dice|iou|score|eval|valid|test|forward|call|step|collate|predict|plot|confusion|hist|criterion"
)


@lru_cache(maxsize=1 << 12)
def name_of(dotted: str) -> str:
    """The short name of a function elsewhere that may work out a statistic; "" for all others."""
    short = dotted.rpartition(".")[2].removeprefix("reduce_")
    return short if short in NAMES or short.endswith("Sampler") or BALANCED_DATA.search(dotted) else ""


def concerned(func: Value) -> str:
    """The short name of a callee that may work out a statistic; "" for all others."""
    if isinstance(func, External):
        return name_of(func.name)
    if isinstance(func, Unknown):
        name = func.key.name if isinstance(func.key, terms.Attribute) else ""
        return name if name in NAMES else ""
    return func.name if isinstance(func, BoundNative) and func.name in NAMES else ""


def note(ex: Execution, short: str, func: Value, kwargs: Kwargs, result: Value) -> None:
    """Note a call of one of the names, if what it is given are the targets."""
    call = ex.node
    if not isinstance(call, ast.Call) or ex.definition_depth:  # a definition is executed once for all
        return
    if isinstance(func, External) and BALANCED_DATA.search(func.name):
        add(ex, BALANCED, call, short)
        return
    if short.endswith("Sampler"):
        if BALANCING_SAMPLER.search(short):
            add(ex, BALANCED, call, short)
        return
    subject = subject_of(call, func, short, updates_of(ex) if short == "Counter" and not call.args else None)
    if short in BALANCING:
        add(ex, BALANCED, call, short)
    elif short in DRAWING:
        given = [ex.text(one.value) for one in call.keywords if one.arg in ("n", "n_samples")]
        if any(map(AS_MANY.search, given)):
            add(ex, BALANCED, call, short)
    elif short in SCALING:
        if SCALER.search(ex.text(call.func) + (func.text if isinstance(func, Unknown) else "")) and not named(subject, INPUTS):
            add(ex, SCALED, call, short)
    elif subject is None or in_a_measure(ex) or named(subject, OTHERS) or is_of_a_batch(result):
        return
    elif short in SHARES:
        if is_plain(subject) and of_targets(ex, subject, short) and not in_a_loop(ex, call):
            fact = add(ex, MEAN if short == "mean" or compared(subject) else COUNTS, call, short)
            fact.config["compared"] = compared(subject)
            ex.target_means[key_of(result)] = fact
    elif short != "unique" or kwargs.get("return_counts") is True:
        kind = "targets" if of_targets(ex, subject, short) else "words" if named(subject, WORDS) else ""
        if kind and not in_a_loop(ex, call) and not of_classes_alone(ex, call):
            add(ex, COUNTS, call, short).config["of"] = kind


def add(ex: Execution, kind: str, call: ast.Call, short: str) -> Layer:
    """A fact whose name is how the source says the value: the name that it is assigned, or the call."""
    fact = Layer(short, kind, "python", {}, ex.origin(), name=assigned(ex, call, short) or ex.text(call) or short, bias=False)
    ex.facts.append(fact)
    return fact


def of_classes_alone(ex: Execution, call: ast.Call) -> bool:
    """Does the statement read nothing of the counts but which classes there are?"""
    around = ast.walk(ex.statement) if ex.statement is not None else ()
    return any(isinstance(one, ast.Attribute) and one.value is call and one.attr in CLASSES_ALONE for one in around)


def assigned(ex: Execution, call: ast.Call, short: str) -> str:
    """The name that the result is assigned."""
    statement = ex.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or statement.value is not call:
        return ""
    target = statement.targets[0]
    if isinstance(target, ast.Tuple) and short == "unique":
        target = target.elts[-1]
    return ex.text(target).strip("()") if isinstance(target, (ast.Name, ast.Tuple)) else ""


def updates_of(ex: Execution) -> ast.expr | None:
    """What an empty counter, which the statement makes, is updated with later."""
    statement = ex.statement
    if not isinstance(statement, ast.Assign) or ex.module is None:
        return None
    name = ex.text(statement.targets[0])
    return next(
        (
            one.args[0]
            for one in ast.walk(ex.module.tree)
            if isinstance(one, ast.Call) and one.args and ex.text(one.func) == f"{name}.update"
        ),
        None,
    )


def subject_of(call: ast.Call, func: Value, short: str, updates: ast.expr | None = None) -> ast.expr | None:
    """What a statistic is worked out of: the argument of a function, the object of a method."""
    named_as = {one.arg: one.value for one in call.keywords}
    if not isinstance(func, External) and isinstance(call.func, ast.Attribute) and call.func.attr not in SCALING | BALANCING:
        return call.func.value
    if "y" in named_as:
        return named_as["y"]
    if short == "Counter" and not call.args:
        return updates
    return call.args[-1 if short == "compute_class_weight" else 0] if call.args else None


def words_in(node: ast.AST) -> set[str]:
    """The names, attributes and keys that an expression is written with."""
    found = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            found.add(one.value)
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower() for word in found}


def named(node: ast.expr | None, pattern: re.Pattern[str]) -> bool:
    """Is one of the expression's words such a name?"""
    return node is not None and any(map(pattern.search, words_in(node)))


def of_targets(ex: Execution, subject: ast.expr, short: str) -> bool:
    """Is it called as targets are, or the column of a table that they are taken from?"""
    if named(subject, TARGETS) or (short != "sum" and named(subject, MASKS)):
        return True
    while isinstance(subject, (ast.Call, ast.Attribute)):
        subject = subject.func if isinstance(subject, ast.Call) else subject.value
    column = column_of(subject)
    return bool(column) and ex.module is not None and column in target_columns(ex.module.tree)


def is_of_a_batch(result: Value) -> bool:
    """Is it worked out from a placeholder, which is given the targets of one batch?"""
    node = result if isinstance(result, Node) else None
    while node is not None and node.inputs:
        node = node.inputs[0]
    return node is not None and node.op == "input" and node.name == PLACEHOLDER


def column_of(node: ast.AST) -> str:
    """`table["column"]`"""
    key = node.slice if isinstance(node, ast.Subscript) else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


_COLUMNS = node_cache.per_node_cache()


def target_columns(tree: ast.Module) -> set[str]:
    """The columns of tables that variables called as targets are taken from: `y = table["churn"].values`."""
    known: set[str] | None = _COLUMNS.get(tree)
    if known is None:
        known = _COLUMNS[tree] = set()
        for one in ast.walk(tree):
            for target, value in pairs_of(one) if isinstance(one, ast.Assign) else ():
                if isinstance(target, ast.Name) and named(target, TARGETS):
                    known |= {column_of(part) for part in ast.walk(value)} - {""}
    return known


def pairs_of(statement: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """The names that are assigned, each with its value."""
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def compared(node: ast.expr) -> bool:
    """Is it a comparison with one class?"""
    return any(isinstance(one, ast.Compare) for one in ast.walk(node))


def is_plain(node: ast.expr) -> bool:
    """Is it a name, or what views, items and a comparison with a constant make of one?"""
    if isinstance(node, ast.Compare):
        return isinstance(node.comparators[0], ast.Constant) and is_plain(node.left)
    if isinstance(node, ast.Call):
        return not node.args and is_plain(node.func)
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return is_plain(node.value)
    return isinstance(node, ast.Name)


def in_a_measure(ex: Execution) -> bool:
    """Does a model, a loss or a metric work it out? That is given what a model has predicted, or is called so."""
    functions = [frame for frame in ex.stack if isinstance(frame.func, FunctionValue)]
    given = [value for frame in functions for value in frame.bound.values() if isinstance(value, Node)]
    named_so = any(MEASURES.search(frame.func.name) for frame in functions)
    return named_so or framework.within_model(ex) or any(node.op not in ("input", "const") for node in given)


_IN_LOOPS = node_cache.per_node_cache()


def in_a_loop(ex: Execution, call: ast.Call) -> bool:
    """Does the call stand in a loop, as what is done for each batch does?"""
    around: ast.AST | None = ex.module.tree if ex.module is not None else None
    if ex.stack and isinstance(ex.stack[-1].func, FunctionValue):
        around = ex.stack[-1].func.node
    if around is None:
        return False
    known = _IN_LOOPS.get(around)
    if known is None:
        loops = [one for one in ast.walk(around) if isinstance(one, (ast.For, ast.While, ast.AsyncFor))]
        known = _IN_LOOPS[around] = {inner for loop in loops for part in loop.body for inner in ast.walk(part)}
    return call in known


def stated(ex: Execution, node: ast.Name, value: float) -> None:
    """Note a constant of the program whose name says how rare the positives are, or what the mean of the targets is."""
    if CONSTANTS.search(node.id) and not ex.definition_depth and ex.module is not None and not framework.within_model(ex):
        origin = Origin(((ex.module, node),))
        ex.facts.append(Layer("a constant", STATED, "python", {"value": value}, origin, name=node.id, bias=False))


def stated_counts(ex: Execution, node: ast.Name, value: DictValue | SequenceValue) -> None:
    """Note a constant of the program that says how many there are of each class, if the classes are far from balanced."""
    items = list(value.items.values()) if isinstance(value, DictValue) else value.items
    counts = [item for item in items if isinstance(item, int) and not isinstance(item, bool)]
    if not CLASS_COUNTS.search(node.id) or not 1 < len(counts) == len(items) or max(counts) <= IMBALANCED * min(counts):
        return
    if not ex.definition_depth and ex.module is not None and not framework.within_model(ex):
        origin = Origin(((ex.module, node),))
        ex.facts.append(Layer(STATED, COUNTS, "python", {"of": "targets"}, origin, name=node.id, bias=False))


def tallied(ex: Execution, node: ast.AugAssign) -> None:
    """Note a loop that counts the classes: `counts[label] += 1`."""
    target = node.target
    one = isinstance(node.op, ast.Add) and isinstance(node.value, ast.Constant) and node.value.value == 1
    if not one or not isinstance(target, ast.Subscript) or ex.definition_depth or in_a_measure(ex):
        return
    if not TALLIES.search(ex.text(target.value)) or named(target, OTHERS) or not named(target.slice, TARGETS):
        return
    name = ex.text(target.value)
    ex.facts.append(Layer("Counter", COUNTS, "python", {"of": "targets"}, ex.origin(), name=name, bias=False))


def key_of(value: Value) -> object:
    """The identity of a value, or of what was converted to it: `y.mean().item()`."""
    if not isinstance(value, Unknown):
        return id(value)
    key = value.key
    while True:
        if isinstance(key, terms.CallOf) and isinstance(key.function, terms.Attribute) and key.function.name in CONVERTED:
            key = key.function.base
        elif isinstance(key, terms.BuiltinCall) and key.function == "float":
            key = key[1]
        else:
            return key


def subtracted(ex: Execution, value: Value, node: ast.AST | None = None) -> None:
    """What is subtracted or added: if it is a mean of the targets, they are centred, unless that is for a variance or to be shown."""
    fact = ex.target_means.get(key_of(value)) if isinstance(value, (Unknown, Node)) else None
    if fact is None or fact.type == "sum":
        return
    around = ast.walk(ex.statement) if ex.statement is not None and node is not None else ()
    squared = any(isinstance(one, ast.BinOp) and isinstance(one.op, ast.Pow) and one.left is node for one in around)
    if squared and node is not None and any(one is fact.origin.chain[0][1] for one in ast.walk(node)) and fact in ex.facts:
        ex.facts.remove(fact)  # worked out for the variance alone
    elif not squared and not (node is not None and is_shown(ex.statement)):
        fact.kind = SCALED


def is_shown(statement: ast.stmt | None) -> bool:
    """Does a statement show a value and do nothing else?"""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return isinstance(statement, ast.Expr)
    function = statement.value.func
    name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    return name in SHOWING


def given(ex: Execution, cls: str, args: list[Value], kwargs: Kwargs) -> None:
    """What a class of the project is given: it may well start from a mean, scale the targets or weigh a loss."""
    for value in (*args, *kwargs.values()) if ex.target_means else ():
        subtracted(ex, value)
    call = ex.node
    if isinstance(call, ast.Call) and WEIGHTED_LOSS.search(cls):
        add(ex, BALANCED, call, cls)
    if isinstance(call, ast.Call) and SCALER.search(cls) and any(named(one, TARGETS) for one in call.args):
        add(ex, SCALED, call, cls)
