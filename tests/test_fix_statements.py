"""Statements taken out and written: source and change in, new source out."""

from __future__ import annotations

import pytest
from fixing import after, changed, no_bias

from biaslint.findings.finding import DeleteStatement
from biaslint.fix import CannotFix

DELETED = {
    "on its own line": ("a = 1\n⟦b = 2⟧\nc = 3\n", "a = 1\nc = 3\n"),
    "with the comment on its line": ("a = 1\n⟦b = 2⟧  # why\nc = 3\n", "a = 1\nc = 3\n"),
    "below a comment that stays": ("# all\n⟦b = 2⟧\nc = 3\n", "# all\nc = 3\n"),
    "with a semicolon at the end": ("⟦b = 2⟧;\nc = 3\n", "c = 3\n"),
    "the first of two": ("⟦a = 1⟧; b = 2  # why\n", "b = 2  # why\n"),
    "the second of two": ("a = 1; ⟦b = 2⟧  # why\n", "a = 1  # why\n"),
    "the middle of three": ("a = 1; ⟦b = 2⟧; c = 3\n", "a = 1; c = 3\n"),
    "joined by a backslash": ("a = 1; \\\n⟦b = 2⟧\n", "a = 1\n"),
    "the only one of a block": ("if x:\n    ⟦b = 2⟧  # why\nc = 3\n", "if x:\n    pass  # why\nc = 3\n"),
    "the only one of an else": ("if x:\n    a = 1\nelse:\n    ⟦b = 2⟧\n", "if x:\n    a = 1\nelse:\n    pass\n"),
    "the only one behind a colon": ("for x in y: ⟦b = 2⟧\n", "for x in y: pass\n"),
    "the only one of an except": ("try:\n    a\nexcept E:\n    ⟦b⟧\n", "try:\n    a\nexcept E:\n    pass\n"),
    "the only one of a case": ("match x:\n    case 1:\n        ⟦b⟧\n", "match x:\n    case 1:\n        pass\n"),
    "the first behind a colon": ("if x: ⟦a = 1⟧; b = 2\n", "if x: b = 2\n"),
    "one below a docstring": ("def f():\n    'doc'\n    ⟦b = 2⟧\n", "def f():\n    'doc'\n"),
    "the only one of the module": ("⟦b = 2⟧\n", ""),
    "the last without a newline": ("a = 1\n⟦b = 2⟧  # why", "a = 1\n"),
    "over several lines": ("a = 1\n⟦f(\n    1,  # one\n)⟧\nc = 3\n", "a = 1\nc = 3\n"),
    "a whole block": ("a = 1\n⟦for x in y:\n    f(x)⟧\nc = 3\n", "a = 1\nc = 3\n"),
    "under tabs with Windows line endings": ("if x:\r\n\ta = 1\r\n\t⟦b = 2⟧\r\nc = 3\r\n", "if x:\r\n\ta = 1\r\nc = 3\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), DELETED.values(), ids=DELETED)
def test_a_statement_is_deleted(source, expected):
    assert changed(source, DeleteStatement) == expected


INSERTED = {
    "on the next line": ("⟦a = 1⟧\nc = 3\n", "b = 2", "a = 1\nb = 2\nc = 3\n"),
    "behind the comment": ("⟦a = 1⟧  # why\nc = 3\n", "b = 2", "a = 1  # why\nb = 2\nc = 3\n"),
    "indented alike": ("if x:\n\t⟦a = 1⟧\nc = 3\n", "b = 2", "if x:\n\ta = 1\n\tb = 2\nc = 3\n"),
    "several lines": ("if x:\n    ⟦a = 1⟧\n", "for b in x:\n    f(b)\n", "if x:\n    a = 1\n    for b in x:\n        f(b)\n"),
    "several indented lines": ("if x:\n    ⟦a = 1⟧\n", "\n        b = 1\n        c = 2\n", "if x:\n    a = 1\n    b = 1\n    c = 2\n"),
    "at the end without a newline": ("⟦a = 1⟧", "b = 2", "a = 1\nb = 2"),
    "after a statement of several lines": ("⟦f(\n    1,\n)⟧\nc = 3\n", "b = 2", "f(\n    1,\n)\nb = 2\nc = 3\n"),
    "after a block": ("⟦for x in y:\n    f(x)⟧\nc = 3\n", "b = 2", "for x in y:\n    f(x)\nb = 2\nc = 3\n"),
    "after a block and its last comment": (
        "⟦for x in y:\n    f(x)⟧\n\n    # that was it\n# next\nc = 3\n",
        "b = 2",
        "for x in y:\n    f(x)\n\n    # that was it\nb = 2\n# next\nc = 3\n",
    ),
    "after a decorated function": ("@d\n⟦def f():\n    pass⟧\nc = 3\n", "b = 2", "@d\ndef f():\n    pass\nb = 2\nc = 3\n"),
    "after the first of two": ("⟦a = 1⟧; c = 3\n", "b = 2", "a = 1; b = 2; c = 3\n"),
    "after the second of two": ("if x:\n    a = 1; ⟦c = 3⟧\n", "b = 2", "if x:\n    a = 1; c = 3\n    b = 2\n"),
    "behind a colon": ("if x: ⟦a = 1⟧  # why\n", "b = 2", "if x: a = 1; b = 2  # why\n"),
    "after the statement around an expression": ("a = f(⟦g(1)⟧,\n      2)\nc = 3\n", "b = 2", "a = f(g(1),\n      2)\nb = 2\nc = 3\n"),
    "with Windows line endings": ("if x:\r\n    ⟦a = 1⟧\r\n", "b = 2\nc = 3", "if x:\r\n    a = 1\r\n    b = 2\r\n    c = 3\r\n"),
    "with the endings of the lines around": ("z = 0\n⟦a = 1⟧\r\nc = 3\n", "b = 2", "z = 0\na = 1\r\nb = 2\r\nc = 3\n"),
    "at the end of a Windows file": ("z = 0\r\n⟦a = 1⟧", "b = 2", "z = 0\r\na = 1\r\nb = 2"),
    "behind other alphabets": ("⟦a = '脳🧠'⟧  # é\n", "b = 2", "a = '脳🧠'  # é\nb = 2\n"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "text", "expected"), INSERTED.values(), ids=INSERTED)
def test_statements_are_written_after_one(source, text, expected):
    assert changed(source, after(text)) == expected


def test_two_texts_after_one_statement_stand_in_the_order_given():
    assert changed("⟦a = 1⟧\n", after("b = 2"), after("c = 3")) == "a = 1\nb = 2\nc = 3\n"


def test_deleting_and_inserting_at_one_place_replaces_the_statement():
    source = "if x:\n    ⟦a = 1⟧  # why\n"
    assert changed(source, DeleteStatement, after("b = 2\nc = 3")) == "if x:\n    b = 2\n    c = 3  # why\n"


def test_a_call_changes_and_a_statement_follows_in_one_fix():
    assert changed("⟦f(3)⟧\n", no_bias, after("b = 2")) == "f(3, bias=False)\nb = 2\n"


REFUSED = {
    "no statement there": ("a = ⟦f()⟧\n", (DeleteStatement,), "no statement"),
    "an elif branch": ("if x:\n    a\n⟦elif y:\n    b⟧\n", (DeleteStatement,), "elif"),
    "a decorated function": ("@d\n⟦def f():\n    pass⟧\n", (DeleteStatement,), "decorated"),
    "several lines behind a colon": ("if x: ⟦a = 1⟧\n", (after("b = 2\nc = 3"),), "no line to insert it on"),
    "a block between two statements": ("⟦a = 1⟧; c = 3\n", (after("if x: b"),), "no line to insert it on"),
    "a block for one of two statements": ("⟦a = 1⟧; c = 3\n", (DeleteStatement, after("if x: b")), "no line to insert it on"),
    "a text that is no statement": ("⟦a = 1⟧\n", (after("b ="),), "not a statement"),
    "no text": ("⟦a = 1⟧\n", (after("\n"),), "no statement to write"),
    "a line that goes on into it": ("\\\n⟦a = 1⟧\nc = 3\n", (DeleteStatement,), "continues into"),
}


@pytest.mark.parametrize(("source", "changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written_is_refused_with_the_reason(source, changes, reason):
    with pytest.raises(CannotFix, match=reason):
        changed(source, *changes)


def test_a_cells_magics_are_passed_over():
    source = "%%time\n!pip install it's\nx = !ls\nrun?\nif y:\n    %cd a \\\n      b\n    c = ⟦Conv2d(3)⟧\n%matplotlib inline\n"
    assert changed(source, no_bias, cell=True) == source.replace("⟦Conv2d(3)⟧", "Conv2d(3, bias=False)")


def test_a_plain_file_with_magics_is_refused():
    with pytest.raises(CannotFix, match="line 1 cannot be parsed"):
        changed("%matplotlib inline\n⟦a = 1⟧\n", DeleteStatement)


def test_a_cell_in_another_language_is_refused():
    with pytest.raises(CannotFix, match="cannot be parsed"):
        changed("%%bash\necho it is\n⟦a = 1⟧\n", DeleteStatement, cell=True)
