"""When is a bias dead? When nothing that reads the layer can see the shift that the bias adds.

A bias adds the same number at every position of one channel. In general, a *shift* is something added to a tensor; all that matters
is the set of axes along which it may vary. For a convolution's bias on (N, C, H, W) that is {1}. Following the shift through the
operations only ever changes that set:

- a norm that subtracts the mean over some axes removes every shift that varies along none of them, and softmax over an axis every
  shift that does not vary along it;
- a linear step over an axis makes the result vary along the axis it writes; zero padding makes it vary along the padded axes, since
  the border sees less of it;
- sums, concatenations, transpositions and reshapes carry it along; a product with another tensor makes it vary wherever that does;
- everything else (nonlinearities, dropout, unknown functions, the model's own result) shows it.

The bias is dead when every path ends in a removal and at least one removal's result is used.

Training decides. A batch norm in inference mode subtracts a stored mean. Where the same norm is trained elsewhere, that mean was taken
from tensors that had the bias in them, and carries it along: an inference call beside a training call, an evaluation copy, or a frozen
copy inside a combined model keep no bias alive. A norm that only ever runs in inference mode subtracts a number that has nothing to do
with the bias, which shows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from biaslint.theory.dataflow import Node

Axes = frozenset[int]
NONE: Axes = frozenset()
FARTHEST = 12_000  # how many readers a shift is followed through
ENOUGH = 4  # how many places that show it are told
SEEN_BY_NORM = ("which does not subtract a mean per channel", "over whose mean it varies")  # why a norm shows a shift
HEADS = range(-6, -2)  # the axes before the last two, where the rank is not known


@dataclass(slots=True)
class Outcome:
    """What became of a shift: the nodes that removed it, those that showed it (with why), and norms with stored statistics."""

    removed: list[Node]
    seen: list[tuple[Node, str]]
    untrained: list[Node] = field(default_factory=list)  # norms with stored statistics, which no call takes from a batch
    carried: list[Node] = field(default_factory=list)  # norms with stored statistics, which another call takes from a batch

    @property
    def dead(self) -> bool:
        return not self.seen and any(node.readers for node in self.removed)

    @property
    def stored(self) -> bool:
        """Has the shift met nothing but norms with stored statistics? Then this is a use that does not train the layer."""
        return not self.seen and not self.dead and bool(self.untrained or self.carried)

    def counts(self) -> tuple[int, ...]:
        return len(self.removed), len(self.seen), len(self.untrained), len(self.carried)

    def add(self, other: Outcome) -> None:
        """What becomes of the shift on other paths as well."""
        self.removed += other.removed
        self.seen += other.seen
        self.untrained += other.untrained
        self.carried += other.carried


def front(axes: Iterable[int], rank: int | None) -> Axes:
    """The same axes counted from the front, as far as the rank is known."""
    if rank is None:
        return frozenset(axes)
    return frozenset(axis + rank if axis < 0 else axis for axis in axes)


def along(axes: Iterable[int], node: Node) -> Axes:
    """The axes from the front; along one of size 1 nothing varies."""
    found = front(axes, node.rank)
    if node.dims is None or 1 not in node.dims:
        return found
    return frozenset(axis for axis in found if not (0 <= axis < len(node.dims) and node.dims[axis] == 1))


def overlap(shift: Axes, axes: Iterable[int], rank: int | None) -> bool:
    """May the shift vary along one of these axes? Axes counted from both ends may be the same where the rank is not known."""
    axes = tuple(axes)
    if rank is None and shift and axes and {axis < 0 for axis in shift} | {axis < 0 for axis in axes} == {True, False}:
        return True
    return not front(shift, rank).isdisjoint(front(axes, rank))


def varying(node: Node) -> Axes:
    """The axes along which a tensor may vary, from the front where its rank is known."""
    if node.dims is None:
        return frozenset(range(-6, 6))
    return frozenset(axis for axis, size in enumerate(node.dims) if size != 1)


def aligned(axes: Axes, node: Node, result: Node) -> Axes:
    """The axes of `node` as axes of `result`, into which it was broadcast (aligned at the back)."""
    if node.rank is None or result.rank is None:
        return axes
    return frozenset((axis if axis < 0 else axis - node.rank) + result.rank for axis in axes)


class Stored(Exception):
    """The shift meets a norm with stored statistics, which would remove it in training. Behind it, it varies along `axes`."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes


class Seen(Exception):
    """The shift shows: `why` says at what."""

    def __init__(self, why: str) -> None:
        self.why = why


class Impossible(Exception):
    """A use that would raise is none."""


def _keep(node: Node, state: dict[int, Axes]) -> Axes | None:
    shifts = [state[source.id] for source in node.inputs if source.id in state]
    return frozenset().union(*shifts)


def _affine(node: Node, state: dict[int, Axes]) -> Axes | None:
    shift = state.get(node.inputs[0].id)
    if shift is None or len([1 for source in node.inputs if source.id in state]) > 1:
        raise Seen(node.name or "a computed weight")
    rank = node.inputs[0].rank
    out: set[int] = set(front(shift, rank))
    out |= front(node.info["axes"], rank)
    out |= front(node.info.get("padded", ()), rank)
    return frozenset(out)


def _norm(node: Node, state: dict[int, Axes]) -> Axes | None:
    source = node.inputs[0]
    if node.info.get("raises"):
        raise Impossible
    if source.id not in state:
        raise Seen(node.name)
    if any(other.id in state for other in node.inputs[1:]):
        raise Seen("the norm's own scale or shift")
    means = node.info["means"]
    if means is None:
        raise Seen(f"{node.name or node.info['style']}, {SEEN_BY_NORM[0]}")
    rank = source.rank
    shift = state[source.id]
    if callable(means):
        means = means(rank, shift)
    if overlap(shift, means, rank):
        raise Seen(f"{node.name or node.info['style']}, {SEEN_BY_NORM[1]}")
    if node.info.get("stored"):
        kept = frozenset(range(rank)) - front(means, rank) if rank is not None else NONE
        raise Stored(shift | kept)
    return None


def trained_elsewhere(node: Node) -> bool:
    """Is the norm, whose statistics are stored here, called in training as well?"""
    return any(call.op == "norm" and not call.info.get("stored") for call in node.info.get("calls", ()))


def _softmax(node: Node, state: dict[int, Axes]) -> Axes | None:
    axis = node.info["axis"]
    source = node.inputs[0]
    if axis is None or overlap(state[source.id], (axis,), source.rank):
        raise Seen("softmax")
    if node.info.get("cast"):  # what is added to the scores decides how they are rounded before softmax takes it away
        raise Seen("softmax in another precision")
    return None


def _attention(node: Node, state: dict[int, Axes]) -> Axes | None:
    """softmax(query · key + mask) · value. A shift of the keys that is the same for every key is gone."""
    query, key, value = node.inputs[:3]
    if query.id in state or any(other.id in state for other in node.inputs[3:]):
        raise Seen("the attention scores")
    if key.id in state and overlap(state[key.id], (-2,), key.rank):
        raise Seen("the attention scores, since it differs from key to key")
    if value.id in state:
        if overlap(state[value.id], (-2,), value.rank) or node.info.get("dropout"):
            raise Seen("the attention's result")
        return state[value.id]
    return None


def _add(node: Node, state: dict[int, Axes]) -> Axes | None:
    out: Axes = NONE
    for source in node.inputs:
        if source.id in state:
            out |= aligned(state[source.id], source, node)
    return out


def _mul(node: Node, state: dict[int, Axes]) -> Axes | None:
    shifted = [source for source in node.inputs if source.id in state]
    if len(shifted) != 1:
        raise Seen("a product with itself")
    out = aligned(state[shifted[0].id], shifted[0], node)
    for source in node.inputs:
        if source is not shifted[0]:
            if source.rank is None or node.rank is None:
                raise Seen("a product")
            out |= aligned(varying(source), source, node)
    return out


def _matmul(node: Node, state: dict[int, Axes]) -> Axes | None:
    left, right = node.inputs
    if left.id in state and right.id in state:
        raise Seen("a product with itself")
    shifted, other = (left, right) if left.id in state else (right, left)
    rank = node.rank
    if rank is None or rank < 2 or shifted.rank is None:
        # only the two last axes are known: rows come from the left factor, columns from the right one
        shift = state[shifted.id]
        if shifted.rank is not None:
            shift = frozenset(axis - shifted.rank if axis >= 0 else axis for axis in shift)
        if any(axis >= 0 for axis in shift):
            raise Seen("a matrix product")
        kept = -2 if shifted is left else -1
        made = -1 if shifted is left else -2
        return frozenset({axis for axis in shift if axis < -2} | ({kept} if kept in shift else set()) | {made, *HEADS})
    shift = aligned(front(state[shifted.id], shifted.rank), shifted, node)
    kept = rank - 2 if shifted is left else rank - 1
    made = rank - 1 if shifted is left else rank - 2
    out = {axis for axis in shift if axis < rank - 2} | ({kept} if kept in shift else set()) | {made}
    if other.op != "const":
        out |= set(range(rank - 2))
    return frozenset(out)


def _einsum(node: Node, state: dict[int, Axes]) -> Axes | None:
    terms, result = node.info["terms"]
    shifted = [(source, term) for source, term in zip(node.inputs, terms, strict=True) if source.id in state]
    if len(shifted) != 1:
        raise Seen("a product with itself")
    source, term = shifted[0]
    letters = {term[axis] for axis in front(state[source.id], len(term)) if -len(term) <= axis < len(term)}
    for other, other_term in zip(node.inputs, terms, strict=True):
        if other is not source:
            letters |= set(other_term)
    return frozenset(index for index, letter in enumerate(result) if letter in letters)


def _concat(node: Node, state: dict[int, Axes]) -> Axes | None:
    out: set[int] = set(front((node.info["axis"],), node.rank))
    for source in node.inputs:
        if source.id in state:
            out |= front(state[source.id], node.rank)
    return frozenset(out)


def _remap(node: Node, state: dict[int, Axes]) -> Axes | None:
    source = node.inputs[0]
    shift = front(state[source.id], source.rank)
    if (
        source.rank is None
        and any(axis >= 0 for axis in shift)
        and all(max(found) < 0 for found in node.info["sources"].values() if found)
    ):
        raise Seen("a tensor of unknown rank")
    if source.rank is None and shift and not node.info["sources"]:  # where its axes went is not known
        raise Seen("a tensor of unknown rank")
    return frozenset(
        axis for axis, sources in node.info["sources"].items() if not shift.isdisjoint(front(sources, source.rank))
    )


def _mask(node: Node, state: dict[int, Axes]) -> Axes | None:
    """Entries of one tensor or of another, as a third one says: where the third one varies, so does the shift.

    Minus infinity takes up any shift: where nothing but softmax reads the result, it is as if it was not there.
    """
    condition, *sources = node.inputs
    if condition.id in state:
        raise Seen("a condition")
    shifted = [source for source in sources if source.id in state]
    out = frozenset().union(*(aligned(state[source.id], source, node) for source in shifted))
    if node.info.get("low") and len(shifted) == 1 and for_scores_only(node):
        return out
    if node.rank is None or condition.rank is None:
        raise Seen("a mask")
    return out | aligned(varying(condition), condition, node)


def for_scores_only(node: Node) -> bool:
    """Does nothing but softmax read it?"""
    return bool(node.readers) and all(
        reader.op == "softmax" or (reader.op in ("keep", "mask") and for_scores_only(reader)) for reader in node.readers
    )


def _window(node: Node, state: dict[int, Axes]) -> Axes | None:
    source = node.inputs[0]
    if overlap(state[source.id], node.info["mixes"], source.rank):
        raise Seen(node.name or "a maximum")
    if node.info.get("positions"):
        return None  # where the entries stand in order is the same
    return state[source.id]


def _smooth(node: Node, state: dict[int, Axes]) -> Axes | None:
    source = node.inputs[0]
    return front(state[source.id], source.rank) | front(node.info.get("padded", ()), source.rank)


def _opaque(node: Node, state: dict[int, Axes]) -> Axes | None:
    raise Seen(node.name)


def _output(node: Node, state: dict[int, Axes]) -> Axes | None:
    raise Seen("the model's output")


TRANSFER = {
    "const": _opaque,
    "keep": _keep,
    "affine": _affine,
    "norm": _norm,
    "softmax": _softmax,
    "attention": _attention,
    "add": _add,
    "mul": _mul,
    "matmul": _matmul,
    "einsum": _einsum,
    "concat": _concat,
    "remap": _remap,
    "mask": _mask,
    "window": _window,
    "smooth": _smooth,
    "opaque": _opaque,
    "output": _output,
}


def follow(starts: Iterable[tuple[Node, Axes]], into_untrained: bool = True) -> Outcome:
    """Follow a shift forward from the nodes that carry it first, each with the axes it varies along there.

    `into_untrained`: also through norms whose statistics nothing trains, to what sees the shift behind them.

    Where only one tensor carries it on, what becomes of it from there depends on that tensor and the axes alone, and is noted there:
    along a residual stream each bias is followed to the next block only.
    """
    passed: list[tuple[Node, Axes, tuple[int, ...]]] = []
    steps, ended = 0, False
    state: dict[int, Axes] = {}
    waiting: list[tuple[int, Node]] = []
    queued: set[int] = set()

    def wake(node: Node) -> None:
        for reader in node.readers:
            if reader.id not in queued:
                queued.add(reader.id)
                heapq.heappush(waiting, (reader.id, reader))

    for node, axes in starts:
        state[node.id] = along(axes, node)
        wake(node)
    outcome = Outcome([], [])
    while waiting:
        _, node = heapq.heappop(waiting)
        steps += 1
        if steps > FARTHEST:
            outcome.seen.append((node, "more layers than are followed"))
            ended = True
            break
        shift = _transfer(node, state, outcome, into_untrained)
        if len(outcome.seen) > ENOUGH:
            ended = True
            break
        if shift is None:
            continue
        if node.id in state:
            state[node.id] |= along(shift, node)
        else:
            state[node.id] = axes = along(shift, node)
            if not waiting:
                known = node.info.get("outcomes", {}).get((axes, into_untrained))
                if known is not None:
                    outcome.add(known)
                    break
                passed.append((node, axes, outcome.counts()))
            wake(node)
    _note(passed, outcome, ended, into_untrained)
    return outcome


def _transfer(node: Node, state: dict[int, Axes], outcome: Outcome, into_untrained: bool) -> Axes | None:
    """The axes that the shift varies along behind a node; None where it ends there, and the outcome says how."""
    try:
        shift = TRANSFER[node.op](node, state)
    except Stored as stored:
        carried = trained_elsewhere(node)
        (outcome.carried if carried else outcome.untrained).append(node)
        return stored.axes if into_untrained and not carried else None
    except Impossible:
        return None
    except Seen as seen:
        outcome.seen.append((node, seen.why))
        return None
    if shift is None and not node.info.get("positions"):  # no gradient comes from these: nothing is trained by them
        outcome.removed.append(node)
    return shift


def _note(passed: list[tuple[Node, Axes, tuple[int, ...]]], outcome: Outcome, ended: bool, into_untrained: bool) -> None:
    """Note what became of the shift from each tensor on that carried it alone. `ended`: it was not followed to its end."""
    last = len(outcome.removed)
    kinds: dict[tuple[object, ...], Node] = {}
    for node, axes, (removed, seen, untrained, carried) in reversed(passed):
        for other in reversed(outcome.removed[removed:last]):
            kind = (other.op, other.info.get("style"), bool(other.readers))
            kinds.pop(kind, None)  # one of each kind tells as much as all of them: the first
            kinds[kind] = other
        last = removed
        if outcome.seen[seen:] or not ended:
            norms = outcome.untrained[untrained:][:5], outcome.carried[carried:][:5]
            known = Outcome(list(reversed(kinds.values())), outcome.seen[seen:][:5], *norms)
            node.info.setdefault("outcomes", {})[axes, into_untrained] = known
