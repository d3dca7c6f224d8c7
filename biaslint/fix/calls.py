"""Arguments into and out of a call, with LibCST, which keeps comments and layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from biaslint.findings.finding import RemoveArgument, SetArgument
from biaslint.fix.edits import CannotFix
from biaslint.fix.source import comments

if TYPE_CHECKING:
    import libcst as cst

    Space = cst.BaseParenthesizableWhitespace


def edit_call(text: str, changes: Sequence[SetArgument | RemoveArgument]) -> str:
    """The call `text`, as it is written, after the changes."""
    import libcst as cst

    call = _expression(f"({text})")  # a call may go over several lines without brackets of its own around it
    if not isinstance(call, cst.Call) or cst.Module([]).code_for_node(call) != f"({text})":
        raise CannotFix("the call cannot be rewritten")
    for change in changes:  # comments are kept where the layout has a place for them
        call = _remove(call, change) if isinstance(change, RemoveArgument) else _set(call, change)
    new = cst.Module([]).code_for_node(call)[1:-1]
    if sorted(comments(text)) != sorted(comments(new)):
        raise CannotFix("a comment would be lost")
    return new


def argument_index(call: cst.Call, keyword: str, position: int | None) -> int | None:
    """Which argument of the call sets `keyword`: None where it has none."""
    for index, argument in enumerate(call.args):
        if argument.keyword is not None and argument.keyword.value == keyword:
            return index
    if position is None:
        return None
    plain = [index for index, argument in enumerate(call.args) if argument.keyword is None and argument.star != "**"]
    stars = [at for at, index in enumerate(plain) if call.args[index].star]
    if stars and stars[0] <= position and stars[-1] != len(plain) - 1:
        raise CannotFix("a starred argument may set any parameter")
    if position < len(plain) and not (stars and stars[0] <= position):
        return plain[position]
    return None


def _expression(text: str) -> cst.BaseExpression:
    import libcst as cst

    try:
        return cst.parse_expression(text)
    except Exception as error:  # its parser has more ways to fail than ParserSyntaxError
        raise CannotFix(f"LibCST cannot parse it: {type(error).__name__}") from error


def _set(call: cst.Call, change: SetArgument) -> cst.Call:
    import libcst as cst

    value = _expression(change.text)
    if isinstance(value, (cst.Tuple, cst.NamedExpr, cst.Yield)) and not value.lpar:
        raise CannotFix(f"`{change.text}` needs parentheses as an argument")
    index = argument_index(call, change.keyword, change.position)
    if index is None:
        return _add(call, cst.Arg(value, cst.Name(change.keyword), equal=_equal_sign(call)))
    old = call.args[index]
    return call.with_changes(args=[*call.args[:index], old.with_changes(value=value), *call.args[index + 1 :]])


def _equal_sign(call: cst.Call) -> cst.AssignEqual:
    """An equals sign with the spaces that the call's other arguments have."""
    import libcst as cst

    for argument in call.args:
        if isinstance(argument.equal, cst.AssignEqual) and not any(
            map(_many_lines, (argument.equal.whitespace_before, argument.equal.whitespace_after))
        ):
            return argument.equal.deep_clone()
    return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _add(call: cst.Call, argument: cst.Arg) -> cst.Call:
    """The call with one more argument: the last one, but before any `**kwargs`."""
    import libcst as cst

    args, leads = list(call.args), _leads(call)
    at = next((index for index, arg in enumerate(args) if arg.star == "**"), len(args))
    if not args:
        inside = call.whitespace_before_args
        if not _many_lines(inside):
            return call.with_changes(args=[argument], whitespace_before_args=cst.SimpleWhitespace(""))
        end = _new_line(_indent(inside))
        return call.with_changes(
            args=[argument.with_changes(whitespace_after_arg=end)],
            whitespace_before_args=inside.with_changes(last_line=cst.SimpleWhitespace(_indent(inside) + "    ")),
        )
    gap: Space = cst.SimpleWhitespace(" ")
    if at < len(args):
        gap = _new_line(_indent(leads[at])) if _many_lines(leads[at]) else gap
        return call.with_changes(args=[*args[:at], argument.with_changes(comma=cst.Comma(whitespace_after=gap)), *args[at:]])

    last, trailing = args[-1], isinstance(args[-1].comma, cst.Comma)
    closing = _gap(last)
    tail: Space = closing
    own_line = all(map(_many_lines, leads[1:] or leads)) or _comment(closing)
    if own_line:
        indent = next((_indent(lead) for lead in reversed(leads) if _many_lines(lead)), _indent(closing) + "    ")
        gap = _new_line(indent)
        if _many_lines(closing):
            gap = closing.with_changes(last_line=cst.SimpleWhitespace(indent))
            tail = _new_line(_indent(closing))
    args[-1] = _with_gap(last, gap, comma=True)
    return call.with_changes(args=[*args, _with_gap(argument, tail, comma=trailing)])


def _remove(call: cst.Call, change: RemoveArgument) -> cst.Call:
    import libcst as cst

    index = argument_index(call, change.keyword, change.position)
    if index is None:
        raise CannotFix(f"the call has no argument `{change.keyword}`")
    args, lead, gone = list(call.args), _leads(call)[index], call.args[index]
    after = args[index + 1 :]
    if gone.keyword is None and any(arg.keyword is None and arg.star != "**" for arg in after):
        raise CannotFix("other positional arguments follow it")
    gap = _merge(lead, _gap(gone), closing=not after)
    if index == 0:
        return call.with_changes(args=after, whitespace_before_args=gap if after else cst.SimpleWhitespace(""))
    comma = bool(after) or isinstance(gone.comma, cst.Comma) or _comment(gap)
    return call.with_changes(args=[*args[: index - 1], _with_gap(args[index - 1], gap, comma), *after])


def _leads(call: cst.Call) -> list[Space]:
    """What stands before each argument."""
    return [call.whitespace_before_args, *map(_gap, call.args[:-1])]


def _gap(argument: cst.Arg) -> Space:
    """What stands between the argument (with its comma) and the next one or the closing bracket."""
    import libcst as cst

    return argument.comma.whitespace_after if isinstance(argument.comma, cst.Comma) else argument.whitespace_after_arg


def _with_gap(argument: cst.Arg, gap: Space, comma: bool) -> cst.Arg:
    import libcst as cst

    if not comma:
        return argument.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=gap)
    sign = argument.comma if isinstance(argument.comma, cst.Comma) else cst.Comma()
    return argument.with_changes(comma=sign.with_changes(whitespace_after=gap), whitespace_after_arg=cst.SimpleWhitespace(""))


def _merge(lead: Space, gap: Space, closing: bool) -> Space:
    """What stands where an argument was taken out between `lead` and `gap`: every comment of both."""
    import libcst as cst

    if not isinstance(lead, cst.ParenthesizedWhitespace):
        return gap if closing or _many_lines(gap) else lead
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return gap if closing and not _comment(lead) else lead
    kept = [line for line in gap.empty_lines if line.comment]
    if gap.first_line.comment:  # it was at the end of the argument's line and now has a line to itself
        kept = [cst.EmptyLine(whitespace=lead.last_line, comment=gap.first_line.comment), *kept]
    return lead.with_changes(empty_lines=[*lead.empty_lines, *kept], last_line=gap.last_line)


def _many_lines(space: Space) -> bool:
    import libcst as cst

    return isinstance(space, cst.ParenthesizedWhitespace)


def _indent(space: Space) -> str:
    import libcst as cst

    return space.last_line.value if isinstance(space, cst.ParenthesizedWhitespace) else ""


def _new_line(indent: str) -> cst.ParenthesizedWhitespace:
    import libcst as cst

    return cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))


def _comment(space: Space) -> bool:
    import libcst as cst

    return isinstance(space, cst.ParenthesizedWhitespace) and (
        space.first_line.comment is not None or any(line.comment for line in space.empty_lines)
    )
