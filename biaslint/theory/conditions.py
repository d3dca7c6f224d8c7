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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from biaslint.theory.program import ESCAPED, HANDED, OTHER, STORED, LayerUse, Place, Program, Site
from biaslint.theory.setting_values import boolean, contrary, equal, implied, nothing, of_number

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
    if not given_by_caller:
        test = telling_condition(dead, living)
        if test is not None:
            yield Verdict(site.place, dead[0], tuple(dead), when=test.text, of_round=test.of_round)
            return
        test = distinguishing_condition(of_their_choices(dead), of_their_choices(living))
        if test is not None:
            yield Verdict(site.place, dead[0], tuple(dead), when=test.text)
            return
        usual = [use for use in living if not use.deviates]
        as_usual = [use for use in dead if not use.deviates]
        test = distinguishing_condition(as_usual, living) if 0 < len(as_usual) < len(dead) else None
        if test is not None:  # it may be dead at other values as well, which nothing tells
            yield Verdict(site.place, as_usual[0], tuple(as_usual), when=test.text)
            return
        if as_usual and len(usual) < len(living):  # what the defaults say, where another value shows nothing that can be told
            test = telling_condition(as_usual, usual) if usual else None
            if usual and test is None:
                test = distinguishing_condition(of_their_choices(as_usual), of_their_choices(usual))
            if test is not None or not usual:
                kept = defaults_kept(as_usual, [use for use in living if use.deviates])
                when = conjunction(one.text for one in (test, kept) if one is not None) or None
                yield Verdict(site.place, as_usual[0], tuple(as_usual), when=when, seen_otherwise=True)
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
<<<<<<< HEAD
=======
OPPOSITES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Is: ast.IsNot(), ast.IsNot: ast.Is(), ast.In: ast.NotIn(), ast.NotIn: ast.In(), ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
    ast.Lt: ast.GtE(), ast.GtE: ast.Lt(), ast.Gt: ast.LtE(), ast.LtE: ast.Gt(),
}  # fmt: skip


def contrary(condition: str) -> str:
    """How the source would write that a condition does not hold."""
    try:
        test = ast.parse(condition, mode="eval").body
    except SyntaxError:
        return f"not ({condition})"
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return ast.unparse(ast.Compare(test.left, [OPPOSITES[type(test.ops[0])]], test.comparators))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.unparse(test.operand)
    return ast.unparse(ast.UnaryOp(ast.Not(), test))


def conjunction(texts: Iterable[str]) -> str:
    """Conditions joined by `and`, those that are alternatives in brackets."""
    return " and ".join(f"({text})" if " or " in text or " if " in text else text for text in texts)


def boolean(name: str, wanted: bool = True) -> Callable[[dict[str, Any]], bool | None]:
    """The setting is true (or, unless `wanted`, false)."""

    def holds(settings: dict[str, Any]) -> bool | None:
        if name in settings:
            return bool(settings[name]) is wanted
        value = implied(name, settings)
        return None if value is None else value is wanted

    return holds


COMPARISON = re.compile(r"(.*) (==|!=|<=|>=|<|>) (-?\d+|'[^']*')")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def implied(name: str, settings: dict[str, Any]) -> bool | None:
    """What the setting's own value says of a comparison; and what is not None, or equal to something else, is not equal to this."""
    computed = worked_out(name, settings) if COMPUTED.search(name) else None
    if computed is not None:
        return computed
    subject = name.partition(" == ")[0].removesuffix(" is None")
    compared = COMPARISON.fullmatch(name)
    if compared is not None and compared[1] in settings:
        return compare(settings[compared[1]], compared[2], ast.literal_eval(compared[3]))
    if subject == name:
        return None
    if name == f"{subject} is None" and subject in settings:
        return settings[subject] is None
    others = [other for other in settings if other.startswith(f"{subject} == ") or other == f"{subject} is None"]
    return False if any(settings[other] is True for other in others) else None


COMPUTED = re.compile(r" [-+*/%]+ |\(| in ")
NUMBERS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
ORDERED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other, ast.NotIn: lambda one, other: one not in other,
}  # fmt: skip


class NotKnown(Exception):
    """A condition is about a setting whose value is not known."""


def worked_out(condition: str, settings: dict[str, Any]) -> bool | None:
    """The truth of a condition on numbers and strings that the settings have, such as `depth % 2 == 0`; None where it is not known."""
    try:
        return bool(value_of(ast.parse(condition, mode="eval").body, settings))
    except (NotKnown, SyntaxError, TypeError, ValueError, ArithmeticError):
        return None


def value_of(node: ast.expr, settings: dict[str, Any]) -> Any:
    """The value of an expression on settings."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(value_of(item, settings) for item in node.elts)
    if isinstance(node, ast.BinOp) and type(node.op) in NUMBERS:
        sides = value_of(node.left, settings), value_of(node.right, settings)
        if all(isinstance(side, (int, float)) for side in sides):
            return NUMBERS[type(node.op)](*sides)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in ORDERED:
        return ORDERED[type(node.ops[0])](value_of(node.left, settings), value_of(node.comparators[0], settings))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = value_of(node.func.value, settings)
        if isinstance(text, str) and node.func.attr in ("startswith", "endswith", "lower", "upper", "strip", "casefold"):
            return getattr(text, node.func.attr)(*(value_of(one, settings) for one in node.args))
    elif isinstance(node, (ast.Name, ast.Attribute)):
        value = settings.get(ast.unparse(node))
        if isinstance(value, (int, float)) or (isinstance(value, str) and not value.startswith("<")):
            return value
    raise NotKnown


def compare(value: Any, symbol: str, other: Any) -> bool | None:
    """A comparison of a setting's value; None where it is no plain value."""
    if value is None or isinstance(value, bool):
        return symbol == "!=" if symbol in ("==", "!=") else None
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return None
    if isinstance(value, (int, float, str)) and isinstance(value, str) is isinstance(other, str):
        return COMPARE[symbol](value, other)
    return None


def nothing(name: str, wanted: bool = True) -> Callable[[dict[str, Any]], bool | None]:
    """The setting is None (or, unless `wanted`, is not)."""

    def holds(settings: dict[str, Any]) -> bool | None:
        known = settings[name] is None if name in settings else settings.get(f"{name} is None")
        return None if known is None else bool(known) is wanted

    return holds


def equal(name: str, value: Any) -> Callable[[dict[str, Any]], bool | None]:
    """The setting has this value."""
    return lambda settings: settings[name] == value if name in settings else None


def of_number(name: str, value: float) -> Callable[[dict[str, Any]], bool | None]:
    """The setting has this number, which is known not to be where an execution gave it another value; of other sizes nothing is said."""

    def holds(settings: dict[str, Any]) -> bool | None:
        if settings.get(f"{name} == {value!r}") is False or settings.get(name) == OTHER:
            return False
        return True if settings.get(name) == value else None

    return holds
>>>>>>> 0adc5d9 (Which norm is chosen counts only where there is one; rounds and settings together; activations, dataclass fields and JSON are settings)
