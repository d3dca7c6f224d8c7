"""Arguments into and out of calls, and expressions replaced: source and change in, new source out."""

from __future__ import annotations

import ast
import random

import libcst
import pytest
from fixing import changed, no_bias, unmark

from biaslint.findings.finding import Change, Fix, RemoveArgument, ReplaceExpression, Safety, SetArgument
from biaslint.fix import CannotFix, TextEdit, apply, text_edits
from biaslint.theory.program import Place


def without_bias(place: Place) -> Change:
    return RemoveArgument(place, "bias", 2)


def becoming(text: str):
    return lambda place: ReplaceExpression(place, text)


ADDED = {
    "after the last argument": ("c = ⟦Conv2d(3, 4)⟧\n", "c = Conv2d(3, 4, bias=False)\n"),
    "without arguments": ("c = ⟦conv()⟧\n", "c = conv(bias=False)\n"),
    "without arguments over two lines": ("c = ⟦conv(\n)⟧\n", "c = conv(\n    bias=False\n)\n"),
    "behind a trailing comma": ("c = ⟦Conv2d(3, 4,)⟧\n", "c = Conv2d(3, 4, bias=False,)\n"),
    "on a line of its own": (
        "c = ⟦Conv2d(\n    3,  # in\n    4,  # out\n)⟧\n",
        "c = Conv2d(\n    3,  # in\n    4,  # out\n    bias=False,\n)\n",
    ),
    "on a line of its own without a trailing comma": (
        "c = ⟦Conv2d(\n    3,\n    4  # out\n)⟧\n",
        "c = Conv2d(\n    3,\n    4,  # out\n    bias=False\n)\n",
    ),
    "after a comment on its own line": (
        "c = ⟦Conv2d(\n    3,\n    4,\n    # that is all\n)⟧\n",
        "c = Conv2d(\n    3,\n    4,\n    # that is all\n    bias=False,\n)\n",
    ),
    "aligned with the opening bracket": (
        "c = ⟦Conv2d(3,\n           4)⟧\n",
        "c = Conv2d(3,\n           4,\n           bias=False)\n",
    ),
    "on the last of several full lines": (
        "c = ⟦Conv2d(3, 4,\n           padding=1)⟧\n",
        "c = Conv2d(3, 4,\n           padding=1, bias=False)\n",
    ),
    "on one inner line": ("c = ⟦Conv2d(\n    3, 4\n)⟧\n", "c = Conv2d(\n    3, 4, bias=False\n)\n"),
    "before keyword arguments": ("c = ⟦Conv2d(3, **more)⟧\n", "c = Conv2d(3, bias=False, **more)\n"),
    "before keyword arguments alone": ("c = ⟦Conv2d(**more)⟧\n", "c = Conv2d(bias=False, **more)\n"),
    "before keyword arguments on their line": (
        "c = ⟦Conv2d(\n    3,  # in\n    **more,\n)⟧\n",
        "c = Conv2d(\n    3,  # in\n    bias=False,\n    **more,\n)\n",
    ),
    "after starred arguments": ("c = ⟦Conv2d(*sizes)⟧\n", "c = Conv2d(*sizes, bias=False)\n"),
    "into a partial": ("c = ⟦partial(Conv2d, padding=1)⟧\n", "c = partial(Conv2d, padding=1, bias=False)\n"),
    "into an inner call": ("c = Sequential(⟦Conv2d(3, 4)⟧, ReLU())\n", "c = Sequential(Conv2d(3, 4, bias=False), ReLU())\n"),
    "into an outer call": ("c = ⟦wrap(Conv2d(3, 4))⟧\n", "c = wrap(Conv2d(3, 4), bias=False)\n"),
    "into a decorator": ("@⟦register(3)⟧\nclass A:\n    pass\n", "@register(3, bias=False)\nclass A:\n    pass\n"),
    "into a condition": ("def f():\n    if ⟦g(3)⟧:\n        pass\n", "def f():\n    if g(3, bias=False):\n        pass\n"),
    "into the body of a one-line if": ("if x: c = ⟦Conv2d(3)⟧  # why\n", "if x: c = Conv2d(3, bias=False)  # why\n"),
    "into one of two statements": ("a = 1; c = ⟦Conv2d(3)⟧; b = 2\n", "a = 1; c = Conv2d(3, bias=False); b = 2\n"),
    "under tabs": ("class A:\n\tdef f(self):\n\t\tself.c = ⟦Conv2d(3)⟧\n", "class A:\n\tdef f(self):\n\t\tself.c = Conv2d(3, bias=False)\n"),
    "behind a backslash": ("c = \\\n    ⟦Conv2d(3)⟧\n", "c = \\\n    Conv2d(3, bias=False)\n"),
    "around a backslash": ("c = ⟦Conv2d(3, \\\n    4)⟧\n", "c = Conv2d(3, \\\n    4, bias=False)\n"),
    "behind other alphabets": ("n = '脳🧠é'; c = ⟦Conv2d(3, 'ü')⟧\n", "n = '脳🧠é'; c = Conv2d(3, 'ü', bias=False)\n"),
    "across a chain in parentheses": ("c = (⟦nn\n    .Conv2d(3)⟧)\n", "c = (nn\n    .Conv2d(3, bias=False))\n"),
    "as its neighbours are spaced": ("c = ⟦Conv2d(3, padding = 1)⟧\n", "c = Conv2d(3, padding = 1, bias = False)\n"),
    "with Windows line endings": (
        "a = 1\r\nc = ⟦Conv2d(\r\n    3,\r\n)⟧\r\n",
        "a = 1\r\nc = Conv2d(\r\n    3,\r\n    bias=False,\r\n)\r\n",
    ),
    "with old Mac line endings": ("a = 1\rc = ⟦Conv2d(\r    3,\r)⟧\r", "a = 1\rc = Conv2d(\r    3,\r    bias=False,\r)\r"),
    "on a line after a form feed": ("a = '\x0c'\n\x0cc = ⟦Conv2d(3)⟧\n", "a = '\x0c'\n\x0cc = Conv2d(3, bias=False)\n"),
    "at the end without a newline": ("c = ⟦Conv2d(3)⟧", "c = Conv2d(3, bias=False)"),
    "into an awaited call": ("async def f():\n    return await ⟦g(3)⟧\n", "async def f():\n    return await g(3, bias=False)\n"),
    "into a default": ("def f(c=⟦Conv2d(3)⟧): pass\n", "def f(c=Conv2d(3, bias=False)): pass\n"),
    "into a with head": ("with ⟦g(3)⟧ as c:\n    pass\n", "with g(3, bias=False) as c:\n    pass\n"),
    "into an elif head": ("if a:\n    pass\nelif ⟦g(3)⟧:\n    pass\n", "if a:\n    pass\nelif g(3, bias=False):\n    pass\n"),
    "into a comprehension": ("c = [⟦Conv2d(i)⟧ for i in n]\n", "c = [Conv2d(i, bias=False) for i in n]\n"),
    "into a match": (
        "match f:\n    case 1:\n        c = ⟦Conv2d(3)⟧\n",
        "match f:\n    case 1:\n        c = Conv2d(3, bias=False)\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), ADDED.values(), ids=ADDED)
def test_a_missing_argument_is_added(source, expected):
    assert changed(source, no_bias) == expected


SET = {
    "by keyword": ("c = ⟦Conv2d(3, bias=True, groups=2)⟧\n", "c = Conv2d(3, bias=False, groups=2)\n"),
    "by keyword with spaces": ("c = ⟦Conv2d(3, bias = True)⟧\n", "c = Conv2d(3, bias = False)\n"),
    "by keyword among comments": (
        "c = ⟦Conv2d(\n    3,  # in\n    bias=True,  # why\n    # all\n)⟧\n",
        "c = Conv2d(\n    3,  # in\n    bias=False,  # why\n    # all\n)\n",
    ),
    "by keyword after keyword arguments": ("c = ⟦f(**more, bias=True)⟧\n", "c = f(**more, bias=False)\n"),
    "by position": ("c = ⟦Conv2d(3, 4, 3, 1, 1, 1, 1, True, 'zeros')⟧\n", "c = Conv2d(3, 4, 3, 1, 1, 1, 1, False, 'zeros')\n"),
    "by position before a star": ("c = ⟦f(1, 2, 3, 4, 5, 6, 7, True, *m)⟧\n", "c = f(1, 2, 3, 4, 5, 6, 7, False, *m)\n"),
    "to a parenthesised value": ("c = ⟦Conv2d(3, bias=(True))⟧\n", "c = Conv2d(3, bias=False)\n"),
}


@pytest.mark.parametrize(("source", "expected"), SET.values(), ids=SET)
def test_an_argument_that_is_there_gets_the_new_value(source, expected):
    assert changed(source, no_bias) == expected


def test_the_edit_covers_whole_words_and_nothing_more():
    text, places = unmark("c = ⟦Conv2d(\n    3, bias=True,\n)⟧\n")
    assert text_edits(Fix(Safety.SAFE, "", (no_bias(places[0]),)), text) == [TextEdit("m.py", 2, 13, 2, 17, "False")]


def test_an_argument_with_the_wanted_value_needs_no_edit():
    assert changed("c = ⟦Conv2d(3, bias=False)⟧\n", no_bias) == "c = Conv2d(3, bias=False)\n"


def test_a_condition_can_be_the_value():
    edit = lambda place: SetArgument(place, "bias", "not batch_norm", 7)  # noqa: E731
    assert changed("c = ⟦Conv2d(3, bias=True)⟧\n", edit) == "c = Conv2d(3, bias=not batch_norm)\n"


REMOVED = {
    "the last": ("c = ⟦f(3, bias=True)⟧\n", "c = f(3)\n"),
    "the first": ("c = ⟦f(bias=True, groups=2)⟧\n", "c = f(groups=2)\n"),
    "the middle one": ("c = ⟦f(3, bias=True, bias_too=True)⟧\n", "c = f(3, bias_too=True)\n"),
    "the only one": ("c = ⟦f(bias=True)⟧\n", "c = f()\n"),
    "the only one on its line": ("c = ⟦f(\n    bias=True,\n)⟧\n", "c = f()\n"),
    "the last with a trailing comma": ("c = ⟦f(3, bias=True,)⟧\n", "c = f(3,)\n"),
    "one on its own line": ("c = ⟦f(\n    3,\n    bias=True,\n    g=2,\n)⟧\n", "c = f(\n    3,\n    g=2,\n)\n"),
    "the last on its own line": ("c = ⟦f(\n    3,\n    bias=True,\n)⟧\n", "c = f(\n    3,\n)\n"),
    "the last on its own line without a comma": ("c = ⟦f(\n    3,\n    bias=True\n)⟧\n", "c = f(\n    3\n)\n"),
    "the last, aligned": ("c = ⟦f(3,\n      bias=True)⟧\n", "c = f(3)\n"),
    "one at the end of a line": ("c = ⟦f(3, bias=True,\n      g=2)⟧\n", "c = f(3,\n      g=2)\n"),
    "one with a comment": (
        "c = ⟦f(\n    3,  # in\n    bias=True,  # why\n    g=2,\n)⟧\n",
        "c = f(\n    3,  # in\n    # why\n    g=2,\n)\n",
    ),
    "the last with a comment": ("c = ⟦f(\n    3,\n    bias=True,  # why\n)⟧\n", "c = f(\n    3,\n    # why\n)\n"),
    "the last behind a comment": ("c = ⟦f(3,  # in\n      bias=True)⟧\n", "c = f(3,  # in\n      )\n"),
    "one given by position": ("c = ⟦Linear(3, 4, True, device=d)⟧\n", "c = Linear(3, 4, device=d)\n"),
}


@pytest.mark.parametrize(("source", "expected"), REMOVED.values(), ids=REMOVED)
def test_an_argument_is_removed_and_its_comment_stays(source, expected):
    assert changed(source, without_bias) == expected


REPLACED = {
    "a value": ("b = tf.Variable(⟦tf.constant(1.0, shape=[64])⟧)\n", "tf.zeros([64])", "b = tf.Variable(tf.zeros([64]))\n"),
    "in a dict": ("b = {'bc1': ⟦random([32])⟧, 'o': 1}\n", "zeros([32])", "b = {'bc1': zeros([32]), 'o': 1}\n"),
    "with parentheses under a stronger operator": ("y = ⟦x⟧ * 2\n", "a + b", "y = (a + b) * 2\n"),
    "without parentheses where none are needed": ("y = ⟦x⟧ + 2\n", "a * b", "y = a * b + 2\n"),
    "on the right of a minus": ("y = a - ⟦x⟧\n", "b - c", "y = a - (b - c)\n"),
    "in a comparison": ("y = ⟦x⟧ == c\n", "a == b", "y = (a == b) == c\n"),
    "before an attribute": ("y = ⟦x⟧.real\n", "1", "y = (1).real\n"),
    "a tuple as an argument": ("y = f(⟦x⟧)\n", "a, b", "y = f((a, b))\n"),
    "right behind a keyword": ("def f():\n    return⟦(a, b)⟧\n", "c", "def f():\n    return(c)\n"),
    "in a power": ("y = ⟦x⟧ ** 2\n", "-1", "y = (-1) ** 2\n"),
    "over several lines": ("y = ⟦f(\n    x,\n)⟧  # why\n", "0", "y = 0  # why\n"),
    "by a text of several lines": ("y = ⟦x⟧\n", "a +\nb", "y = (a +\nb)\n"),
}


@pytest.mark.parametrize(("source", "text", "expected"), REPLACED.values(), ids=REPLACED)
def test_an_expression_is_replaced(source, text, expected):
    assert changed(source, becoming(text)) == expected


def test_an_expression_in_a_dictionary_with_many_keys_is_found():
    entries = ", ".join(f"{key!r}: f({key})" if key % 3 else f"**g({key})" for key in range(30))
    marked = "d = {" + entries.replace("f(20)", "⟦f(20)⟧") + "}\n"
    assert changed(marked, becoming("h")) == "d = {" + entries.replace("f(20)", "h") + "}\n"


REFUSED = {
    "inside an f-string": ("s = f'{⟦Conv2d(3)⟧}'\n", no_bias, "f-string"),
    "no call there": ("c = ⟦conv⟧\n", no_bias, "no call"),
    "half a call": ("c = ⟦Conv2d(3⟧)\n", no_bias, "changed"),
    "a bare generator": ("c = ⟦f(x for x in y)⟧\n", no_bias, "as intended"),
    "a star that may reach the position": ("c = ⟦Conv2d(*a, True)⟧\n", no_bias, "starred"),
    "nothing to remove": ("c = ⟦Conv2d(3)⟧\n", without_bias, "no argument"),
    "other positional arguments follow": ("c = ⟦f(3, 4, True, 5)⟧\n", without_bias, "follow"),
    "a comment in the value": ("c = ⟦f(bias=(  # why\n    True))⟧\n", no_bias, "comment"),
    "a comment in the removed value": ("c = ⟦f(1, bias=(  # why\n    True))⟧\n", without_bias, "comment"),
    "a comment beside the only argument": ("c = ⟦f(\n    bias=True,  # why\n)⟧\n", without_bias, "comment"),
    "a comment in the expression": ("c = ⟦f(  # why\n)⟧\n", becoming("0"), "comment"),
    "a text that is no expression": ("c = ⟦x⟧\n", becoming("1 +"), "not an expression"),
    "a value that needs parentheses": ("c = ⟦f()⟧\n", lambda p: SetArgument(p, "bias", "1, 2"), "parentheses"),
    "a value that is no expression": ("c = ⟦f()⟧\n", lambda p: SetArgument(p, "bias", "1 +"), "not an expression"),
    "a value that is half of two": ("c = ⟦f()⟧\n", lambda p: SetArgument(p, "bias", "1) + (2"), "cannot parse"),
    "a file that does not parse": ("c = ⟦f()⟧ +\n", no_bias, "cannot be parsed"),
    "an assigned name": ("⟦c⟧ = 1\n", becoming("d"), "as intended"),
}


@pytest.mark.parametrize(("source", "change", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written_is_refused_with_the_reason(source, change, reason):
    with pytest.raises(CannotFix, match=reason):
        changed(source, change)


def test_a_place_outside_of_the_file_is_refused():
    with pytest.raises(CannotFix, match="outside"):
        text_edits(Fix(Safety.SAFE, "", (no_bias(Place("m.py", 9, 1, 9, 4)),)), "c = f()\n")


@pytest.mark.parametrize("depth", [120, 9000])  # with 9000, LibCST's parser takes the whole process down
@pytest.mark.parametrize("source", ["c = ⟦f({})⟧\n", "c = ⟦f(1){}⟧\n"])
def test_an_expression_that_is_nested_too_deeply_is_refused(source, depth):
    deep = "-" * depth + "1" if "({})" in source else ".a()" * depth
    with pytest.raises(CannotFix, match=r"nested too deeply|cannot be parsed"):
        changed(source.format(deep), no_bias)


def test_a_value_that_is_nested_too_deeply_is_refused():
    with pytest.raises(CannotFix, match="nested too deeply"):
        changed("c = ⟦f()⟧\n", lambda place: SetArgument(place, "bias", "-" * 120 + "1"))


def test_several_changes_to_one_call_go_together():
    both = [lambda place: RemoveArgument(place, "bias"), lambda place: SetArgument(place, "padding", "'same'")]
    assert changed("c = ⟦f(3, bias=True, groups=2)⟧\n", *both) == "c = f(3, groups=2, padding='same')\n"


def test_a_call_and_one_inside_of_it_change_in_one_fix():
    assert changed("c = ⟦wrap(⟦Conv2d(3)⟧)⟧\n", no_bias, no_bias) == "c = wrap(Conv2d(3, bias=False), bias=False)\n"


def test_changes_that_overlap_are_refused():
    with pytest.raises(CannotFix, match="overlap"):
        changed("c = ⟦wrap(⟦Conv2d(3)⟧)⟧\n", becoming("other"), no_bias)


def test_changes_that_contradict_each_other_are_refused():
    with pytest.raises(CannotFix, match="contradict"):
        changed("c = ⟦f()⟧\n", no_bias, becoming("g()"))


def test_a_change_stands_on_the_call_alone_and_not_on_the_rest_of_the_file():
    rest = "".join(f"x{n} = {n}  # {n}\n" for n in range(50))
    assert changed(rest + "c = ⟦Conv2d(3)⟧\n" + rest, no_bias) == rest + "c = Conv2d(3, bias=False)\n" + rest


def test_libcst_reads_the_call_and_nothing_around_it(monkeypatch):
    read, parse = [], libcst.parse_expression
    monkeypatch.setattr(libcst, "parse_expression", lambda text: read.append(text) or parse(text))
    monkeypatch.setattr(libcst, "parse_module", lambda text: pytest.fail("a whole module was parsed"))
    changed("a = 1\nc = g(⟦Conv2d(3)⟧)\nb = 2\n", no_bias)
    assert read == ["(Conv2d(3))", "False"]


def random_call(chance: random.Random) -> str:
    """A call laid out at random, with comments and trailing commas."""

    def gap() -> str:
        return chance.choice(["", " ", "\n    ", "  # note, (\n    ", "\n\n\t", " \\\n "])

    def value() -> str:
        return chance.choice(["3", "(1,\n 2)", "f(x, y=1)", "'a, b)'", "-x", "lambda a, b: a", "[1, # one\n 2]", '"""\n#"""'])

    args = [value() for _ in range(chance.randrange(4))]
    args += ["*rest"] * (chance.random() < 0.1)
    args += [f"{name}{chance.choice(['=', ' = '])}{value()}" for name in chance.sample("abcdefg", chance.randrange(4))]
    if chance.random() < 0.5:
        args.insert(len(args), "bias=" + chance.choice(["True", "g(1)", "not x"]))
    args += ["**more"] * (chance.random() < 0.2)
    text = ",".join(gap() + arg + gap() for arg in args)
    return "Conv2d(" + text + ("," + gap() if args and chance.random() < 0.5 else "") + ")"


def comments(text: str) -> int:
    return text.count("# note") + text.count("# one")


@pytest.mark.parametrize("seed", range(300))
def test_any_layout_keeps_its_comments_and_gets_exactly_the_argument(seed):
    chance = random.Random(seed)
    call = random_call(chance)
    text, places = unmark(f"if x:\n\ty = 'é', ⟦{call}⟧, 1  # end\n")
    for change in (SetArgument(places[0], "bias", "False"), RemoveArgument(places[0], "bias")):
        try:
            new = apply(text, text_edits(Fix(Safety.SAFE, "", (change,)), text))
        except CannotFix as error:
            assert "comment" in str(error) or "no argument `bias`" in str(error)  # noqa: PT017
            continue
        found = ast.parse(new).body[0].body[0].value.elts[1]
        values = [keyword.value.value for keyword in found.keywords if keyword.arg == "bias"]
        assert values == ([False] if isinstance(change, SetArgument) else [])
        assert comments(new) == comments(text)
