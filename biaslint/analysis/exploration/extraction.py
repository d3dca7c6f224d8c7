"""Extraction: one execution becomes plain facts, the `LayerUse`s that checks read."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Write
from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Partial,
    SequenceValue,
    Unknown,
    number,
)
from biaslint.analysis.exploration import (
    absorption,
    cut_gradients,
    decisions,
    fates,
    gates,
    loss_weights,
    outputs,
    predictions,
    projections,
    raw_biases,
    unfilled_parameters,
    unused_initializers,
    unused_layers,
    written_losses,
    zero_factors,
)
from biaslint.analysis.frameworks.common import signatures
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project import syntax_context
from biaslint.theory.program import HANDED, OTHER, Bias, BiasWrite, Fate, LayerUse, Place, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.domain.call_stack import Frame
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


# Layers of these kinds are left out: no check reads them, and they are half of all.
WITHOUT_PARAMETERS = {
    *("activation", "crop", "dropout", "flatten", "identity", "keep", "pad", "permute", "repeat", "reshape", "resize", "shape"),
    *("adaptive_average_pool", "average_pool", "global_average_pool", "global_max_pool", "max_pool"),
}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Placing = Callable[["Module", ast.AST], Place]


def place_of(module: Module, node: ast.AST) -> Place:
    """The place of a syntax node in its file."""
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
    """The places that the execution did not understand."""
    return [module.unknown(line, offset, what) for (module, line, offset), what in ex.unknowns.items()]


@dataclass(frozen=True, slots=True)
class Run:
    """Which execution this is: its number, the entry point and the entry point's file. An execution that ended early is not complete."""

    number: int
    root: str
    path: str
    complete: bool


def extract_layers(ex: Execution, run: Run) -> list[LayerUse]:
    """The layers, losses and optimizers of an execution, each kind of use once."""
    written = list(written_losses.written_losses(ex))
    loss_weights.note([*ex.layers, *ex.facts, *written])
    layers = [*ex.layers, *ex.facts, *raw_biases.raw_biases(ex), *gates.gate_facts(ex)]
    layers += written
    layers += unused_initializers.unused_initializers(ex)
    if run.complete:
        layers += unused_initializers.idle_initializers(ex)
        layers += (*unused_layers.unused_layers(ex), *unfilled_parameters.unfilled_parameters(ex), *cut_gradients.cut_off(ex))
    numbers = {id(layer): number for number, layer in enumerate(layers, 1)}
    places: dict[tuple[Module, ast.AST], Place] = {}
    choices = choices_of(ex)

    def place(module: Module, node: ast.AST) -> Place:
        known = places.get((module, node))
        if known is None:
            known = places[module, node] = place_of(module, node)
        return known

    found: dict[Any, LayerUse] = {}
    for layer in layers:
        if layer.kind in WITHOUT_PARAMETERS and not layer.bias and not layer.weight_writes:
            continue
        chain = chain_of(layer, place)
        if chain:
            use = replace(layer_use(ex, run, layer, chain, numbers, place), choices=choices)
            found.setdefault(what_matters(use), use)
    return list(found.values())


def chain_of(layer: Layer, place: Placing) -> tuple[Place, ...]:
    """The calls that made a layer, innermost first. The call of the entry point itself is not among them."""
    return tuple(
        place(module, node)
        for index, (module, node) in enumerate(layer.origin.chain)
        if not index or not isinstance(node, DEFINITIONS)
    )


def layer_use(
    ex: Execution, run: Run, layer: Layer, chain: tuple[Place, ...], numbers: Mapping[int, int], place: Placing
) -> LayerUse:
    """A layer as a fact for checks. Other layers are referred to by number."""
    fate = fates.fate_of(layer, place) if run.complete else Fate("unknown", detail="the execution ended early")
    settings = settings_of(ex, layer.settings)
    heir = absorption.absorbed_by(layer) if run.complete and (fate.kind == "alive" or fate.detail == HANDED) else None
    output = outputs.output_of(layer)
    statement = layer.origin.statement
    return LayerUse(
        framework=layer.framework,
        type=layer.type,
        kind=layer.kind,
        name=layer.name or layer.short_type,
        place=chain[0],
        chain=chain,
        owner=layer.origin.owner,
        root=run.root,
        root_path=run.path,
        run=run.number,
        statement=place(layer.origin.chain[0][0], statement) if statement is not None else None,
        config=config_of(ex, layer),
        texts=layer.texts,
        positions=layer.positions,
        bias=bias_of(layer, place),
        fate=fate,
        is_output=output.leaves,
        output_activation=output.activation,
        focal=output.focal,
        mixed=output.mixed,
        weight_writes=tuple(bias_write(write, place) for write in layer.weight_writes),
        readers=fates.readers_of(layer),
        turned_away=tuple(place(module, node) for node, module in layer.turned_away.items()) if layer.kind == "conv" else (),
        settings=settings,
        spelled=spelled_defaults(layer),
        outer_settings=tuple(settings_of(ex, settings) for settings in layer.outer_settings),
        rounds={text: holds for one in layer.origin.rounds for text, holds in one.items()},
        configured=layer.configured or not framework.configuration_arguments().isdisjoint(settings),
        parameters=signatures.positional_names(layer.spec.signature) if layer.kind == "rnn_cell" and layer.spec else (),
        hooked=layer.reparametrized or layer.passed_to_unknown_code or layer.model_passed_to_unknown_code,
        escaped=layer.passed_to_unknown_code or layer.model_passed_to_unknown_code,
        weight_trainable=layer.weight_trainable if isinstance(layer.weight_trainable, bool) else None,
        callee=layer.callee,
        tied=bias_write(layer.tied, place) if layer.tied is not None else None,
        covers_all=layer.covers_all,
        predictions=predictions.predictions_of(ex, layer, place) if layer.loss_calls else (),
        projections=projections.projections_of(ex, layer, place) if run.complete and layer.kind == "embedding" else (),
        ident=numbers[id(layer)],
        weight_of=numbers.get(id(layer.weight_of)),
        bias_of=numbers.get(id(layer.bias_of)),
        doubles=numbers.get(id(layer.doubles)),
        missed_by=numbers.get(id(layer.missed_by)),
        absorbed_by=numbers.get(id(heir)),
        sources=tuple(numbers[id(one)] for one in absorption.linear_predecessors(layer) if id(one) in numbers),
        zeros_into=tuple(numbers[id(one)] for one in zero_factors.blocking(ex, layer) if id(one) in numbers),
        covers=tuple((numbers[id(one)], which, number(decay)) for one, which, decay in layer.covers if id(one) in numbers),
    )


def what_matters(use: LayerUse) -> Any:
    """The identity of a use. Of uses with equal identities, the first is kept."""
    return (
        use.absorbed_by is None,
        use.weight_of is None,
        use.missed_by is None,
        use.kind if use.kind in gates.KINDS else "",
        use.chain,
        use.fate.kind,
        use.fate.by,
        use.fate.cancelled_by,
        use.bias,
        use.predictions,
        use.projections,
        use.is_output,
        use.name,
        repr(sorted(use.settings.items(), key=str)),
        repr([sorted(settings.items(), key=str) for settings in use.outer_settings]),
        repr(sorted(use.rounds.items())),
    )


BY_DEFAULT = {"forget_bias", "unit_forget_bias"}  # what they start at counts also where a caller may say otherwise


def config_of(ex: Execution, layer: Layer) -> dict[str, Any]:
    """The hyperparameters of a layer that are known."""
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
    """A value as plain data, which can be pickled and compared."""
    if isinstance(value, Unknown):
        return ex.path.known(value.key)
    if isinstance(value, SequenceValue):
        return tuple(plain(ex, item) for item in value.items)
    if isinstance(value, (External, Class, FunctionValue)):
        return f"<{value.name}>"
    return str(value) if isinstance(value, Setting) else value


def settings_of(ex: Execution, settings: dict[str, Value]) -> dict[str, Any]:
    """A function's parameters that are known or were decided in this execution."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Unknown):
            result.update(decisions.answers(ex.path, name, value.key))
            if value.key in ex.path.others:
                result[name] = OTHER
        elif isinstance(value, Setting):
            made = value.key in ex.path.optional  # what nothing asked for and nothing is made of decides nothing
            result.update(decisions.answers(ex.path, name, value.key) or ({name: str(value)} if made else {}))
        elif values.is_constant(value):
            result[name] = value
        elif isinstance(value, (External, Class, FunctionValue)):
            result[name] = f"<{value.name.rpartition('.')[2]}>"
        elif isinstance(value, Partial) and isinstance(value.func, (External, Class, FunctionValue)):
            result[name] = f"<{value.func.name.rpartition('.')[2]} partial>"
        elif isinstance(value, (SequenceValue, DictValue)):
            result[name] = f"<{len(value.items)} items>"
            entries = {f"{name}[{key!r}]": one for key, one in value.items.items()} if isinstance(value, DictValue) else {}
            result.update(settings_of(ex, {text: one for text, one in entries.items() if isinstance(one, (Setting, Unknown))}))
        elif isinstance(value, Instance):
            result[name] = f"<{getattr(value.cls, 'name', '')} instance>"
    return result


def spelled_defaults(layer: Layer) -> dict[str, str]:
    """The settings that are what their function has as a default, a class or something made there, with how the source writes that."""
    found: dict[str, str] = {}
    innermost: Frame | None = layer.origin.frame
    for frame in innermost.around() if innermost is not None else ():
        for name, default, written in frame.func.written_defaults():
            value = layer.settings.get(name)
            text = ast.unparse(written) if value is default and not isinstance(written, ast.Constant) else ""
            if text and (len(text) <= SHORT or isinstance(written, (ast.Name, ast.Attribute))):
                found.setdefault(name, f"({text})" if isinstance(written, ast.Lambda) else text)
    return found


SHORT = 40  # characters of a default that a condition repeats


# What is said of an attribute or item: `self.norm == 'batch'`, `args.bn`, `config['norm'] is None`
SAID_OF_A_PART = re.compile(
    r"('\w*' in )?[A-Za-z_]\w*(\.\w+|\[['\"\w]+\]|\.(get|startswith|endswith)\([^()]*\))+( == ['\"].*['\"]| is None)?"
)


def choices_of(ex: Execution) -> dict[str, bool]:
    """The decided settings in attributes and dicts, as the source spells them."""
    asked = {**dict.fromkeys(ex.path.open), **dict.fromkeys(key for key in ex.path.prescribed if key in ex.path.assumed)}
    texts = {key: ex.path.texts.get(key, "") for key in asked}
    return {text: ex.path.assumed[key] for key, text in texts.items() if SAID_OF_A_PART.fullmatch(text)}


def bias_of(layer: Layer, place: Placing) -> Bias:
    return Bias(
        present=layer.bias if isinstance(layer.bias, bool) else None,
        trainable=layer.trainable if isinstance(layer.trainable, bool) else None,
        default=default_of(layer, place),
        writes=tuple(bias_write(write, place, meant=overwrites(layer.writes)) for write in layer.writes),
        argument=layer.argument,
        argument_text=layer.argument_text,
    )


def default_of(layer: Layer, place: Placing) -> BiasWrite | None:
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
    """Is a write that may be intended followed by another one?"""
    return any(write.how == "prior" or (write.how == "constant" and write.value) for write in writes[:-1])


def bias_write(write: Write, place: Placing, meant: bool = False) -> BiasWrite:
    """A write as a fact for checks. A `meant` write may be intended: the calls that made it are listed."""
    module, node = write.module, write.node
    call = write.call if module is not None else None
    return BiasWrite(
        how=write.how,
        place=place(module, node) if module is not None and node is not None else Place("", 1, 1, 1, 1),
        value=write.value,
        spread=write.spread,
        span=write.span,
        by=str(write.by),
        text=write.text,
        where=write.where,
        which=write.which,
        target=write.target,
        call=place(module, call) if module is not None and call is not None else None,
        func=write.func,
        grows=write.grows,
        used=write.used,
        caught=write.how == "scaled" and module is not None and call is not None and syntax_context.caught(module, call),
        guarded=".bias" in write.target and module is not None and node is not None and syntax_context.asked(module, node),
        via=tuple((name, place(caller, one)) for name, caller, one in write.via) if meant else (),
    )
