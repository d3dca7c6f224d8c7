"""The report for people at a terminal."""

from __future__ import annotations

from biaslint.findings import rule_book
from biaslint.reporters import plain
from biaslint.scan.report.collect import Census, Share


def render(census: Census, unknowns: int) -> str:
    """A few tables."""
    lines = [*overview(census), ""]
    common = [rule for rule in census.rules if census.share(rule).count]
    width = max((len(name_of(rule)) for rule in common), default=0)
    for rule in common:
        lines.append(f"{rule}  {name_of(rule):{width}}  {percent(census.share(rule)):32}  {census.count(rule):,} findings")
    for name, count in census.frameworks:
        shares = [(rule, census.share(rule, name)) for rule in common]
        shown = [f"{rule} {share.value:.1%}" for rule, share in shares if share.count]
        lines += ["", f"{name}, {count:,} repositories: {', '.join(shown) or 'nothing found'}"]
    for year, count in census.years:
        lines.append(f"{year}: {count:,} repositories, {percent(census.share(year=year)).strip()} with findings")
    for title, found in (
        ("Most frequent unknown readers of layers (repositories, layers):", census.hidden_by(unknowns)),
        ("Most frequently not understood (repositories, places):", census.unknowns(unknowns)),
    ):
        if found:
            lines += ["", title, *(f"  {where:5,} {times:6,}  {plain(what)}" for what, where, times in found)]
    if census.given_up:
        lines += ["", "Not finished, or only in part:"]
        lines += [
            f"  {plain(name)}: {status}{': ' if reason else ''}{plain(reason)}" for name, status, reason in census.given_up[:50]
        ]
    return "\n".join(lines) + "\n"


def overview(census: Census) -> list[str]:
    """What was scanned, in a few sentences."""
    whole = sum(census.statuses.values())
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(census.statuses.items()) if status != "ok")
    lines = [
        f"{whole:,} repositories scanned{f' ({statuses})' if statuses else ''}: {census.files:,} Python files and notebooks, {census.size / 1e6:.1f} MB.",
        f"{len(census.repositories):,} build layers; shares are of these, with 95 % intervals."
        + (f" {census.copies:,} copies are not counted." if census.copies else ""),
        f"{census.findings:,} findings.",
    ]
    if census.understood is not None:
        lines[-1] += f" The analysis knows all readers of {census.understood:.1%} of the layers with a bias."
    return lines


def percent(share: Share) -> str:
    """A share, its interval, and what it is made of."""
    low, high = share.interval
    return f"{share.value:6.1%} ({low:.1%} to {high:.1%}), {share.count:,}"


def name_of(rule: str) -> str:
    """The name of a rule; of one that this version does not have, none."""
    try:
        return rule_book.find(rule).name
    except rule_book.UnknownRule:
        return ""
