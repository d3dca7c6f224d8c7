"""Programs that define Keras models in every way that decides whether a bias can be seen, for `programs.py`.

A program is put together from parts (`keras_program_parts.py`) and written in one of six ways: as a subclass of `Model` whose layers
are made in the constructor or in `build`, as a function with the functional API, as a layer of its own inside such a function, as a
`Model` that makes its graph in the constructor, or as a `Sequential`.
"""

from __future__ import annotations

import random

import program_grammar
from keras_program_parts import BETWEEN, CALLS, LAST, LAYERS, MODES, NORMS, READERS, SUPPORT, Part
from program_grammar import Program, indented

HEAD = """import contextlib
import functools

import keras
from keras import layers, ops
"""
STYLES = (
    "subclass",
    "subclass",
    "built later",
    "functional",
    "functional",
    "own layer",
    "graph in the constructor",
    "sequential",
)
CLASSES = ("subclass", "built later", "own layer")


class Builder(program_grammar.Builder):
    """Puts one program together."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self.style = chance.choice(STYLES)
        self.keep = "self." if self.style in CLASSES else ""
        self.kinds = [self.style]

    def choice(self, parts: list[Part]) -> Part:
        if self.style == "sequential":
            parts = [part for part in parts if part.layer]
        elif self.style not in CLASSES:
            parts = [part for part in parts if not part.only]
        return self.chance.choice(parts)

    def layer(self) -> Part:
        """Often a plain one: every other part is to be met by a bias that the norm would remove."""
        return LAYERS[0] if self.chance.random() < 0.4 else self.chance.choice(LAYERS)

    def norm(self) -> Part:
        return NORMS[0] if self.chance.random() < 0.4 else self.choice(NORMS)

    def add(self, part: Part, layer: int, **more: str) -> str:
        """Take a part in; returns its value."""
        self.number += 1
        keep = self.keep
        names = {"c": f"{keep}c{layer}", "n": f"{keep}n{layer}", "i": str(self.number), "keep": keep, **more}
        names |= {name: f"{keep}{name}{self.number}" for name in ("scale", "gain", "place")}
        value = part.value or (f"{part.layer}({{v}})" if part.layer else "")
        whole = part.forward + value + part.result
        parts = [part, *(support for key, support in SUPPORT.items() if key in whole)]
        for one in parts:
            for lines, text in (
                (self.top, one.top),
                (self.init, one.init),
                (self.after, one.after),
                (self.body, one.body),
                (self.forward, one.forward),
            ):
                if text:
                    lines.append(text.format(**names))
        if part.result:
            self.results.append(part.result.format(**names))
        if part.kind:
            self.kinds.append(part.kind)
        return (part.layer if self.style == "sequential" and part.layer else value).format(**names)

    def branch(self, layer: int, source: str) -> str:
        """A layer, what follows, a norm, and the readers."""
        chance = self.chance
        self.add(self.layer(), layer)
        norm = self.norm()
        mode = self.choice(MODES) if chance.random() < 0.2 else None
        if mode is not None and "{n}" in mode.init + mode.forward and not norm.init.startswith("{n} ="):
            mode = None
        value = self.bind(self.add(CALLS[0] if chance.random() < 0.4 else self.choice(CALLS), layer, v=source))
        made = value
        for _ in range(chance.choice((0, 0, 0, 1, 1, 1, 2))):
            value = self.bind(self.add(self.choice(BETWEEN), layer, v=value))
        place = len(self.forward)
        value = self.bind(self.add(norm, layer, v=value))
        if mode is not None:
            later = self.forward[place:]
            del self.forward[place:]
            self.add(mode, layer)
            self.forward += later
        if chance.random() < 0.3:
            reader = self.choice(READERS)
            if "{n}" not in reader.result or norm.init.startswith("{n} ="):
                self.add(reader, layer, c_out=made)
        return self.bind(self.add(self.choice(LAST), layer, v=value))

    def program(self) -> Program:
        if self.style == "sequential":
            return self.sequential()
        chance = self.chance
        shape = chance.choice(("one", "one", "one", "two in a row", "two beside", "residual", "shared norm"))
        value = self.branch(1, "x")
        self.kinds.append(shape)
        if shape == "two in a row":
            value = self.bind(self.add(Part("", init="{c} = layers.Dense(4)", value="{c}({v})"), 2, v=value))
            self.results.append(f"ops.relu({value})")
        elif shape == "two beside":
            self.results.append(self.branch(2, "x"))
        elif shape == "residual":
            self.results.append(f"ops.mean({value}) + x")
        elif shape == "shared norm" and any(line.startswith(f"{self.keep}n1 =") for line in self.init):
            self.results.append(f"{self.keep}n1(x)")
        self.results.insert(0, value)
        return Program(WRITERS[self.style](self), self.kinds, self.settings())

    def settings(self) -> tuple[str, ...]:
        whole = " ".join((*self.init, *self.forward))
        return ("", "flag=False") if "flag" in whole else ("", "count=0") if "count" in whole else ("",)

    def sequential(self) -> Program:
        chance = self.chance
        self.add(self.layer(), 1)
        parts = ["c1", *(self.add(self.choice(BETWEEN), 1) for _ in range(chance.choice((0, 0, 1, 1, 2))))]
        norm = self.norm()
        parts.append(self.add(norm, 1))
        if chance.random() < 0.25 and norm.init.startswith("{n} ="):
            self.add(chance.choice([part for part in MODES if not part.only]), 1)
        parts.append(self.add(self.choice(LAST), 1))
        inner = [*(indented(one, 4) for one in self.init)]
        way = chance.choice(("list", "list without input", "add", "loop"))
        first = ["keras.Input((6, 6, 4))"] if way != "list without input" else []
        if way.startswith("list"):
            inner.append(indented(f"model = keras.Sequential([{', '.join(first + parts)}])", 4))
        elif way == "add":
            inner.append(indented("model = keras.Sequential()", 4))
            inner += [indented(f"model.add({part})", 4) for part in first + parts]
        else:
            inner.append(
                indented(f"model = keras.Sequential()\nfor one in [{', '.join(first + parts)}]:\n    model.add(one)", 4)
            )
        self.kinds.append(way)
        inner += [indented(one, 4) for one in self.after]
        return Program(
            f"{head(self)}\n\ndef Net(flag=True, count=1):\n{''.join(inner)}    return model\n", self.kinds, self.settings()
        )


def head(builder: Builder) -> str:
    return "\n".join([HEAD, *(f"\n{one}\n" for one in builder.top)])


def result(builder: Builder) -> str:
    return f"[{', '.join(builder.results)}]" if len(builder.results) > 1 else builder.results[0]


def as_class(builder: Builder, name: str, base: str, later: bool) -> str:
    """A class with a constructor, perhaps `build`, and `call`."""
    text = f"\n\nclass {name}({base}):\n    def __init__(self, flag=True, count=1):\n        super().__init__()\n"
    made = "".join(indented(one, 8) for one in builder.init)
    if any("flag" in one or "count" in one for one in (*builder.init, *builder.forward)):
        text += "        self.flag, self.count = flag, count\n"
    if later:
        text += (
            "\n    def build(self, shape):\n        flag, count = self.flag, self.count\n"
            if "self.flag," in text
            else "\n    def build(self, shape):\n"
        )
    text += made
    for one in builder.body:
        text += "\n" + indented(one, 4)
    text += "\n    def call(self, x, training=None):\n"
    if any("flag" in one or "count" in one for one in builder.forward):
        text += "        flag, count = self.flag, self.count\n"
    return text + "".join(indented(one, 8) for one in builder.forward) + f"        return {result(builder)}\n"


def finished(builder: Builder, made: str) -> str:
    """What is done to the model after it is made, in a function that makes it."""
    return "".join([f"    model = {made}\n", *(indented(one, 4) for one in builder.after), "    return model\n"])


def subclass(builder: Builder, later: bool = False) -> str:
    name = "Model" if builder.after else "Net"
    text = head(builder) + as_class(builder, name, "keras.Model", later)
    if builder.after:
        text += f"\n\ndef Net(flag=True, count=1):\n{finished(builder, 'Model(flag, count)')}"
    return text


def own_layer(builder: Builder) -> str:
    text = head(builder) + as_class(builder, "Block", "layers.Layer", builder.chance.random() < 0.3)
    text += "\n\ndef Net(flag=True, count=1):\n    inputs = keras.Input((6, 6, 4))\n"
    return text + finished(builder, "keras.Model(inputs, Block(flag, count)(inputs))")


def functional(builder: Builder) -> str:
    text = head(builder) + "\n\ndef Net(flag=True, count=1):\n    x = inputs = keras.Input((6, 6, 4))\n"
    text += "".join(indented(one, 4) for one in (*builder.init, *builder.forward))
    return text + finished(builder, f"keras.Model(inputs, {result(builder)})")


def graph(builder: Builder) -> str:
    name = "Model" if builder.after else "Net"
    text = (
        head(builder)
        + f"\n\nclass {name}(keras.Model):\n    def __init__(self, flag=True, count=1):\n        x = inputs = keras.Input((6, 6, 4))\n"
    )
    text += "".join(indented(one, 8) for one in (*builder.init, *builder.forward))
    text += f"        super().__init__(inputs, {result(builder)})\n"
    if builder.after:
        text += f"\n\ndef Net(flag=True, count=1):\n{finished(builder, 'Model(flag, count)')}"
    return text


WRITERS = {
    "subclass": subclass,
    "built later": lambda builder: subclass(builder, True),
    "own layer": own_layer,
    "functional": functional,
    "graph in the constructor": graph,
}


def make(seed: str) -> Program:
    """The program of this seed."""
    return Builder(random.Random(seed)).program()
