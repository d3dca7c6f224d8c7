"""From measurements to findings: every row that fails has one, and the source is read only as far and as long as needed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from same_process import measured

torch = pytest.importorskip("torch")

from biaslint.config import Config  # noqa: E402
from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.facts.observed import LayerFacts, Numbers, Observed  # noqa: E402
from biaslint.runtime.process.bounded import TookTooLong, bounded  # noqa: E402
from biaslint.runtime.process.executed_lines import executed_lines  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.verdict import result, source  # noqa: E402

pytestmark = pytest.mark.usefixtures("same_process")

NET = """
from torch import nn


class Block(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3) if norm else nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = (Block(norm) for norm in (True, False))
        self.alone = nn.Conv2d(3, 4, 1){comment}
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.alone(self.b(self.a(x)))).relu()
"""


def report(folder: Path, *options: str, comment: str = "") -> tuple[int, dict[str, str], list[tuple[str, int]]]:
    (folder / "net.py").write_text(NET.format(comment=comment))
    ran = CliRunner().invoke(verify, ["net.py:Net", "--input", "3x12x12", "--format", "json", *options])
    found = json.loads(ran.output)
    dead = {one["layer"]: one["status"] for one in found["measurements"] if one["name"] == "dead-bias"}
    return ran.exit_code, dead, [(one["rule"], one["line"]) for one in found["findings"]]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_layer_of_a_line_that_makes_live_ones_too_does_not_fail(tmp_path: Path) -> None:
    assert report(tmp_path) == (1, {"a.conv": "pass", "b.conv": "pass", "alone": "fail"}, [("BL101", 19)])


def test_a_failure_that_a_comment_silences_is_not_reported_in_the_table_either(tmp_path: Path) -> None:
    code, dead, findings = report(tmp_path, comment="  # biaslint: ignore[BL101]")
    assert (code, findings) == (0, [])
    assert dead["alone"] == "not reported"
    assert "fail" not in CliRunner().invoke(verify, ["net.py:Net", "--input", "3x12x12"]).output


def test_a_failure_of_a_rule_that_is_off_is_not_reported_in_the_table_either(tmp_path: Path) -> None:
    (tmp_path / "biaslint.toml").write_text('ignore = ["BL101"]\n')
    code, dead, findings = report(tmp_path)
    assert (code, dead["alone"], findings) == (0, "not reported", [])


def test_a_bias_that_is_not_finite_is_a_finding(tmp_path: Path) -> None:
    layer = LayerFacts("fc", "torch.nn.Linear", "Linear", "linear", order=0, bias_present=True, bias_values=Numbers(4))
    verdict, found = result.judged_result(Observed("torch", target="net.py:Net", layers=[layer]), chosen=Config(tmp_path))
    assert [one.status for one in verdict.measurements if one.name == "initial-bias"] == ["fail"]
    assert [(one.rule, one.layer) for one in found.findings] == [("BL703", "fc")]


def observed_net(folder: Path) -> Observed:
    (folder / "net.py").write_text(NET.format(comment="") + "\n\nclass Other(Net):\n    pass\n")
    return measured(Job("net.py:Net", inputs=["3x12x12"]))


def test_only_what_the_model_was_built_from_is_executed(tmp_path: Path) -> None:
    program = source.analysed(observed_net(tmp_path))
    assert {entry for entry, _ in program.executions} == {"Net"}


def test_the_outermost_definitions_come_first() -> None:
    chain = [[__file__, 1, 1, 1, 2, "f", False]]
    assert list(source.entry_points(Observed("torch", layers=[LayerFacts("a", "", "", "conv", chain)]))) == []
    here = source.definitions(Path(__file__))
    names = ["report", "test_a_bias_that_is_not_finite_is_a_finding"]
    lines = {name: start for start, _, name in here}
    chain = [[__file__, lines[name] + 1, 1, 1, 2, "f", False] for name in names]
    found = list(source.entry_points(Observed("torch", layers=[LayerFacts("a", "", "", "conv", chain)])))
    assert found == [(Path(__file__), name) for name in reversed(names)]


def test_work_that_must_end_in_time_does(tmp_path: Path) -> None:
    def forever() -> None:
        time.sleep(30)
        (tmp_path / "still there").write_text("")

    begun = time.monotonic()
    with pytest.raises(TookTooLong):
        bounded(forever, 0.2)
    assert time.monotonic() - begun < 10
    assert bounded(lambda: {"a": [1]}, 30) == {"a": [1]}
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        bounded(lambda: 1 / 0, 30)


def test_a_source_for_which_there_is_no_time_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    observed = observed_net(tmp_path)
    verdict, found = result.judged_result(observed)
    before = list(found.findings)
    result.compare_with_source(observed, verdict, found, None, seconds=1e-6)
    assert found.findings == before
    assert [one.rule for one in before] == ["BL101"]
    assert "takes longer than" in observed.notes[0]


def test_lines_are_kept_for_each_file_though_their_code_is_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text("def work(flag):\n    if flag:\n        return 1\n    return 2\n")
    spaces = [{}, {}]
    for name, space in zip(("one", "two"), spaces, strict=True):
        exec(compile((tmp_path / f"{name}.py").read_text(), str(tmp_path / f"{name}.py"), "exec"), space)
    with executed_lines() as lines:
        assert (spaces[0]["work"](True), spaces[1]["work"](False)) == (1, 2)
    assert lines[str(tmp_path / "one.py")] == {2, 3}
    assert lines[str(tmp_path / "two.py")] == {2, 4}
