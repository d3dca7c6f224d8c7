"""What a check says: findings, with neutral changes that `biaslint.fix` turns into source edits."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from biaslint.theory.program import Place


class Severity(enum.IntEnum):
    """How bad it is. `HINT` is shown and does not fail a run by default."""

    HINT = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


class Safety(enum.Enum):
    """Safe: the same checkpoint still loads and the outputs do not change. Unsafe: anything else."""

    SAFE = "safe"
    UNSAFE = "unsafe"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class SetArgument:
    """Give the call at `place` the argument `keyword=text`; where it has it already, replace its value.

    `position` is the argument's index when it was passed by position, None where it can only be a keyword.
    """

    place: Place
    keyword: str
    text: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveArgument:
    """Take the argument `keyword` out of the call at `place`."""

    place: Place
    keyword: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class ReplaceExpression:
    """Write `text` where the expression at `place` stands."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class DeleteStatement:
    """Delete the statement at `place`; a block left empty gets `pass`."""

    place: Place


@dataclass(frozen=True, slots=True)
class InsertAfter:
    """Write the statement(s) `text` on lines of their own after the statement at `place`, with its indentation."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Wrap:
    """Write `before` and `after` around the expression at `place`: `nn.Parameter(` and `)`."""

    place: Place
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ReplaceSlice:
    """In the expression or statement at `place`, write `text` between the brackets of the one expression `subscript`."""

    place: Place
    subscript: str
    text: str


@dataclass(frozen=True, slots=True)
class MoveStatement:
    """Move the statement at `place` behind the statement of the same block that holds `after`."""

    place: Place
    after: Place


@dataclass(frozen=True, slots=True)
class ReplaceComment:
    """Write `text` where the comment at `place` stands; where it is empty, remove the comment and a line that held nothing else."""

    place: Place
    text: str


Change = (
    SetArgument
    | RemoveArgument
    | ReplaceExpression
    | DeleteStatement
    | InsertAfter
    | Wrap
    | ReplaceSlice
    | MoveStatement
    | ReplaceComment
)


@dataclass(frozen=True, slots=True)
class Fix:
    """How to mend it. `message` says what is done and, where unsafe, why it is unsafe."""

    safety: Safety
    message: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to the finding."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a measured model says of a finding: "confirmed", "refuted" or "not measured", and why."""

    verdict: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.text}" if self.text else self.verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """One report. `rule` is the code, `name` the rule's name; `when` is the condition it holds under, or None; `message` says it too."""

    rule: str
    name: str
    severity: Severity
    place: Place
    message: str
    layer: str = ""
    related: tuple[Related, ...] = ()
    when: str | None = None
    fix: Fix | None = None
    advice: str = ""  # what to write instead and what that saves, for people
    measured: Mark | None = None  # where a model was measured (`--verify`)
