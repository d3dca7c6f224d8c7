"""Operations that move entries to other places and axes: each function adds one node to the flow and computes its dimensions.

Names and conventions are PyTorch's, as in `ops`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import SequenceValue
from biaslint.analysis.tensors import nodes
from biaslint.theory import term_arithmetic, terms
from biaslint.theory.dataflow import MAX_AXES, Dim, Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


# -- dimensions --------------------------------------------------------------------------------------------------------------


def remap(ex: Execution, x: Node, sources: Mapping[int, tuple[int, ...]], dims: Dims | None, name: str) -> Node:
    """Axis j of the result comes from the axes `sources[j]`."""
    return nodes.make(ex, "remap", [x], dims, name, sources=sources)


def permute(ex: Execution, x: Node, order: Sequence[int]) -> Node:
    rank = len(order)
    if x.dims is None:
        ex.flow.learn_rank(x, rank)
    order = [axis % rank for axis in order]
    dims = tuple(x.dims[axis] for axis in order) if x.dims is not None and len(x.dims) == rank else None
    return remap(ex, x, {place: (axis,) for place, axis in enumerate(order)}, dims, "permute")


def transpose(ex: Execution, x: Node, one: int, two: int) -> Node:
    if x.dims is None:
        if one >= 0 and two >= 0:
            ex.flow.learn_rank(x, max(3, one + 1, two + 1))
        else:
            # the last axes of a tensor of unknown rank
            sources = {axis: (axis,) for axis in range(-6, 0)} | {one: (two,), two: (one,)}
            return nodes.make(ex, "remap", [x], None, "transpose", sources=sources)
    rank = x.rank or 0
    if not (-rank <= one < rank and -rank <= two < rank):
        return ex.opaque(x, name="transpose")
    order = list(range(rank))
    order[one % rank], order[two % rank] = order[two % rank], order[one % rank]
    return permute(ex, x, order)


def reshape(ex: Execution, x: Node, target: Sequence[Value], name: str = "reshape") -> Node:
    """view and reshape: which axes of the result does each axis of the input spread over?"""
    ex.doubts += 1
    if len(target) > MAX_AXES:
        return ex.opaque(x, name=name)
    goal: list[Dim] = [nodes.dim_of(ex, value) for value in target]
    rank = len(goal)
    if x.dims is None:
        # only the leading axes that are named by their own sizes are known to stay
        sources: dict[int, tuple[int, ...]] = {}
        matched = 0
        while matched < rank and goal[matched] == terms.Dimension(x.id, matched):
            sources[matched] = (matched,)
            matched += 1
        others = tuple(range(matched, matched + 6)) + tuple(range(-6, 0))
        tail = of_last_axis(ex, x, goal)
        for axis in range(matched, rank):
            sources[axis] = others if not tail else (*(one for one in others if (one == -1) is (axis in tail) or one >= 0),)
        made = remap(ex, x, sources, tuple(ex.fresh().key if dim == -1 else dim for dim in goal), name)
        if len(tail) > 1 and isinstance(goal[tail[0]], int):
            made.info["pieces_along"] = {tail[0]: goal[tail[0]]}
        return made
    have = list(x.dims)
    goal = [ex.fresh().key if dim == -1 else dim for dim in goal]
    wild = [index for index, value in enumerate(target) if value == -1 and values.is_constant(value)]
    sources = match_axes(have, goal, wild[0] if wild else None)
    if wild:
        goal[wild[0]] = wild_size(have, goal, wild[0], sources) or goal[wild[0]]
    made = remap(ex, x, sources, tuple(goal), name)
    made.info["pieces_along"] = pieces_along(sources, made.dims or ())
    return made


def pieces_along(sources: Mapping[int, tuple[int, ...]], dims: Dims) -> dict[int, int]:
    """The axes along which the pieces of an axis stand that was split, and how many: (..., 4 * n) as (..., 4, n) has 4 along -2."""
    return {
        axis: dim
        for axis, dim in enumerate(dims)
        if isinstance(dim, int)
        and len(sources.get(axis, ())) == 1
        and sources.get(axis) == sources.get(axis + 1)
        and sources.get(axis) != sources.get(axis - 1)
    }


def of_last_axis(ex: Execution, x: Node, goal: list[Dim]) -> range:
    """The axes that the last one of a tensor is split into, of which its size alone is known: its own, or that of a layer's features."""
    if goal and goal[-1] == terms.Dimension(ex.flow.own(x).id, -1):
        return range(len(goal) - 1, len(goal))
    while x.op == "keep" and x.bias_of is None and len(x.inputs) == 1:
        x = x.inputs[0]
    layer = x.bias_of if x.op == "affine" and tuple(x.info.get("axes") or ()) == (-1,) else None
    size = layer.config.get("out_features") if isinstance(layer, Layer) else None
    if size is None:
        return range(0)
    last = term_arithmetic.product([nodes.dim_of(ex, size)])
    for start in reversed(range(len(goal))):
        if goal[start] == -1:
            break
        if term_arithmetic.product(goal[start:]) == last:
            return range(start, len(goal))
    return range(0)


def wild_size(have: list[Dim], goal: list[Dim], wild: int, sources: dict[int, tuple[int, ...]]) -> Dim | None:
    """The size of the axis written as -1, where it is made of whole axes."""
    group = sources.get(wild, ())
    if [axis for axis, others in sources.items() if others == group] != [wild]:
        number, keys = term_arithmetic.product([have[axis] for axis in group])
        for axis, others in sources.items():
            if others == group and axis != wild:
                if not isinstance(goal[axis], int) or number % max(goal[axis], 1):
                    return None
                number //= max(goal[axis], 1)
        return number if not keys else None
    if len(group) == 1:
        return have[group[0]]
    return term_arithmetic.multiply([have[axis] for axis in group])


def match_axes(have: list[Dim], goal: list[Dim], wild: int | None) -> dict[int, tuple[int, ...]]:
    """Group the axes of both shapes so that the products of each pair of groups are equal."""
    sources: dict[int, tuple[int, ...]] = {}
    i = j = 0
    while i < len(have) and j < len(goal) and j != wild:
        one, two = i + 1, j + 1
        while term_arithmetic.product(have[i:one]) != term_arithmetic.product(goal[j:two]):
            left, right = term_arithmetic.product(have[i:one]), term_arithmetic.product(goal[j:two])
            grow_goal = (len(right[1]) < len(left[1])) or (right[0] < left[0] and len(right[1]) <= len(left[1]))
            if grow_goal and two < len(goal) and two != wild:
                two += 1
            elif not grow_goal and one < len(have):
                one += 1
            else:
                break
        if term_arithmetic.product(have[i:one]) != term_arithmetic.product(goal[j:two]):
            break
        for axis in range(j, two):
            sources[axis] = tuple(range(i, one))
        i, j = one, two
    back_i, back_j = len(have), len(goal)
    while back_i > i and back_j > j and back_j - 1 != wild and have[back_i - 1] == goal[back_j - 1]:
        back_i, back_j = back_i - 1, back_j - 1
        sources[back_j] = (back_i,)
    if wild is not None and back_j > wild and back_i > i:
        # groups behind the wildcard that are split or merged
        one, two = back_i, back_j
        while two - 1 > wild and one - 1 > i:
            start, end = one - 1, two - 1
            while term_arithmetic.product(have[start:one]) != term_arithmetic.product(goal[end:two]):
                left, right = term_arithmetic.product(have[start:one]), term_arithmetic.product(goal[end:two])
                if (right[0], len(right[1])) < (left[0], len(left[1])) and end - 1 > wild:
                    end -= 1
                elif (right[0], len(right[1])) > (left[0], len(left[1])) and start - 1 > i:
                    start -= 1
                else:
                    break
            if term_arithmetic.product(have[start:one]) != term_arithmetic.product(goal[end:two]):
                break
            for axis in range(end, two):
                sources[axis] = tuple(range(start, one))
            one, two = start, end
        back_i, back_j = one, two
    rest = tuple(range(i, back_i))
    for axis in range(j, back_j):
        sources[axis] = rest
    return sources


def flatten(ex: Execution, x: Node, start: Value = 1, end: Value = -1) -> Value:
    if not isinstance(start, int) or not isinstance(end, int):
        return ex.opaque(x, name="flatten")
    if x.dims is None and start == 0 and end == -2:  # the last axis stays
        others = (*range(6), *range(-6, -1))
        return remap(ex, x, {0: others, 1: (-1, *range(6))}, (ex.fresh().key, terms.Dimension(x.id, -1)), "flatten")
    if x.dims is None and start == 0 < end:
        ex.flow.learn_rank(x, end + 2)  # sequences of features, (N, L, C), are what this is written for
    if x.dims is None:
        if end == -1 and 0 <= start < 6:  # known axes: six from either end
            sources: dict[int, tuple[int, ...]] = {axis: (axis,) for axis in range(start)}
            sources[start] = tuple(range(start, start + 6)) + tuple(range(-6, 0))
            dims = tuple(terms.Dimension(x.id, axis) for axis in range(start))
            return remap(ex, x, sources, (*dims, ex.fresh().key), "flatten")
        return ex.opaque(x, name="flatten")
    rank = len(x.dims)
    if not rank:
        return remap(ex, x, {0: ()}, (1,), "flatten")
    first, last = start % rank, end % rank
    merged = tuple(range(first, last + 1))
    size = term_arithmetic.multiply([x.dims[axis] for axis in merged])
    dims = (*x.dims[:first], size, *x.dims[last + 1 :])
    sources = {axis: (axis,) for axis in range(first)}
    sources[first] = merged
    sources.update({first + 1 + offset: (last + 1 + offset,) for offset in range(rank - last - 1)})
    return remap(ex, x, sources, dims, "flatten")


def unflatten(ex: Execution, x: Node, axis: Value, sizes: Value) -> Value:
    if x.dims is None and axis == -1:
        ex.flow.learn_rank(x, 3)  # sequences of features, (N, L, C), are what this is written for
    if not x.dims or not isinstance(axis, int) or not isinstance(sizes, SequenceValue):
        return ex.opaque(x, name="unflatten")
    place = axis % len(x.dims)
    parts = tuple(nodes.dim_of(ex, item) if item != -1 else ex.fresh().key for item in sizes.items)
    dims = (*x.dims[:place], *parts, *x.dims[place + 1 :])
    sources: dict[int, tuple[int, ...]] = {index: (index,) for index in range(place)}
    sources.update({place + offset: (place,) for offset in range(len(parts))})
    sources.update({place + len(parts) + offset: (place + 1 + offset,) for offset in range(len(x.dims) - place - 1)})
    made = remap(ex, x, sources, dims, "unflatten")
    made.info["pieces_along"] = pieces_along(sources, dims)
    return made


def squeeze(ex: Execution, x: Node, axis: Value) -> Node:
    if x.dims is None:
        # dropping an axis of size one: what is counted from the back stays where it is if the axis stood before it
        if axis is None or axis in (0, 1):
            return nodes.make(ex, "keep", [x], None, "squeeze")
        # how many axes there are is not known: what is the same everywhere stays so
        return nodes.make(ex, "remap", [x], None, "squeeze", sources={})
    rank = len(x.dims)
    gone = nodes.axes_of(axis)
    if gone is None:
        gone = [index for index, dim in enumerate(x.dims) if dim == 1] if axis is None else []
    dropped = {index % rank for index in gone if -rank <= index < rank}
    dropped = {index for index in dropped if not isinstance(x.dims[index], int) or x.dims[index] == 1}
    kept = [index for index in range(rank) if index not in dropped]
    return remap(
        ex, x, {place: (index,) for place, index in enumerate(kept)}, tuple(x.dims[index] for index in kept), "squeeze"
    )


def unsqueeze(ex: Execution, x: Node, axis: Value) -> Node:
    if x.dims is None or not isinstance(axis, int):
        if axis == 0:
            return nodes.make(ex, "remap", [x], None, "unsqueeze", sources={index: (index,) for index in range(-6, 0)})
        if axis == -1 and x.dims is None:
            moved = {index - 1: (index,) for index in range(-6, 0)} | {index: (index,) for index in range(6)}
            return nodes.make(ex, "remap", [x], None, "unsqueeze", sources=moved)
        return ex.opaque(x, name="unsqueeze")
    rank = len(x.dims) + 1
    place = axis % rank
    dims = (*x.dims[:place], 1, *x.dims[place:])
    if "joins" in x.info and x.op == "const" and all(dim == 1 for dim in dims[:-1]):
        return nodes.row(ex, x, dims, "unsqueeze")
    sources: dict[int, tuple[int, ...]] = {index if index < place else index + 1: (index,) for index in range(rank - 1)}
    return remap(ex, x, sources, dims, "unsqueeze")


def expand(ex: Execution, x: Node, target: Sequence[Value], name: str) -> Node:
    """expand, tile and repeat: copies; the axes are aligned at the back."""
    rank = len(target)
    if x.dims is None:
        if any(value == -1 for value in target) or name == "repeat":
            ex.flow.learn_rank(x, rank)
        else:
            sources = {axis: (axis,) for axis in range(-6, 0)}
            return nodes.make(ex, "remap", [x], None, name, sources=sources)
    if x.dims is None:
        return ex.opaque(x, name=name)
    offset = rank - len(x.dims)
    if offset < 0:
        return ex.opaque(x, name=name)
    dims: list[Dim] = []
    for place, value in enumerate(target):
        old = x.dims[place - offset] if place >= offset else 1
        if name == "repeat":
            dims.append(old if value == 1 else ex.fresh().key)
        else:
            dims.append(old if value == -1 else nodes.dim_of(ex, value))
    return remap(ex, x, {place: (place - offset,) for place in range(offset, rank)}, tuple(dims), name)


def repeated(ex: Execution, x: Node, axis: Value) -> Node:
    """Each entry along an axis several times, one after the other."""
    if not isinstance(axis, int) or not x.dims or not -len(x.dims) <= axis < len(x.dims):
        return ex.opaque(x, name="repeat")
    place = axis % len(x.dims)
    dims = tuple(ex.fresh().key if at == place else dim for at, dim in enumerate(x.dims))
    return nodes.make(ex, "keep", [x], dims, "repeat")


def rearrange(ex: Execution, x: Node, pattern: Value, sizes: dict[str, Value]) -> Value:
    """einops.rearrange with named axes and parentheses."""
    if not isinstance(pattern, str) or "->" not in pattern:
        return ex.opaque(x, name="rearrange")
    left, _, right = pattern.partition("->")
    one, two = axis_groups(left), axis_groups(right)
    if "..." in pattern and x.rank is not None:
        hidden = [f"_{index}" for index in range(x.rank - len([group for group in one if group != ["..."]]))]
        one = [part for group in one for part in ([[name] for name in hidden] if group == ["..."] else [group])]
        two = [part for group in two for part in ([[name] for name in hidden] if group == ["..."] else [group])]
    if x.dims is None:
        ex.flow.learn_rank(x, len(one))
    if x.dims is None or len(x.dims) != len(one):
        return ex.opaque(x, name="rearrange")
    known: dict[str, Dim] = {name: nodes.dim_of(ex, value) for name, value in sizes.items()}
    home: dict[str, int] = {}
    for axis, group in enumerate(one):
        for name in group:
            home[name] = axis
        if len(group) == 1:
            known.setdefault(group[0], x.dims[axis])
        else:
            missing = [name for name in group if name not in known]
            number = term_arithmetic.product([known[name] for name in group if name in known])
            whole_axis = x.dims[axis]
            if (
                len(missing) == 1
                and isinstance(whole_axis, int)
                and not number[1]
                and number[0]
                and whole_axis % number[0] == 0
            ):
                known[missing[0]] = whole_axis // number[0]
    dims: list[Dim] = []
    sources: dict[int, tuple[int, ...]] = {}
    for place, group in enumerate(two):
        sources[place] = tuple(sorted({home[name] for name in group if name in home}))
        number_, keys = term_arithmetic.product([known.get(name, ex.fresh().key) for name in group])
        dims.append(number_ if not keys else keys[0] if len(keys) == 1 and number_ == 1 else ex.fresh().key)
    made = remap(ex, x, sources, tuple(dims), "rearrange")
    made.info["pieces_along"] = {
        place: dims[place]
        for place, group in enumerate(two)
        if isinstance(dims[place], int) and any(group == outer[:1] and len(outer) > 1 for outer in one)
    }
    return made


def axis_groups(text: str) -> list[list[str]]:
    groups: list[list[str]] = []
    inside = False
    for token in text.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            groups.append([])
            inside = True
        elif token == ")":
            inside = False
        elif inside:
            groups[-1].append(token)
        elif token != "1":
            groups.append([token])
        else:
            groups.append([])
    return groups


def pixel_shuffle(ex: Execution, x: Node) -> Node:
    if x.dims is None:
        ex.flow.learn_rank(x, 4)
    rank = x.rank or 4
    channel = rank - 3
    sources: dict[int, tuple[int, ...]] = {axis: (axis,) for axis in range(rank)}
    sources[rank - 2] = (rank - 2, channel)
    sources[rank - 1] = (rank - 1, channel)
    dims = list(x.dims or ())
    for axis in (channel, rank - 2, rank - 1):
        dims[axis] = ex.fresh().key
    return remap(ex, x, sources, tuple(dims), "pixel_shuffle")


def pixel_unshuffle(ex: Execution, x: Node) -> Node:
    if x.dims is None:
        ex.flow.learn_rank(x, 4)
    rank = x.rank or 4
    channel = rank - 3
    sources: dict[int, tuple[int, ...]] = {axis: (axis,) for axis in range(rank)}
    sources[channel] = (channel, rank - 2, rank - 1)
    dims = list(x.dims or ())
    for axis in (channel, rank - 2, rank - 1):
        dims[axis] = ex.fresh().key
    return remap(ex, x, sources, tuple(dims), "pixel_unshuffle")
