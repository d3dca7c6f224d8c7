"""From one execution to plain facts: the `LayerUse`s that checks see."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Write
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Partial,
    SequenceValue,
    Setting,
    Unknown,
)
from biaslint.analysis.exploration import absorption, fates, gates, outputs, raw_biases
from biaslint.analysis.frameworks.common import signatures
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project import syntax_context
from biaslint.theory import terms
from biaslint.theory.program import HANDED, Bias, BiasWrite, Fate, LayerUse, Place, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


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


def unknown_facts(ex: Execution) -> list[UnknownFact]:
    """What the execution did not understand."""
    return [module.unknown(line, offset, what) for (module, line, offset), what in ex.unknowns.items()]


def extract_layers(ex: Execution, run: int, root: str, path: str, complete: bool) -> list[LayerUse]:
    """The layers, losses and optimisers of an execution. `complete` is False where it ended early: no reader is certain then."""
    places: dict[tuple[Module, ast.AST], Place] = {}

    def place(module: Module, node: ast.AST) -> Place:
        known = places.get((module, node))
        if known is None:
            known = places[module, node] = place_of(module, node)
        return known

    ex.facts.extend(raw_biases.raw_biases(ex))
    ex.facts.extend(gates.forget_gates(ex))
    numbers = {id(layer): index for index, layer in enumerate((*ex.layers, *ex.facts), 1)}
    found: dict[Any, LayerUse] = {}
    for layer in (*ex.layers, *ex.facts):
        if layer.kind in WITHOUT_PARAMETERS and not layer.bias and not layer.weight_writes:
            continue
        chain = tuple(
            place(module, node)
            for index, (module, node) in enumerate(layer.origin.chain)
            if not index or not isinstance(node, DEFINITIONS)  # an entry point, which no call leads to
        )
        if not chain:
            continue
        fate = fates.fate_of(layer, place) if complete else Fate("unknown", detail="the execution ended early")
        use = LayerUse(
            framework=layer.framework,
            type=layer.type,
            kind=layer.kind,
            name=layer.name or layer.type.rpartition(".")[2],
            place=chain[0],
            chain=chain,
            owner=layer.origin.owner,
            root=root,
            root_path=path,
            run=run,
            config=config_of(ex, layer),
            texts=layer.texts,
            positions=layer.positions,
            bias=bias_of(layer, place),
            fate=fate,
            weight_writes=tuple(bias_write(write, place) for write in layer.weight_writes),
            readers=fates.readers_of(layer),
            settings=settings_of(ex, layer.settings),
            outer_settings=tuple(settings_of(ex, settings) for settings in layer.outer_settings),
            rounds={text: holds for one in layer.origin.rounds for text, holds in one.items()},
            ident=numbers[id(layer)],
            weight_of=numbers.get(id(layer.weight_of)) if layer.weight_of is not None else None,
            tied=bias_write(layer.tied, place) if layer.tied is not None else None,
            bias_of=numbers.get(id(layer.bias_of)) if layer.bias_of is not None else None,
            weight_trainable=layer.weight_trainable if isinstance(layer.weight_trainable, bool) else None,
            doubles=numbers.get(id(layer.doubles)) if layer.doubles is not None else None,
            covers_all=layer.covers_all,
            parameters=signatures.positional_names(layer.spec.signature) if layer.kind == "rnn_cell" and layer.spec else (),
            hooked=layer.reparametrized or layer.passed_to_unknown_code or layer.model_passed_to_unknown_code,
            escaped=layer.passed_to_unknown_code or layer.model_passed_to_unknown_code,
            sources=tuple(numbers[id(one)] for one in absorption.linear_predecessors(layer) if id(one) in numbers),
            callee=layer.callee,
            covers=tuple(
                (numbers[id(one)], which, float(decay) if isinstance(decay, (int, float)) else None)
                for one, which, decay in layer.covers
                if id(one) in numbers
            ),
        )
        if complete and (fate.kind == "alive" or fate.detail == HANDED):
            heir = absorption.absorbed_by(layer)
            use.absorbed_by = numbers.get(id(heir)) if heir is not None else None
        statement = layer.origin.statement
        if statement is not None and layer.origin.chain:
            use.statement = place(layer.origin.chain[0][0], statement)
        output = outputs.output_of(layer)
        use.is_output, use.output_activation, use.focal = output.leaves, output.activation, output.focal
        use.configured = layer.configured or not framework.configuration_arguments().isdisjoint(use.settings)
        key = (
            use.absorbed_by is None,
            use.weight_of is None,
            use.kind == gates.KIND,
            chain,
            fate.kind,
            fate.by,
            fate.cancelled_by,
            use.bias,
            use.is_output,
            use.name,
            repr(sorted(use.settings.items(), key=str)),
            repr([sorted(settings.items(), key=str) for settings in use.outer_settings]),
            repr(sorted(use.rounds.items())),
        )
        found.setdefault(key, use)
    return list(found.values())


BY_DEFAULT = {"forget_bias", "unit_forget_bias"}  # what they start at counts also where a caller may say otherwise


def config_of(ex: Execution, layer: Layer) -> dict[str, Any]:
    """The known ones of a layer's hyperparameters."""
    found = {name: plain(ex, value) for name, value in layer.config.items() if known(ex, value)}
    for name in BY_DEFAULT & layer.config.keys() - found.keys():
        value = layer.config[name]
        if isinstance(value, Unknown) and isinstance(value.default, (bool, int, float)):
            found[name] = value.default
    return found


def known(ex: Execution, value: Value) -> bool:
    if isinstance(value, Unknown):
        return ex.path.known(value.key) is not None and value.default is not None
    return (
        values.is_constant(value)
        or (isinstance(value, SequenceValue) and all(values.is_constant(item) for item in value.items))
        or isinstance(value, (External, Class, FunctionValue))
    )


def plain(ex: Execution, value: Value) -> Any:
    """A value as something that can be pickled and compared."""
    if isinstance(value, Unknown):
        return ex.path.known(value.key)
    if isinstance(value, SequenceValue):
        return tuple(plain(ex, item) for item in value.items)
    if isinstance(value, (External, Class, FunctionValue)):
        return f"<{value.name}>"
    return str(value) if isinstance(value, Setting) else value


def settings_of(ex: Execution, settings: dict[str, Value]) -> dict[str, Any]:
    """A function's parameters, as far as they are known or this execution took a side on them."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Unknown):
            result.update(answers(ex, name, value.key))
        elif isinstance(value, Setting):
            result.update(answers(ex, name, value.key) or {name: str(value)})
        elif values.is_constant(value):
            result[name] = value
        elif isinstance(value, (External, Class, FunctionValue)):
            result[name] = f"<{value.name.rpartition('.')[2]}>"
        elif isinstance(value, Partial) and isinstance(value.func, (External, Class, FunctionValue)):
            result[name] = f"<{value.func.name.rpartition('.')[2]}>"
        elif isinstance(value, (SequenceValue, DictValue)):
            result[name] = f"<{len(value.items)} items>"
        elif isinstance(value, Instance):
            result[name] = f"<{getattr(value.cls, 'name', '')} instance>"
    return result


def answers(ex: Execution, name: str, parameter: Any) -> dict[str, Any]:
    """What this execution took an unknown parameter for: its truth, and the comparisons with it that were asked for."""
    made = ex.path.assumed
    result: dict[str, Any] = {}
    for key in ex.path.decided(parameter):
        compared = terms.is_comparison(key, "is") or terms.is_comparison(key, "==")
        subject = spelled(key.left if compared else key, parameter, name)
        if not compared:
            result[subject] = made[key]
        elif key.op == "is" and key.right is None:
            result[f"{subject} is None"] = made[key]
        elif key.op == "==" and (isinstance(key.right, str) or type(key.right) is int):
            result[f"{subject} == {key.right!r}"] = made[key]
    for key in ex.path.bounded(parameter):  # one spelling for each: `0 < n` is n > 0
        if type(key.left) is int:
            result[f"{spelled(key.right, parameter, name)} {MIRRORED[key.op]} {key.left}"] = made[key]
        else:
            result[f"{spelled(key.left, parameter, name)} {key.op} {key.right}"] = made[key]
    return result


MIRRORED = {"<": ">", "<=": ">="}


def spelled(key: Any, parameter: Any, name: str) -> str:
    """How the source writes a parameter or an attribute of it."""
    return name if key == parameter else f"{spelled(key.base, parameter, name)}.{key.name}"


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
        write.target, call, write.func, write.grows, write.how == "scaled" and write.module is not None and write.call is not None and syntax_context.caught(write.module, write.call),
        bool(write.module is not None and write.node is not None and ".bias" in write.target and syntax_context.asked(write.module, write.node)),
        tuple((name, place(module, node)) for name, module, node in write.via) if meant else (),
    )  # fmt: skip
