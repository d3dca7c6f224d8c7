"""What a loss expects, for messages about one that cannot be called with the outputs and labels it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def shape_text(shape: Iterable[int]) -> str:
    """A shape as it is written on the command line; "one number" for none."""
    return "x".join(map(str, shape)) or "one number"


def expected_labels(kind: str, output: Sequence[int], axis: int = -1, one_hot: bool | None = None) -> str:
    """What labels a loss of this kind takes for outputs of this shape, whose class scores lie along `axis`; "" where not known.

    `one_hot` says that only class numbers (False) or only a share of each class (True) will do.
    """
    if kind == "cross_entropy" and output:
        axis %= len(output)
        numbers = f"class numbers below {output[axis]} of shape {shape_text([*output[:axis], *output[axis + 1 :]])}"
        shares = f"a number for each class, of shape {shape_text(output)}"
        return numbers if one_hot is False else shares if one_hot else f"{numbers}, or {shares}"
    if kind == "binary_cross_entropy":
        return f"floating-point labels between 0 and 1 of shape {shape_text(output)}"
    if kind in ("squared", "absolute"):
        return f"labels of shape {shape_text(output)}"
    return ""


def cannot_be_called(name: str, output: str, labels: str, error: object, expected: str) -> str:
    """The message: outputs and labels are described by type and shape."""
    lines = str(error).strip().splitlines()
    said = f"{name} cannot be called with outputs {output} and labels {labels}"
    said += f"; it expects {expected}" if expected else ""
    return f"{said} ({type(error).__name__}: {lines[0]})" if lines else said
