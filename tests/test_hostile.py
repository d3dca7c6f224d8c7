"""Sources made to break an analysis: each ends within seconds, in bounded memory, with what could be said and no internal error."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from projects import DEAD, ROOT, biaslint, write

from biaslint import engine
from biaslint.config import Config

HEAD = "import itertools, math, re, numpy\nimport torch\nfrom torch import nn\n"
CLASS = HEAD + "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
PATH = Path("/nowhere/m.py")  # nothing is written, and nothing read
SECONDS = 30.0  # on a busy machine; alone, the longest takes a fifth of it


def lint(text: str) -> engine.Result:
    start = time.process_time()
    result = engine.lint_text(text, PATH, Config(PATH.parent, select=("ALL",)))
    assert time.process_time() - start < SECONDS
    internal = [why for _, why in result.stopped if why.startswith("internal error")]
    assert (result.errors, result.problems, result.notes, internal) == ([], [], [], [])
    return result


def stops(result: engine.Result) -> list[str]:
    return [fact.what for fact in result.unknowns if fact.what.startswith("analysis stopped here: ")]


def numbered(template: str, count: int, start: int = 0) -> str:
    return "".join(template.replace("#", str(number)) for number in range(start, count))


# -- too much for the parser ----------------------------------------------------------------------------------------------------

UNPARSABLE = {
    "five thousand brackets": HEAD + "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "open brackets": HEAD + "x = " + "(" * 100_000,
    "braces in braces": HEAD + "x = " + "{0: " * 5000 + "}" * 5000 + "\n",
    "five thousand calls": HEAD + "x = " + "f(" * 5000 + ")" * 5000 + "\n",
    "a hundred thousand attributes": HEAD + "x = torch" + ".a" * 100_000 + "\n",
    "a sum without end": HEAD + "x = " + " + ".join(["1"] * 100_000) + "\n",
    "a number of millions of digits": HEAD + "x = " + "9" * 4_000_000 + "\n",
    "zero bytes": HEAD + "\0" * 1_000_000,
    "deep indentation": HEAD + "".join(" " * depth + "if x:\n" for depth in range(200)) + " " * 200 + "pass\n",
    "line continuations": HEAD + "x = 1 + \\\n" * 100_000 + "1\n",
}


@pytest.mark.parametrize("text", UNPARSABLE.values(), ids=UNPARSABLE)
def test_what_the_parser_refuses_is_a_finding(text: str) -> None:
    assert [finding.rule for finding in lint(text).findings] == ["BL001"]


LARGE = {
    "a line of ten megabytes": HEAD + "x = [" + "1, " * 3_400_000 + "]\n",
    "a table of strings": HEAD + "x = {" + "'a': 'b',\n" * 500_000 + "}\n",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_a_file_that_is_too_large_to_be_a_model_is_said_to_be(text: str) -> None:
    assert stops(lint(text)) == ["analysis stopped here: the file is too large to be a model"]


# -- what is said all the same --------------------------------------------------------------------------------------------------

HARMLESS = {
    "a string of ten megabytes": f"x = '{'a' * 10_000_000}'\n",
    "a comment of ten megabytes": f"# {'a' * 10_000_000}\n",
    "a suppression of ten megabytes": f"x = 1  # noqa: {'E501 ' * 2_000_000}\n",
    "ten thousand statements on a line": "f(1); " * 10_000 + "\n",
    "nots": "x = " + "not " * 3000 + "a\n",
    "conditional expressions": "x = " + numbered("1 if a# else ", 3000) + "2\n",
    "comparisons in a chain": "x = " + " < ".join(f"a{number}" for number in range(3000)) + "\n",
    "lambdas in lambdas": "x = " + "lambda: " * 1000 + "1\n",
    "subscripts": "x = a" + "[0]" * 3000 + "\n",
    "five thousand attributes": "x = torch" + ".a" * 5000 + "\n",
    "decorators": "@d\n" * 5000 + "def f(): pass\n",
    "imports of nothing": numbered("from m# import *\n", 1000) + "x = somewhere\n",
    "a format of twenty thousand parts": "x = f'" + "{a}" * 20_000 + "'\n",
    "strings side by side": "x = " + "'a' " * 100_000 + "\n",
    "contexts": "with " + ", ".join(f"a as b{number}" for number in range(2000)) + ":\n    pass\n",
    "patterns": "match x:\n" + numbered(f"    case {' | '.join(map(str, range(300)))}:\n        pass\n", 100),
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_the_model_beside_it_is_linted_as_ever(text: str) -> None:
    assert "BL101" in {finding.rule for finding in lint(DEAD + HEAD + text).findings}


LITERALS = (
    "10 ** (10 ** 9)", "'a' * 10 ** 12", "[0] * 10 ** 9", "1 << 10 ** 9", "(1 << 200) ** (1 << 200)", "b'a' * 10 ** 12",
    "'%1000000000d' % 1", "'{:>1000000000}'.format(1)", "'{:{}}'.format(1, 10 ** 9)",
    "'a'.zfill(10 ** 9)", "'a' * 10000 * 10000 * 10000", "('a' * 10000).replace('a', 'a' * 10000)", "'a'.join(['b' * 9000] * 4000)",
    "int('9' * 10 ** 6)", "tuple(range(10 ** 12))", "list(range(10 ** 30))", "sum(range(10 ** 12))",
    "range(-10 ** 12, n)", "10 ** 300 * 10 ** 300", "2 ** 2 ** 2 ** 2 ** 2 ** 2", "[[[0] * 4096] * 4096] * 4096",
    "{i: i for i in range(10 ** 9)}", "round(10 ** 60, -10 ** 9)", "pow(10, 10 ** 9)", "[1] * 2 ** 100",
    "range(2 ** 100)", "[1, 2][2 ** 100]", "[1][2 ** 100:]", "chr(2 ** 100)",
    "torch.zeros(*range(10 ** 9))", "[x for x in range(10 ** 9) for y in range(10 ** 9)]", "[[0] * 4096 for _ in range(10 ** 9)]",
    "numpy.linspace(0, 1, 10 ** 9)", "list(itertools.product(range(10 ** 6), range(10 ** 6)))",
    "'a,' * 5000 * 100", "sorted(range(10 ** 12))", "complex(1, 10 ** 400)",
    "[1, 2].insert(2 ** 100, 3)", "list(itertools.repeat(0, 10 ** 12))",
)  # fmt: skip


@pytest.mark.parametrize("literal", LITERALS)
def test_a_huge_value_is_not_worked_out_and_said_not_to_be(literal: str) -> None:
    assert stops(lint(f"{HEAD}x0 = [1, 2]\nx = {literal}\ny = nn.Linear(x, 2)\nz = x * 2\n"))


NEVER_WORKED_OUT = (
    "f'{1:>1000000000}'", "'a'.ljust(10 ** 12)", "bytes(10 ** 12)", "1e400 * 10", "math.pow(10, 10 ** 9)", "[1][::0]",
    "nn.Linear(10 ** 60, 10 ** 60)", "math.factorial(10 ** 9)", "float('nan') // 0", "int(float('inf'))", "x0[float('nan'):]",
    "torch.linspace(0, 1, 10 ** 9)", "torch.eye(10 ** 12)", "'a'.expandtabs(10 ** 12)", "memoryview(b'a') * 10 ** 12",
)  # fmt: skip


@pytest.mark.parametrize("value", NEVER_WORKED_OUT)
def test_a_value_that_is_never_worked_out_may_be_huge(value: str) -> None:
    assert stops(lint(f"{HEAD}x0 = [1, 2]\nx = {value}\ny = nn.Linear(x, 2)\nz = x * 2\n")) == []


AXES = (
    "x.flatten(10 ** 9)", "x.flatten(-10 ** 9, 10 ** 9)", "x.unsqueeze(10 ** 9).squeeze(-10 ** 9)", "x.transpose(10 ** 9, 0)",
    "torch.cat(x.chunk(10 ** 9, 10 ** 9), 10 ** 9)", "torch.split(x, 10 ** 9, -10 ** 9)[10 ** 9]", "x.movedim(10 ** 9, -10 ** 9)",
    "x.view(*[1] * 10 ** 9)", "x.permute(*range(10 ** 9))", "x.sum(tuple(range(10 ** 9)))", "x.select(10 ** 9, 10 ** 9)",
    "x.unfold(10 ** 9, 10 ** 9, 10 ** 9)", "x.unbind(10 ** 9)", "torch.stack([x] * 10 ** 9, 10 ** 9)", "x.repeat(*[2] * 10 ** 9)",
    "x[(None,) * 10 ** 9]", "torch.nn.functional.pad(x, [1] * 10 ** 9)", "x.swapaxes(1, 10 ** 9).flatten(10 ** 9, -10 ** 9)",
)  # fmt: skip


@pytest.mark.parametrize("step", AXES)
def test_axes_that_no_tensor_has_cost_nothing(step: str) -> None:
    head = f"{HEAD}\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(2, 2)\n"
    lint(f"{head}\n    def forward(self, x):\n        return self.layer({step})\n")


REGEXES = {
    r"(a+)+$": "a" * 60 + "b",
    r"(a|aa)+$": "a" * 60 + "b",
    "a*a*a*a*a*a*a*a*b": "a" * 290,
    "(.*)(.*)(.*)(.*)(.*)[^a]": "a" * 290,
    "(?:a?){40}a{40}": "a" * 40,
    "(a{1,50}){1,50}$": "a" * 100 + "b",
    ".*?.*?.*?.*?.*?b": "a" * 250,
    r"(\w+\s?)+": "a" * 60 + "!",
}


@pytest.mark.parametrize("pattern", REGEXES)
def test_an_exponential_regular_expression_is_not_matched(pattern: str) -> None:
    lint(f"{HEAD}x = re.match({pattern!r}, {REGEXES[pattern]!r})\ny = nn.Linear(1, 2)\n")


# -- executions without end -----------------------------------------------------------------------------------------------------


def test_thirty_unknown_conditions_in_a_constructor_are_not_tried_in_all_combinations() -> None:
    flags = ", ".join(f"f{number}" for number in range(30))
    text = f"{HEAD}class M(nn.Module):\n    def __init__(self, {flags}):\n        super().__init__()\n"
    text += (
        numbered("        self.c# = nn.Conv2d(3, 3, 1) if f# else nn.Linear(3, 3)\n", 30)
        + "        self.bn = nn.BatchNorm2d(3)\n"
    )
    text += "    def forward(self, x):\n" + numbered("        x = self.bn(self.c#(x))\n", 30) + "        return x\n"
    result = lint(text)
    assert {finding.rule for finding in result.findings} == {"BL101"}
    assert stops(result) == ["analysis stopped here: more conditions than are tried"]


ENDLESS = {
    "twelve classes that make each other": numbered(
        "class A#(nn.Module):\n    def __init__(self):\n" + "".join(f"        self.b{one} = A{one}()\n" for one in range(12)), 12
    ),
    "a function that calls itself eight times": "def f(n, x):\n" + "    x = f(n, x)\n" * 8 + "    return nn.Linear(2, 2)(x)\nf(5, 1)\n",
    "a loop that always holds": "x = torch.zeros(1)\nwhile True:\n    x = nn.Linear(1, 1)(x)\n",
    "loops in loops on what is unknown": "x = torch.zeros(1)\n"
    + "".join(" " * depth + f"for b{depth} in a{depth}:\n" for depth in range(18))
    + " " * 18 + "x = nn.Linear(1, 1)(x)\n",
    "a comprehension of thirty loops": "x = [nn.Linear(1, 1) " + numbered(" for b# in a#", 30) + "]\n",
    "three loops over a thousand layers": "x = [" + "nn.Linear(1, 1), " * 1000 + "]\n"
    "for a in x:\n    for b in x:\n        for c in x:\n            c(b(a(torch.zeros(1))))\n",
    "a generator without end": "def g():\n    while True:\n        yield 1\n        yield from g()\nfor x in g():\n    nn.Linear(x, x)\n",
    "lists that hoard lists": "x = []\nfor i in range(63):\n    for j in range(63):\n        for k in range(63):\n"
    "            x.append([0] * 4096)\n            x = [x, [x, x]]\nnn.Linear(1, 2)\n",
    "lists that double": "a = [nn.Linear(1, 1)]\nwhile True:\n    a += a\n    a = a + a\n    a.extend(a)\n    a = [a, a]\n",
    "a million entries": "d = {}\nfor i in range(10**6):\n    for j in range(60):\n        d[i, j] = [d] * 4096\n"
    "        d = {**d, i: dict(d)}\nnn.Linear(1, 2)\n",
    "classes that make each other": "class A(nn.Module):\n    def __init__(self):\n        self.b = B()\n"
    "class B(nn.Module):\n    def __init__(self):\n        self.a = A()\n        self.c = A()\n",
    "a loop of a million layers": CLASS + "        self.l = nn.ModuleList()\n        for i in range(10**6):\n"
    "            self.l.append(nn.Conv2d(3, 3, 1))\n            setattr(self, f'c{i}', nn.Conv2d(3, 3, 1))\n"
    "    def forward(self, x):\n        for l in self.l:\n            x = l(x)\n        return x\n",
    "a million million million rounds": "y = []\nfor i in range(10**6):\n    for j in range(10**6):\n        for k in range(10**6):\n"
    "            y.append(nn.Linear(i, j))\n",
    "lists that contain themselves": "a = []\na.append(a)\na.append(a)\nb = [a, a]\nb.append(b)\nd = {}\nd['x'] = d\n"
    "print(a == b, a in b, a < b, d == d)\nnn.Linear(a, b)\ne = {a: b}\nnn.Sequential(*a)\nsum(a, a)\nset(a)\n''.join(a)\n"
    "torch.zeros(1).view(a)\nm = nn.ModuleList(a)\nm.append(m)\nisinstance(a, (a, a))\ndef f(q=a):\n    return nn.Linear(q, 1)\nf(a)\n",
    "a module that contains itself": CLASS + "        self.a = self\n        self.c = nn.Conv2d(1, 1, 1)\n"
    "        self.l = nn.ModuleList([self, self])\n        self.l.append(self.l)\n        self.s = nn.Sequential(self, self)\n"
    "    def forward(self, x):\n        return self.s(self.a(self.l[0](self.c(x))))\n",
    "a metaclass": "class Meta(type):\n    def __new__(m, n, b, d):\n        return Meta(n, b, d)\n    def __call__(c, *a):\n"
    "        return c(*a)\n    def __getattr__(c, n):\n        return getattr(c, n)\n    def __instancecheck__(c, o):\n"
    "        return isinstance(o, c)\nclass M(nn.Module, metaclass=Meta):\n    def __new__(cls, *a):\n        return cls(*a)\n"
    "    def __init__(self):\n        self.c = nn.Conv2d(1, 2, 3)\nM()\nM.x\nisinstance(M(), M)\n",
    "attributes that ask for themselves": CLASS + "        self.q\n        self[0]\n        len(self)\n        list(self)\n        if self: pass\n"
    "        self == self\n        1 in self\n        self + 1\n        with self: pass\n        self.y = 1\n"
    "    def __getattr__(self, n):\n        return getattr(self, n + 'x')\n    def __setattr__(self, n, v):\n        setattr(self, n, v)\n"
    "    def __getitem__(self, i):\n        return self[i + 1] + self[i]\n    def __len__(self):\n        return len(self)\n"
    "    def __iter__(self):\n        return iter(self)\n    def __bool__(self):\n        return bool(self)\n"
    "    def __eq__(self, o):\n        return self == o\n    def __contains__(self, o):\n        return o in self\n"
    "    def __add__(self, o):\n        return self + o\n    def __enter__(self):\n        with self as s:\n            return s\n"
    "    def __call__(self, x):\n        return self(x)\n    def forward(self, x):\n        return self(x)\nM()\n",
    "properties that ask for each other": CLASS + "        self.b = 1\n    @property\n    def a(self):\n        return self.b + self.a\n"
    "    @property\n    def b(self):\n        return self.a + self.b\n    @b.setter\n    def b(self, v):\n        self.b = v\n"
    "    def forward(self, x):\n        self.b = x\n        return nn.Linear(1, 2)(self.a + self.b)\n",
    "a tensor that is stacked on itself": "def f(x):\n    for i in range(1000):\n        x = torch.stack([x, x, x])\n"
    "        x = x + x\n    return nn.Linear(1, 2)(x)\nf(torch.zeros(1))\n",
    "an equation of a hundred thousand letters": f"torch.einsum('{'a' * 100_000},b->ab', x, y)\nx.permute(*range(100000))\nnn.Linear(1, 2)(x)\n",
    "a class body without end": "class M(nn.Module):\n    x = [i for i in range(9**9) for j in range(9**9)]\n    def forward(self, x):\n"
    "        return x\nclass N(M):\n    pass\n",
}  # fmt: skip


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_stopped_and_said_to_be(text: str) -> None:
    assert stops(lint(text if text.startswith(HEAD) else HEAD + text))


@pytest.mark.parametrize("method", ["__init__", "__new__"])
def test_a_class_that_makes_itself_is_stopped_by_the_name_of_the_method_that_does(method: str) -> None:
    text = f"class Tree:\n    def {method}(self, depth):\n        self.below = Tree(depth + 1)\nnn.Linear(1, Tree(0))\n"
    assert stops(lint(HEAD + text)) == [f"analysis stopped here: recursion of Tree.{method}"]


ODD = {
    "a hundred thousand elifs": CLASS
    + "        if a:\n            pass\n"
    + numbered("        elif a == #:\n            pass\n", 100_000),
    "bases that are themselves": "class A(A):\n    pass\nclass B(C, nn.Module): pass\nclass C(B, nn.Module): pass\n"
    "class D(nn.Module, D): pass\nA(); B(); C(); D()\n",
    "iterators of the library without end": "for x in itertools.count():\n    nn.Linear(x, x)\nfor x in itertools.cycle([1]):\n"
    "    nn.Linear(x, x)\nfor x in iter(int, 1):\n    nn.Linear(x, x)\n",
    "five thousand layers as defaults": "def f(" + ", ".join(f"a{number}=nn.Linear(1, 2)" for number in range(5000)) + "):\n    return a1\nf()\n",
    "a chain of a thousand base classes": "class A0(nn.Module): pass\n" + "".join(f"class A{n}(A{n - 1}): pass\n" for n in range(1, 1000)),
    "forty diamonds of base classes": "class A0(nn.Module): pass\nclass B0(nn.Module): pass\n"
    + "".join(f"class A{n}(A{n - 1}, B{n - 1}): pass\nclass B{n}(B{n - 1}, A{n - 1}): pass\n" for n in range(1, 40)),
    "an expression that grows with each step": "x = a\n" + "x = x + b * x\n" * 3000 + "nn.Linear(1, x)\n",
    "an unknown that grows in a loop": "def f(a):\n    x = a\n    for i in range(4000):\n        x = x.foo(x)[x] * a\n"
    "        nn.Linear(x, 2)\n    return x\nf()\n",
    "tries in tries": "".join(" " * depth + "try:\n" for depth in range(19)) + " " * 19 + "nn.Linear(1, 2)\n"
    + "".join(" " * depth + "except E:\n" + " " * (depth + 1) + "nn.Conv2d(1, 2, 3)\n" for depth in range(18, -1, -1)),
    "a number flattened": "def f(x):\n    y = nn.Linear(3, 4)(x).view(-1, 4)\n    return y.sum((0, 1)).flatten(), y[0, 0].flatten(), y[0][0].flatten()\nf(x)\n",
    "sizes of nothing": "x = torch.zeros(2, 3, 4)\nx.view(0, -1)\nx.reshape(-1, 0, 2)\nx.view(-1, -1)\nx.flatten(9, 2)\nx.permute(9)\n"
    "x.transpose(0, 99)\nx[..., ...]\nx.view(-1, 0, 0)\nx.split(0)\nx.chunk(0)\nx.repeat(0)\nnn.Linear(1, 2)(x)\n",
    "a framework's own folders": "import keras.src as k\nfrom keras import src\nfrom keras.src import *\nsrc(1)\nk.layers.Dense(1)(1)\n",
    "calls of a name that was deleted": "x = 1\ndef f():\n    global x\n    del x\n    return nn.Linear(x, x)\nf()\nf()\n",
    "functions of Python without arguments": "sum(); max(); zip(); any(); all(); reversed(); map(); filter(); iter(); next(); "
    "math.sqrt(); math.pow(); range(); isinstance(); getattr(); super(); type(); sorted(); enumerate(); nn.Linear()\n",
}  # fmt: skip


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_strange_programs_end(text: str) -> None:
    lint(text if text.startswith(HEAD) else HEAD + text)


CHANGING = {
    "a sequence whose layer adds to it": "class S(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n        self.add_module('a', A(self))\n"
    "class A(nn.Module):\n    def __init__(self, outer):\n        super().__init__()\n        self.__dict__['outer'] = outer\n"
    "    def forward(self, x):\n        self.outer.add_module('b', nn.Linear(2, 2))\n        return x\nS()(torch.zeros(1))\n",
    "a sequence that is a submodule's method": "class B(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n"
    "        self.add_module('conv', self.add_module)\n        for step in keras(Order).upper():\n            self.add_module(step, 3)\n",
    "a Keras model whose layer adds to it": "import keras\nmodel = keras.Sequential()\nclass A(keras.layers.Layer):\n    def call(self, x):\n"
    "        model.add(keras.layers.Dense(2))\n        return x\nmodel.add(A())\nmodel(keras.Input((3,)))\n",
    "a class that grows in its methods": CLASS + "    def first(self, x):\n        M.second = lambda self, x: x\n        return x\n"
    "    def training_step(self, x):\n        M.third = M.fourth = M.first\n        return x\n",
    "an enumeration that grows when it is compared": "import enum\nclass E:\n    def __eq__(self, other):\n        C.more = 1\n        setattr(C, 'm2', 2)\n"
    "        return False\nclass C(enum.Enum):\n    one = E()\n    two = E()\nx = C(E())\nnn.Linear(x, 2)\n",
    "modules that are added while all are gone through": CLASS + "        self.fc = nn.Linear(2, 2)\n        self.apply(lambda m: self.add_module('z', nn.Linear(1, 1)))\n"
    "        for name, m in self.named_modules():\n            setattr(self, name + 'x', nn.Linear(3, 3))\n        for m in self.children():\n"
    "            self.y = m\n    def forward(self, x):\n        return self.fc(x)\n",
    "a dictionary that grows": "d = {'a': 1}\nclass K:\n    def __eq__(self, o):\n        d[len(d)] = o\n        return False\n    def __hash__(self):\n        return 1\n"
    "d[K()] = 2\nd[K()]\nfor k in d:\n    d[k, 1] = nn.Linear(1, 2)\nfor k, v in d.items():\n    d.pop(k)\n{k: d.clear() for k in d}\nK() in d\n",
}  # fmt: skip


@pytest.mark.parametrize("text", CHANGING.values(), ids=CHANGING)
def test_what_changes_while_it_is_gone_through_is_no_error(text: str) -> None:
    lint(text if text.startswith(HEAD) else HEAD + text)


ANNOTATIONS = {
    "half a pair of surrogates": "\ud800", "a zero byte": "\0", "ten thousand brackets": "[" * 5000 + "]" * 5000, "half a program": "int if",
    "a number of thousands of digits": "9" * 6000, "nothing": "", "a string in a string": "''", "an escape that is none": r"'\d'",
}  # fmt: skip


@pytest.mark.parametrize("annotation", ANNOTATIONS.values(), ids=ANNOTATIONS)
@pytest.mark.filterwarnings("error")
def test_an_annotation_may_be_any_string(annotation: str) -> None:
    """It is read as an expression where it stands on an entry point's parameter."""
    text = CLASS.replace("(self)", f"(self, config: {annotation!r}, other=1)") + "        self.fc = nn.Linear(config.size, 2)\n"
    assert len(lint(text).uses) == 1


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    texts = {
        tmp_path
        / f"m{number}.py": f"import torch\nfrom m{(number + 1) % 5} import *\nfrom m{(number + 2) % 5} import x{number}\nimport m{number}\n"
        f"class M{number}(M{(number + 1) % 5}):\n    pass\ny = x{number} + m{number}.y\nM{number}()(y)\n"
        for number in range(5)
    }
    result = engine.lint_files(list(texts), Config(tmp_path), texts)
    assert (result.errors, result.notes) == ([], [])


HUNGRY = [
    *LITERALS[:12],
    *(ENDLESS[name] for name in ("lists that hoard lists", "lists that double", "a million entries")),
]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_memory_is_bounded() -> None:
    program = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from biaslint import engine
from biaslint.config import Config
for text in sys.stdin.read().split("---"):
    result = engine.lint_text(text, Path("/nowhere/m.py"), Config(Path("/nowhere")))
    assert not result.errors + result.notes, result
# what getrusage says may be the parent's, from before this program was loaded
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    texts = [HEAD + (text if "\n" in text else f"x = {text}\nnn.Linear(x, 1)\n") for text in HUNGRY]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="---".join(texts),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1500  # MB


def test_star_imports_are_searched_once_however_many_ways_lead_to_a_file(tmp_path: Path) -> None:
    """Each of forty files imports everything from the next two: there are millions of ways to the last one."""
    texts = {
        tmp_path
        / f"m{number}.py": f"import torch\nfrom m{number + 1} import *\nfrom m{number + 2} import *\nfrom m{number // 2} import *\n"
        for number in range(40)
    }
    texts[tmp_path / "m40.py"] = "import torch\nfrom torch import nn as layers\n"
    texts[tmp_path / "m0.py"] += DEAD.replace("nn.", "layers.").replace("from torch import nn\n", "nowhere()\n")
    start = time.process_time()
    result = engine.lint_files(list(texts), Config(tmp_path), texts)
    assert time.process_time() - start < SECONDS
    assert [finding.rule for finding in result.findings] == ["BL101"]


# -- what stands beside the sources ---------------------------------------------------------------------------------------------

BESIDE = {
    "a notebook with a number of thousands of digits": ("a.ipynb", f'{{"cells": [], "x": {"9" * 6000}}}', "the notebook is damaged"),
    "a notebook that is nested too deeply": ("a.ipynb", '{"cells": ' + "[" * 100_000, "the notebook is damaged"),
    "settings that are nested too deeply": ("pyproject.toml", "[tool.biaslint]\nselect = " + "[" * 20_000, "not valid TOML"),
    "settings with a number of thousands of digits": ("pyproject.toml", f"[tool.biaslint]\nx = {'9' * 6000}\n", "not valid TOML"),
    "settings that are no text": ("pyproject.toml", "\x00\x1b", "not valid TOML"),
    "a baseline that is nested too deeply": ("biaslint-baseline.json", "[" * 100_000, "not a baseline"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), BESIDE.values(), ids=BESIDE)
def test_damaged_files_beside_the_sources_get_a_message(tmp_path: Path, name: str, content: str, said: str) -> None:
    folder = write(tmp_path, {"net.py": DEAD, name: content})
    options = ["--baseline", name] if "baseline" in name else []
    result = biaslint(folder, *options)
    assert said in result.out + result.err
    assert result.status in (1, 2)


def test_patterns_that_are_none_are_left_out_as_git_does(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = write(tmp_path, {"net.py": DEAD, "left.py": DEAD, ".gitignore": "!\n[z-a]\n/\n\\\n**/**/\n[a\nleft.py\n"})
    result = biaslint(folder, "-q")
    assert "net.py:4" in result.out
    assert "left.py" not in result.out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_read_for_ever(tmp_path: Path) -> None:
    folder = write(tmp_path, {"net.py": DEAD})
    os.mkfifo(folder / "pipe.py")
    (folder / "link.py").symlink_to("pipe.py")
    result = biaslint(folder, "-q")
    assert "net.py:4" in result.out
    assert "pipe.py" not in result.out
