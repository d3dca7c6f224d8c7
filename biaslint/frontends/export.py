"""From one execution to plain facts: the `LayerUse`s that checks see."""

from __future__ import annotations

import ast
from typing import Any

from biaslint.frontends import facts
from biaslint.frontends.choices import is_comparison
from biaslint.frontends.interpreter import Interpreter
from biaslint.frontends.project import Module
from biaslint.frontends.values import (
    Class,
    DictV,
    External,
    Func,
    Layer,
    ListV,
    Obj,
    Partial,
    Setting,
    Unknown,
    Value,
    is_constant,
)
from biaslint.frontends.writes import Write
from biaslint.theory import shift
from biaslint.theory.dataflow import Node
from biaslint.theory.program import ESCAPED, HANDED, SCORES, Bias, BiasWrite, Fate, LayerUse, Place, UnknownFact
from biaslint.vocabulary import torch as vocabulary

LOSSES = {*vocabulary.LOSS_FUNCTIONS, *vocabulary.LOSSES, "sigmoid_focal_loss"}


# Layers of these kinds are left out: nobody asks for them, and they are half of all.
WITHOUT_PARAMETERS = {
    *("activation", "crop", "dropout", "flatten", "identity", "keep", "pad", "permute", "repeat", "reshape", "resize", "shape"),
    *("adaptive_average_pool", "average_pool", "global_average_pool", "global_max_pool", "max_pool"),
}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def place_of(module: Module, node: ast.AST) -> Place:
    """Where a piece of source stands."""
    line = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", line) or line
    cell, first = module.locate(line)
    return Place(
        module.shown,
        first,
        module.column(line, getattr(node, "col_offset", 0)),
        module.locate(end)[1],
        module.column(end, getattr(node, "end_col_offset", 0) or 0),
        cell,
    )


def unknown_facts(interp: Interpreter) -> list[UnknownFact]:
    """What the execution did not understand."""
    return [module.unknown(line, offset, what) for (module, line, offset), what in interp.unknowns.items()]


def uses(interp: Interpreter, run: int, root: str, complete: bool) -> list[LayerUse]:
    """The layers, losses and optimisers of an execution. `complete` is False where it ended early: no reader is certain then."""
    places: dict[tuple[Module, ast.AST], Place] = {}

    def place(module: Module, node: ast.AST) -> Place:
        known = places.get((module, node))
        if known is None:
            known = places[module, node] = place_of(module, node)
        return known

    interp.facts.extend(facts.raw_biases(interp))
    numbers = {id(layer): index for index, layer in enumerate((*interp.layers, *interp.facts), 1)}
    found: dict[Any, LayerUse] = {}
    for layer in (*interp.layers, *interp.facts):
        if layer.kind in WITHOUT_PARAMETERS and not layer.bias and not layer.weight_writes:
            continue
        chain = tuple(
            place(module, node)
            for index, (module, node) in enumerate(layer.origin.chain)
            if not index or not isinstance(node, DEFINITIONS)  # an entry point, which no call leads to
        )
        if not chain:
            continue
        fate = fate_of(layer, place) if complete else Fate("unknown", detail="the execution ended early")
        use = LayerUse(
            framework=layer.framework,
            type=layer.type,
            kind=layer.kind,
            name=layer.name or layer.type.rpartition(".")[2],
            place=chain[0],
            chain=chain,
            owner=layer.origin.owner,
            root=root,
            run=run,
            config={name: plain(interp, value) for name, value in layer.config.items() if known(interp, value)},
            texts=layer.texts,
            bias=bias_of(layer, place),
            fate=fate,
            weight_writes=tuple(bias_write(write, place) for write in layer.weight_writes),
            readers=readers_of(layer),
            settings=settings_of(interp, layer),
            ident=numbers[id(layer)],
            weight_of=numbers.get(id(layer.weight_of)) if layer.weight_of is not None else None,
            tied=bias_write(layer.tied, place) if layer.tied is not None else None,
            bias_of=numbers.get(id(layer.bias_of)) if layer.bias_of is not None else None,
            weight_trainable=layer.weight_trainable if isinstance(layer.weight_trainable, bool) else None,
            doubles=numbers.get(id(layer.doubles)) if layer.doubles is not None else None,
            covers_all=layer.covers_all,
            hooked=layer.hooked or layer.escaped or layer.handed,
            escaped=layer.escaped or layer.handed,
            sources=tuple(numbers[id(one)] for one in facts.sources(layer) if id(one) in numbers),
            callee=layer.callee or called(interp, layer),
            covers=tuple(
                (numbers[id(one)], which, float(decay) if isinstance(decay, (int, float)) else None)
                for one, which, decay in layer.covers
                if id(one) in numbers
            ),
        )
        if complete and (fate.kind == "alive" or fate.detail == HANDED):
            heir = facts.heir(layer)
            use.absorbed_by = numbers.get(id(heir)) if heir is not None else None
        statement = layer.origin.statement
        if statement is not None and layer.origin.chain:
            use.statement = place(layer.origin.chain[0][0], statement)
        use.is_output, use.output_activation = output_of(layer)
        use.configured = layer.configured or vocabulary.CONFIGURATION in use.settings
        key = (
            use.absorbed_by is None,
            use.weight_of is None,
            chain,
            fate.kind,
            fate.by,
            fate.cancelled_by,
            use.bias,
            use.is_output,
            use.name,
            repr(sorted(use.settings.items(), key=str)),
        )
        found.setdefault(key, use)
    return list(found.values())


def called(interp: Interpreter, layer: Layer) -> str:
    """What the call that makes a variable or tensor calls, where it turned out to be a bias."""
    node = layer.origin.chain[0][1]
    raw = "made as" in layer.config or layer.type.startswith(("tf.nn.", "tf.matmul", "keras.ops."))
    return interp.text(node.func) if raw and isinstance(node, ast.Call) else ""


def known(interp: Interpreter, value: Value) -> bool:
    if isinstance(value, Unknown):
        return interp.choices.known(value.key) is not None and value.default is not None
    return (
        is_constant(value)
        or (isinstance(value, ListV) and all(is_constant(item) for item in value.items))
        or isinstance(value, (External, Class, Func))
    )


def plain(interp: Interpreter, value: Value) -> Any:
    """A value as something that can be pickled and compared."""
    if isinstance(value, Unknown):
        return interp.choices.known(value.key)
    if isinstance(value, ListV):
        return tuple(plain(interp, item) for item in value.items)
    if isinstance(value, (External, Class, Func)):
        return f"<{value.name}>"
    return str(value) if isinstance(value, Setting) else value


def settings_of(interp: Interpreter, layer: Layer) -> dict[str, Any]:
    """The enclosing function's parameters, as far as they are known or this execution took a side on them."""
    result: dict[str, Any] = {}
    for name, value in layer.settings.items():
        if isinstance(value, Unknown):
            result.update(answers(interp, name, value.key))
        elif isinstance(value, Setting):
            result.update(answers(interp, name, value.key) or {name: str(value)})
        elif is_constant(value):
            result[name] = value
        elif isinstance(value, (External, Class, Func)):
            result[name] = f"<{value.name.rpartition('.')[2]}>"
        elif isinstance(value, Partial) and isinstance(value.func, (External, Class, Func)):
            result[name] = f"<{value.func.name.rpartition('.')[2]}>"
        elif isinstance(value, (ListV, DictV)):
            result[name] = f"<{len(value.items)} items>"
        elif isinstance(value, Obj):
            result[name] = f"<{getattr(value.cls, 'name', '')} instance>"
    return result


def answers(interp: Interpreter, name: str, parameter: Any) -> dict[str, Any]:
    """What this execution took an unknown parameter for: its truth, and the comparisons with it that were asked for."""
    made = interp.choices.made
    result: dict[str, Any] = {}
    for key in interp.choices.decided(parameter):
        compared = is_comparison(key, "is") or is_comparison(key, "==")
        subject = spelled(key[2] if compared else key, parameter, name)
        if not compared:
            result[subject] = made[key]
        elif key[1] == "is" and key[3] is None:
            result[f"{subject} is None"] = made[key]
        elif key[1] == "==" and isinstance(key[3], str):
            result[f"{subject} == {key[3]!r}"] = made[key]
    return result


def spelled(key: Any, parameter: Any, name: str) -> str:
    """How the source writes a parameter or an attribute of it."""
    return name if key == parameter else f"{spelled(key[1], parameter, name)}.{key[2]}"


def bias_of(layer: Layer, place: Any) -> Bias:
    return Bias(
        present=layer.bias if isinstance(layer.bias, bool) else None,
        trainable=layer.trainable if isinstance(layer.trainable, bool) else None,
        default=default_of(layer, place),
        writes=tuple(bias_write(write, place, meant=overwrites(layer.writes)) for write in layer.writes),
        argument=layer.argument,
        argument_text=layer.argument_text,
    )


def default_of(layer: Layer, place: Any) -> BiasWrite | None:
    if isinstance(layer.default, BiasWrite):
        return layer.default
    if isinstance(layer.default, Write):
        return bias_write(layer.default, place)
    if not layer.default or not layer.origin.chain:
        return None
    where = place(*layer.origin.chain[0])
    if layer.default == "zeros":
        return BiasWrite("constant", where, 0.0, by="default")
    return BiasWrite("uniform", where, 0.0, None, by="default")


def overwrites(writes: list[Write]) -> bool:
    """Is there a write that may be one on purpose, and another one after it?"""
    return any(write.how == "prior" or (write.how == "constant" and write.value) for write in writes[:-1])


def bias_write(write: Write, place: Any, meant: bool = False) -> BiasWrite:
    where = place(write.module, write.node) if write.module is not None and write.node is not None else Place("", 1, 1, 1, 1)
    call = place(write.module, write.call) if write.module is not None and write.call is not None else None
    return BiasWrite(
        write.how, where, write.value, write.spread, write.span, write.by, write.text, write.where, write.which,
        write.target, call, write.func, write.grows, write.how == "scaled" and write.module is not None and write.call is not None and facts.caught(write.module, write.call),
        bool(write.module is not None and write.node is not None and ".bias" in write.target and facts.asked(write.module, write.node)),
        tuple((name, place(module, node)) for name, module, node in write.via) if meant else (),
    )  # fmt: skip


def fate_of(layer: Layer, place: Any) -> Fate:
    """What becomes of the shift that the layer's bias adds."""
    if layer.escaped:
        return Fate("unknown", detail=ESCAPED)
    fate = followed(layer, place)
    if layer.handed and fate.kind not in ("dead", "part"):
        return Fate("unknown", detail=HANDED if fate.kind == "alive" else "")
    return fate


def followed(layer: Layer, place: Any) -> Fate:
    """The fate of the shift, were there nothing but what is known."""
    if not layer.calls:
        return Fate("uncalled")
    nodes = [node for node in layer.calls if node.bias_of is layer]
    if not nodes or layer.kind not in ("conv", "linear", "bilinear"):
        return Fate("alive", detail="")
    if all(not node.readers for node in nodes):
        return Fate("unread")
    axes = () if 1 in (layer.config.get("out_features"), layer.config.get("units")) else layer.axes
    outcome = shift.follow([(node, frozenset(axes)) for node in nodes])
    if outcome.dead:
        node = outcome.removed[0]
        by = node.info.get("style") or "softmax"
        where = None
        norm = node.info.get("layer")
        if isinstance(norm, Layer) and norm.origin.chain:
            where = place(*norm.origin.chain[0])
        elif isinstance(node.origin, tuple) and node.origin[0] is not None and node.origin[1] is not None:
            where = place(*node.origin)
        styles = {removed.info.get("style") for removed in outcome.removed}
        detail = SCORES if node.op == "softmax" and makes_scores(node, layer) else ""
        return Fate("dead", by, name_of(node), where, detail, training_only="batch norm" in styles)
    if outcome.seen:
        try:
            part = part_of(layer, nodes)
        except shift.Seen:
            part = None
        if part is not None:
            return part
        return Fate("alive", detail=outcome.seen[0][1], guarded=all(node.info.get("unknown") for node, _ in outcome.seen))
    return Fate("unread")


def makes_scores(softmax: Node, layer: Layer) -> bool:
    """Does softmax take the layer's own result, through nothing that multiplies it with another tensor?"""
    waiting, seen = list(softmax.inputs), set()
    while waiting:
        node = waiting.pop()
        if node.bias_of is layer:
            return True
        if node.id not in seen and node.op in ADDITIVE:
            seen.add(node.id)
            waiting += node.inputs
    return False


def name_of(node: Node) -> str:
    norm = node.info.get("layer")
    if isinstance(norm, Layer):
        return norm.name or norm.type.rpartition(".")[2]
    return node.name


def part_of(layer: Layer, nodes: list[Node]) -> Fate | None:
    """A fused projection: is exactly one of the parts that its result is split into lost in a softmax?"""
    if len(nodes) != 1:
        return None
    current, axes = nodes[0], frozenset(layer.axes)
    state = {current.id: shift.front(axes, current.rank)}
    while len(current.readers) == 1 and current.readers[0].op in ("remap", "keep") and "part" not in current.readers[0].info:
        after = current.readers[0]
        moved = shift.TRANSFER[after.op](after, state)
        if moved is None:
            return None
        state[after.id] = moved
        current = after
    parts = [reader for reader in current.readers if "part" in reader.info]
    if len(parts) < 2 or len(parts) != len(current.readers):
        return None
    sizes = {part_size(reader) for reader in parts if reader.op == "keep"}
    if len({size for size in sizes if isinstance(size, int)}) > 1:
        return None  # unequal parts
    dead = []
    for index, reader in enumerate(parts):
        moved = shift.TRANSFER[reader.op](reader, state)
        if moved is None:
            return None
        outcome = shift.follow([(reader, moved)])
        if outcome.dead and all(node.op in ("softmax", "attention") for node in outcome.removed):
            dead.append(index)
    if len(dead) == 1:
        names = {(3, 1): "the keys' third", (2, 0): "the keys' half"}
        return Fate(
            "part",
            by="softmax",
            cancelled_by="softmax",
            detail=names.get((len(parts), dead[0]), f"part {dead[0] + 1} of {len(parts)}"),
        )
    return None


def part_size(node: Node) -> object:
    """The size of a part along the axis it was cut from, None where that is not known."""
    axis, dims = node.info["axis"], node.dims
    return dims[axis] if dims is not None and isinstance(axis, int) and -len(dims) <= axis < len(dims) else None


def readers_of(layer: Layer) -> tuple[str, ...]:
    """What reads the layer's result next."""
    found: list[str] = []
    for node in layer.calls[:4]:
        for reader in node.readers:
            text = reader.info.get("style") or (reader.name if reader.op == "opaque" else reader.op)
            if text not in found:
                found.append(text)
    return tuple(found[:6])


PASSING = {"keep", "remap", "output"}
ADDITIVE = {"keep", "remap", "add", "concat", "smooth", "affine"}
OUTPUT_ACTIVATIONS = {"sigmoid", "softmax", "log_softmax", "logsigmoid", "tanh", "softplus", "exp"}


def output_of(layer: Layer) -> tuple[bool, str]:
    """Does the layer's result leave the model with nothing but shape changes and an output activation between?"""
    if layer.kind not in ("conv", "linear", "bilinear"):
        return (False, "")
    todo = [(node, "") for node in layer.calls]
    seen: set[int] = set()
    leaves, activation = False, ""
    while todo:
        node, passed = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        for reader in node.readers:
            if reader.op == "output":
                leaves = True
                activation = activation or passed
            elif reader.op in PASSING or reader.op in ("concat", "smooth"):
                todo.append((reader, passed))
            elif reader.op == "softmax" or (reader.op == "opaque" and reader.name in OUTPUT_ACTIVATIONS):
                todo.append((reader, reader.name))
            elif reader.op == "opaque" and reader.name in LOSSES:
                leaves = True
            elif reader.op not in ("opaque",):
                return (False, "")
    return (leaves, activation)
