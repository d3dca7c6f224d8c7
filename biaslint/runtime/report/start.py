"""How a model starts, for Python code and notebooks: text, HTML, plain data and figures."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from biaslint.findings.finding import Finding, Severity
from biaslint.runtime.facts.measurement import FAIL, Verdict
from biaslint.runtime.facts.observed import Observed

_HEIGHT = 720


@dataclass(frozen=True, slots=True)
class StartReport:
    """What `check_start` found. `findings` are those of the rules that the project has on."""

    observed: Observed
    verdict: Verdict = field(repr=False)
    findings: list[Finding] = field(repr=False)

    @property
    def ok(self) -> bool:
        """No warning and no error, and every measurement could be made."""
        return not self.at_least("warning") and not self.observed.inconclusive

    def at_least(self, severity: str) -> list[Finding]:
        """The findings of this severity or a higher one."""
        return [one for one in self.findings if one.severity >= Severity[severity.upper()]]

    def __str__(self) -> str:
        from biaslint.runtime.report import table

        lines = [table.render(self.observed, self.verdict).rstrip(), ""]
        for one in self.findings:
            lines.append(table.clean(f"{one.rule} {one.severity}: {one.message} [{one.name}]"))
            lines += [f"  {table.clean(one.advice)}"] if one.advice else []
        count = len(self.findings)
        return "\n".join([*lines, f"{count} finding{'' if count == 1 else 's'}"])

    def _repr_html_(self) -> str:
        from biaslint.runtime.report import html

        page = html.render(self.observed, self.verdict, self.findings)
        return f'<iframe srcdoc="{escape(page)}" style="width:100%;height:{_HEIGHT}px;border:0" sandbox=""></iframe>'

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "ok": self.ok,
            "model": {"name": self.observed.model, "framework": self.observed.framework, "parameters": self.observed.parameters},
            "findings": [
                {"rule": one.rule, "name": one.name, "severity": str(one.severity), "layer": one.layer, "message": one.message, "advice": one.advice}
                for one in self.findings
            ],
            "measurements": [{key: value for key, value in asdict(one).items() if key != "place"} for one in self.verdict.measurements],
            "inconclusive": dict(self.observed.inconclusive),
            "figures": self.figures(),
        }  # fmt: skip

    def figures(self) -> dict[str, float]:
        """Single numbers, for whatever logs metrics (TensorBoard, W&B, MLflow)."""
        observed, measurements = self.observed, self.verdict.measurements
        units = sum(one.units for one in observed.units)
        found: dict[str, float | None] = {
            "findings": float(len(self.findings)),
            "failed_measurements": float(sum(one.status == FAIL for one in measurements)),
            "dead_biases": float(sum(one.dead in ("dead_bn", "dead_always") for one in observed.layers)),
            "dead_units": sum(one.dead for one in observed.units) / units if units else None,
            "initial_loss": observed.loss.value if observed.loss else None,
            "best_constant_loss": observed.loss.best if observed.loss else None,
        }
        for name in ("initial-outputs", "activation-scale", "gradient-scale"):
            found[name.replace("-", "_")] = next((one.value for one in measurements if one.name == name), None)
        return {f"start/{name}": value for name, value in found.items() if value is not None and math.isfinite(value)}

    def to_tensorboard(self, writer: Any, step: int = 0) -> None:
        """Write the figures to a `SummaryWriter`, and the whole report as text."""
        for name, value in self.figures().items():
            writer.add_scalar(name, value, step)
        writer.add_text("start/report", f"```\n{self}\n```", step)
