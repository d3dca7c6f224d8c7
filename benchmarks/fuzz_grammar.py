"""Programs made by a grammar, for the fuzzer: they look like model code and use the language and the frameworks in every wrong way.

The words are those that the analysis itself knows: every identifier that stands as a string in its source.
"""

from __future__ import annotations

import ast
import keyword
import random
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """import collections, copy, functools, itertools, math
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import keras
from keras import backend as K
import tensorflow as tf
import tf_slim as slim
"""


def words() -> dict[str, list[str]]:
    """The identifiers that the analysis compares names with, by the framework that its module is about ("" for Python itself)."""
    found: dict[str, set[str]] = {"torch": set(), "keras": set(), "tensorflow": set(), "": set()}
    for path in sorted((ROOT / "biaslint").rglob("*.py")):
        if path.parent.name in ("torch", "keras", "tensorflow", "builtins", "tensors", "checks"):
            family = path.parent.name if path.parent.name in found else ""
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_name(node.value):
                    found[family].add(node.value)
    return {family: sorted(names) for family, names in found.items()}


def is_name(text: str) -> bool:
    return len(text) < 60 and all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))


WORDS = words()
MODULES = {
    "torch": ("torch", "nn", "F", "nn.init", "torch.optim", "nn.utils", "x", "self"),
    "keras": (
        "keras.layers",
        "keras.layers",
        "keras",
        "keras.ops",
        "keras.initializers",
        "K",
        "tf.keras.layers",
        "keras.optimizers",
    ),
    "tensorflow": ("tf", "tf.nn", "tf.compat.v1", "tf.layers", "tf.nn.rnn_cell", "slim"),
    "": ("np", "math", "functools", "itertools", "copy", "collections", "torch", "F", "x", "self"),
}
ALL_MODULES = tuple(module for modules in MODULES.values() for module in modules)
PLAIN = sorted({word for names in WORDS.values() for word in names if "." not in word})
METHOD_NAMES = [word for word in PLAIN if word.islower() or word.startswith("_")]
NAMES = (
    "x",
    "y",
    "self",
    "nn",
    "F",
    "torch",
    "keras",
    "tf",
    "cfg",
    "M",
    "f",
    "args",
    "kwargs",
    "layers",
    "n",
    "i",
    "norm_layer",
)
LITERALS = ("0", "1", "-1", "2", "3", "64", "None", "True", "False", "...", "''", "'same'", "'relu'", "b''", "1.0", "1e308", "-0.0", "1j",
            "float('nan')", "float('inf')", "[]", "()", "{}", "[1, 2]", "(3, 3)", "{'a': 1}", "10 ** 100", "'x' * 9999", "2 ** 200",
            "range(10 ** 9)", "[0] * 10 ** 6", "'%s'", "'{}'", "'bld,hd->blh'", "1 << 63", "'\\ud800'", "'\\x1b[2J'", "0xffffffffffffffff",
            "[1, 2, 3][::0]", "slice(None)", "lambda *a, **k: a", "type", "object", "NotImplemented")  # fmt: skip
BASES = ("nn.Module", "nn.Module", "nn.Sequential", "nn.Conv2d", "nn.LSTM", "nn.ModuleList", "keras.Model", "keras.layers.Layer",
         "keras.layers.Dense", "tf.Module", "object", "dict", "list", "Exception", "M", "N", "type", "metaclass=M", "torch.autograd.Function",
         "pl.LightningModule", "enum.Enum", "typing.NamedTuple")  # fmt: skip
METHODS = ("__init__", "__init__", "forward", "forward", "call", "build", "__call__", "__getattr__", "__iter__", "__len__", "__getitem__", "__new__",
           "reset_parameters", "init_weights", "extra", "__bool__", "__add__", "__enter__", "__contains__", "__post_init__")  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "is", "is not", "in",
             "not in", "and", "or")  # fmt: skip


# -- a grammar -----------------------------------------------------------------------------------------------------------------


class Grammar:
    """Programs that look like model code and use the language and the frameworks in every wrong way there is."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.defined = ["M", "N", "f", "g"]

    def program(self) -> str:
        chance = self.chance
        parts = [HEAD]
        for _ in range(chance.randint(1, 4)):
            parts.append(chance.choice((self.klass, self.klass, self.function, lambda depth: self.block(depth, 3)))(0))
        return "\n".join(parts) + "\n"

    def klass(self, depth: int) -> str:
        chance, pad = self.chance, "    " * depth
        name = chance.choice(("M", "N", "Net", "Block"))
        bases = ", ".join(chance.choices(BASES, k=chance.choice((1, 1, 1, 2, 0))))
        body = [f"{pad}class {name}({bases}):"]
        for _ in range(chance.randint(1, 4)):
            if chance.random() < 0.85:
                body.append(self.function(depth + 1, chance.choice(METHODS), "self"))
            else:
                body.append(f"{pad}    {chance.choice(NAMES)}: {self.expression(1)} = {self.expression(1)}")
        return "\n".join(body)

    def function(self, depth: int, name: str = "", first: str = "") -> str:
        chance, pad = self.chance, "    " * depth
        name = name or chance.choice(("f", "g", "build", "resnet"))
        parameters = [first] * bool(first) + [
            *dict.fromkeys(chance.choices(("x", "y", "n", "cfg", "bias"), k=chance.randint(0, 3)))
        ]
        if chance.random() < 0.3 and "bias" not in parameters:
            parameters.append(f"bias={chance.choice(LITERALS)}")
        parameters += chance.choice((["*args"], ["**kwargs"], ["*args", "**kwargs"], [], [], []))
        decorator = chance.choice(
            ("", "", "", "", f"{pad}@property\n", f"{pad}@staticmethod\n", f"{pad}@classmethod\n", f"{pad}@torch.no_grad()\n")
        )
        start = "async def" if chance.random() < 0.03 else "def"
        body = self.block(depth + 1, chance.randint(1, 6))
        if name == "__init__" and chance.random() < 0.8:
            body = f"{pad}    super().__init__()\n{body}"
        return f"{decorator}{pad}{start} {name}({', '.join(parameters)}):\n{body}"

    def block(self, depth: int, count: int) -> str:
        return "\n".join(self.statement(depth) for _ in range(count))

    def statement(self, depth: int) -> str:
        chance, pad = self.chance, "    " * depth
        kind = chance.randrange(40 - 6 * depth) if depth < 4 else chance.randrange(16)
        if kind < 8:
            return f"{pad}{self.target()} = {self.expression()}"
        if kind < 10:
            return f"{pad}{self.expression()}"
        if kind < 13:
            return f"{pad}return {self.expression()}" if depth else f"{pad}{self.call(2)}"
        if kind < 14:
            return f"{pad}{self.target()} {chance.choice(OPERATORS[:13])}= {self.expression()}"
        if kind < 15:
            simple = (
                "pass",
                "raise",
                "break",
                "continue",
                "del x, self.y, x[0]",
                "global x",
                "assert x, y",
                "raise ValueError(x)",
                "import os",
                "from . import x",
            )
            chosen = chance.choice(simple)
            return f"{pad}{'pass' if chosen in ('break', 'continue') else chosen}"
        if kind < 16:
            return f"{pad}{chance.choice(('yield', 'yield from', 'await'))} {self.expression()}" if depth else f"{pad}pass"
        inner = self.block(depth + 1, chance.randint(1, 3))
        if kind < 22:
            other = f"\n{pad}else:\n{self.block(depth + 1, 1)}" if chance.random() < 0.4 else ""
            return f"{pad}if {self.expression(2)}:\n{inner}{other}"
        if kind < 27:
            return f"{pad}for {self.target()} in {self.expression(2)}:\n{inner}\n{pad}    {chance.choice(('break', 'continue', 'pass'))}"
        if kind < 29:
            return f"{pad}while {self.expression(2)}:\n{inner}"
        if kind < 31:
            return f"{pad}with {self.expression(2)} as {self.target()}:\n{inner}"
        if kind < 33:
            handler = chance.choice(("except Exception as e", "except", "except (ValueError, M)", "finally"))
            return f"{pad}try:\n{inner}\n{pad}{handler}:\n{self.block(depth + 1, 1)}"
        if kind < 35:
            case = chance.choice(
                ("_", "[x, *y]", "{'a': x, **y}", "M(a=x)", "1 | 2", "nn.Conv2d()", "None", "str() as x", "[]")
            )
            return f"{pad}match {self.expression(2)}:\n{pad}    case {case}:\n{self.block(depth + 2, 1)}"
        if kind < 37:
            return self.klass(depth)
        return self.function(depth)

    def target(self) -> str:
        chance = self.chance
        return chance.choice(("x", "y", "self.a", "self.conv", "self.bn", "self.layers", "self.conv.bias", "x[0]", "self.x[i]", "x, y", "(x, *y)", "[x]", "n",
                              "self.conv.bias.data", "x.y.z", "self.fc.weight", "x[:, 0]", f"self.{chance.choice(PLAIN)}"))  # fmt: skip

    def expression(self, depth: int = 2) -> str:
        chance = self.chance
        kind = chance.randrange(24) if depth else chance.randrange(7)
        deeper = depth - 1
        if kind < 3:
            return chance.choice(NAMES)
        if kind < 5:
            return chance.choice(LITERALS)
        if kind < 7:
            return chance.choice(
                (
                    "self.a",
                    "self.conv",
                    "self.bn",
                    "self.layers",
                    "x.shape",
                    "x.size(0)",
                    "self.conv.bias",
                    "self",
                    f"x.{chance.choice(PLAIN)}",
                )
            )
        if kind < 15:
            return self.call(depth)
        if kind < 17:
            return f"({self.expression(deeper)} {chance.choice(OPERATORS)} {self.expression(deeper)})"
        one, two = self.expression(deeper), self.expression(deeper)
        return (
            f"({chance.choice(('-', 'not ', '~', '+'))}{one})",
            f"{self.atom(one)}[{chance.choice((two, ':', '::-1', '::0', f'{two}:', f'..., {two}', 'None', f'*{two}' if two.isidentifier() else '0'))}]",
            f"({one} if {two} else {self.expression(deeper)})",
            f"[{one} for {chance.choice(('x', 'i', 'x, y'))} in {two}{chance.choice(('', ' if x', ' for y in x'))}]",
            chance.choice((f"[{one}, {two}]", f"({one}, *{self.atom(two)})", f"{{{one}: {two}}}", f"{{**{self.atom(one)}}}", f"{{{one}, {two}}}")),
            f"(lambda x, *y: {one})",
            chance.choice(("f'{x!r}{y:>10}'", f"(x := {one})", f"{self.atom(one)}.{chance.choice(PLAIN)}", f"{{i: {one} for i in {two}}}")),
        )[kind - 17]  # fmt: skip

    def atom(self, text: str) -> str:
        return text if text.replace(".", "").isidentifier() else f"({text})"

    def call(self, depth: int) -> str:
        chance = self.chance
        style = chance.randrange(10)
        if style < 4:
            family = chance.choice(list(MODULES))
            name = f"{chance.choice(MODULES[family])}.{chance.choice(WORDS[family]).rpartition('.')[2]}"
        elif style < 5:
            name = f"{chance.choice(ALL_MODULES)}.{chance.choice(PLAIN)}" if chance.random() < 0.5 else chance.choice(PLAIN)
        elif style < 8:
            name = f"{chance.choice(('x', 'y', 'self', 'self.conv', 'self.bn', 'self.layers', 'x.shape', 'self.conv.bias'))}.{chance.choice(METHOD_NAMES)}"
        else:
            usual = ("nn.Conv2d", "nn.BatchNorm2d", "nn.Linear", "nn.Sequential", "self.conv", "self.bn", "self.layers", "M", "N", "f", "super().__init__", "x",
                     "keras.layers.Dense", "keras.layers.BatchNormalization", "keras.Input", "keras.Model", "keras.Sequential", "tf.Variable", "getattr", "setattr",
                     "zip", "enumerate", "range", "map", "list", "dict", "isinstance", "functools.partial", "sum", "type", "locals", "super", "nn.init.constant_")  # fmt: skip
            name = chance.choice(usual)
        given = [
            self.expression(depth - 1) if depth > 0 else chance.choice(LITERALS)
            for _ in range(chance.choice((0, 1, 1, 2, 3, 4)))
        ]
        if chance.random() < 0.1 and given:
            given[-1] = f"*{self.atom(given[-1])}"
        for key in dict.fromkeys(
            chance.choices((*PLAIN, "bias", "bias", "use_bias", "dim", "axis"), k=chance.choice((0, 0, 1, 2)))
        ):
            given.append(f"{key}={self.expression(max(depth - 1, 0))}")
        if chance.random() < 0.05:
            given.append("**kwargs")
        return f"{name}({', '.join(given)})"
