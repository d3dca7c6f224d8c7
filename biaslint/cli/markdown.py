"""Just enough Markdown for a terminal: headings, emphasis, code, lists, links with their address; tables stay as they are."""

from __future__ import annotations

import re
import textwrap

WIDTH = 88
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_ITEM = re.compile(r"^(\s*)([-*]|\d+\.)\s+")


def rendered(text: str, color: bool) -> str:
    """The text for a terminal, wrapped, with colour where asked for."""
    out: list[str] = []
    paragraph: list[str] = []
    role: str | None = None

    def flush() -> None:
        if paragraph:
            item = _ITEM.match(paragraph[0])
            indent = " " * len(item[0]) if item else ""
            joined = " ".join(line.strip() if index else line.rstrip() for index, line in enumerate(paragraph))
            wrapped = textwrap.fill(joined, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            out.append(_inline(wrapped, color))
            paragraph.clear()

    for line in text.splitlines():
        if line.startswith("```"):
            flush()
            role = None if role is not None else line[3:].strip()
            if role:
                out.append(_paint(f"    {_caption(role)}", "2", color))
            continue
        if role is not None:
            out.append(("    " + line).rstrip())
        elif line.startswith("#"):
            flush()
            out.append(_paint(_inline(line.lstrip("# "), False), "1;4", color))
        elif line.startswith("|"):
            flush()
            out.append(_inline(line, color))
        elif not line.strip():
            flush()
            out.append("")
        else:
            if _ITEM.match(line):
                flush()
            paragraph.append(line)
    flush()
    return "\n".join(out) + "\n"


def _caption(role: str) -> str:
    words = role.split()
    names = {"torch": "PyTorch", "keras": "Keras", "tensorflow": "TensorFlow", "flax": "Flax"}
    kinds = {"bad": "reported", "good": "not reported", "fixed": "after the fix"}
    shown = [names.get(word, kinds.get(word, "")) for word in words[1:]]
    return "# " + ", ".join(filter(None, shown)) if any(shown) else f"# {words[0]}"


def _inline(text: str, color: bool) -> str:
    text = _LINK.sub(lambda match: match[2] if match[1] == match[2] else f"{match[1]} ({match[2]})", text)
    if not color:
        return _STRONG.sub(r"\1", text)
    return _STRONG.sub("\x1b[1m\\1\x1b[0m", _CODE.sub("\x1b[36m\\1\x1b[0m", text))


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
