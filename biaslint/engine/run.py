"""One run, from paths to findings. Read this first.

    discover the files -> read them -> the analysis says what they build -> each enabled check says what is wrong with it
    -> comments and settings silence some of it -> sort

Everything that shows findings (command line, editor, tests) calls `lint`, `lint_files`, `lint_text` or `lint_sealed` and decides nothing.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint import checks
from biaslint.analysis.limits import Limits
from biaslint.analysis.session import AnalysisSession
from biaslint.config import Config, ConfigError, discovery, saved_models
from biaslint.engine import elsewhere, proofs, repeats, silenced, triage
from biaslint.findings import rule_book, suppressions
from biaslint.findings.finding import Finding, Severity
from biaslint.source import file as source_file
from biaslint.theory.program import LayerUse, Place, Program, Silenced, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.incremental.editor_memory import EditorMemory
    from biaslint.analysis.incremental.store import ResultStore
    from biaslint.engine.cache import Cache

NOT_SEEN = ("unknown",)  # the fates of a bias whose readers are not fully known


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was looked at. `known` of `layers` layers with a bias have readers that are all known."""

    files: int = 0
    skipped: int = 0  # files that mention no framework
    layers: int = 0
    known: int = 0
    suppressed: int = 0
    called: int = 0  # layers of any kind that an execution called


@dataclass(slots=True)
class Result:
    """What a run found.

    `problems` are what the caller did wrong, `errors` what biaslint did; either makes the exit status 2. `notes` only inform.
    """

    findings: list[Finding] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    unknowns: list[UnknownFact] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    silenced: list[Silenced] = field(default_factory=list)  # the layers in front of a norm that are not judged
    problems: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    statistics: Statistics = field(default_factory=Statistics)
    texts: Mapping[Path, str] = field(default_factory=dict)
    uses: list[LayerUse] = field(default_factory=list)  # the layers, for who shows them
    executions: list[tuple[str, int]] = field(default_factory=list)  # made by this run: the entry point, the steps


FAULT = "internal error"  # how the end of an execution begins that a fault of the analysis has ended
KEPT = ("findings", "unknowns", "stopped", "silenced", "notes")  # of a result, from one run to the next


def lint(
    paths: Sequence[Path],
    config: Config,
    cache: Cache | None = None,
    jobs: int = 0,
    limits: Limits | None = None,
    seconds: float | None = None,
    found: discovery.Found | None = None,
) -> Result:
    """Lint files and folders (absolute paths), of which `found` are the files. With a `cache`, unchanged runs return the cached result.

    `jobs` is the number of processes, 0 for one per core; what is found does not depend on it. No model is executed after `seconds`:
    what was left out is an error, and what it may use is not judged.
    """
    found = found or discovery.files(paths, config)
    known = None
    if cache is not None:
        cache.begin(found.files, config, paths)
        known = cache.recall()
    if known is not None:
        result = _recalled(known, found.files)
    else:
        pieces = cache.pieces() if cache is not None else None
        deadline = None if seconds is None else time.monotonic() + seconds
        session = AnalysisSession(None, pieces, jobs, limits or Limits(), deadline=deadline)
        result = _Run(found.files, config, {}, session, pieces, cache).result(prove=True)
        if cache is not None and pieces is not None and not result.errors:
            kept = {name: getattr(result, name) for name in KEPT} | {"statistics": astuple(result.statistics)}
            cache.keep(kept, pieces)
    result.problems = found.problems + result.problems
    if not found.files and not found.problems:
        result.notes.append(f"no Python file or notebook in {', '.join(map(str, paths))}")
        result.notes += [saved_models.hint(saved) for path in paths if (saved := saved_models.saved_in(path)) is not None]
    return result


def _recalled(known: dict[str, Any], files: Sequence[Path]) -> Result:
    """The result that a cache gives back."""
    return Result(files=list(files), statistics=Statistics(*known.pop("statistics")), **known)


def lint_text(
    text: str | bytes, path: Path, config: Config, others: Mapping[Path, str] | None = None, limits: Limits | None = None
) -> Result:
    """Lint one text as the content of `path`; `others` are further unsaved texts that imports may lead to."""
    if isinstance(text, bytes):
        try:
            text = source_file.decode(text)
        except source_file.Unreadable as error:
            return Result([_unreadable(str(path), error)], [path])
    return lint_files([path], config, {**(others or {}), path: text}, limits=limits)


def lint_files(
    files: Sequence[Path],
    config: Config,
    texts: Mapping[Path, str] | None = None,
    memory: EditorMemory | None = None,
    jobs: int = 0,
    limits: Limits | None = None,
    prove: bool = True,
) -> Result:
    """Lint these files and no others. `texts` holds unsaved text that stands for a file's content.

    Reuse the same `memory` across runs on one project; create a new one if the configuration changes. `limits` bound the analysis.
    Without `prove`, call `prove_fixes` before a fix is shown.
    """
    return _Run(files, config, texts or {}, AnalysisSession(memory, None, jobs, limits or Limits())).result(prove)


def lint_sealed(contents: Mapping[Path, bytes], config: Config, limits: Limits | None = None) -> Result:
    """Lint the contents of files that are a whole project, by their (absolute) paths; no file is opened. Fixes are not proved."""
    texts: dict[Path, str] = {}
    unreadable: list[Finding] = []
    for path, data in contents.items():
        try:
            texts[path] = source_file.decode(data)
        except source_file.Unreadable as error:
            unreadable.append(_unreadable(str(path), error))
    session = AnalysisSession(jobs=1, limits=limits or Limits(), sealed=True)
    result = _Run(sorted(texts), config, texts, session).result(prove=False)
    if rule_book.UNREADABLE_FILE in config.enabled():
        result.findings = sorted([*result.findings, *(_at_severity(one, config) for one in unreadable)], key=_order)
    return result


@dataclass(slots=True)
class _Run:
    """One run on files, from the facts to the findings. `store` is what earlier runs left in the `cache`."""

    files: Sequence[Path]
    config: Config
    texts: Mapping[Path, str]
    session: AnalysisSession
    store: ResultStore | None = None
    cache: Cache | None = None
    errors: list[str] = field(default_factory=list)
    recalled: dict[str, Any] | None = None  # the last run's result, where this one would be the same
    looked: dict[str, triage.Glance] = field(default_factory=dict)
    candidates: list[Path] = field(default_factory=list)  # the files that may build models

    def result(self, prove: bool) -> Result:
        """What the run finds."""
        self.looked = {str(file): triage.at(file, self.texts, self.store) for file in self.files}
        self.candidates = [file for file in self.files if self.looked[str(file)].mentions]
        callers = triage.callers({file: self.looked[str(file)] for file in self.files})
        program = _analyse(sorted([*self.candidates, *callers]), self, self.session)
        if self.recalled is not None:
            return _recalled(self.recalled, self.files)
        # A file that makes a layer has been parsed, whether or not the analysis says so; of the others, some could not be.
        parsed = program.parsed | {use.place.path for use in program.uses}
        found = self.by_file([*self.unreadable(parsed), *self.checked(program)])
        places = {finding.place for one in found.values() for finding in one}
        kept: list[Finding] = []
        for path in sorted({*found, *(str(file) for file in self.candidates)}):
            comments = self.looked[path].comments
            chosen = self.config.at(path)
            left = _unsuppressed(path, found.get(path, []), comments, chosen.enabled(), chosen)
            kept += [_at_severity(finding, chosen) for finding in left] if chosen.severity else left
        suppressed = sum(map(len, found.values())) - sum(one.rule != rule_book.UNUSED_SUPPRESSION for one in kept)
        if program.left_out:
            self.errors.append(_left_out(program.left_out, self.config.root))
            kept = [replace(finding, fix=None) for finding in kept]
        elif prove:
            kept = self.proved(kept, program.uses, [file for file in self.candidates if str(file) in parsed])
        return Result(
            findings=repeats.said_once(sorted(kept, key=_order), self.texts),
            files=list(self.files),
            unknowns=sorted(program.unknowns, key=lambda fact: (fact.place, fact.what)),
            stopped=sorted(program.stopped),
            silenced=silenced.silenced(program.uses, places, {str(file) for file in self.files}),
            errors=self.errors
            + [f"{root}: {why}; nothing is reported from it" for root, why in sorted(program.stopped) if why.startswith(FAULT)],
            statistics=self.statistics(program, suppressed),
            texts=self.texts,
            uses=program.uses,
            executions=program.executions,
        )

    def is_known(self, program: Program) -> bool:
        """Is this run made of what the last one was made of? What is not parsed is looked at again."""
        if self.cache is not None and self.store is not None and all(str(file) in program.parsed for file in self.candidates):
            self.store.recall_all(proofs.PROOF)
            self.recalled = self.cache.recall_made_of(self.store.mark())
        return self.recalled is not None

    def unreadable(self, parsed: set[str]) -> Iterator[Finding]:
        """The files that cannot be read or are not valid Python."""
        for path, one in self.looked.items():
            if one.unreadable is not None:
                yield _unreadable(path, source_file.Unreadable(*one.unreadable))
            yield from _unreadable_cells(path, one.bad_cells)
        for file in self.candidates:
            if str(file) in parsed:
                continue
            try:
                source = source_file.read(file, self.texts.get(file))
            except source_file.Unreadable as error:  # it has changed just now
                yield _unreadable(str(file), error)
                continue
            try:
                source_file.check_syntax(source.text)
            except source_file.Unreadable as error:
                cell, line = source.locate(error.line)
                yield _unreadable(str(file), source_file.Unreadable(str(error), line, error.column), cell)

    def checked(self, program: Program) -> list[Finding]:
        """What the rules of each file's configuration find, at its severities. Configurations with the same rules are run together."""
        rules = {one.root: (one.enabled(), one.named()) for one in self.config.all()}
        found = []
        for enabled, named in dict.fromkeys(rules.values()):
            for finding in _run_checks(program, enabled, self.errors, named):
                chosen = self.config.at(finding.place.path)
                if rules[chosen.root] == (enabled, named):
                    found.append(_at_severity(finding, chosen) if chosen.severity else finding)
        return found

    def by_file(self, findings: Sequence[Finding]) -> dict[str, list[Finding]]:
        """The findings of enabled rules in the files that were asked for, each once."""
        enabled = {one.root: one.enabled() for one in self.config.all()}
        asked = {str(file): enabled[self.config.at(file).root] for file in self.files}
        found: dict[str, list[Finding]] = {}
        for finding in dict.fromkeys(findings):
            if finding.rule in asked.get(finding.place.path, ()):
                found.setdefault(finding.place.path, []).append(finding)
        return found

    def proved(self, findings: Sequence[Finding], uses: Sequence[LayerUse], files: Sequence[Path]) -> list[Finding]:
        """The findings, without the fixes that cannot be proved."""
        try:
            return proofs.proved(
                elsewhere.compatible(findings, uses, self.texts),
                uses,
                self.config,
                self.texts,
                files,
                self.checked,
                self.store,
            )
        except Exception as error:
            self.errors.append(f"proofs of fixes: {_internal(error)}")
            return [replace(one, fix=None) for one in findings]

    def statistics(self, program: Program, suppressed: int) -> Statistics:
        biased = [use for use in program.uses if use.bias.present]
        return Statistics(
            files=len(self.files),
            skipped=len(self.files) - len(self.candidates),
            layers=len(biased),
            known=sum(use.fate.kind not in NOT_SEEN and not use.fate.guarded for use in biased),
            suppressed=suppressed,
            called=sum(use.fate.kind != "uncalled" for use in program.uses),
        )


def prove_fixes(result: Result, findings: Sequence[Finding], config: Config) -> list[Finding]:
    """Some findings of a result, without the fixes that cannot be proved: see `biaslint.engine.proofs`."""
    run = _Run(result.files, config, result.texts, AnalysisSession(), errors=result.errors)
    return run.proved(findings, result.uses, result.files)


def check_settings(config: Config) -> None:
    """Check what the configuration cannot check by itself: that `layers` names layers of a framework. Raises ConfigError."""
    if not config.layers:
        return
    from biaslint.analysis import machine

    for layer, told in config.layers.items():
        if not machine.knows_layer(told["like"]):
            near = machine.nearest_layer(told["like"])
            raise ConfigError(
                f"{config.file}: 'layers': {told['like']!r}, named by `like` of {layer!r}, is not a layer of a framework"
                + (f"; did you mean {near!r}?" if near else "")
            )


def _at_severity(finding: Finding, config: Config) -> Finding:
    """The finding, with the severity that the settings give its rule."""
    return replace(finding, severity=config.severity_of(finding.rule, finding.severity))


def _order(finding: Finding) -> tuple[str, int, int, int, str, str]:
    place = finding.place
    return (place.path, place.cell or 0, place.line, place.column, finding.rule, finding.message)


def _unreadable(path: str, error: source_file.Unreadable, cell: int | None = None) -> Finding:
    """What cannot be read; a hint where it is no mistake: a file of another Python."""
    rule = rule_book.find(rule_book.UNREADABLE_FILE)
    place = Place(path, error.line, error.column, error.line, error.column + 1, cell)
    severity = Severity.HINT if source_file.PYTHON_2 in str(error) else rule.severity
    return Finding(rule.code, rule.name, severity, place, str(error), advice="nothing else was checked in this file")


def _unreadable_cells(path: str, cells: Sequence[tuple[int, int, int, str]]) -> list[Finding]:
    """A hint for each cell of a notebook that is not valid Python; one for all that are Python 2."""
    rule = rule_book.find(rule_book.UNREADABLE_FILE)
    found: list[Finding] = []
    told = False
    for cell, line, column, message in cells:
        older = source_file.is_python_2(message)
        if not (older and told):
            place = Place(path, line, column, line, column + 1, cell)
            text = f"SyntaxError: {message}" + (f"; {source_file.PYTHON_2}" if older else "")
            advice = "this cell was not checked; the others were"
            found.append(Finding(rule.code, rule.name, Severity.HINT, place, text, advice=advice))
        told = told or older
    return found


def _analyse(files: Sequence[Path], run: _Run, session: AnalysisSession) -> Program:
    """The layers that the files build. Where the analysis breaks, the files that break it are singled out and the others analysed."""
    from biaslint.analysis import run as analysis

    if not files:
        return Program()
    config = run.config
    try:
        known = run.is_known if session.store is not None else None
        return analysis.analyse(files, config.root, run.texts, config.layers, session, known)
    except analysis.Damaged:
        if run.store is not None:
            run.store.clear()
        return _analyse(files, run, replace(session, store=None))
    except Exception as error:
        if session.memory is not None:
            session.memory.clear()
        if len(files) == 1:
            run.errors.append(f"{files[0]}: {_internal(error)}")
            return Program()
    half = len(files) // 2
    alone = AnalysisSession(jobs=session.jobs, limits=session.limits, sealed=session.sealed)
    return _joined(*(_analyse(part, run, alone) for part in (files[:half], files[half:])))


def _joined(one: Program, other: Program) -> Program:
    """Both programs, with the executions of the second counted on from the first's."""
    shift = max((use.run for use in one.uses), default=-1) + 1
    for use in other.uses:
        use.run += shift
    return Program(
        one.uses + other.uses,
        one.unknowns + other.unknowns,
        one.stopped + other.stopped,
        one.parsed | other.parsed,
        one.executions + other.executions,
        one.left_out + other.left_out,
    )


def _run_checks(program: Program, enabled: frozenset[str], errors: list[str], named: frozenset[str]) -> list[Finding]:
    findings = []
    for rule in rule_book.rules():
        if rule.code not in enabled or rule.made_by != "check":
            continue
        try:
            for report in checks.load(rule.name, rule.package)(program):
                if report.on_request and rule.code not in named:
                    continue
                findings.append(
                    Finding(
                        rule=rule.code,
                        name=rule.name,
                        severity=report.severity or rule.severity,
                        place=report.place,
                        message=report.message,
                        layer=report.layer,
                        related=report.related,
                        when=report.when,
                        fix=report.fix,
                        advice=report.advice,
                    )
                )
        except Exception as error:
            errors.append(f"{rule.code} {rule.name}: {_internal(error)}")
    return findings


def _left_out(entry_points: Sequence[tuple[str, str]], root: Path) -> str:
    """What the time limit left out, in words."""
    names = [f"`{name}` ({os.path.relpath(path, root)})" for path, name in entry_points[:3]]
    few = ", ".join(names) + (f" and {len(entry_points) - 3} more" if len(entry_points) > 3 else "")
    return f"time limit reached before {few}; code they may use is not reported, and no fixes are offered"


def _internal(error: BaseException) -> str:
    """An error of ours in one line, with the place where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"internal error: {type(error).__name__}: {error}{place}"


def _unsuppressed(
    path: str, findings: list[Finding], comments: Sequence[suppressions.Suppression], enabled: frozenset[str], config: Config
) -> list[Finding]:
    """What is left of a file's findings after its comments and the settings for it, with the comments that silence nothing."""
    off = config.ignored_in(path)
    ran = frozenset(rule.code for rule in rule_book.rules() if rule.made_by != "runtime" and rule.code in enabled - off)
    left, idle = suppressions.apply([finding for finding in findings if finding.rule not in off], comments, ran, path)
    return left + [finding for finding in idle if finding.rule not in off]
