"""From a fix's neutral changes to text edits: minimal, checked against the syntax tree, all or none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import pairwise

from biaslint.findings.finding import (
    Change,
    DeleteStatement,
    Fix,
    InsertAfter,
    MoveStatement,
    RemoveArgument,
    ReplaceComment,
    ReplaceExpression,
    ReplaceSlice,
    SetArgument,
    Wrap,
)
from biaslint.fix import calls, statements
from biaslint.fix.edits import CannotFix, TextEdit, apply, in_order, narrow
from biaslint.fix.source import Point, Source, comments, in_f_string, parse, read, refuse_deep
from biaslint.fix.statements import Rewrite
from biaslint.theory.program import Place

TextOf = Callable[[str, int | None], str]  # the text of a file, or of one of its cells


def text_edits(fix: Fix, sources: str | TextOf) -> list[TextEdit]:
    """The edits that carry out the fix, first to last; none where the source is already as it asks for.

    `sources` is the text that the places refer to, or gives the text of a path and notebook cell (None for a plain file).
    Raises CannotFix, with the reason, where the fix cannot be written as a whole.
    """
    grouped: dict[Place, list[Change]] = {}
    for change in fix.changes:
        grouped.setdefault(change.place, []).append(change)
    edits: list[TextEdit] = []
    for place, changes in grouped.items():
        try:
            source = read(sources if isinstance(sources, str) else sources(place.path, place.cell), place.cell is not None)
            edits += [_edit(source, place, rewrite) for rewrite in _rewrites(source, place, changes)]
        except RecursionError as error:
            raise CannotFix("it is nested too deeply") from error
    edits = in_order(edits)
    for one, other in pairwise(sorted(edits, key=lambda edit: (edit.path, edit.cell or 0))):
        if (one.path, one.cell) == (other.path, other.cell) and one.end > other.start:
            raise CannotFix("its changes overlap")
    return edits


def _edit(source: Source, place: Place, rewrite: Rewrite) -> TextEdit:
    text = rewrite.text.replace("\n", source.ending(rewrite.start[0]))
    return TextEdit(place.path, *rewrite.start, *rewrite.end, text, place.cell)


def _rewrites(source: Source, place: Place, changes: Sequence[Change]) -> list[Rewrite]:
    """What the changes, all at one place, do to the source."""
    spelled = [change.text for change in changes if isinstance(change, ReplaceComment)]
    if spelled:
        return [_replace_comment(source, place, spelled[0])]
    arguments = [change for change in changes if isinstance(change, SetArgument | RemoveArgument)]
    added = [change.text.strip("\n") for change in changes if isinstance(change, InsertAfter)]
    replaced = [change.text for change in changes if isinstance(change, ReplaceExpression)]
    replaced += [change.before + source.text(*_points(place)) + change.after for change in changes if isinstance(change, Wrap)]
    moved = [change.after for change in changes if isinstance(change, MoveStatement)]
    deleted = any(isinstance(change, DeleteStatement) for change in changes)
    if sum((bool(arguments), bool(replaced), deleted, bool(moved))) > 1 or len(set(replaced)) > 1 or len(set(moved)) > 1:
        raise CannotFix("its changes contradict each other")
    if moved:
        return statements.move(source, place, moved[0])
    if deleted and added:
        return [statements.replace(source, place, "\n".join(added))]
    if deleted:
        return [statements.delete(source, place)]
    rewrites = [statements.insert_after(source, place, text) for text in added]
    if arguments:
        rewrites += _change_call(source, place, arguments)
    if replaced:
        rewrites += _replace(source, place, replaced[0])
    rewrites += [_replace_slice(source, change) for change in changes if isinstance(change, ReplaceSlice)]
    return rewrites


def _replace_comment(source: Source, place: Place, text: str) -> Rewrite:
    start, end = _points(place)
    line = source.lines[place.line - 1] if place.line <= len(source.lines) else ""
    before, after = line[: place.column - 1], line[place.end_column - 1 :]
    if not line[place.column - 1 :].startswith("#"):
        raise CannotFix("there is no comment at this place")
    if text or after.strip():
        return Rewrite(start, end, text)
    if before.strip():
        return Rewrite((place.line, len(before.rstrip()) + 1), (place.line, len(line) + 1), "")
    return Rewrite((place.line, 1), (place.line + 1, 1) if place.line < len(source.lines) else (place.line, len(line) + 1), "")


def _replace_slice(source: Source, change: ReplaceSlice) -> Rewrite:
    wanted = ast.unparse(_value(change.subscript))
    node = source.chain(change.place)[-1]
    found = [one for one in ast.walk(node) if isinstance(one, ast.Subscript) and ast.unparse(one) == wanted]
    if not source.spans(node, change.place) or len(found) != 1:
        raise CannotFix("the code to be changed cannot be found")
    start, end = source.start(found[0].slice), source.end(found[0].slice)
    if any(comments(source.text(source.start(found[0].value), source.end(found[0])))):
        raise CannotFix("the expression contains a comment")
    _value(f"x[{change.text}]")
    return Rewrite(start, end, change.text)


def _change_call(source: Source, place: Place, changes: Sequence[SetArgument | RemoveArgument]) -> list[Rewrite]:
    chain = source.chain(place)
    if in_f_string(chain):
        raise CannotFix("it is inside an f-string")
    if not source.spans(chain[-1], place):
        raise CannotFix("the source has changed, or there is no expression at this place")
    if not isinstance(chain[-1], ast.Call):
        raise CannotFix("there is no call at this place")
    refuse_deep(chain[-1])
    for change in changes:
        if isinstance(change, SetArgument):
            refuse_deep(_value(change.text))
    old = source.text(*_points(place))
    new = calls.edit_call(old, changes)
    if old == new:
        return []
    meant = _value(old)  # a call ends with its parenthesis: what stands around it reads the other one as it reads this one
    for change in changes:
        _apply_to_tree(meant, change)
    try:
        made = ast.dump(_value(new))
    except CannotFix:
        made = ""
    if made != ast.dump(meant):
        raise CannotFix("the edited call would not parse as intended")
    start, end, text = narrow(old, new)
    return [Rewrite(_point(place, old[:start]), _point(place, old[:end]), text)]


def _apply_to_tree(call: ast.expr, change: SetArgument | RemoveArgument) -> None:
    """The same change on the syntax tree, against which the edited text is held."""
    assert isinstance(call, ast.Call)
    named = [index for index, keyword in enumerate(call.keywords) if keyword.arg == change.keyword]
    position = -1 if change.position is None else change.position
    given = 0 <= position < len(call.args) and not any(isinstance(arg, ast.Starred) for arg in call.args[: position + 1])
    if isinstance(change, RemoveArgument):
        if named:
            del call.keywords[named[0]]
        elif given:
            del call.args[position]
    elif named:
        call.keywords[named[0]].value = _value(change.text)
    elif given:
        call.args[position] = _value(change.text)
    else:
        at = next((index for index, keyword in enumerate(call.keywords) if keyword.arg is None), len(call.keywords))
        call.keywords.insert(at, ast.keyword(arg=change.keyword, value=_value(change.text)))


def _replace(source: Source, place: Place, text: str) -> list[Rewrite]:
    context = _Context(source, place)
    if not isinstance(context.node, ast.expr):
        raise CannotFix("there is no expression at this place")
    start, end = _points(place)
    old = source.text(start, end)
    if old == text:
        return []
    if any(comments(old)):
        raise CannotFix("the expression contains a comment")
    context.substitute(_value(text))
    for spelt in (text, f"({text})"):  # whether it needs parentheses there is for the parser to say
        at, until, written = narrow(old, spelt)
        rewrite = Rewrite(_point(place, old[:at]), _point(place, old[:until]), written)
        if context.becomes(rewrite):
            return [rewrite]
    raise CannotFix("the edited expression would not parse as intended")


def _value(text: str) -> ast.expr:
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise CannotFix(f"`{text}` is not an expression") from error


class _Context:
    """A private copy of the statement around an expression, to try a rewrite on: the whole file only where it must be."""

    def __init__(self, source: Source, place: Place) -> None:
        chain = source.chain(place)
        if in_f_string(chain):
            raise CannotFix("it is inside an f-string")
        statement = next((node for node in reversed(chain) if isinstance(node, ast.stmt)), None)
        if statement is None or not source.spans(chain[-1], place):
            raise CannotFix("the source has changed, or there is no expression at this place")
        self.cell = place.cell is not None
        self.origin: Point = (1, 1)
        if hasattr(statement, "body"):  # the expression stands in the head of a compound statement
            self.text = "\n".join(source.lines)
        else:
            self.origin, end = source.start(statement), source.end(statement)
            self.text = source.text(self.origin, end)
        copy = read.__wrapped__(self.text, self.cell)  # not the shared tree: this one is changed
        self.tree = copy.tree
        (line, column), (end_line, end_column) = self._here(_points(place)[0]), self._here(_points(place)[1])
        self.chain = copy.chain(Place(place.path, line, column, end_line, end_column))

    @property
    def node(self) -> ast.AST:
        """The expression itself."""
        return self.chain[-1]

    def substitute(self, node: ast.expr) -> None:
        """Put another expression where this one is."""
        parent, old = self.chain[-2], self.chain[-1]
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, node)
            elif isinstance(value, list):
                setattr(parent, field, [node if item is old else item for item in value])

    def becomes(self, rewrite: Rewrite) -> bool:
        """Whether the rewritten text reads as the tree now says."""
        edit = TextEdit("", *self._here(rewrite.start), *self._here(rewrite.end), rewrite.text)
        try:
            return ast.dump(parse(apply(self.text, [edit]), self.cell)) == ast.dump(self.tree)
        except CannotFix:
            return False

    def _here(self, point: Point) -> Point:
        (line, column), (first, left) = point, self.origin
        return (line - first + 1, column - left + 1 if line == first else column)


def _points(place: Place) -> tuple[Point, Point]:
    return (place.line, place.column), (place.end_line, place.end_column)


def _point(place: Place, before: str) -> Point:
    """The point that follows the text `before`, which starts at the place."""
    line, column = before.count("\n"), len(before) - before.rfind("\n")
    return (place.line + line, column if line else place.column + len(before))
