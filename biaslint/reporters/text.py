"""The report for people: one line that every tool can read, then the source with the place underlined, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from biaslint.findings.finding import Finding, Safety, Severity
from biaslint.reporters import View
from biaslint.reporters.plain import plain, width
from biaslint.theory.program import Place, Silenced

WINDOW = 160  # columns of a source line that are shown
TAB = "    "
MANY = 60  # findings; of more, only the first ones of each rule are shown
EACH = 2
GROUPED = 10  # findings; of more, the summary counts them by rule

_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.HINT: "36;1"}
_PATH, _FAINT, _RELATED, _BOLD = "1", "2", "34;1", "1"


def render(view: View) -> str:
    """The findings, then the summary. Of a great many, the first of each rule are shown, so that the report ends in a screen."""
    findings = view.result.findings
    if len(findings) > MANY and not view.quiet:
        seen: Counter[str] = Counter()
        shown = []
        for finding in findings:
            seen[finding.rule] += 1
            shown += [finding] if seen[finding.rule] <= EACH else []
        findings = shown
    parts = [_finding(view, finding) for finding in findings]
    left = len(view.result.findings) - len(findings)
    if left:
        parts += [f"... and {left} more; `--format concise` lists all, one per line.\n"]
    if view.show_unknown:
        parts += [_unknown(view)]
    if view.statistics:
        parts += [_statistics(view)]
    parts += [] if view.quiet else [summary(view)]
    return "".join(part + "\n" for part in parts if part)


def _finding(view: View, finding: Finding) -> str:
    color = _COLORS[finding.severity]
    if view.quiet:
        return one_line(view, finding)
    out = [headline(view, finding, where(view, finding.place))]
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


def headline(view: View, finding: Finding, place: str) -> str:
    """Where it is, the rule, the severity, the message, and the rule's name."""
    color = _COLORS[finding.severity]
    return (
        f"{_paint(view, _PATH, place)}: {_paint(view, color, f'{finding.rule} {finding.severity}')}: "
        f"{plain(finding.message)}{_paint(view, _FAINT, f' [{finding.name}]')}"
    )


def one_line(view: View, finding: Finding) -> str:
    """A finding on one line."""
    measured = f" ({finding.measured.verdict})" if finding.measured else ""
    return headline(view, finding, where(view, finding.place)) + measured


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
    silent = [_silenced(view, one) for one in view.result.silenced]
    end = f"{_count(len(facts), 'thing')} not understood." if facts else _all_understood(view)
    if silent:
        end += f" {_count(len(silent), 'layer')} in front of a norm {'is' if len(silent) == 1 else 'are'} not judged."
    return "\n".join([*facts, *silent, end]) + "\n"


def _silenced(view: View, one: Silenced) -> str:
    use = f" ({where(view, one.use)})" if one.use is not None else ""
    return f"{where(view, one.place)}: not judged: `{plain(one.layer)}` in front of `{plain(one.norm)}`: {plain(one.why)}{use}"


def _all_understood(view: View) -> str:
    called = view.result.statistics.called
    return "Everything was understood." if called else "No model was executed, so there was nothing to understand."


def _statistics(view: View) -> str:
    names = {finding.rule: finding.name for finding in view.result.findings}
    counts = Counter(finding.rule for finding in view.result.findings)
    rows = [f"{count:6}  {rule}  {names[rule]}" for rule, count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))]
    numbers = view.result.statistics
    share = f" ({numbers.known / numbers.layers:.1%})" if numbers.layers else ""
    rows += [
        f"{numbers.files:6}  files, {numbers.skipped} without model code",
        f"{numbers.layers:6}  layers with a bias, {numbers.known}{share} with all readers known",
        f"{len(view.result.unknowns) + len(view.result.stopped):6}  constructs not understood (--show-unknown)",
        f"{numbers.suppressed:6}  findings suppressed by comments and settings",
    ]
    return "\n".join(rows) + "\n"


def summary(view: View) -> str:
    """What was found, in one line; of many findings, also a table by rule."""
    findings = view.result.findings
    fixed = f"Fixed {_count(view.fixed, 'finding')}" if view.fixed else ""
    if not findings:
        if view.result.errors:
            return f"{fixed}." if fixed else ""
        if fixed:
            return f"{fixed}; none remaining."
        files = view.result.statistics.files
        return f"All checks passed ({_count(files, 'file')})." if files else "No Python files found."
    counts = Counter(finding.severity for finding in findings)
    kinds = ", ".join(
        _count(counts[severity], str(severity)) for severity in sorted(Severity, reverse=True) if counts[severity]
    )
    files = len({finding.place.path for finding in findings})
    found = f"{fixed}; {kinds} remaining" if fixed else f"Found {kinds}"
    parts = [f"{found} in {_count(files, 'file')}."]
    measured = Counter(finding.measured.verdict for finding in findings if finding.measured)
    if measured:
        parts.append(f"Measured: {', '.join(f'{count} {verdict}' for verdict, count in sorted(measured.items()))}.")
    hints = _fixable(findings)
    parts += [f"{hints[0].upper()}{hints[1:]}."] if hints else []
    return _table(findings) * (len(findings) > GROUPED) + " ".join(parts)


def _fixable(findings: Sequence[Finding]) -> str:
    """How many can be fixed, and by which options; "" where none can."""
    safe = sum(finding.fix is not None and finding.fix.safety is Safety.SAFE for finding in findings)
    unsafe = sum(finding.fix is not None for finding in findings) - safe
    if safe and unsafe:
        return f"{safe} fixable with --fix, {unsafe} more with --fix --unsafe-fixes"
    return f"{safe} fixable with --fix" if safe else f"{unsafe} fixable with --fix --unsafe-fixes" if unsafe else ""


def _table(findings: Sequence[Finding]) -> str:
    """One line per rule: how many findings, in how many files, and how many can be fixed."""
    rows = []
    for (rule, name), count in Counter((one.rule, one.name) for one in findings).most_common():
        those = [one for one in findings if one.rule == rule]
        files = len({one.place.path for one in those})
        hint = _fixable(those)
        rows.append(f"{count:6}  {rule} {name}, in {_count(files, 'file')}{f'; {hint}' if hint else ''}\n")
    return "".join(rows)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _paint(view: View, code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if view.color else text
