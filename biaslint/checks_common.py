"""What several checks say or propose alike."""

from __future__ import annotations

from biaslint.conditions import Verdict
from biaslint.finding import Fix, Safety, SetArgument

OPPOSITES = ((" is not ", " is "), (" is ", " is not "), (" == ", " != "), (" != ", " == "))


def replacement(verdict: Verdict) -> str:
    """The bias argument to write: off, or off under the condition."""
    when = verdict.when
    if when is None:
        return "False"
    if when.startswith("not "):
        return when[4:]
    for one, other in OPPOSITES:
        if one in when:
            return when.replace(one, other)
    return f"not {when}"


def removal(verdict: Verdict) -> Fix | None:
    """The fix that takes a bias away, where the constructor has an argument that says so."""
    use = verdict.use
    if verdict.through or not use.bias.argument or "**" in use.texts:
        return None
    if verdict.when is not None and use.bias.argument_text not in ("", "True"):
        return None
    text = replacement(verdict)
    change = SetArgument(use.place, use.bias.argument, text)
    return Fix(Safety.UNSAFE, f"`{use.bias.argument}={text}` (removes the parameter `{use.name}.bias` from checkpoints)", (change,))
