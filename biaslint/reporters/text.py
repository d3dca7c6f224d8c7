"""The report for people: one line that every tool can read, then the source with the place underlined, and what to do."""

from __future__ import annotations

from collections import Counter

from biaslint.findings.finding import Finding, Safety, Severity
from biaslint.reporters import View
from biaslint.reporters.plain import plain, width
from biaslint.theory.program import Place

WINDOW = 160  # columns of a source line that are shown
TAB = "    "

_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.HINT: "36;1"}
_PATH, _FAINT, _RELATED, _BOLD = "1", "2", "34;1", "1"


def render(view: View) -> str:
    """All findings, then the summary."""
    parts = [_finding(view, finding) for finding in view.result.findings]
    if view.show_unknown:
        parts += [_unknown(view)]
    if view.statistics:
        parts += [_statistics(view)]
    parts += [] if view.quiet else [_summary(view)]
    return "".join(part + "\n" for part in parts if part)


def _finding(view: View, finding: Finding) -> str:
    color = _COLORS[finding.severity]
    head = (
        f"{_paint(view, _PATH, where(view, finding.place))}: {_paint(view, color, finding.rule)} "
        f"{plain(finding.message)}{_paint(view, _FAINT, f' [{finding.name}]')}"
    )
    out = [head]
    if view.quiet:
        return head + (f" ({finding.measured.verdict})" if finding.measured else "")
    gutter = len(str(max([finding.place.line, *(one.place.line for one in finding.related if _near(finding, one.place))])))
    out += _snippet(view, finding.place, color, "^", gutter)
    for related in finding.related:
        if not _near(finding, related.place):
            gutter = len(str(related.place.line))
            out.append(f"{' ' * gutter} {_paint(view, _FAINT, '-->')} {where(view, related.place)}")
        out += _snippet(view, related.place, _RELATED, "-", gutter, plain(related.message))
    if finding.advice:
        out.append(f"{' ' * gutter} {_paint(view, _FAINT, '=')} {_paint(view, _BOLD, 'help')}: {plain(finding.advice)}")
    if finding.measured:
        out.append(
            f"{' ' * gutter} {_paint(view, _FAINT, '=')} {_paint(view, _BOLD, 'measured')}: {plain(str(finding.measured))}"
        )
    if finding.fix:
        how = "--fix" if finding.fix.safety is Safety.SAFE else "--fix --unsafe-fixes"
        out.append(f"{' ' * gutter} {_paint(view, _FAINT, '=')} {_paint(view, _BOLD, how)}: {plain(finding.fix.message)}")
    return "\n".join(out) + "\n"


def _near(finding: Finding, place: Place) -> bool:
    return (place.path, place.cell) == (finding.place.path, finding.place.cell)


def where(view: View, place: Place) -> str:
    """`path:line:column`, with the cell in a notebook."""
    cell = f"cell {place.cell}:" if place.cell is not None else ""
    return f"{at_start(plain(view.path(place.path)))}:{cell}{place.line}:{place.column}"


def at_start(path: str) -> str:
    """A path that begins a line; what would begin a command of a continuous-integration service there gets `./` before it."""
    return f"./{path}" if path.lstrip().startswith(("::", "##")) else path


def _snippet(view: View, place: Place, color: str, mark: str, gutter: int, label: str = "") -> list[str]:
    """The first line of the place, and the line below that marks it."""
    line = view.lines.get(place)
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    start = min(place.column - 1, len(line))
    end = max(min(end, len(line)), start + 1)
    shown, left = line, ""
    if len(line) > WINDOW:
        first = max(0, start - WINDOW // 4)
        left, shown = ("..." if first else ""), line[first : first + WINDOW]
        start, end = start - first, min(end - first, WINDOW)
    before, marked = (left + plain(part).replace("\t", TAB) for part in (shown[:start], ""))
    marked = plain(shown[start:end]).replace("\t", TAB)
    text = before + marked + plain(shown[end:]).replace("\t", TAB)
    bar = _paint(view, _FAINT, "|")
    pointer = " " * width(before) + _paint(view, color, mark * max(width(marked), 1) + (f" {label}" if label else ""))
    if not line.strip():
        return [f"{' ' * gutter} {bar} {label}"] if label else []
    number = _paint(view, _FAINT, str(place.line).rjust(gutter))
    return [f"{number} {bar} {text.rstrip()}", f"{' ' * gutter} {bar} {pointer}"]


def _unknown(view: View) -> str:
    facts = [f"{where(view, fact.place)}: not understood: {plain(fact.what)}" for fact in view.result.unknowns]
    facts += [f"{at_start(plain(what))}: the analysis stopped here: {plain(why)}" for what, why in view.result.stopped]
    return "\n".join([*facts, f"{len(facts)} things were not understood" if facts else "Everything was understood."]) + "\n"


def _statistics(view: View) -> str:
    names = {finding.rule: finding.name for finding in view.result.findings}
    counts = Counter(finding.rule for finding in view.result.findings)
    rows = [f"{count:6}  {rule}  {names[rule]}" for rule, count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))]
    numbers = view.result.statistics
    share = f" ({numbers.known / numbers.layers:.1%})" if numbers.layers else ""
    rows += [
        f"{numbers.files:6}  files, {numbers.skipped} of them without model code",
        f"{numbers.layers:6}  layers with a bias; the readers of {numbers.known}{share} are all known",
        f"{len(view.result.unknowns) + len(view.result.stopped):6}  things not understood (--show-unknown)",
        f"{numbers.suppressed:6}  findings silenced by comments and settings",
    ]
    return "\n".join(rows) + "\n"


def _summary(view: View) -> str:
    findings = view.result.findings
    mended = f"Fixed {_count(view.fixed, 'finding')}. " if view.fixed else ""
    if not findings:
        files = view.result.statistics.files
        return f"{mended}Nothing found in {_count(files, 'file')}." if not view.result.errors else ""
    counts = Counter(finding.severity for finding in findings)
    kinds = ", ".join(
        _count(counts[severity], str(severity)) for severity in sorted(Severity, reverse=True) if counts[severity]
    )
    files = len({finding.place.path for finding in findings})
    safe = sum(finding.fix is not None and finding.fix.safety is Safety.SAFE for finding in findings)
    unsafe = sum(finding.fix is not None for finding in findings) - safe
    hints = [f"{safe} can be fixed with --fix"] * bool(safe)
    hints += [
        f"{unsafe}{' more' if safe else ''} with --fix --unsafe-fixes"
        if safe
        else f"{unsafe} can be fixed with --fix --unsafe-fixes"
    ] * bool(unsafe)
    measured = Counter(finding.measured.verdict for finding in findings if finding.measured)
    marks = (
        f" The model says: {', '.join(f'{count} {verdict}' for verdict, count in sorted(measured.items()))}."
        if measured
        else ""
    )
    return f"{mended}Found {kinds} in {_count(files, 'file')}.{marks}" + (f" {', '.join(hints).capitalize()}." if hints else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _paint(view: View, code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if view.color else text
