"""Default strings of an entry point's parameters. A module of its own, because a subclass of `str` cannot be compiled."""

from __future__ import annotations

from typing import Any


class Setting(str):
    """The default string of an entry point's parameter. Callers may set another one: comparisons with it are settings."""

    __slots__ = ("key",)
    key: Any

    @classmethod
    def of(cls, value: str, key: Any) -> Setting:
        """The default of a parameter, as a setting."""
        made = cls(value)
        made.key = key
        return made
