"""JUnit's XML, which most CI systems show as test results: one suite a file, one failed case a finding."""

from __future__ import annotations

import re
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from biaslint.reporters import View
from biaslint.reporters.plain import plain
from biaslint.reporters.text import where

# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(view: View) -> str:
    """All findings; a single passed case where there are none."""
    suites = []
    for path, group in groupby(view.result.findings, key=lambda finding: finding.place.path):
        findings = list(group)
        shown = view.path(path)
        cases = []
        for finding in findings:
            details = [f"{where(view, finding.place)}: {plain(finding.message)}"]
            details += [f"{where(view, one.place)}: {plain(one.message)}" for one in finding.related]
            details += [plain(finding.advice)] * bool(finding.advice)
            details += [plain(f"measured: {finding.measured}")] * bool(finding.measured)
            cases.append(
                f"    <testcase name={_attr(f'{finding.rule} {finding.name} {finding.place.line}:{finding.place.column}')}"
                f" classname={_attr(shown)} file={_attr(shown)} line={_attr(str(view.file_lines(finding.place)[0]))}>\n"
                f"      <failure type={_attr(str(finding.severity))} message={_attr(finding.message)}>"
                f"{escape(_xml(chr(10).join(details)))}</failure>\n    </testcase>\n"
            )
        count = f'tests="{len(findings)}" failures="{len(findings)}" errors="0"'
        suites.append(f"  <testsuite name={_attr(shown)} {count}>\n{''.join(cases)}  </testsuite>\n")
    if not suites:
        suites = [
            '  <testsuite name="biaslint" tests="1" failures="0" errors="0">\n    <testcase name="biaslint"/>\n  </testsuite>\n'
        ]
    total = len(view.result.findings)
    head = f'<testsuites name="biaslint" tests="{max(total, 1)}" failures="{total}" errors="0">\n'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{"".join(suites)}</testsuites>\n'


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _attr(text: str) -> str:
    return quoteattr(_xml(plain(text)), {"\t": "&#9;"})
