"""What an editor's analysis keeps from edit to edit never changes what is found: held against analyses that start afresh."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from projects import ROOT, write

from biaslint import config, engine
from biaslint.analysis.incremental import reparsing
from biaslint.analysis.incremental.editor_memory import EditorMemory

SOURCES = sorted((ROOT / "fixtures/torch").glob("*.py"))
SHARED = """import torch
from torch import nn

REGISTRY = {}
SIZES = list(range(10**6))


def register(cls):
    REGISTRY[cls.__name__] = cls
    return cls


class Norm(nn.BatchNorm2d):
    pass


def conv(inputs, outputs, norm=Norm):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3), norm(outputs), nn.ReLU())
"""
USING = """from torch import nn

import shared
from shared import Norm, conv

WIDTH = 8


class Stem(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.body = nn.Sequential(conv(3, width), nn.Conv2d(width, width, 1), Norm(width), nn.ReLU())

    def forward(self, x):
        return self.body(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Stem()
        self.conv = nn.Conv2d(8, 8, 3)
        self.norm = shared.Norm(8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.norm(self.conv(self.stem(x))).relu().mean((2, 3)))


def small():
    return Net()


def large():
    return Net()
"""
SWAPS = [
    ("BatchNorm2d", "GroupNorm"),
    ("GroupNorm", "BatchNorm2d"),
    ("nn.ReLU()", "nn.Identity()"),
    ("bias=False", "bias=True"),
    ("self.norm", "self.norm2"),
    ("WIDTH = 8", "WIDTH = shared.SIZES[8]"),
    ("10**6", "10**3"),
]


def edited(text: str, chance: random.Random) -> str:
    """The text after a small edit, as people make them; not always one that parses."""
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    kind = chance.choice(["blank", "comment", "delete", "double", "swap", "swap", "name", "class", "open"])
    if kind == "blank":
        lines.insert(at, "\n")
    elif kind == "comment":
        lines[at] = lines[at].rstrip("\n") + "  # said\n"
    elif kind == "delete":
        del lines[at]
    elif kind == "double":
        lines.insert(at, lines[at])
    elif kind == "name":
        lines.insert(at, f"WIDTH = {at}\n")
    elif kind == "class":
        lines.insert(at, "class Added(Norm):\n    pass\n")
    elif kind == "open":
        lines[at] = lines[at].replace(")", "", 1)
    else:
        old, new = chance.choice(SWAPS)
        return "".join(lines).replace(old, new, 1)
    return "".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_a_run_of_edits_finds_what_a_fresh_analysis_finds(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    write(tmp_path, {"shared.py": SHARED, "using.py": USING, "more.py": chance.choice(SOURCES).read_text()})
    good = {path: path.read_text() for path in sorted(tmp_path.glob("*.py"))}
    texts, chosen, kept = dict(good), config.Config(tmp_path), EditorMemory()
    saved = 0
    for _ in range(30):
        path = chance.choice(list(texts))
        texts[path] = edited(texts[path], chance)
        asked = [path] if chance.random() < 0.5 else list(texts)
        again = engine.lint_files(asked, chosen, texts, kept)
        fresh = engine.lint_files(asked, chosen, texts)
        assert again.errors == fresh.errors == []
        assert again.findings == fresh.findings
        assert [(use.place, use.chain, use.fate, use.bias, use.run) for use in again.uses] == [
            (use.place, use.chain, use.fate, use.bias, use.run) for use in fresh.uses
        ]
        assert again.unknowns == fresh.unknowns
        saved += not kept.executed
        try:
            ast.parse(texts[path])
        except SyntaxError:
            texts[path] = good[path]
    assert saved  # some edits needed no execution at all, or this would show nothing


def test_only_what_depends_on_an_edit_is_executed_again(tmp_path: Path) -> None:
    text = (ROOT / "fixtures/torch/conv_then_batch_norm.py").read_text()
    path = write(tmp_path, {"net.py": text}) / "net.py"
    chosen, kept = config.Config(tmp_path), EditorMemory()
    engine.lint_files([path], chosen, {path: text}, kept)
    everything = kept.executed
    engine.lint_files([path], chosen, {path: "# a line more\n" + text}, kept)
    assert kept.executed == 0
    engine.lint_files([path], chosen, {path: "# a line more\n" + text.replace("nn.ReLU()", "nn.Identity()", 1)}, kept)
    assert 0 < kept.executed < everything


def test_a_file_on_disk_that_changes_counts(tmp_path: Path) -> None:
    write(tmp_path, {"shared.py": SHARED, "using.py": USING})
    path, chosen, kept = tmp_path / "using.py", config.Config(tmp_path), EditorMemory()
    before = engine.lint_files([path], chosen, {path: USING}, kept)
    write(tmp_path, {"shared.py": SHARED.replace("nn.BatchNorm2d", "nn.Identity") + "\n"})
    after = engine.lint_files([path], chosen, {path: USING}, kept)
    assert after.findings == engine.lint_files([path], chosen, {path: USING}).findings != before.findings
    (tmp_path / "shared.py").unlink()
    gone = engine.lint_files([path], chosen, {path: USING}, kept)
    assert gone.findings == engine.lint_files([path], chosen, {path: USING}).findings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = 1\nb = 2\nc = 3\n", "a = 1\nb = (\n  2)\nc = 3\n"),
        ("if a:\n    b\nc\n", "if a:\n    b\nelse:\n    d\nc\n"),
        ("if a:\n    b\nc\n", "if a:\n    b\n    d\nc\n"),
        ("a; b\nc\n", "a; b; d\nc\n"),
        ("a = 1\n'''x'''\nb\n", "a = 1\n'''x\n'''\nb\n"),
        ("@f\ndef g(): pass\nb\n", "@h\n@f\ndef g(): pass\nb\n"),
        ("def g(): pass\nb\n", "@f\ndef g(): pass\nb\n"),
        ("a\nb\n", "a \\\n + b\nb\n"),
        ("a = (1,\n2); b = 1\nc\n", "a = (1,\n3); b = 1\nc\n"),
        ("a\n", ""),
        ("", "a\n"),
        ("a\rb\rc\r", "a\rx\rc\r"),
        ("a", "a\nb"),
    ],
)
def test_a_text_parsed_in_pieces_has_the_tree_of_the_whole(old: str, new: str) -> None:
    tree = reparsing.reparsed(old, ast.parse(old), new)
    if tree is not None:
        assert ast.dump(tree, include_attributes=True) == ast.dump(ast.parse(new), include_attributes=True)


def test_pieces_that_do_not_stand_alone_are_parsed_with_the_whole() -> None:
    assert reparsing.reparsed("if a:\n    b\nc\n", ast.parse("if a:\n    b\nc\n"), "if a:\n    b\nelse:\n    d\nc\n") is None
