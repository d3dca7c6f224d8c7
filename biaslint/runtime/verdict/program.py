"""What was measured, as the graph that checks and comparisons read."""

from __future__ import annotations

import math

from biaslint.runtime.facts.measurement import layer_place, outer_frames, place_of
from biaslint.runtime.facts.observed import LayerFacts, Observed
from biaslint.runtime.verdict.layers import key_part
from biaslint.theory.program import Bias, BiasWrite, Fate, LayerUse, Program

_KINDS = {"unused": "uncalled", "nograd": "unread", "alive": "alive"}


def fate(layer: LayerFacts, places: dict[str, LayerFacts]) -> Fate:
    """What became of the bias, as measured."""
    if not layer.dead or layer.dead == "nobias":
        return Fate("unknown")
    if layer.dead in _KINDS:
        return Fate(_KINDS[layer.dead])
    by, name = " and ".join(layer.cancelled_how), (layer.cancelled_by or [""])[0]
    place = layer_place(places.get(name))
    if layer.dropout_sees_it:
        return Fate("alive", detail="dropout")
    if layer.dead.startswith("dead"):
        return Fate("dead", by, name or by, place, training_only=layer.dead == "dead_bn")
    if key_part(layer):
        return Fate("part", by, name or by, place, detail="the keys")
    return Fate("alive", detail=f"{1 - layer.dead_fraction:.0%} of its channels")


def _measured_write(layer: LayerFacts) -> BiasWrite | None:
    place, values = layer_place(layer), layer.bias_values
    if place is None or values is None or values.mean is None or values.spread is None:
        return None
    if values.spread <= 1e-7 * max(abs(values.mean), 1.0):
        return BiasWrite("constant", place, value=values.mean)
    # Numbers do not say how they were drawn; a uniform draw of this spread is as good a description as any.
    return BiasWrite("uniform", place, value=values.mean, spread=values.spread * math.sqrt(3))


def program(observed: Observed) -> Program:
    """The layers whose origin in the source is known, with their measured biases and fates."""
    by_name = {layer.name: layer for layer in observed.layers}
    numbers = {layer.name: index for index, layer in enumerate(observed.layers, 1)}
    found = Program()
    for layer in observed.layers:
        place = layer_place(layer)
        if place is None:
            continue
        config = dict(layer.config)
        if layer.gates:
            config["forget_bias"] = min(gate.bias for gate in layer.gates)
        found.uses.append(
            LayerUse(
                framework=observed.framework,
                type=layer.type,
                kind=layer.kind,
                name=layer.name,
                place=place,
                chain=tuple(place_of(frame) for frame in outer_frames(layer.chain)),
                owner=str(outer_frames(layer.chain)[0][5]),
                root=observed.target,
                config=config,
                bias=Bias(layer.bias_present, layer.bias_trainable, _measured_write(layer) if layer.bias_present else None),
                fate=fate(layer, by_name),
                readers=tuple(layer.readers),
                is_output=layer.is_output,
                output_activation=layer.output_activation,
                ident=numbers[layer.name],
                weight_of=None if layer.weight_of is None else numbers.get(layer.weight_of),
                bias_of=None if layer.bias_of is None else numbers.get(layer.bias_of),
            )
        )
    return found
