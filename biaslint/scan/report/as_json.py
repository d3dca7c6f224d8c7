"""The report for programs."""

from __future__ import annotations

import json
from typing import Any

from biaslint.scan.report.collect import Census, Share

VERSION = 1


def render(census: Census, unknowns: int) -> str:
    """One JSON object."""
    frameworks, years = census.frameworks, census.years
    whole: dict[str, Any] = {
        "version": VERSION,
        "statuses": dict(sorted(census.statuses.items())),
        "copies": census.copies,
        "repositories": len(census.repositories),
        "files": census.files,
        "bytes": census.size,
        "seconds": round(census.seconds, 2),
        "memory": census.memory,
        "findings": census.findings,
        "understood": census.understood,
        "rules": {
            rule: {
                "findings": census.count(rule),
                **share(census.share(rule)),
                "frameworks": {name: share(census.share(rule, name)) for name, _ in frameworks},
                "years": {str(year): share(census.share(rule, year=year)) for year, _ in years},
            }
            for rule in census.rules
        },
        "unknowns": [
            {"what": what, "repositories": where, "places": places} for what, where, places in census.unknowns(unknowns)
        ],
        "hidden_by": [
            {"what": what, "repositories": where, "layers": layers} for what, where, layers in census.hidden_by(unknowns)
        ],
        "given_up": [{"repository": name, "status": status, "reason": reason} for name, status, reason in census.given_up],
    }
    return json.dumps(whole, indent=2) + "\n"


def share(one: Share) -> dict[str, Any]:
    """A share with its interval."""
    low, high = one.interval
    return {"count": one.count, "of": one.whole, "share": round(one.value, 4), "low": round(low, 4), "high": round(high, 4)}
