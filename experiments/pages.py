"""From results to pictures and pages: a section "Measured" on each rule's page, and `docs/effects.md`, which compares all."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean
from textwrap import fill, shorten
from typing import Any

from biaslint.findings import rule_book
from experiments import pictures, results, sentences
from experiments.comparison import Comparison, comparisons, median_steps
from experiments.notes import NOTES
from experiments.results import FOLDER, ROOT

EFFECTS = ROOT / "docs/effects.md"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SECTION = re.compile(r"^## Measured\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
WIDTH = 136


def write() -> None:
    """Write all pictures and pages."""
    for path, text in made(results.load()).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


def made(found: list[dict[str, Any]]) -> dict[Path, str]:
    """Each file that follows from the results, and its text."""
    files = {FOLDER / f"{result['name']}.svg": pictures.picture(result) for result in found}
    ordered = in_order(found)
    files[FOLDER / "overview.svg"] = pictures.overview([(one, label(one)) for one in ordered])
    files[EFFECTS] = filled(EFFECTS.read_text(encoding="utf-8"), {"table": table(ordered), "coverage": coverage(found)})
    for rule in rule_book.rules():
        own = sorted((result for result in found if rule.code in result["rules"]), key=lambda result: -len(result["tasks"]))
        if own and not rule.package:
            files[rule.page] = with_section(rule.page.read_text(encoding="utf-8"), section(own))
    return files


def section(own: list[dict[str, Any]]) -> str:
    """What a rule's page says: for each experiment a sentence, a picture and the command."""
    parts = ["## Measured\n"]
    for result in own:
        name = result["name"]
        parts += [
            wrapped(sentences.headline(result)),
            f"![{result['title']}: loss curves and paired differences](../docs/effects/{name}.svg)\n",
            f"Reproduce it with `python -m experiments {name}`.\n",
        ]
    parts.append(f"[All effects]({rule_book.HOME}effects/) describes the measurements and compares the rules.\n")
    return "\n".join(parts) + "\n"


def with_section(page: str, text: str) -> str:
    """The page with its section replaced, or put in front of the examples."""
    if SECTION.search(page):
        return SECTION.sub(lambda _: text, page, count=1)
    return page.replace("## Examples\n", f"{text}## Examples\n", 1)


def wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def filled(page: str, blocks: dict[str, str]) -> str:
    """A page with its generated parts replaced."""
    return BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]}{match[3]}", page)


def in_order(found: list[dict[str, Any]]) -> list[Comparison]:
    """All comparisons, the largest cost first."""
    return sorted((one for result in found for one in comparisons(result)), key=lambda one: one.size, reverse=True)


def label(one: Comparison) -> str:
    rules = "/".join(one.result["rules"]) or "no rule"
    task = re.split(r", | \(", one.task["name"])[0]
    return shorten(f"{rules} {one.result['name']}: {task}", 50, placeholder=" ...")


def table(ordered: list[Comparison]) -> str:
    """All comparisons as rows."""
    rows = [
        "| rule | experiment | verdict | start | steps | training loss | test loss | quality at the end |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in ordered:
        flagged, fixed, task = one.flagged, one.fixed, one.task
        rules = ", ".join(f"[{code}](rules/{rule_book.find(code).name}.md#measured)" for code in one.result["rules"]) or "none"
        steps = " / ".join(f"{median_steps(variant, task):.0f}{missing(variant)}" for variant in (flagged, fixed))
        cells = [
            rules,
            f"[{one.result['title']}](effects/{one.result['name']}.svg): {task['name']}",
            (f"**{one.verdict}**" if one.verdict != one.nothing else one.verdict) + " †" * any(flagged["rates_at_edge"]),
            " / ".join(sentences.number(sentences.start(variant)) for variant in (flagged, fixed)),
            steps,
            *(
                f"{fmean(flagged[part]):.3f} / {fmean(fixed[part]):.3f} ({sentences.interval(found)})"
                for part, found in (("train", one.train), ("test", one.test))
            ),
            f"{task['quality']} {fmean(flagged['quality']):.3f} / {fmean(fixed['quality']):.3f}",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def missing(variant: dict[str, Any]) -> str:
    """How many runs did not reach the level."""
    count = variant["reached"].count(None)
    return f" ({count} of {len(variant['reached'])} never)" if count else ""


def coverage(found: list[dict[str, Any]]) -> str:
    """Each rule that says something about models, with its experiments or the reason why it has none."""
    rows = ["| rule | severity | by default | experiment |", "|---|---|---|---|"]
    for rule in rule_book.rules():
        if rule.package or not "1" <= rule.code[2] <= "6":
            continue
        own = [f"[{result['name']}](effects/{result['name']}.json)" for result in found if rule.code in result["rules"]]
        state = "on" if rule.default else "off"
        what = ", ".join(own) + (". " if own and rule.code in NOTES else "") + NOTES.get(rule.code, "")
        rows.append(f"| {rule.code} [{rule.name}](rules/{rule.name}.md) | {rule.severity} | {state} | {what} |")
    return "\n".join(rows) + "\n"
