"""Texts and positions, as the editor counts them: random edits in every encoding, held against plain slicing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

types = pytest.importorskip("lsprotocol.types", reason="pygls is not installed")
from biaslint.lsp.documents import Documents, split  # noqa: E402
from biaslint.theory.program import Place  # noqa: E402

PIECES = ["a", "ü", "\U0001d518", "e\u0301", "\t", "\n", "\r\n", "\r", "\x0c", "\u2028", "nn.Conv2d(3)", " "]
UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def position(text: str, offset: int, encoding: str) -> types.Position:
    """Where an offset is, worked out in the slowest way: line ends are counted, then the units of what is before."""
    before = text[:offset].replace("\r\n", "\n\0").replace("\r", "\n")
    line = before.count("\n")
    start = before.rfind("\n") + 1
    codec, width = UNITS[encoding]
    return types.Position(line, len(before[start:].replace("\0", "").encode(codec)) // width)


@pytest.mark.parametrize("encoding", list(UNITS))
@pytest.mark.parametrize("seed", range(10))
def test_random_edits_give_the_text_that_slicing_gives(encoding: str, seed: int) -> None:
    chance = random.Random(seed)
    documents = Documents()
    documents.encoding = encoding
    text = "".join(chance.choices(PIECES, k=60))
    documents.open(types.TextDocumentItem("file:///x.py", "python", 1, text))
    for version in range(2, 40):
        # between "\r" and "\n" there is no position
        places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]
        start, end = sorted(chance.choices(places, k=2))
        new = "".join(chance.choices(PIECES, k=chance.randrange(4)))
        spot = types.Range(position(text, start, encoding), position(text, end, encoding))
        change = types.TextDocumentContentChangePartial(range=spot, text=new)
        text = text[:start] + new + text[end:]
        documents.change("file:///x.py", version, [change])
        assert documents.texts["file:///x.py"].text == text


@pytest.mark.parametrize("encoding", list(UNITS))
def test_a_place_comes_back_as_the_same_line_and_column(encoding: str) -> None:
    documents = Documents()
    documents.encoding = encoding
    lines = split("\U0001d518ü = 1\r\nx = nn.Conv2d(3)  # ü\n")
    for line, text in enumerate(lines, 1):
        for column in range(1, len(text.rstrip("\r\n")) + 2):
            at = documents.position(lines, line, column)
            assert documents.point(lines, at) == (line, column)


def test_lines_end_where_the_protocol_says_and_nowhere_else() -> None:
    assert split("a\x0cb\u2028c\r\nd\re\n") == ["a\x0cb\u2028c\r\n", "d\r", "e\n", ""]
    assert split("a\nb") == ["a\n", "b"]
    assert split("") == [""]


def test_a_place_beyond_the_text_is_at_its_end_and_not_an_error() -> None:
    documents = Documents()
    found = documents.range_of(Place("/x.py", 9, 4, 9, 8), ["a\n"])
    assert (found.start.line, found.start.character) == (8, 0)
    assert documents.point(["a\n"], types.Position(7, 3)) == (2, 1)
    assert documents.point(["ab\n"], types.Position(0, 99))[0] == 1


def test_an_unnamed_text_has_the_place_that_it_will_be_saved_to_and_other_schemes_have_none() -> None:
    documents = Documents()
    documents.folder = Path("/work")
    assert documents.path_of("untitled:Untitled-1") == Path("/work/Untitled-1.py")
    assert documents.path_of("untitled:/a/b%20c.py") == Path("/work/b-c.py")
    assert documents.path_of("git:/a/net.py?x") is None
    assert documents.path_of("file:///a%20b/net.py") == Path("/a b/net.py")
