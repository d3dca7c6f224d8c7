"""Programs that define PyTorch models in every way that decides whether a bias can be seen, for `programs.py`.

A program is put together from parts: how a layer is made and called, what stands between it and the norm, how the norm is made, moded
and reached, who else reads, and what the rest of the program does to classes and modules. `program_parts.py` lists the parts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from program_parts import BETWEEN, CALLS, HOOKS, LAST, LAYERS, MODES, NORMS, READERS, SUPPORT, Part

HEAD = """import contextlib
import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn
"""


@dataclass
class Program:
    """A program's text, the parts it is made of, and what may be given to the constructor."""

    text: str
    parts: list[str] = field(default_factory=list)
    settings: tuple[str, ...] = ("",)


class Builder:
    """Puts one program together."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.top: list[str] = []
        self.init: list[str] = []
        self.after: list[str] = []
        self.body: list[str] = []
        self.forward: list[str] = []
        self.results: list[str] = []
        self.kinds: list[str] = []
        self.number = 0

    def names(self, layer: int, **more: str) -> dict[str, str]:
        return {"c": f"c{layer}", "n": f"n{layer}", "i": str(self.number), **more}

    def add(self, part: Part, layer: int, **more: str) -> str:
        """Take a part in; returns its value."""
        self.number += 1
        names = self.names(layer, **more)
        for lines, text in (
            (self.top, part.top),
            (self.init, part.init),
            (self.after, part.after),
            (self.body, part.body),
            (self.forward, part.forward),
        ):
            if text:
                lines.append(text.format(**names))
        whole = part.forward + part.value + part.result
        for key, support in SUPPORT.items():
            if key in whole:
                for lines, text in ((self.top, support.top), (self.init, support.init), (self.body, support.body)):
                    if text:
                        lines.append(text.format(**names))
        if part.result:
            self.results.append(part.result.format(**names))
        if part.kind:
            self.kinds.append(part.kind)
        return part.value.format(**names)

    def bind(self, value: str) -> str:
        self.number += 1
        name = f"y{self.number}"
        self.forward.append(f"{name} = {value}")
        return name

    def branch(self, layer: int, source: str) -> str:
        """A layer, what follows, a norm, and the readers."""
        chance = self.chance
        self.add(chance.choice(LAYERS), layer)
        hooks = [chance.choice(HOOKS)] if chance.random() < 0.3 else []
        norm = chance.choice(NORMS)
        mode = chance.choice(MODES) if chance.random() < 0.25 else None
        value = self.bind(self.add(chance.choice(CALLS), layer, v=source))
        made = value
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            value = self.bind(self.add(chance.choice(BETWEEN), layer, v=value))
        place = len(self.forward)
        value = self.bind(self.add(norm, layer, v=value))
        for hook in hooks:
            self.add(hook, layer)
        if mode is not None:
            later = self.forward[place:]
            del self.forward[place:]
            self.add(mode, layer)
            self.forward += later
        if chance.random() < 0.3:
            self.add(chance.choice(READERS), layer, c_out=made)
        return self.bind(self.add(chance.choice(LAST), layer, v=value))

    def program(self) -> Program:
        chance = self.chance
        shape = chance.choice(("one", "one", "one", "two in a row", "two beside", "residual", "shared norm"))
        value = self.branch(1, "x")
        self.kinds.append(shape)
        if shape == "two in a row":
            value = (
                self.bind(
                    self.add(
                        Part("", init="self.c2 = nn.Conv2d(4, 4, 1)", value="self.c2({v})"),
                        2,
                        v=f"{value}[:, :4]" if "head" in self.kinds else value,
                    )
                )
                if "head" not in self.kinds
                else value
            )
            self.results.append(f"{value}.relu()")
        elif shape == "two beside":
            self.results.append(self.branch(2, "x"))
        elif shape == "residual":
            self.results.append(f"{value}.mean() + x")
        elif shape == "shared norm":
            self.results.append("self.n1(x)")
        self.results.insert(0, value)
        text = "\n".join(
            [
                HEAD,
                *(f"\n{one}\n" for one in self.top),
                "\n",
                "class Net(nn.Module):",
                "    def __init__(self, flag=True, count=1):",
                "        super().__init__()",
            ]
        )
        text += "\n" + "".join(indented(one, 8) for one in (*self.init, *self.after))
        for one in self.body:
            text += "\n" + indented(one, 4)
        text += "\n    def forward(self, x):\n" + "".join(indented(one, 8) for one in self.forward)
        text += f"        return {', '.join(self.results)}\n"
        settings = (
            ("", "flag=False")
            if "flag" in " ".join(self.init)
            else ("", "count=0")
            if "count" in " ".join(self.init)
            else ("",)
        )
        return Program(text, self.kinds, settings)


def indented(text: str, width: int) -> str:
    return "".join(f"{' ' * width}{line}\n" for line in text.splitlines())


def make(seed: str) -> Program:
    """The program of this seed."""
    return Builder(random.Random(seed)).program()
