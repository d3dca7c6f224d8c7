"""What is shown beside the code: a rule's page on hover, and a layer's actual initial bias as an inlay hint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lsprotocol import types

from biaslint.findings import rule_book
from biaslint.lsp.documents import Documents
from biaslint.reporters import plain
from biaslint.theory.program import BiasWrite, LayerUse

_WORD = re.compile(r"\bBL\d{3}\b")


HOVER = 15  # lines


def page(code: str) -> str:
    """The beginning of a rule's page as Markdown, what the mistake costs, and a link to the rest: as many paragraphs as fit a hover."""
    rule = rule_book.find(code)
    whole = rule_book.page(rule)
    text = re.sub(r"^## Measured\n.*?(?=^## )", "", whole.prose, flags=re.MULTILINE | re.DOTALL)
    # the editor's highlighter knows `python`, not what else stands behind it
    text = re.sub(r"^```python .*$", "```python", text, flags=re.MULTILINE)
    link = f"[{rule.code} {rule.name}]({rule.url})"
    last = [whole.measured, link] if whole.measured else [link]
    shown: list[str] = []
    for block in _blocks(text.strip()):
        if sum(one.count("\n") + 2 for one in [*shown, block]) + 2 * len(last) - 1 > HOVER:
            break
        shown.append(block)
    while shown and shown[-1].startswith("#"):  # a heading of what no longer fits
        shown.pop()
    return "\n\n".join([*(shown or [rule.summary]), *last])


def hover(codes: Sequence[str]) -> str:
    """What is shown for these rules: the beginning of the page, or of several rules their summaries."""
    if len(codes) == 1:
        return page(codes[0])
    rules = [rule_book.find(code) for code in codes[:HOVER]]
    return "\n".join(f"- [{rule.code} {rule.name}]({rule.url}): {rule.summary}" for rule in rules)


def _blocks(text: str) -> list[str]:
    """The paragraphs of a text in Markdown; a fenced block is one."""
    blocks: list[str] = []
    for part in re.split(r"\n{2,}", text):
        if blocks and blocks[-1].count("```") % 2:
            blocks[-1] += f"\n\n{part}"
        else:
            blocks.append(part)
    return blocks


def code_at(line: str, column: int) -> str | None:
    """The code of a rule that stands in a comment at the column (from 1)."""
    comment = line.find("#")
    for match in _WORD.finditer(line, max(comment, 0)) if comment >= 0 else ():
        if match.start() <= column - 1 <= match.end() and match[0] in rule_book.by_code():
            return match[0]
    return None


def inlay_hints(documents: Documents, uri: str, uses: Iterable[LayerUse], wanted: types.Range) -> list[types.InlayHint]:
    """A hint behind each call that makes a layer with a bias. Where one call makes layers that differ, nothing is said."""
    lines = documents.lines_of(uri)
    said: dict[tuple[int, int], set[str]] = {}
    for use in uses:
        if (
            documents.uri_of(use.place.path, use.place.cell) == uri
            and wanted.start.line < use.place.end_line <= wanted.end.line + 1
        ):
            said.setdefault((use.place.end_line, use.place.end_column), set()).add(plain(bias_text(use)))
    return [
        types.InlayHint(documents.position(lines, line, column), next(iter(texts)), padding_left=True)
        for (line, column), texts in sorted(said.items())
        if len(texts) == 1 and "" not in texts
    ]


def bias_text(use: LayerUse) -> str:
    """What is known of the layer's bias at the start, in a few words; "" where nothing is."""
    if not use.bias.present or use.kind == "norm":
        return ""
    if use.fate.kind == "dead":
        return f"bias: cancelled by {use.fate.cancelled_by}"
    if any(write.span is not None for write in use.bias.writes):
        return "bias: set in parts"
    last = use.bias.last
    return f"bias: {_value(last)}" if last is not None and _value(last) else ""


def _value(write: BiasWrite) -> str:
    if write.how == "constant" and write.value is not None:
        return {0.0: "zeros", 1.0: "ones"}.get(write.value, f"{write.value:g}")
    if write.how == "uniform":
        return "uniform" if write.spread is None else f"uniform ±{write.spread:g}"
    if write.how == "normal":
        return "normal" if write.spread is None else f"normal, std {write.spread:g}"
    return {"prior": f"prior {write.text}".strip(), "scaled": write.by}.get(write.how, "")
