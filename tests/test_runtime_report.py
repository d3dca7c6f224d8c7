"""What people see of the measurements: the table, the page, and the marks on static findings. No framework is needed for these."""

from __future__ import annotations

import builtins
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from biaslint.config.thresholds import MEANING, Thresholds, with_settings
from biaslint.findings.finding import Finding, Severity
from biaslint.runtime.facts.measurement import Verdict
from biaslint.runtime.facts.observed import Gate, LayerFacts, LossFacts, Numbers, Observed, OutputFacts, TargetFacts, Units
from biaslint.runtime.keras.measuring import judge_ratios
from biaslint.runtime.report import html, pictures, table
from biaslint.runtime.verdict import confirm
from biaslint.runtime.verdict.judge import judge
from biaslint.runtime.verdict.program import program as program_of
from biaslint.theory.program import Bias, BiasWrite, LayerUse, Place, Program


def frame(line: int, column: int = 5, own: bool = False) -> list[Any]:
    return ["/project/model.py", line, column, line, column + 10, "__init__", own]


def layer(name: str, kind: str = "conv", **more: Any) -> LayerFacts:
    given = {
        "chain": [frame(10)],
        "order": 0,
        "bias_present": True,
        "bias_trainable": True,
        "bias_values": Numbers(16, 0.0, 0.1, -0.2, 0.2),
        "output": Numbers(100, 0.0, 1.0, -3.0, 3.0),
        "gradient_scale": 0.01,
        "histogram": [1, 2, 1],
        "edges": [-3.0, 3.0],
        "channels": 16,
        "dead": "alive",
    }
    return LayerFacts(name, f"torch.nn.{kind}", kind.title(), kind, **(given | more))


@pytest.fixture
def observed() -> Observed:
    dead = {"dead": "dead_bn", "dead_fraction": 1.0, "ratio": 1e-16, "cancelled_how": ["batch norm"], "cancelled_by": ["norm"]}
    layers = [
        layer("conv", **dead),
        layer("norm", "norm", chain=[frame(11)], order=1, dead=""),
        layer("<script>alert(1)</script>", "linear", chain=[frame(12)], order=2, is_output=True),
    ]
    found = Observed("torch", {"torch": "2"}, "model.py:Net", "Net", 8, ["3x8x8"], layers=layers)
    found.outputs = [
        OutputFacts(
            "output 0", [8, 2], 2, "logits", Numbers(16, 0.0, 1.0, -2.0, 2.0), [0.0, 0.0], [0.5, 0.5], [3, 2, 1], [-2.0, 2.0]
        )
    ]
    found.targets = TargetFacts("classes", [0.9, 0.1], source="--prior")
    found.loss = LossFacts("cross_entropy", "cross_entropy", 0.7, 0.325, [1.1, -1.1])
    found.units = [Units("act", "norm", 16, 2)]
    return found


def test_a_threshold_decides_and_can_be_changed(observed: Observed) -> None:
    assert [one.rule for one in judge(observed).failures] == ["unset-output-bias", "bias-before-norm"]
    lenient = judge(observed, with_settings(["prior_divergence=1", "loss-excess=5"]))
    assert [one.rule for one in lenient.failures] == ["bias-before-norm"]
    strict = judge(observed, with_settings(["dead_units=0.1"]))
    assert "dead-relu-units" in [one.rule for one in strict.failures]


def test_every_threshold_says_what_it_means() -> None:
    assert set(MEANING) == set(Thresholds.__slots__)


def test_the_place_of_a_dead_bias_is_the_innermost_call_that_makes_no_live_one() -> None:
    helper = frame(3)
    dead = {"dead": "dead_bn", "cancelled_how": ["batch norm"]}
    layers = [layer("a", chain=[helper, frame(20)], **dead), layer("b", chain=[helper, frame(21)])]
    found = judge(Observed("torch", layers=layers)).failures
    assert [one.place.line for one in found if one.place] == [20]
    layers[1].chain = [helper, frame(20)]
    assert judge(Observed("torch", layers=layers)).failures == []


def test_the_table_reads_the_same_with_and_without_rich(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judge(observed)
    real = builtins.__import__

    def without_rich(name: str, *arguments: Any, **more: Any) -> Any:
        if name.split(".")[0] == "rich":
            raise ImportError(name)
        return real(name, *arguments, **more)

    pages = [table.render(observed, verdict, width=200)]
    monkeypatch.setattr(builtins, "__import__", without_rich)
    pages.append(table.render(observed, verdict))
    for page in pages:
        assert "dead in training: norm" in page
        assert "0 ± 0.1" in page
        assert "initial-loss" in page
        assert "\x1b" not in page


def test_nothing_is_broken_where_there_is_no_terminal(observed: Observed) -> None:
    name = "features.denseblock1.denselayer1.conv1.with.a.name.of.some.length"
    observed.layers[0].name = name
    assert name in table.render(observed, judge(observed))
    assert max(map(len, table.render(observed, judge(observed), width=80).splitlines())) <= 80 or "rich" not in sys.modules


def test_names_from_the_model_cannot_steer_the_terminal(observed: Observed) -> None:
    observed.layers[0].name = "a\x1b[2Jb"
    assert "\x1b" not in table.render(observed, judge(observed))


class Reader(HTMLParser):
    """Tags and text of a page; fails on tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_self_contained_and_escapes_names(observed: Observed) -> None:
    verdict = judge(observed)
    place = Place("/project/model.py", 10, 5, 10, 15)
    page = html.render(
        observed,
        verdict,
        [Finding("BL101", "bias-before-norm", Severity.WARNING, place, "<b>dead</b>", advice="do: x < 1")],
        Path("/project"),
    )
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.links == []
    assert "script" not in reader.tags
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;dead" in page
    assert "model.py:10:5" in page
    assert "prefers-color-scheme: dark" in page
    assert reader.tags.count("svg") >= 6


def test_the_page_copes_with_a_model_that_shows_nothing() -> None:
    reader = Reader()
    observed = Observed("torch")
    reader.feed(html.render(observed, judge(observed), []))
    assert reader.open == []


def page_of(observed: Observed, findings: list[Finding] | None = None, base: Path | None = None) -> str:
    return html.render(observed, judge(observed), findings or [], base)


def titles(page: str, heading: str) -> list[str]:
    """The values that the picture under a heading has, as its titles say them."""
    card = page.split(f"<h3>{heading}", 1)[1].split("<div class='card'>", 1)[0]
    return re.findall(r"<title>(.*?)</title>", card)


def test_the_verdict_and_the_pictures_stand_before_the_findings(observed: Observed) -> None:
    page = page_of(observed)
    places = [
        page.index(word) for word in ("class='verdict", "<h2>At the start", "<h2>Findings", "<h2>Measurements", "<h2>Layers")
    ]
    assert places == sorted(places)


def test_the_suggested_bias_is_drawn_beside_what_is_predicted_and_the_prior(observed: Observed) -> None:
    shown = titles(page_of(observed), "Predicted at the start")
    assert shown == ["0: 0.5", "0: 0.9", "0: 0.9002", "1: 0.5", "1: 0.1", "1: 0.09975"]
    assert "with the output bias 1.1, -1.1" in page_of(observed)


def test_the_loss_stands_beside_that_of_the_best_constant_output(observed: Observed) -> None:
    assert titles(page_of(observed), "Loss at the start (cross_entropy)") == [
        "at the start: 0.7",
        "best constant output: 0.325",
    ]


def test_the_layer_at_which_the_scale_jumps_is_named(observed: Observed) -> None:
    observed.layers = [
        layer(f"block.{number}", "linear", order=number, output=Numbers(9, 0.0, size), gradient_scale=size)
        for number, size in enumerate([1.0, 0.5, 1e-4, 1e-4])
    ]
    page = page_of(observed)
    assert page.count("shrink 5e+03 times at <code>block.2</code>") == 2
    assert "shrink 2 times" not in page


def test_only_large_steps_between_layers_that_have_a_scale_are_jumps() -> None:
    assert pictures.jumps([1.0, None, 0.05, 0.06, 9.0]) == [(2, 0.05), (4, pytest.approx(150.0))]
    assert pictures.jumps([1.0, 2.0, 0.0, math.nan]) == []


def test_dead_units_and_gates_have_a_bar_for_each_layer(observed: Observed) -> None:
    observed.layers.append(layer("rnn", "rnn", order=3, gates=[Gate("layer 0", 0.0), Gate("layer 1", 1.0, value=0.731)]))
    page = page_of(observed)
    assert titles(page, "Dead ReLU units after each layer") == ["norm: 0.125"]
    assert titles(page, "Forget gates at the start") == ["rnn layer 0: 0.5", "rnn layer 1: 0.731"]


def test_findings_of_one_cause_are_one_card_with_the_source(observed: Observed, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import torch\n\nclass Net:\n    a = conv(1 < 2)\n    b = conv()\n")
    found = [
        Finding(
            "BL101",
            "bias-before-norm",
            Severity.WARNING,
            Place(str(tmp_path / "model.py"), line, 9, line, 15),
            "dead",
            advice=advice,
        )
        for line, advice in ((4, "leave it out"), (5, "leave it out"), (5, "keep it: x = 1"))
    ]
    page = page_of(observed, found, tmp_path)
    assert page.count("class='card finding warning'") == 2
    assert "warning, 2 times" in page
    assert "model.py:4:9" in page
    assert "<b>   4     a = conv(1 &lt; 2)</b>" in page


def test_a_switch_hides_what_is_well_without_a_script(observed: Observed) -> None:
    page = page_of(observed)
    assert "body:has(#failing:checked) .ok { display: none; }" in page
    assert page.count("<tr class=ok>") > page.count("<tr class=bad>") > 0


def static(rule: str, line: int) -> Finding:
    return Finding("BL", rule, Severity.WARNING, Place("/project/model.py", line, 5, line, 15), "")


def test_static_findings_are_confirmed_refuted_or_not_measured(observed: Observed) -> None:
    program = program_of(observed)
    findings = [static("bias-before-norm", line) for line in (10, 12, 99)] + [
        static("unset-output-bias", 12),
        static("constant-bias-on-conv", 10),
    ]
    marks = confirm.confirm(findings, program, judge(observed))
    assert [mark.verdict for mark in marks] == ["confirmed", "refuted", "not measured", "confirmed", "refuted"]
    assert "`conv`" in marks[0].text


def test_a_bias_that_does_not_start_where_the_source_sets_it_is_found(observed: Observed) -> None:
    place, write = Place("/project/model.py", 10, 5, 10, 15), Place("/project/model.py", 30, 5, 30, 15)

    def source(value: float) -> Program:
        bias = Bias(True, writes=(BiasWrite("constant", write, value=value),))
        return Program([LayerUse("torch", "torch.nn.Conv2d", "conv", "self.conv", place, (place,), bias=bias)])

    verdict = Verdict()
    confirm.against_source(observed, source(1.0), verdict)
    assert [(one.rule, one.place) for one in verdict.failures] == [("bias-differs-from-source", write)]
    observed.layers[0].bias_values = Numbers(16, 1.0, 0.0, 1.0, 1.0)
    verdict = Verdict()
    confirm.against_source(observed, source(1.0), verdict)
    assert [one.status for one in verdict.measurements] == ["pass"]
    assert verdict.failures == []


def test_the_runtime_imports_no_framework_before_a_model_is_built() -> None:
    import subprocess

    code = (
        "import sys, pkgutil, importlib, biaslint.runtime as r\n"
        "for m in pkgutil.walk_packages(r.__path__, 'biaslint.runtime.'):\n"
        "    if '.callbacks' not in m.name: importlib.import_module(m.name)\n"  # each of those is of one framework
        "bad = {'torch', 'keras', 'tensorflow', 'libcst', 'numpy', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("frozen", "expected"), [([1e-9, 1e-8], "dead_always"), ([0.3, 0.2], "dead_bn"), ([math.nan, math.nan], "dead_bn")]
)
def test_frozen_norms_tell_what_they_alone_cancel_unless_they_tell_nothing(frozen: list[float], expected: str) -> None:
    one = layer("a", bias_present=True)
    judge_ratios(one, [[1e-9, 1e-8]], frozen, 1e-5)
    assert (one.dead, one.dead_fraction) == (expected, 1)
