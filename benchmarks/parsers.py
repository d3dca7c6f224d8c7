"""How much faster does `ast` parse than LibCST? `python benchmarks/parsers.py FOLDER` prints the ratio over a folder's files."""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Callable
from pathlib import Path

import libcst


def seconds(parse: Callable[[str], object], texts: list[str]) -> float:
    begun = time.process_time()
    for text in texts:
        parse(text)
    return time.process_time() - begun


def main() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(sys.argv[1]).rglob("*.py"))]
    characters = sum(map(len, texts))
    ratio = seconds(libcst.parse_module, texts) / seconds(ast.parse, texts)
    print(f"{len(texts)} files, {characters / 1e6:.1f} million characters: LibCST takes {ratio:.1f} times as long as ast")


if __name__ == "__main__":
    main()
