"""The graph of objects in a TensorFlow checkpoint: which variable is whose, found by walking the model along the same edges.

A node is an object, an edge the attribute, the list index or the layer's number under which one object holds another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from biaslint.runtime.migrate.keras.models import Key, Variables

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"
_COUNTERS = ("_iterations", "iterations", "iter")  # an optimizer counts its steps
_AVERAGES = "_model_variables_moving_average"


class ObjectGraph:
    """One graph, parsed; `proto` is what is edited."""

    def __init__(self, data: bytes) -> None:
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        self.proto = trackable_object_graph_pb2.TrackableObjectGraph()
        self.proto.ParseFromString(data)
        self.children = [{child.local_name: child.node_id for child in node.children} for node in self.proto.nodes]
        values = [next((one for one in node.attributes if one.name == _VALUE), None) for node in self.proto.nodes]
        self.keys = [one.checkpoint_key if one is not None else "" for one in values]
        self.full_names = [one.full_name if one is not None else "" for one in values]

    def path(self, node: int) -> str:
        """How a node is reached from the root: the shortest way."""
        ways, pending = {0: ""}, [0]
        while pending and node not in ways:
            one = pending.pop(0)
            for name, child in self.children[one].items():
                if child not in ways:
                    ways[child] = f"{ways[one]} / {name}".removeprefix(" / ")
                    pending.append(child)
        return ways.get(node, "?")

    def matches(self, model: Variables) -> tuple[list[tuple[int, dict[Key, int]]], dict[Key, int]]:
        """The nodes of each copy of the model and of its variables; and the variables of the best of what is no whole copy."""
        whole: list[tuple[int, dict[Key, int]]] = []
        best: dict[Key, int] = {}
        for start in range(len(self.children)):
            found = self._match(model, start)
            if len(found) == len(model.by_key):
                whole += [(start, found)] if all(found != other for _, other in whole) else []
            elif len(found) > len(best):
                best = found
        return whole, best

    def _match(self, model: Variables, start: int) -> dict[Key, int]:
        keys = {id(variable): key for key, variable in model.by_key.items()}
        found: dict[Key, int] = {}
        seen = {id(model.model)}
        pending = [(model.model, start)]
        while pending:
            layer, node = pending.pop()
            for variable, names in _variables(layer, keys):
                child = next((self.children[node][name] for name in names if name in self.children[node]), None)
                if child is not None and self.keys[child]:
                    found.setdefault(keys[id(variable)], child)
            for inner, path in _parts(layer):
                child = self._follow(node, path)
                if child is not None and id(inner) not in seen:
                    seen.add(id(inner))
                    pending.append((inner, child))
        return found

    def _follow(self, node: int, path: tuple[str, ...]) -> int | None:
        at: int | None = node
        for name in path:
            at = self.children[at].get(name) if at is not None else None
        return at

    def optimisers(self) -> list[int]:
        """The nodes of optimizers."""
        return [
            number
            for number, node in enumerate(self.proto.nodes)
            if node.slot_variables or any(name in self.children[number] for name in _COUNTERS)
        ]

    def averaged(self, optimiser: int) -> bool:
        """Whether an optimizer keeps averages of the model's variables."""
        return (
            bool(self.children[self.children[optimiser].get(_AVERAGES, 0)]) if _AVERAGES in self.children[optimiser] else False
        )

    def slots_of(self, optimiser: int, variables: set[int]) -> dict[int, list[int]] | None:
        """The nodes that an optimizer keeps for each of the model's variables; None where that cannot be told."""
        found: dict[int, list[int]] = {node: [] for node in variables}
        for slot in self.proto.nodes[optimiser].slot_variables:
            if slot.original_variable_node_id in found:
                found[slot.original_variable_node_id].append(slot.slot_variable_node_id)
        lists = [self._items(child) for child in self.children[optimiser].values()]
        own = set(self.children[optimiser].values()) | variables
        kept = [one for one in lists if one and not own & set(one) and all(self.keys[node] for node in one)]
        for trained in (one for one in lists if variables & set(one)):
            for index, node in enumerate(trained):
                if node in found:
                    found[node] += [one[index] for one in kept if len(one) == len(trained)]
        others = {node for one in lists for node in one if self.keys[node]} - own
        if not any(found.values()):
            self._named_slots(found, others)
        counts = {len(one) for one in found.values() if one}
        return found if len(counts) == bool(others) else None

    def _named_slots(self, found: dict[int, list[int]], candidates: set[int]) -> None:
        """By name: `Adam/m/conv/bias` is kept for `conv/bias`."""
        names = {self.full_names[node]: node for node in found}
        for node in sorted(candidates):
            parts = self.full_names[node].split("/")
            owner = next((names[name] for at in range(1, len(parts)) if (name := "/".join(parts[at:])) in names), None)
            if owner is not None:
                found[owner].append(node)

    def _items(self, node: int) -> list[int]:
        children = self.children[node]
        return [children[str(index)] for index in range(len(children))] if _is_list(children) else []

    def without(self, nodes: set[int]) -> tuple[bytes, set[str]]:
        """The graph without these nodes and what only they led to; the keys of the values that are gone. Lists close up."""
        children = [self._left(number, nodes) for number in range(len(self.children))]
        alive, pending = {0}, [0]
        while pending:
            for child in children[pending.pop()].values():
                if child not in alive:
                    alive.add(child)
                    pending.append(child)
        number = {old: new for new, old in enumerate(sorted(alive))}
        made = type(self.proto)()
        for old in sorted(alive):
            node = made.nodes.add()
            node.CopyFrom(self.proto.nodes[old])
            del node.children[:], node.slot_variables[:]
            for name, child in children[old].items():
                node.children.add(node_id=number[child], local_name=name)
            for slot in self.proto.nodes[old].slot_variables:
                if slot.original_variable_node_id in number and slot.slot_variable_node_id in number:
                    node.slot_variables.add(
                        original_variable_node_id=number[slot.original_variable_node_id],
                        slot_name=slot.slot_name,
                        slot_variable_node_id=number[slot.slot_variable_node_id],
                    )
        kept = {self.keys[node] for node in alive}
        return made.SerializeToString(), set(self.keys) - kept

    def _left(self, node: int, gone: set[int]) -> dict[str, int]:
        items = self._items(node)
        if items:
            return {str(index): child for index, child in enumerate(one for one in items if one not in gone)}
        return {name: child for name, child in self.children[node].items() if child not in gone}


def _is_list(children: Mapping[str, int]) -> bool:
    return bool(children) and set(children) == {str(index) for index in range(len(children))}


def _variables(layer: Any, keys: Mapping[int, Key]) -> Iterator[tuple[Any, list[str]]]:
    """A layer's own variables, each with the names that an edge to it may have."""
    own = {id(one): one for one in [*layer._trainable_variables, *layer._non_trainable_variables] if id(one) in keys}
    for variable in own.values():
        attributes = [name for name, value in vars(layer).items() if value is variable]
        yield variable, [*attributes, str(variable.name).rpartition("/")[2].partition(":")[0]]


def _parts(layer: Any) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The layers that a layer holds, with the edges to them: attributes, items of lists, and the numbers that older versions gave."""
    for name, value in list(vars(layer).items()):
        yield from _held(value, (name,))
    numbered = [one for one in getattr(layer, "layers", ()) if one.weights]
    for number, one in enumerate(numbered):
        yield one, (f"layer_with_weights-{number}",)


def _held(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    import keras

    if isinstance(value, keras.layers.Layer):
        yield value, path
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, one in items:
        yield from _held(one, (*path, str(key)))
