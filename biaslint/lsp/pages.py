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


HOVER = 15  # lines, as an editor wraps them
WIDTH = 76  # characters that fit a line of a hover


def page(code: str) -> str:
    """What a hover has room for: a link to the rule's page, the page's first paragraphs, and the beginning of what was measured."""
    rule = rule_book.find(code)
    whole = rule_book.page(rule)
    title = f"**[{rule.name} ({rule.code})]({rule.url})**"
    measured = [_cut(whole.measured, 5 * WIDTH)] if whole.measured else []
    introduction, _, _ = whole.prose.partition("\n## ")
    shown: list[str] = []
    for block in re.split(r"\n{2,}", introduction.strip()):
        if block.startswith("#"):
            continue
        if _height([rule.name, *shown, block, *measured]) > HOVER:
            break
        shown.append(block)
    return "\n\n".join([title, *(shown or [rule.summary]), *measured])


def hover(codes: Sequence[str]) -> str:
    """What is shown for these rules: the beginning of the page, or of several rules their summaries."""
    if len(codes) == 1:
        return page(codes[0])
    rules = [rule_book.find(code) for code in codes[:HOVER]]
    return "\n".join(f"- [{rule.code} {rule.name}]({rule.url}): {rule.summary}" for rule in rules)


def _height(blocks: Sequence[str]) -> int:
    """The lines that paragraphs take in a hover, with a gap between them."""
    return sum(-(-len(block) // WIDTH) + 1 for block in blocks) - 1


def _cut(text: str, most: int) -> str:
    """The beginning of a list of results, which end in a parenthesis each."""
    if len(text) <= most:
        return text
    end = text.rfind("); ", 0, most)
    return f"{text[: end + 1]} ..." if end > 0 else f"{text[: text.rfind(' ', 0, most)]} ..."


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
