"""The report as one self-contained page: no script, no network, light and dark, for wide and narrow windows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from biaslint.findings import rule_book
from biaslint.reporters import plain
from biaslint.scan.report import as_text, charts
from biaslint.scan.report.collect import Census, Share

MOST_YEARS = 15
PLOTS = 6  # rules with a plot over the years

STYLE = """
:root { color-scheme: light dark; --back: #fcfcfd; --card: #fff; --text: #1c2024; --faint: #60646c; --line: #dfe3e8; --one: #2563eb; --reach: #1c2024; }
@media (prefers-color-scheme: dark) { :root { --back: #111316; --card: #1a1d21; --text: #edeef0; --faint: #a0a6ae; --line: #33383f;
  --one: #5b8def; --reach: #edeef0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: 0 0 .4rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); } code { font: .9em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
a { color: inherit; } .wide { overflow-x: auto; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem 1rem; min-width: 0; }
.figures b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.rule { display: grid; grid-template-columns: minmax(15rem, 20rem) 1fr 13rem; gap: .2rem 1rem; align-items: center; padding: .25rem 0;
  border-bottom: 1px solid var(--line); } .rule .told { text-align: right; font-variant-numeric: tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--faint); font-weight: 600; } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
svg { display: block; } svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
.one { fill: var(--one); } .reach { stroke: var(--reach); stroke-width: 1.2; opacity: .75; } .axis { stroke: var(--line); }
@media (max-width: 46rem) { body { padding: 1rem; } .rule { grid-template-columns: 1fr auto; } .rule > :first-child { grid-column: 1 / -1; }
  .rule .told { font-size: .85rem; } .wide a { display: none; } th, td { padding: .3rem .4rem; } }
"""


def render(census: Census, unknowns: int) -> str:
    """The whole page."""
    whole = sum(census.statuses.values())
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Scan of {whole:,} repositories</title><style>{STYLE}</style></head><body>",
        f"<h1>Scan of {whole:,} repositories</h1>",
        *(f"<p>{text(line)}</p>" for line in as_text.overview(census)),
        *figures(census),
        "<h2>How common each rule's findings are</h2>",
        *rules(census),
        *frameworks(census),
        *years(census),
        *not_understood(census, unknowns),
        *given_up(census),
        "<p class='faint'>Made by biaslint scan-report. Intervals are Wilson's, of 95 %.</p></body></html>",
    ]
    return "\n".join(parts) + "\n"


def text(value: str) -> str:
    """A text of anybody's, harmless in the page."""
    return escape(plain(value))


def figures(census: Census) -> Iterator[str]:
    """The few numbers that matter most."""
    shown = [
        (f"{census.share().value:.0%}", "of repositories with layers have a finding"),
        (f"{census.findings:,}", "findings"),
        (f"{len(census.repositories):,}", "repositories with layers"),
        (f"{census.understood:.1%}" if census.understood is not None else "-", "of layers with a bias: all readers known"),
        (f"{census.seconds / 60:,.0f} min", "of processor time"),
        (f"{census.memory:,} MB", "peak memory of one repository"),
    ]
    cards = "".join(f"<div class='card'><b>{escape(number)}</b>{escape(what)}</div>" for number, what in shown)
    yield f"<div class='figures'>{cards}</div>"


def rules(census: Census) -> Iterator[str]:
    """A bar for each rule with findings; the others in a sentence."""
    common = [(rule, census.share(rule)) for rule in census.rules]
    most = max((share.interval[1] for _, share in common if share.count), default=1.0)
    for rule, share in common:
        if share.count:
            low, high = share.interval
            label = f"{rule}: {share.value:.1%}, {low:.1%} to {high:.1%}"
            told = f"{share.value:.1%} <span class='faint'>({low:.1%} to {high:.1%})</span>"
            what = f"{share.count:,} repositories, {census.count(rule):,} findings"
            yield f"<div class='rule'><span>{linked(rule)}</span><span title='{what}'>{charts.bar(share, most, label)}</span><span class='told'>{told}</span></div>"
    none = [rule for rule, share in common if not share.count]
    if none:
        yield f"<p class='faint'>No findings of {escape(', '.join(none))}: at most {Share(0, len(census.repositories)).interval[1]:.1%} each.</p>"


def linked(rule: str) -> str:
    """The code of a rule and its name, which leads to its page."""
    try:
        known = rule_book.find(rule)
    except rule_book.UnknownRule:
        return escape(rule)
    return f"<b>{escape(rule)}</b> <a href='{escape(known.url)}'>{escape(known.name)}</a>"


def frameworks(census: Census) -> Iterator[str]:
    """A table of rules and frameworks."""
    names = census.frameworks
    common = [rule for rule in census.rules if census.share(rule).count]
    if not names or not common:
        return
    yield "<h2>By framework</h2><p class='faint'>Of the repositories with layers of that framework; a repository may have several.</p>"
    head = "".join(f"<th class='number'>{escape(name)}<br>{count:,}</th>" for name, count in names)
    yield f"<div class='wide'><table><tr><th>rule</th>{head}</tr>"
    for rule in common:
        cells = "".join(cell(census.share(rule, name)) for name, _ in names)
        yield f"<tr><td>{linked(rule)}</td>{cells}</tr>"
    yield "</table></div>"


def cell(share: Share) -> str:
    """A share in a table."""
    if not share.count:
        return "<td class='number faint'>0</td>"
    low, high = share.interval
    label = f"{share.count} of {share.whole}: {share.value:.1%}, {low:.1%} to {high:.1%}"
    return f"<td class='number' title='{label}'>{share.value:.1%} <span class='faint'>({share.count:,})</span></td>"


def years(census: Census) -> Iterator[str]:
    """Plots over the years of the last commits, where git told them."""
    known = census.years[-MOST_YEARS:]
    if not known:
        return
    whole = sum(count for _, count in known)
    yield f"<h2>By year of the last commit</h2><p class='faint'>Of {whole:,} repositories with a git history.</p><div class='plots'>"
    for rule in [rule for rule in census.rules if census.share(rule).count][:PLOTS]:
        shares = [(str(year), census.share(rule, year=year)) for year, _ in known]
        yield f"<div class='card'><h3>{linked(rule)}</h3>{charts.columns(shares, f'{rule} by year')}</div>"
    yield "</div>"


def not_understood(census: Census, most: int) -> Iterator[str]:
    """What the analysis should learn next."""
    hidden = "Readers of layers with a bias that the analysis does not know. It treats these biases as visible."
    unknown = "Everything that the analysis treated as unknown, whether or not a layer depends on it."
    for title, told, unit, found in (
        ("Most frequent unknown readers of layers", hidden, "layers", census.hidden_by(most)),
        ("Most frequently not understood", unknown, "places", census.unknowns(most)),
    ):
        if found:
            yield f"<h2>{title}</h2><p class='faint'>{told}</p>"
            yield f"<table><tr><th>what</th><th class='number'>repositories</th><th class='number'>{unit}</th></tr>"
            for what, where, times in found:
                yield f"<tr><td><code>{text(what)}</code></td><td class='number'>{where:,}</td><td class='number'>{times:,}</td></tr>"
            yield "</table>"


def given_up(census: Census) -> Iterator[str]:
    """The repositories that were not analysed, or not in full."""
    if not census.given_up:
        return
    yield "<h2>Not finished, or only in part</h2><table><tr><th>repository</th><th>status</th><th>why</th></tr>"
    for name, status, reason in census.given_up[:200]:
        yield f"<tr><td><code>{text(name)}</code></td><td>{text(status)}</td><td>{text(reason[:300])}</td></tr>"
    yield "</table>"
