"""One JSON object a line, each a finding as in the `json` format: for logs and for reading as they come."""

from __future__ import annotations

import json

from biaslint.reporters import View
from biaslint.reporters.as_json import entry


def render(view: View) -> str:
    """The findings, and nothing else."""
    return "".join(json.dumps(entry(view, finding)) + "\n" for finding in view.result.findings)
