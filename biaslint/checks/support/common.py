"""What several checks say or propose alike."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator

from biaslint.checks.support.spelling import zero_text
from biaslint.findings.finding import Fix, Related, RemoveArgument, ReplaceExpression, Safety, SetArgument
from biaslint.theory.conditions import Verdict
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

AXES = "bias_axes"  # how Keras's EinsumDense is told of its bias
OPPOSITES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Is: ast.IsNot(), ast.IsNot: ast.Is(), ast.In: ast.NotIn(), ast.NotIn: ast.In(), ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
    ast.Lt: ast.GtE(), ast.GtE: ast.Lt(), ast.Gt: ast.LtE(), ast.LtE: ast.Gt(),
}  # fmt: skip


def replacement(verdict: Verdict) -> str:
    """The bias argument to write: off, or off under the condition."""
    when = verdict.when
    if when is None:
        return "None" if verdict.use.bias.argument == AXES else "False"
    return negation(when)


def negation(condition: str) -> str:
    """How the source would write that a condition does not hold."""
    try:
        return ast.unparse(negated(ast.parse(condition, mode="eval").body))
    except SyntaxError:
        return f"not ({condition})"


def condition_of(verdict: Verdict) -> str:
    """When the finding holds, as the end of its message."""
    if verdict.when:
        return f" when `{verdict.when}`"
    return " where the settings are what they are by default" if verdict.seen_otherwise else ""


def negated(test: ast.expr) -> ast.expr:
    """The opposite of a condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.BoolOp):
        return ast.BoolOp(ast.And() if isinstance(test.op, ast.Or) else ast.Or(), list(map(negated, test.values)))
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return ast.Compare(test.left, [OPPOSITES[type(test.ops[0])]], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def removal(verdict: Verdict) -> Fix | None:
    """The fix that takes a bias away, where the constructor has an argument that says so."""
    use = verdict.use
    if verdict.through or not use.bias.argument or "**" in use.texts:
        return None
    if verdict.when is not None and (use.bias.argument_text not in ("", "True") or use.bias.argument == AXES):
        return None
    if verdict.seen_otherwise:
        return None
    if verdict.of_round:
        return None  # what it speaks of may come to its value after the layer is made
    if verdict.when is not None and names_unspelled_class(verdict.when, use):
        return None  # the class may have another name where the layer is made
    if verdict.when is not None and (only_for_readers(verdict.when) or of_default_dict(verdict.when, use)):
        return None
    if any(sets_unguarded(other) for other in verdict.uses):
        return None
    text = replacement(verdict)
    change = set_argument(use, use.bias.argument, text)
    return Fix(
        Safety.UNSAFE, f"`{use.bias.argument}={text}` (removes the parameter `{use.name}.bias` from checkpoints)", (change,)
    )


def set_argument(use: LayerUse, keyword: str, text: str) -> SetArgument:
    """The change that gives the call that makes the layer an argument: where it is passed by position, there."""
    return SetArgument(use.place, keyword, text, use.positions.get(keyword))


def only_for_readers(condition: str) -> bool:
    """Does a condition only tell a reader what is meant? Nothing is equal to what `norm == partial(...)` makes, and None has no methods."""
    parts = list(ast.walk(ast.parse(condition)))
    made = any(
        isinstance(other, (ast.Call, ast.Lambda))
        for part in parts
        if isinstance(part, ast.Compare)
        for other in part.comparators
    )
    return made or any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr != "get" for part in parts
    )


def of_default_dict(condition: str, use: LayerUse) -> bool:
    """Does a condition look into a dict that is a parameter's default? None may be given in its place."""
    bases = [ast.unparse(part.value) for part in ast.walk(ast.parse(condition)) if isinstance(part, ast.Subscript)]
    return any(str(use.settings.get(base)).endswith(" items>") for base in bases)


CLASS = re.compile(r"isinstance\(()| is (?:not )?(?!None\b|True\b|False\b)([\w.]+)")


def names_unspelled_class(condition: str, use: LayerUse) -> bool:
    """Does a condition name a class otherwise than the source names a parameter's default?"""
    return any("".join(found) not in use.spelled.values() for found in CLASS.findall(condition))


def sets_unguarded(use: LayerUse) -> bool:
    """Does a statement that does not ask whether there is a bias write to it?"""
    return any((".bias" in write.target and not write.guarded) or write.by == "set_weights" for write in use.bias.writes)


RELUS = {"relu", "relu_", "relu6"}
SMALL = 0.2  # up to here a positive constant is the "so that all ReLUs fire" habit, and another rule's business
RAISED = 0.5  # a constant from here on is meant to open a gate of an LSTM


def part_of_vector(span: tuple[float, float]) -> str:
    """Which part of a vector it is: "the second quarter of "."""
    low, high = span
    if (low, high) == (0.0, 1.0):
        return ""
    count = round(1 / (high - low))
    names = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth"}
    if count not in names or abs(low * count - round(low * count)) > 1e-9 or abs((high - low) * count - 1) > 1e-9:
        return f"from {low:.3g} to {high:.3g} of "
    return f"the {('first', 'second', 'third', 'fourth', 'fifth', 'sixth')[round(low * count)]} {names[count]} of "


ORDINARY = {
    *RELUS, "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish", "dropout",
    "affine", "window", "smooth", "layer norm", "group norm", "RMS norm", "softmax",
}  # fmt: skip


def ordinary(use: LayerUse) -> bool:
    """Is the layer one of a stack, and no gate, mask or scale?"""
    return bool(use.readers) and ORDINARY.issuperset(use.readers)


def into_relu(use: LayerUse) -> bool:
    """Is everything that reads the layer a ReLU?"""
    return bool(use.readers) and RELUS.issuperset(use.readers)


def live(use: LayerUse) -> bool:
    """Is it known that the bias is there and that something sees it?"""
    return use.bias.present is True and use.fate.kind in ("alive", "part")


def hidden_constant(use: LayerUse, write: BiasWrite) -> float:
    """The constant that starts the live bias of a hidden layer in a stack; 0 for every other write."""
    if write.how != "constant" or not live(use) or use.is_output or not ordinary(use):
        return 0.0
    return write.value or 0.0


def last_writes(use: LayerUse) -> list[BiasWrite]:
    """The write that decides each bias vector's start: one per vector, none where a part was written after it or it is a default."""
    last: dict[str, BiasWrite] = {}
    for write in use.bias.writes:
        last[write.which] = write
    return [write for write in last.values() if write.span is None]


def written(program: Program) -> list[list[tuple[LayerUse, BiasWrite]]]:
    """For each place that sets biases the layers and the writes, in order of place."""
    found: dict[Place, list[tuple[LayerUse, BiasWrite]]] = {}
    for use in program.uses:
        # a layer that nothing calls in one execution is judged by the others
        if use.bias.writes and use.fate.kind not in ("unknown", "uncalled", "unread"):
            for write in last_writes(use):
                found.setdefault(write.place, []).append((use, write))
    return [found[place] for place in sorted(found)]


def by_write(
    program: Program,
    judged: Callable[[LayerUse, BiasWrite], object],
    kinds: Collection[str],
    beside: Callable[[LayerUse], bool] = lambda use: False,
) -> Iterator[tuple[LayerUse, BiasWrite]]:
    """The statements that set biases of which all are as `judged` says, each with the first of the layers.

    Layers that are as `beside` says may be among those that a statement sets, but not be all of them.
    """
    if "written" not in program.worked_out:
        program.worked_out["written"] = written(program)
    for pairs in program.worked_out["written"]:
        those = [(use, write) for use, write in pairs if not (use.kind in kinds and beside(use))]
        if those and all(use.kind in kinds and judged(use, write) for use, write in those):
            yield those[0]


ELSEWHERE = "(changes the initial value of a newly trained model)"
# The call that sets a constant -> the keyword and the position of its value.
VALUE_OF = {"nn.init.constant_": ("val", 1), "fill_": ("value", 0)}


def is_output(use: LayerUse) -> bool:
    """Does its result leave the model?"""
    return use.is_output


def sets_outputs(program: Program, place: Place) -> bool:
    """Does a statement set the bias of an output layer, whose start may be a prior?"""
    return any(use.is_output and write.place == place for use in program.uses for write in use.bias.writes)


def sets_only(program: Program, place: Place, judged: Collection[LayerUse]) -> bool:
    """Does a statement set parameters of the judged layers alone? A fix of it changes what it sets of others, too."""
    known = set(map(id, judged))
    return not any(
        write.place == place for use in program.uses if id(use) not in known for write in (*use.bias.writes, *use.weight_writes)
    )


NAMED = re.compile(r"[a-z_]\w*(\.\w+)*")


def to_zero(use: LayerUse, write: BiasWrite) -> Fix | None:
    """The fix that writes zero for the constant."""
    if use.framework == "keras" and write.place == use.place and "bias_initializer" in use.texts and "**" not in use.texts:
        message = f'`bias_initializer="zeros"` {ELSEWHERE}'
        return Fix(Safety.UNSAFE, message, (set_argument(use, "bias_initializer", '"zeros"'),))
    if use.framework == "flax" and write.place == use.place and "bias_init" in use.texts and "**" not in use.texts:
        without = RemoveArgument(use.place, "bias_init", use.positions.get("bias_init"))
        return Fix(Safety.UNSAFE, f"remove `bias_init`; the default is zero {ELSEWHERE}", (without,))
    for keyword in ("bias_initializer", "biases_initializer"):
        if use.framework == "tensorflow" and write.place == use.place and keyword in use.texts:
            text = zero_text(use.texts[keyword])
            change = set_argument(use, keyword, text)
            return Fix(Safety.UNSAFE, f"`{keyword}={text}` {ELSEWHERE}", (change,)) if text else None
    if write.place == use.place and use.type.startswith(("tf.nn.", "tf.matmul", "keras.ops.")):
        return set_initial(use, write, zero_text(write.text))
    if write.by not in VALUE_OF or NAMED.fullmatch(write.text):  # whoever gives a named value its value is to change it there
        return None
    keyword, position = VALUE_OF[write.by]
    zero = "0" if write.text.lstrip("-").isdigit() else "0.0"
    message = f"`{zero}` instead of `{write.text or write.value}` {ELSEWHERE}"
    return Fix(Safety.UNSAFE, message, (SetArgument(write.place, keyword, zero, position),))


def set_initial(use: LayerUse, write: BiasWrite, text: str) -> Fix | None:
    """Give the call that makes the variable another initial value."""
    short = use.callee.rpartition(".")[2]
    places = {"Variable": ("initial_value", 0), "get_variable": ("initializer", 3), "add_weight": ("initializer", None)}
    if not text or short not in places:
        return None
    keyword, position = places[short]
    return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (SetArgument(write.place, keyword, text, position),))


def zeros_instead(write: BiasWrite) -> Fix | None:
    """The fix that calls `zeros_` where another initializer of torch.nn.init is called."""
    own = write.target.removesuffix(".data").rpartition(".")[2]
    if write.call is None or not write.by.startswith("nn.init.") or not own.startswith("bias"):
        return None
    head = write.func.rpartition(".")[0]
    if not head:
        return None
    text = f"{head}.zeros_({write.target})"
    return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (ReplaceExpression(write.call, text),))


def the_layer(use: LayerUse, place: Place) -> tuple[Related, ...]:
    """Points at the layer, where the finding stands elsewhere."""
    return (Related(use.place, "the layer"),) if use.place != place else ()


def removed_by_hand(use: LayerUse) -> bool:
    """Has the layer no bias, and is its argument given: `False`, or a setting that is False in this execution?"""
    return use.bias.present is False and bool(use.bias.argument) and bool(use.bias.argument_text)


def bias_added(use: LayerUse) -> Fix | None:
    """The fix that adds the bias, where it is switched off by a plain `False`."""
    if use.bias.argument_text != "False":
        return None
    message = f"`{use.bias.argument}=True` (adds the parameter `{use.name}.bias` to checkpoints)"
    return Fix(Safety.UNSAFE, message, (set_argument(use, use.bias.argument, "True"),))


HEAD = re.compile(
    r"(^|[._])(fc|head|classifier|cls|cls_score|class_embed|logits?|scores?|pred|prediction|predictor|regressor|output|out|output_layer|out_layer|"
    r"last|final|last_layer|final_layer|fc_out|fc_cls|linear)\d*$",
    re.IGNORECASE,
)
TARGETS = re.compile(r"((num|n)_?(class|label|target|output)|classes|labels)", re.IGNORECASE)
# Distributions over parts of a model or of a mixture.
INNER = re.compile(r"expert|gat(e|ing)|rout(er|ing)|att(n|ention)|align|(n|num)_(src|sources?|speakers?)\b", re.IGNORECASE)
BALANCED = re.compile(r"discriminator|critic", re.IGNORECASE)  # as many real samples as generated ones
CLASSIFIES = ("sigmoid", "softmax", "log_softmax", "logsigmoid")


SIZES = (
    "the size of the output",
    "out_features",
    "out_channels",
    "units",
    "filters",
    "num_features",
    "normalized_shape",
)  # among the texts of a layer


def size_of(use: LayerUse) -> str:
    """How the source says the number of a layer's outputs."""
    return next((use.texts[name] for name in SIZES if name in use.texts), "")


def predicts(use: LayerUse) -> bool:
    """Does something say that what leaves the model here is a prediction, and not features for someone else's model?"""
    if not use.is_output or BALANCED.search(use.owner):
        return False
    size = size_of(use)
    if use.output_activation in CLASSIFIES:
        # a softmax over one feature is one over positions
        weighs = use.output_activation.endswith("softmax") and (size == "1" or INNER.search(f"{use.owner} {use.name} {size}"))
        return not weighs and not use.part  # a part may well be a gate
    if use.framework not in ("torch", "flax"):
        return False
    nameless = use.name == use.type.rpartition(".")[2]
    if use.kind in ("conv", "norm", "affine"):
        return bool(TARGETS.search(size))
    if size == use.texts.get("in_features") or (nameless and size == "1"):
        return False
    return bool(TARGETS.search(size)) or (size.isdigit() and bool(HEAD.search(use.name)))
