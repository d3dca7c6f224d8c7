"""Random configurations of operations: shapes, axes, orders."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from operation_model import Shape


class Draw:
    """Random configurations."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def shape(self, low: int = 1, high: int = 5) -> Shape:
        return tuple(self.chance.choice((1, 2, 2, 3, 3, 4)) for _ in range(self.chance.randint(low, high)))

    def image(self, spatial: int, side: tuple[int, ...] = (4, 5, 6), channels: tuple[int, ...] = (2, 3, 4)) -> Shape:
        """(N, C, ...), now and then without N."""
        tail = tuple(self.chance.choice(side) for _ in range(spatial))
        return (self.chance.choice((1, 2, 3)), self.chance.choice(channels), *tail)

    def axis(self, shape: Shape) -> int:
        return self.chance.randrange(-len(shape), len(shape))

    def axes(self, shape: Shape, least: int = 1) -> list[int]:
        rank = len(shape)
        chosen = self.chance.sample(range(rank), self.chance.randint(min(least, rank), rank))
        return [axis - rank if self.chance.random() < 0.3 else axis for axis in chosen]

    def order(self, shape: Shape) -> list[int]:
        return self.chance.sample(range(len(shape)), len(shape))

    def other(self, shape: Shape) -> Shape:
        """One that broadcasts with it."""
        tail = shape[self.chance.randint(0, len(shape)) if self.chance.random() < 0.3 else 0 :]
        return tuple(1 if self.chance.random() < 0.3 else size for size in tail)

    def one(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def factors(self, number: int) -> list[int]:
        """A number as a product."""
        parts = []
        while number > 1:
            part = self.chance.choice([one for one in range(2, number + 1) if number % one == 0])
            parts.append(part)
            number //= part
        return parts

    def target(self, shape: Shape) -> list[int]:
        """What a tensor of this shape may be viewed as: axes merged, split, with ones between, one of them wild."""
        goal: list[int] = []
        axis = 0
        while axis < len(shape):
            step = self.chance.randint(1, len(shape) - axis) if self.chance.random() < 0.4 else 1
            merged = int(np.prod(shape[axis : axis + step]))
            goal += self.factors(merged) if self.chance.random() < 0.4 else [merged]
            axis += step
        if self.chance.random() < 0.2:
            goal.insert(self.chance.randint(0, len(goal)), 1)
        if self.chance.random() < 0.15:
            self.chance.shuffle(goal)
        goal = goal or [1]
        if self.chance.random() < 0.4:
            goal[self.chance.randrange(len(goal))] = -1
        return goal
