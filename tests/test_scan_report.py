"""What a report says of a scan: shares with intervals that hold what they promise, whatever the order of the rows; a page that loads nothing."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from statistics import NormalDist

import pytest
from projects import CLEAN, DEAD, biaslint
from scanning import Row, bare, lay, rows_in, scan, zipped

from biaslint.scan.report.collect import Share, counted

KERAS = "import keras\n\nmodel = keras.Sequential([keras.layers.Conv2D(8, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()])\n"
WONDER = "import wonder\nfrom torch import nn\n\n\nclass Net(nn.Linear):\n    def forward(self, x):\n        return wonder.apply(super().forward(x))\n"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories with a dead bias, one of them copied; one of another framework; two clean; one unreadable."""
    folder = tmp_path_factory.mktemp("results")
    zipped(folder / "in" / "dead.zip", {"net.py": DEAD, "more.py": WONDER})
    zipped(folder / "in" / "copy.zip", {"net.py": DEAD, "more.py": WONDER})
    zipped(folder / "in" / "two.zip", {"net.py": DEAD, "net2.py": DEAD})
    zipped(folder / "in" / "keras.zip", {"net.py": KERAS})
    zipped(folder / "in" / "clean.zip", {"net.py": CLEAN})
    lay(folder / "checkout", {"net.py": CLEAN, "a.py": ""})
    bare(folder / "in" / "git.git", folder / "checkout")
    zipped(folder / "in" / "plain.zip", {"net.py": "print()\n"})
    (folder / "in" / "<b>&\x1b[31m.zip").write_bytes(b"damaged")
    scan(folder, "in")
    return folder / "out.jsonl"


def report(file: Path, *options: str) -> Row:
    run = biaslint(file.parent, "scan-report", str(file), "--format", "json", *options)
    assert run.status == 0, run.err
    made: Row = json.loads(run.out)
    return made


def test_shares_are_of_repositories_with_layers_and_copies_count_once(results: Path) -> None:
    made = report(results)
    rule = made["rules"]["BL101"]
    assert (made["repositories"], made["copies"], made["statuses"]) == (5, 1, {"ok": 7, "unreadable": 1})
    assert (rule["count"], rule["of"], rule["findings"]) == (3, 5, 4)
    assert (rule["frameworks"]["torch"]["count"], rule["frameworks"]["torch"]["of"]) == (2, 4)
    assert (rule["frameworks"]["keras"]["count"], rule["frameworks"]["keras"]["of"]) == (1, 1)
    assert rule["years"] == {
        "2021": {"count": 0, "of": 1, **{key: rule["years"]["2021"][key] for key in ("share", "low", "high")}}
    }
    assert {"what": "call of wonder.apply", "repositories": 1, "places": 1} in made["unknowns"]
    assert {"what": "wonder.apply", "repositories": 1, "layers": 1} in made["hidden_by"]
    assert report(results, "--count-copies")["rules"]["BL101"]["count"] == 4


def test_counts_do_not_depend_on_the_order_of_repositories_or_files(results: Path, tmp_path: Path) -> None:
    groups: list[list[Row]] = [[]]
    head, *rows = rows_in(results)
    for row in rows:
        groups[-1].append(row)
        if row["row"] == "repository":
            groups.append([])
    random.Random(1).shuffle(groups)
    for number, part in enumerate((groups[:4], groups[4:])):
        lines = [head, *(row for group in part for row in group)]
        (tmp_path / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    run = biaslint(tmp_path, "scan-report", "1.jsonl", "0.jsonl", "--format", "json")
    assert json.loads(run.out) == report(results)


@pytest.mark.parametrize(("count", "whole"), [(0, 1), (0, 40), (1, 3), (7, 7), (13, 200), (999, 1000)])
def test_an_interval_ends_where_the_share_would_just_be_likely(count: int, whole: int) -> None:
    """Wilson's interval by its definition: at its ends, the share is as many standard errors away as the confidence allows."""
    share = Share(count, whole)
    z = NormalDist().inv_cdf(0.975)
    for bound in share.interval:
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(share.value - bound) == pytest.approx(z * (bound * (1 - bound) / whole) ** 0.5)
    low, high = share.interval
    assert 0 <= low <= share.value <= high <= 1


def test_no_repositories_say_nothing() -> None:
    made = counted([])
    assert (made.repositories, made.understood, Share(0, 0).interval) == ([], None, (0.0, 1.0))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "background", "style")]


def test_the_page_loads_nothing_and_shows_names_as_they_are(results: Path, tmp_path: Path) -> None:
    run = biaslint(tmp_path, "scan-report", str(results), "--html", "page.html")
    assert "BL101" in run.out
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    assert page.loads == []
    assert not {"script", "link", "iframe", "img", "object"}.intersection(page.tags)
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "\x1b" not in text + run.out
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) >= 2
    for plot in plots:
        ElementTree.fromstring(plot)


def test_what_is_no_result_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "b.jsonl").write_text("")
    (tmp_path / "folder").mkdir()
    for name in ("a.jsonl", "b.jsonl", "folder", "missing.jsonl"):
        run = biaslint(tmp_path, "scan-report", name)
        assert (run.status, "Traceback" in run.err) == (2, False), name
        assert name in run.err
