"""Values as the source spells them: what fixes write instead. Texts in, texts out; "" where that is not known."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

RANDOM = re.compile(r"(random\.)?(random_normal|truncated_normal|random_uniform|normal|uniform|stateless_normal)$")


def zero_text(text: str) -> str:
    """The same tensor or initializer, filled with zeros: `tf.zeros([8])` for `tf.random_normal([8])`."""
    if text[:1] in ("'", '"'):
        return '"zeros"'
    call = _call(text)
    if call is None:
        return ""
    head, _, short = ast.unparse(call.func).rpartition(".")
    head = re.sub(r"\.?(random|initializers|contrib\.layers)$", "", head)
    if "initializer" in short:
        return f"{head}.zeros_initializer()" if head else ""
    if short == "constant" and call.args:
        call.args[0] = ast.Constant(0.0)
        return ast.unparse(call)
    if short == "ones" and head:
        call.func = ast.Attribute(ast.Name(head), "zeros")
        return ast.unparse(call)
    shape = next((item.value for item in call.keywords if item.arg == "shape"), call.args[0] if call.args else None)
    if RANDOM.search(ast.unparse(call.func)) and head and shape is not None:
        return f"{head}.zeros({ast.unparse(shape)})"
    return ""


def scaled_text(text: str, gain: int) -> str:
    """A random tensor of the same shape with the standard deviation sqrt(gain / fan-in), where the shape is written out."""
    call = _call(text)
    if call is None or not call.args or not isinstance(call.args[0], (ast.List, ast.Tuple)) or len(call.args[0].elts) < 2:
        return ""
    if not re.search(r"(random_normal|truncated_normal|random\.normal)$", ast.unparse(call.func)) or len(call.args) > 1:
        return ""
    fan_in = " * ".join(ast.unparse(item) for item in call.args[0].elts[:-1])
    if len(call.args[0].elts) > 2 or not isinstance(call.args[0].elts[0], (ast.Name, ast.Attribute, ast.Constant)):
        fan_in = f"({fan_in})"
    value = ast.parse(f"({gain} / {fan_in}) ** 0.5", mode="eval").body
    others = [item for item in call.keywords if item.arg != "stddev"]
    call.keywords = [*others, ast.keyword("stddev", value)]
    return ast.unparse(call)


def _call(text: str) -> ast.Call | None:
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    return tree if isinstance(tree, ast.Call) else None


def negated(text: str) -> str:
    """-(text), in plain words."""
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return ast.unparse(tree.operand)
    return ast.unparse(ast.UnaryOp(ast.USub(), tree))


def quarter(subscript: str, gate: int, wanted: int) -> str:
    """`bias[:n]`, which is the quarter `gate` of a vector: how the quarter `wanted` is written between the brackets."""
    try:
        target = ast.parse(subscript, mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Slice) or target.slice.step is not None:
        return ""
    write = _bounds(target.slice, gate)
    return write(wanted, wanted + 1) if write is not None else ""


def _bounds(part: ast.Slice, gate: int) -> Callable[[int, int], str] | None:
    """How to write the stretch from one quarter to another, given how the quarter `gate` is written."""
    low, high = (ast.unparse(bound) if bound is not None else "" for bound in (part.lower, part.upper))
    for text, count in ((low, gate), (high, gate + 1)):
        of_whole = re.fullmatch(r"(?:(\d) \* )?([\w.]+(?:\(0?\))?) // ([24])(?: \* (\d))?", text)
        if of_whole:
            times, whole, parts, more = of_whole.groups()
            if int(times or 1) * int(more or 1) * 4 == int(parts) * count:
                return lambda one, other: f"{_share(whole, one)} : {_share(whole, other)}"
    for text, count in ((low, gate), (high, gate + 1)):
        of_part = re.fullmatch(r"(?:(\d) \* )?(-?[A-Za-z_][\w.]*)(?: \* (\d))?", text)
        if of_part:
            times, size, more = of_part.groups()
            if size.startswith("-") and (times or more or gate != 3 or high):
                continue
            if size.startswith("-") or int(times or 1) * int(more or 1) == count:
                size = size.lstrip("-")
                return lambda one, other: f"{_times(size, one)} : {_times(size, other)}"
    if low.isdigit() and high.isdigit():
        size = int(high) - int(low)
        return lambda one, other: f"{one * size}:{other * size}"
    return (lambda one, other: f"{one * int(high)}:{other * int(high)}") if high.isdigit() and not low else None


def _share(whole: str, count: int) -> str:
    return {1: f"{whole} // 4", 2: f"{whole} // 2"}.get(count, f"{count} * {whole} // 4")


def _times(size: str, count: int) -> str:
    return size if count == 1 else f"{count} * {size}"
