"""Text that is safe to show: what a file or a path says must not steer a terminal or change what a reader sees."""

from __future__ import annotations

import re
import unicodedata

# Control characters (with escape sequences and the C1 block), and the marks that reorder or hide text.
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """The text on one line, with whatever a terminal would obey written out."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def plain_lines(text: str) -> str:
    """The same of several lines, which stay lines."""
    return "\n".join(plain(line) for line in text.splitlines())


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
