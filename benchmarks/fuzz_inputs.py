"""Inputs for the fuzzer: model files that are damaged in many ways, and programs made by a grammar.

`make(corpus, seed)` gives the same input for the same corpus and seed.
"""

from __future__ import annotations

import ast
import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz_grammar import LITERALS, METHODS, NAMES, PLAIN, Grammar

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 60  # lines of one piece of the corpus, so that an input takes milliseconds
_FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

Files = dict[str, bytes]  # name -> content; the first is linted by name, all of them are


def corpus(folders: Sequence[Path] = ()) -> list[str]:
    """Pieces of real model files: the fixtures, the examples of the rule book, and what lies in further folders."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "fixtures").rglob("*.py"))]
    for page in sorted((ROOT / "rules").glob("*.md")):
        texts += [match[1] for match in _FENCE.finditer(page.read_text(encoding="utf-8"))]
    for folder in folders:
        texts += [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.py"))]
    return [piece for text in texts for piece in pieces(text)]


def pieces(text: str) -> list[str]:
    """The definitions of a file, each with the file's imports before it; the whole file where it is small."""
    if text.count("\n") <= LARGEST:
        return [text] if text.strip() else []
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    lines = text.splitlines(keepends=True)

    def source(node: ast.stmt) -> str:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        return "".join(lines[first - 1 : node.end_lineno])

    head = "".join(source(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))
    bodies = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    return [head + source(node) for node in bodies if (node.end_lineno or 0) - node.lineno < LARGEST]


# -- damage ----------------------------------------------------------------------------------------------------------------------


def on_tree(text: str, chance: random.Random, others: Sequence[str]) -> str:
    """Statements and expressions exchanged, deleted, repeated and nested; the result is a program again."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return on_lines(text, chance, others)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        step = chance.choice(STEPS)
        step(tree, chance, others)
    try:
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except (ValueError, AttributeError, TypeError, RecursionError):
        return text


def _bodies(tree: ast.AST) -> list[list[ast.stmt]]:
    return [
        body
        for node in ast.walk(tree)
        for name in ("body", "orelse", "finalbody")
        if isinstance(body := getattr(node, name, None), list) and body
    ]


def _slots(tree: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    """Where expressions stand that are read."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not isinstance(getattr(value, "ctx", None), (ast.Store, ast.Del)):
                found.append((node, name, None))
            elif isinstance(value, list):
                found += [
                    (node, name, index)
                    for index, item in enumerate(value)
                    if isinstance(item, ast.expr) and not isinstance(getattr(item, "ctx", None), (ast.Store, ast.Del))
                ]
    return [
        slot for slot in found if not isinstance(slot[0], (ast.JoinedStr, ast.FormattedValue, ast.MatchValue, ast.MatchMapping))
    ]


def _get(slot: tuple[ast.AST, str, int | None]) -> ast.expr:
    node, name, index = slot
    value = getattr(node, name)
    return value if index is None else value[index]


def _put(slot: tuple[ast.AST, str, int | None], new: ast.expr) -> None:
    node, name, index = slot
    if index is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[index] = new


def _statements(tree: ast.AST, chance: random.Random, others: Sequence[str]) -> None:
    bodies = _bodies(tree)
    if not bodies:
        return
    body = chance.choice(bodies)
    place = chance.randrange(len(body))
    kind = chance.randrange(5)
    if kind == 0 and len(body) > 1:
        del body[place]
    elif kind == 1:
        body.insert(chance.randrange(len(body) + 1), copy.deepcopy(body[place]))
    elif kind == 2:
        other = chance.randrange(len(body))
        body[place], body[other] = body[other], body[place]
    elif kind == 3:
        body[place] = copy.deepcopy(chance.choice(chance.choice(bodies)))
    else:
        wrap = chance.choice(("if x:\n    pass", "for i in range(3):\n    pass", "while n:\n    pass", "try:\n    pass\nexcept E:\n    pass",
                              "with torch.no_grad():\n    pass", "def f():\n    pass", "class M(nn.Module):\n    pass"))  # fmt: skip
        outer = ast.parse(wrap).body[0]
        outer.body = [body[place]]  # type: ignore[attr-defined]
        body[place] = outer


def _expressions(tree: ast.AST, chance: random.Random, others: Sequence[str]) -> None:
    slots = _slots(tree)
    if not slots:
        return
    slot = chance.choice(slots)
    kind = chance.randrange(5)
    if kind == 0:
        _put(slot, ast.parse(chance.choice(LITERALS), mode="eval").body)
    elif kind == 1:
        _put(slot, copy.deepcopy(_get(chance.choice(slots))))
    elif kind == 2:
        _put(slot, ast.Name(chance.choice((*NAMES, *PLAIN)), ast.Load()))
    elif kind == 3:
        _put(slot, ast.Call(ast.Name(chance.choice(("f", "M", "list", "nn")), ast.Load()), [_get(slot)], []))
    else:
        try:
            _put(slot, ast.parse(Grammar(chance).expression(), mode="eval").body)
        except (SyntaxError, ValueError):
            return


def _words(tree: ast.AST, chance: random.Random, others: Sequence[str]) -> None:
    """Other names, attributes, keywords and constants."""
    nodes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Name, ast.Attribute, ast.keyword, ast.Constant, ast.arg, ast.FunctionDef))
    ]
    if not nodes:
        return
    node, word = chance.choice(nodes), chance.choice(PLAIN)
    if isinstance(node, ast.Name):
        node.id = chance.choice((word, chance.choice(NAMES)))
    elif isinstance(node, ast.Attribute):
        node.attr = word
    elif isinstance(node, (ast.keyword, ast.arg)):
        node.arg = word
    elif isinstance(node, ast.FunctionDef):
        node.name = chance.choice((word, *METHODS))
    elif not isinstance(node.value, str):
        node.value = chance.choice((0, 1, -1, 10**9, 0.5, None, True, False, "x", b"x", 10**80, 1e400))


def _splice(tree: ast.AST, chance: random.Random, others: Sequence[str]) -> None:
    """A statement of another file."""
    try:
        theirs = [one for body in _bodies(ast.parse(chance.choice(others))) for one in body]
    except (SyntaxError, ValueError):
        return
    bodies = _bodies(tree)
    if theirs and bodies:
        body = chance.choice(bodies)
        body.insert(chance.randrange(len(body) + 1), chance.choice(theirs))


STEPS = (_statements, _statements, _expressions, _expressions, _words, _words, _splice)


def on_lines(text: str, chance: random.Random, others: Sequence[str]) -> str:
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        place, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        kind = chance.randrange(7)
        if kind == 0 and len(lines) > 1:
            del lines[place]
        elif kind == 1:
            lines.insert(other, lines[place])
        elif kind == 2:
            lines[place], lines[other] = lines[other], lines[place]
        elif kind == 3:
            lines[place] = "    " + lines[place]
        elif kind == 4:
            lines[place] = lines[place].removeprefix("    ")
        elif kind == 5:
            lines[place] = chance.choice(others).split("\n")[0]
        else:
            comments = (
                "  # biaslint: ignore",
                "  # noqa: BL101",
                " \\",
                "\x0c",
                "  # biaslint: ignore[BL101",
                "\r",
                "; x = 1",
                "  # type: ignore\u2028",
            )
            lines[place] += chance.choice(comments)
    return "\n".join(lines)


def on_characters(text: str, chance: random.Random, others: Sequence[str]) -> str:
    for _ in range(chance.choice((1, 2, 4))):
        place = chance.randrange(len(text) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            text = text[:place]
        elif kind == 1:
            text = text[:place] + chance.choice("()[]{}'\"\\:,.=*@#\t\x00\x1b\ufeff\u202e\ud800é脳") + text[place:]
        elif kind == 2:
            text = text[:place] + text[place + chance.randint(1, 30) :]
        elif kind == 3:
            bracket = chance.choice("([{")
            text = text[:place] + bracket * chance.choice((1, 50, 300)) + text[place:]
        elif kind == 4:
            other = chance.choice(others)
            text = text[:place] + other[chance.randrange(len(other)) :]
        else:
            text = (
                text[:place]
                + chance.choice(("'''", '"""', "f'{", "lambda:", "if 1:\n", "not " * 50, "-" * 99, "x." * 99, "async ", "*"))
                + text[place:]
            )
    return text


def on_bytes(text: str, chance: random.Random, others: Sequence[str]) -> bytes:
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    kind = chance.randrange(6)
    if kind == 0:
        head = chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"# coding: latin-1\n", b"# coding: utf-16\n", b"# coding: rot13\n", b"# coding: none\n",
                              b"# coding: utf-8\n# coding: cp1252\n", b"#\xff\n", b"# coding: punycode\n", b"# coding: hex\n"))  # fmt: skip
        return head + bytes(data)
    if kind == 1:
        codec = chance.choice(("utf-16", "utf-32", "utf-7", "cp500", "utf-8-sig"))
        return text.encode(codec, "replace")
    for _ in range(chance.choice((1, 3, 20))):
        if data:
            place = chance.randrange(len(data))
            if kind < 4:
                data[place] = chance.randrange(256)
            else:
                data[place:place] = chance.randbytes(chance.randint(1, 8))
    return bytes(data)


def notebook(text: str, chance: random.Random) -> bytes:
    """The text as a notebook's cells, sound or not."""
    lines = text.splitlines(keepends=True)
    cut = chance.randrange(len(lines) + 1)
    extra = chance.choice(("%matplotlib inline\n", "!pip install torch\n", "x?\n", "%%bash\nls\n", "%%time\n", "y = !ls\n", ""))
    cells: list[object] = [
        {"cell_type": "code", "source": [extra, *lines[:cut]], "metadata": {}, "outputs": [], "execution_count": None},
        {"cell_type": "markdown", "source": "# torch"},
        {"cell_type": "code", "source": "".join(lines[cut:])},
    ]
    book: dict[str, object] = {
        "cells": cells,
        "metadata": {"kernelspec": {"language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    wrong = (None, 1, "x", [], {}, [[]], {"source": None}, [1], True, "\ud800", [None, "x"])
    for _ in range(chance.choice((0, 1, 2))):
        holder = chance.choice((book, cells, *(cell for cell in cells if isinstance(cell, dict))))
        if isinstance(holder, dict) and holder:
            holder[chance.choice(list(holder))] = chance.choice(wrong)
        elif isinstance(holder, list) and holder:
            holder[chance.randrange(len(holder))] = chance.choice(wrong)
    try:
        data = json.dumps(book)
    except ValueError:  # it contains itself
        data = "[" * 99_999
    if chance.random() < 0.3:
        data = on_characters(data, chance, ["{}"])
    return data.encode("utf-8", "surrogatepass")


def two_files(text: str, chance: random.Random, others: Sequence[str]) -> Files:
    """Two files that import from each other."""
    other = chance.choice(others)
    imports = (
        "from b import *\n",
        "import b\n",
        "from . import b\n",
        "from .b import Net as N\n",
        "from b import M, N, f\nimport b as nn\n",
    )
    back = ("", "", "from a import *\n", "import a\n", "from .a import Net\n", "from b import *\n")
    return {
        "a.py": (chance.choice(imports) + text).encode("utf-8", "surrogatepass"),
        "b.py": (chance.choice(back) + other).encode("utf-8", "surrogatepass"),
    }


Damage = Callable[[str, random.Random, Sequence[str]], str]
TEXT_DAMAGE: tuple[Damage, ...] = (on_tree, on_tree, on_tree, on_tree, on_lines, on_characters)


def make(pieces_: Sequence[str], seed: str) -> tuple[str, Files]:
    """One input: its kind, and its files."""
    chance = random.Random(seed)
    kind = chance.choices(("grammar", "tree", "text", "bytes", "notebook", "two files", "random"), (30, 35, 12, 6, 7, 9, 1))[0]
    if kind == "random":
        return kind, {"a.py": b"torch\n" * chance.randrange(2) + chance.randbytes(chance.choice((1, 30, 400)))}
    text = Grammar(chance).program() if kind == "grammar" or chance.random() < 0.15 else chance.choice(pieces_)
    if kind == "tree":
        text = on_tree(text, chance, pieces_)
    elif kind != "grammar":
        text = chance.choice(TEXT_DAMAGE)(text, chance, pieces_)
    if kind == "bytes":
        return kind, {"a.py": on_bytes(text, chance, pieces_)}
    if kind == "notebook":
        return kind, {"a.ipynb": notebook(text, chance)}
    if kind == "two files":
        return kind, two_files(text, chance, pieces_)
    return kind, {"a.py": text.encode("utf-8", "surrogatepass")}
