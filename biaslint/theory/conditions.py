"""Where is a bias dead, and under which condition? Brings together all uses of one place in the source.

A constructor call that makes layers for several uses is reported
- without a condition when the bias is dead in all of them,
- without one also when it is alive only where no training goes on: all that sees it there are norms with stored statistics,
- at the innermost call that led only to dead ones, where the call site decides over the bias (`conv1x1(..., bias=True)`),
- with the condition that the dead uses share and the living ones do not (`use_bn`), and
- not at all otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from biaslint.theory.program import ESCAPED, HANDED, OTHER, STORED, LayerUse, Place, Program, Site
from biaslint.theory.setting_values import boolean, conjunction, contrary, equal, implied, nothing, of_number

BIASED_KINDS = ("conv", "linear", "bilinear", "rnn", "rnn_cell", "attention")
SETTLED = ("dead", "alive", "part")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A place whose bias is dead. `use` is one of the dead layers, `through` tells whether `place` is a call further out."""

    place: Place
    use: LayerUse
    uses: tuple[LayerUse, ...]
    when: str | None = None
    through: bool = False
    where: str = ""  # what the bias argument is given, where some uses have no bias because of it
    of_round: bool = False  # `when` is a condition that rounds of a loop meet differently
    seen_otherwise: bool = False  # other values of settings show the bias, which no condition tells


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on the setting `name`. `negation` is how the source would write that it does not hold."""

    name: str
    text: str
    negation: str
    holds: Callable[[dict[str, Any]], bool | None]
    of_round: bool = False


def verdicts(program: Program, is_dead: Callable[[LayerUse], bool], kinds: tuple[str, ...]) -> Iterator[Verdict]:
    """The places whose bias is dead in the sense of `is_dead`, each with its condition."""
    alive_through: set[Place] = set()
    training = {use.run for use in program.uses if use.kind in ("optimizer", "training")}
    for use in program.uses:
        if use.kind in BIASED_KINDS and use.bias.present and settled(use) and not is_dead(use) and not use.deviates:
            alive_through.update(use.chain)
    reported: set[Place] = set()
    for site in program.sites(*kinds):
        for verdict in verdicts_of_site(site, is_dead, alive_through, training):
            if verdict.place not in reported:
                reported.add(verdict.place)
                yield verdict


def settled(use: LayerUse) -> bool:
    """Is it known whether the bias is dead where it is trained?"""
    return (use.fate.kind in SETTLED and use.fate.detail != STORED) or use.fate.detail == HANDED


def verdicts_of_site(
    site: Site, is_dead: Callable[[LayerUse], bool], alive_through: set[Place], training: set[int]
) -> Iterator[Verdict]:
    """What is to be said of one constructor call. `training`: the executions that train what they build."""
    biased = [use for use in site.uses if use.bias.present is not False]
    if any(use.bias.present is None or use.fate.detail == ESCAPED for use in biased):
        return
    dead = [use for use in biased if is_dead(use)]
    trained = {use.run for use in dead}
    untrained = [use for use in biased if use.fate.detail == STORED]
    living = [use for use in biased if settled(use) and not is_dead(use)]
    living += [use for use in untrained if use.run in training - trained]  # trained with stored statistics
    if not dead or any(shares_variables(use) for use in living if use.run in trained):
        return
    given_by_caller = bool(dead[0].bias.argument_text) and dead[0].bias.argument_text not in ("True", "False")
    if not living:
        test = training_condition(dead, untrained) if untrained and not given_by_caller else None
        if test is not None and not MODE.fullmatch(test.name):
            yield Verdict(site.place, dead[0], tuple(dead), when=test.text)
            return
        where = dead[0].bias.argument_text if given_by_caller and len(biased) < len(site.uses) else ""
        yield Verdict(site.place, dead[0], tuple(dead), where=where)
        return
    found = None if given_by_caller else under_a_condition(site.place, dead, living)
    if found is not None:
        yield found
        return
    helped = list(at_a_call_of_a_helper(dead, living))
    if helped:
        yield from helped
        return
    for use in dead:
        frame = next((place for place in use.chain[1:] if place not in alive_through), None)
        if frame is not None:
            yield Verdict(frame, use, (use,), through=True)
        elif given_by_caller:
            test = telling_condition(dead, living)
            if test is not None:
                yield Verdict(site.place, dead[0], tuple(dead), when=test.text)
                return


def under_a_condition(place: Place, dead: list[LayerUse], living: list[LayerUse]) -> Verdict | None:
    """The verdict with a condition that tells the dead uses, or those under the defaults, from the living ones; None where there is none."""
    choosing = [use for use in dead if use.choices] or dead  # where a value is given, nothing is chosen
    test = telling_condition(dead, living)
    test = test or distinguishing_condition(of_their_choices(choosing), of_their_choices(living))
    if test is not None:
        return Verdict(place, dead[0], tuple(dead), when=test.text, of_round=test.of_round)
    usual = [use for use in living if not use.deviates]
    as_usual = [use for use in dead if not use.deviates]
    clear = [use for use in dead if all(use.settings != other.settings for other in living)]
    for part in (as_usual, clear):  # under other settings it may be dead as well, which nothing tells, or which depends on more
        test = distinguishing_condition(part, living) if 0 < len(part) < len(dead) else None
        if test is not None:
            return Verdict(place, part[0], tuple(part), when=test.text)
    if as_usual and len(usual) < len(living):  # what the defaults say, where another value shows nothing that can be told
        test = telling_condition(as_usual, usual) if usual else None
        if usual and test is None:
            test = distinguishing_condition(of_their_choices(as_usual), of_their_choices(usual))
        if test is not None or not usual:
            kept = defaults_kept(as_usual, [use for use in living if use.deviates])
            when = conjunction(one.text for one in (test, kept) if one is not None) or None
            return Verdict(place, as_usual[0], tuple(as_usual), when=when, seen_otherwise=True)
    test = first_settings(dead, living)
    return Verdict(place, dead[0], tuple(dead), when=test.text) if test is not None else None


def training_condition(dead: list[LayerUse], untrained: list[LayerUse]) -> Test | None:
    """A condition on the settings of the function that makes the layer, or of one that calls it, under which its norm is trained."""
    outward = [
        (of_the_caller(dead, depth), of_the_caller(untrained, depth))
        for depth in range(1, 1 + min((len(use.outer_settings) for use in (*dead, *untrained)), default=0))
    ]
    for one, other in ((dead, untrained), (of_their_choices(dead), of_their_choices(untrained)), *outward):
        test = distinguishing_condition(one, other)
        if test is not None:
            return test
    return None


def at_a_call_of_a_helper(dead: list[LayerUse], living: list[LayerUse]) -> Iterator[Verdict]:
    """Verdicts on the innermost calls at which the dead and the living uses come apart, where helpers make a variable.

    `biases = variable_on_cpu("biases", [n], ...)` stands where the bias can be left out, under the conditions of its own function.
    """
    waiting = dead
    for depth in range(1, 1 + max((len(use.outer_settings) for use in dead), default=0)):
        groups: dict[Place, list[LayerUse]] = {}
        for use in waiting:
            if min(len(use.outer_settings), len(use.chain) - 1) >= depth:
                groups.setdefault(use.chain[depth], []).append(use)
        waiting = []
        for place, uses in groups.items():
            others = [use for use in living if use.chain[depth : depth + 1] == (place,)]
            test = distinguishing_condition(of_the_caller(uses, depth), of_the_caller(others, depth)) if others else None
            if test is not None or not others:
                yield Verdict(place, uses[0], tuple(uses), when=test.text if test else None, through=True)
            else:
                waiting += uses


def of_their_choices(uses: list[LayerUse]) -> list[LayerUse]:
    """The uses with the settings that their functions find elsewhere: `self.norm`, `args.bn`, `config["norm"]`."""
    return [replace(use, settings=use.choices) for use in uses]


def of_the_caller(uses: list[LayerUse], depth: int) -> list[LayerUse]:
    """The uses with the settings of the function that holds the call so far out."""
    return [replace(use, settings=use.outer_settings[depth - 1] if depth <= len(use.outer_settings) else {}) for use in uses]


def telling_condition(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """A condition on the parameters; where there is none but on a whole list, one that the rounds of a loop have met differently."""
    test = distinguishing_condition(dead, living)
    if any(use.rounds for use in dead) and (test is None or str(dead[0].settings.get(test.name)).endswith(" items>")):
        of_round = distinguishing_condition(list(map(with_rounds, dead)), list(map(with_rounds, living)))
        return replace(of_round, of_round=True) if of_round is not None else test
    return test


def with_rounds(use: LayerUse) -> LayerUse:
    """The use with what its round of a loop has met among its settings."""
    return replace(use, settings={**use.rounds, **use.settings})


def distinguishing_condition(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """A condition on the enclosing function's parameters that holds for all dead uses and for none of the living.

    Several may do so by chance, where parameters are set together. The one that counts is the one that differs alone between a dead
    and a living use; where none does, the one that names a norm; where several remain, none is returned.
    """
    dead, living = with_settings_of_their_own(dead), with_settings_of_their_own(living)
    found = [
        test
        for test in tests(dead)
        if all(test.holds(use.settings) is True for use in dead) and all(test.holds(use.settings) is False for use in living)
    ]
    for choice in (
        found,
        [test for test in found if differs_alone(test.name, dead, living)],
        [test for test in found if NORM.search(test.name)],
    ):
        if len({test.name for test in choice}) == 1:
            return choice[0]
    return None if found else all_of(dead, living) or one_of(dead, living)


def with_settings_of_their_own(uses: list[LayerUse]) -> list[LayerUse]:
    """One of the uses for each set of settings."""
    seen: set[int] = set()
    found: dict[str, LayerUse] = {}
    for use in uses:
        if id(use.settings) not in seen:
            seen.add(id(use.settings))
            found.setdefault(settings_without("", use), use)
    return list(found.values())


def all_of(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """Two or three conditions that hold for all dead uses, and one of which fails for each living one. Each has to matter alone."""
    shared = [
        test
        for test in tests(dead)
        if all(test.holds(use.settings) is True for use in dead)
        and (differs_alone(test.name, dead, living) or decides_alone(test.name, dead, living))
    ]
    for size in (2, 3):
        found = [
            chosen
            for chosen in combinations(shared, size)
            if len({test.name for test in chosen}) == size
            and all(any(test.holds(use.settings) is False for test in chosen) for use in living)
        ]
        if found:
            return joined(found[0]) if len(found) == 1 else None
    return None


def defaults_kept(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """The conditions that say that the settings are what they are by default, of which one fails for each living use."""
    shared = [test for test in tests(dead) if all(test.holds(use.settings) is True for use in dead)]
    found: dict[str, Test] = {}
    for use in living:
        failing = [test for test in shared if test.holds(use.settings) is False]
        if not failing:
            return None
        if not any(test.text in found for test in failing):
            found[failing[-1].text] = failing[-1]  # the most particular one
    return joined(tuple(found.values())) if 0 < len(found) < 4 else None


def first_settings(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """The settings of the first execution, where it shows the bias dead, as far as each other value of one shows it alive.

    Flags that only count together (`a != b`, `a and (b or c)`) make no condition that holds for all dead uses.
    """
    first = min(use.run for use in (*dead, *living))
    initial = [use for use in dead if use.run == first]
    if not initial or any(use.run == first for use in living):
        return None
    shared = [test for test in tests(initial) if all(test.holds(use.settings) is True for use in initial)]
    found: dict[str, Test] = {}
    for use in living:
        failing = [test for test in shared if test.holds(use.settings) is False]
        if len({test.name for test in failing}) == 1:
            found.setdefault(failing[0].name, failing[0])
    if not 1 < len(found) < 4 or not all(any(test.holds(use.settings) is False for test in found.values()) for use in living):
        return None
    return joined(tuple(test for test in shared if found.get(test.name) is test))


def joined(parts: tuple[Test, ...]) -> Test:
    """The condition that several hold together."""

    def holds(settings: dict[str, Any]) -> bool | None:
        answers = [test.holds(settings) for test in parts]
        return False if False in answers else None if None in answers else True

    texts, negations = conjunction(test.text for test in parts), " or ".join(test.negation for test in parts)
    return Test(", ".join(test.name for test in parts), texts, negations, holds)


def one_of(dead: list[LayerUse], living: list[LayerUse]) -> Test | None:
    """A few conditions, none of which holds for a living use, and one of which holds for each dead one: the values of one setting,
    or settings that speak of norms."""
    candidates: dict[str, Test] = {}
    for use in dead:
        for test in tests([use]):
            if test.holds(use.settings) is True and all(test.holds(other.settings) is False for other in living):
                candidates.setdefault(test.text, test)
    for size in (1, 2, 3):
        found = [
            chosen
            for chosen in combinations(candidates.values(), size)
            if all(any(test.holds(use.settings) is True for test in chosen) for use in dead)
            and not any(
                all(any(test.holds(use.settings) is True for test in fewer) for use in dead)
                for fewer in combinations(chosen, size - 1)
            )
        ]
        for choice in (
            found,
            [chosen for chosen in found if len({subject_of(test) for test in chosen}) == 1],
            [chosen for chosen in found if all(NORM.search(test.name) for test in chosen)],
        ):
            if len(choice) == 1:
                return united(choice[0])
    return None


VALUE = re.compile(r"(.*) == ('.*')")


def subject_of(test: Test) -> str:
    """The setting that a condition compares with something."""
    found = VALUE.fullmatch(test.text)
    return found[1] if found else test.name


def united(parts: tuple[Test, ...]) -> Test:
    """The condition that one of several holds."""
    if len(parts) == 1:
        return parts[0]
    values = [VALUE.fullmatch(test.text) for test in parts]
    subjects = {found[1] for found in values if found}
    if len(subjects) == 1 and all(values):
        items = ", ".join(found[2] for found in values if found)
        subject = subjects.pop()
        text, negation = f"{subject} in ({items})", f"{subject} not in ({items})"
    else:
        text, negation = " or ".join(test.text for test in parts), conjunction(test.negation for test in parts)

    def holds(settings: dict[str, Any]) -> bool | None:
        answers = [test.holds(settings) for test in parts]
        return True if True in answers else None if None in answers else False

    return Test(", ".join(test.name for test in parts), text, negation, holds)


NORM = re.compile(r"norm|bn", re.IGNORECASE)
# a parameter that says whether this is training: it does not decide whether a bias has an effect, since training is what counts
MODE = re.compile(
    r"((is_?)?(train|training|trainable|test|testing|eval|evaluate|inference|infer|phase|phase_?train|train(ing)?_?(phase|mode|flag|ph))"
    r"|mode|reuse\w*)( .*)?",
    re.IGNORECASE,
)

REUSE = re.compile(
    r"_?reuse\w*"
)  # a parameter that says whether variables are shared with an earlier call: they have one bias then


LABELS = ("name", "scope", "prefix", "suffix")  # what a layer is called decides nothing


def shares_variables(use: LayerUse) -> bool:
    """Has it the bias of an earlier call?"""
    return any(REUSE.fullmatch(name) and value not in (False, None) for name, value in use.settings.items())


def differs_alone(name: str, dead: list[LayerUse], living: list[LayerUse]) -> bool:
    """Is there a dead and a living use with the same settings but for this one?"""
    others = {settings_without(name, use) for use in living}
    return any(settings_without(name, use) in others for use in dead)


def decides_alone(name: str, dead: list[LayerUse], living: list[LayerUse]) -> bool:
    """Is there a living use in which this setting is another one than in a dead use, and that asked for no setting which differs beside?"""
    subject = name.partition(" == ")[0]
    return any(
        name in one.settings
        and one.settings[name] != use.settings.get(name, one.settings[name])
        and all(
            use.settings.get(other) == value for other, value in one.settings.items() if other.partition(" == ")[0] != subject
        )
        for one in living
        for use in dead
    )


def settings_without(name: str, use: LayerUse) -> str:
    """The settings of a use but for one, as text that can be compared."""
    return repr(sorted((key, value) for key, value in use.settings.items() if key != name))


def tests(uses: list[LayerUse]) -> Iterator[Test]:
    """Conditions that the first of the uses fulfils, the plainest first."""
    settings = {
        name: value
        for name, value in uses[0].settings.items()
        if value != OTHER and not (REUSE.fullmatch(name) or name in LABELS)
    }
    for name, value in settings.items():
        if isinstance(value, bool) and " " in name:  # a comparison that was asked for
            if not value and implied(name, settings) is False:
                continue  # that it is something else says more
            opposite = contrary(name)
            yield Test(name, name if value else opposite, opposite if value else name, boolean(name, value))
        elif isinstance(value, bool):
            yield (
                Test(name, name, f"not {name}", boolean(name))
                if value
                else Test(name, f"not {name}", name, boolean(name, False))
            )
    for name, value in settings.items():
        if value is None:
            yield Test(name, f"{name} is None", f"{name} is not None", nothing(name))
        elif isinstance(value, str) and value.endswith(" instance>"):  # another class may do something else
            text = f"isinstance({name}, {value[1:-10].rpartition('.')[2]})"
            yield Test(name, text, f"not {text}", equal(name, value))
        elif not isinstance(value, bool):
            yield Test(name, f"{name} is not None", f"{name} is None", nothing(name, False))
    for name, value in settings.items():
        if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
            text = uses[0].spelled.get(name, "")
            if not value.endswith(MADE):
                text = text or value[1:-1]
                yield Test(name, f"{name} is {text}", f"{name} is not {text}", equal(name, value))
            elif text:  # what was made as the default is like nothing else
                yield Test(name, f"{name} == {text}", f"{name} != {text}", equal(name, value))
        elif isinstance(value, str):
            yield Test(name, f"{name} == {value!r}", f"{name} != {value!r}", equal(name, value))
        elif type(value) in (int, float):  # a number is a size, not a setting to decide by, unless it was given another value
            yield Test(name, f"{name} == {value!r}", f"{name} != {value!r}", of_number(name, value))


MADE = (" items>", " instance>", " partial>", "<lambda>>")
