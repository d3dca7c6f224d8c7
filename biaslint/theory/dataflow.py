"""One execution of a model on abstract tensors: every tensor is a `Node` that knows what it was made from and what reads it.

Nodes stand in the order in which they were made, so a reader always comes after what it reads. `biaslint.theory.shift` follows the
shift that a bias adds through them; the interpreter builds them; neither knows the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.theory import terms
from biaslint.theory.tensor_info import TensorInfo

if TYPE_CHECKING:
    from typing_extensions import Unpack

Dim = Any  # an int, or the key of an unknown number: two equal keys are the same number
Dims = tuple[Dim, ...]


class Node:
    """One tensor. `op` says how it was made from `inputs`; `dims` are its dimensions, None where not even their number is known.

    The operations (see `biaslint.theory.shift` for what each does to a shift):
        input, const            a model input; a value that does not depend on the inputs (parameter, buffer, literal)
        layer                   an affine layer adds its bias here: `bias_of` names it, `axes` are the axes its bias varies along
        keep                    nothing happens to positions: identity, cast, factor by a number
        mask                    entries of the first input, of the third one where the second says so (`low`: minus infinity there)
        affine                  a linear step whose result varies along `axes`, with zeros entering along the axes `padded`
        norm                    subtracts the mean over the axes `means`; `style` names it
        softmax                 over `axis`
        attention               scaled dot product of (query, key, value)
        add                     sum or difference of broadcast tensors
        mul                     product of broadcast tensors
        matmul                  matrix product of the last two axes
        einsum                  `terms`: the axis letters of each input and of the output
        concat                  along `axis`
        remap                   axis j of the result comes from the axes `sources[j]` of the input (transpose, reshape, slice, mean)
        window                  a maximum over positions along the axes `mixes`
        smooth                  a weighted mean over positions along the axes `mixes`; `padded` where zeros enter it
        opaque                  anything else: whatever goes in is seen
        output                  leaves the model
    """

    __slots__ = ("bias_of", "dims", "id", "info", "inputs", "later", "name", "op", "origin", "readers", "storage", "version")

    def __init__(
        self, ident: int, op: str, inputs: tuple[Node, ...], dims: Dims | None, name: str, origin: object, info: TensorInfo
    ):
        self.id = ident
        self.op = op
        self.inputs = inputs
        self.dims = dims
        self.name = name
        self.origin = origin
        self.info = info
        self.bias_of: object = None
        self.readers: list[Node] = []
        self.later: Node | None = None  # what a change in place has made of it
        self.storage: Storage | None = None
        self.version = 0  # of the storage, when the node was made
        for node in inputs:
            node.readers.append(self)

    @property
    def rank(self) -> int | None:
        """How many axes the tensor has, where that is known."""
        return None if self.dims is None else len(self.dims)

    def __repr__(self) -> str:
        return f"<{self.id} {self.op} {self.name} {self.dims}>"


# What shares its entries with the tensor that it was made from, or may: by the names that nodes carry
VIEWS = frozenset(
    [
        "view",
        "reshape",
        "permute",
        "transpose",
        "flatten",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "expand",
        "split",
        "unbind",
        "rearrange",
        "contiguous",
        "to",
        "type",
        "type_as",
        "float",
        "double",
        "detach",
        "alias",
        "as_subclass",
        "[]",
    ]
)


class Storage:
    """Entries that several tensors share: how often they have been changed in place, and what the last change made."""

    __slots__ = ("last", "version")

    def __init__(self) -> None:
        self.version = 0
        self.last: Node | None = None


MAX_AXES = 64  # of a tensor, in PyTorch and NumPy


class Flow:
    """The nodes of one execution."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.foreign: dict[Node, Node] = {}  # tensors of other executions, and what stands for them here
        self.changes = 0  # how many statements have changed a tensor in place

    def add(
        self,
        op: str,
        inputs: tuple[Node, ...] = (),
        dims: Dims | None = None,
        name: str = "",
        origin: object = None,
        **info: Unpack[TensorInfo],
    ) -> Node:
        """A new tensor, made from what the inputs are by now."""
        current = tuple(map(self.now, inputs)) if self.changes else inputs
        if not all(map(self.holds, current)):
            current = tuple(map(self.own, current))
        node = Node(len(self.nodes), op, current, dims, name, origin, info)
        self.nodes.append(node)
        if name in VIEWS and len(current) == 1:
            source = current[0]
            source.storage = node.storage = source.storage or Storage()
            node.version = source.storage.version
        return node

    def now(self, node: Node) -> Node:
        """The tensor as it is by now: what changes in place have made of it, or of another that shares its entries."""
        while node.later is not None:
            node = node.later
        storage = node.storage
        if storage is None or storage.version == node.version or storage.last is None:
            return node
        made = Node(len(self.nodes), "opaque", (node, storage.last), node.dims, "a change in place", node.origin, {})
        self.nodes.append(made)
        made.storage, made.version, node.later = storage, storage.version, made
        return made

    def change(self, node: Node, new: Node) -> None:
        """A statement in place (`x.mul_(y)`, `x += y`, `out=x`) has made `new` of a tensor, under every name that it has."""
        node = self.now(node)
        if node is new:
            return
        if new.storage is not None or new.later is not None or new.id < node.id:  # it stays a tensor of its own
            new = self.add("keep", (new,), node.dims, "a change in place", new.origin)
        node.storage = node.storage or Storage()
        node.storage.version += 1
        node.storage.last = node.later = new
        new.storage, new.version = node.storage, node.storage.version
        self.changes += 1

    def holds(self, node: Node) -> bool:
        """Was the tensor made in this execution?"""
        return node.id < len(self.nodes) and self.nodes[node.id] is node

    def own(self, node: Node) -> Node:
        """The tensor, or what stands here for one that another execution has made for all (a default, a name of a module)."""
        if self.holds(node):
            return node
        if node not in self.foreign:
            op = node.op if node.op == "const" else "input"
            self.foreign[node] = self.add(op, (), node.dims, node.name, node.origin, **node.info)
        return self.foreign[node]

    def learn_rank(self, node: Node, rank: int) -> None:
        """The tensor turned out to have `rank` axes; what it was made from by steps that keep the axes has as many. More than a
        tensor can have teach nothing."""
        if node.dims is None and rank <= MAX_AXES:
            node.dims = tuple(terms.Dimension(node.id, axis) for axis in range(rank))
            if node.op in ("keep", "norm") or "elementwise" in node.info:
                self.learn_rank(node.inputs[0], rank)
