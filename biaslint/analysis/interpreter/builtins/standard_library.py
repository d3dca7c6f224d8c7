"""The parts of the standard library that model code uses: math, functools, itertools, collections, dataclasses and others."""

from __future__ import annotations

import ast
import itertools
import math
import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import (
    MAX_ITEMS,
    TOO_LONG,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Method,
    ModelFunction,
    Partial,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.interpreter import containers
from biaslint.analysis.interpreter.builtins import functions as builtin_functions, log_odds, numpy_arrays
from biaslint.analysis.interpreter.objects import attributes, items, operators
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


LONGEST_PATH = 4096  # characters
LEAST_OF_LIBRARY = {
    "functools.reduce": 2, "itertools.repeat": 1, "itertools.chain.from_iterable": 1, "itertools.accumulate": 1, "itertools.islice": 1, "itertools.pairwise": 1,
    "collections.namedtuple": 1, "operator.mul": 2, "operator.add": 2,
}  # fmt: skip


def do_product(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    result: Value = 1
    for part in ex.iterate(args[0]) if args else []:
        result = operators.binary(ex, ast.Mult(), result, part, ast.Pass())
    return result


def do_partial(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return ex.fresh("partial")
    if isinstance(args[0], Partial):
        return Partial(args[0].func, [*args[0].args, *args[1:]], values.together(args[0].kwargs, kwargs))
    return Partial(args[0], list(args[1:]), values.together({}, kwargs))


def do_reduce(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = ex.iterate(args[1])
    result = args[2] if len(args) > 2 else parts.pop(0) if parts else ex.fresh()
    for part in parts:
        result = ex.call(args[0], [result, part], {}, ex.node)
    return result


def do_chain(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return SequenceValue([item for arg in args for item in ex.iterate(arg)])


def do_chain_from(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return SequenceValue([item for arg in ex.iterate(args[0]) for item in ex.iterate(arg)])


def do_repeat(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    count = args[1] if len(args) > 1 else kwargs.get("times", 3)
    if isinstance(count, Unknown):
        count = ex.path.count(count)
    if isinstance(count, int) and count > MAX_ITEMS:
        ex.give_up_here(TOO_LONG)
    return SequenceValue([args[0]] * (min(count, MAX_ITEMS) if isinstance(count, int) else 3))


def do_cartesian(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    import itertools

    columns = [ex.iterate(arg) for arg in args]
    if math.prod(map(len, columns)) > MAX_ITEMS:
        ex.give_up_here(TOO_LONG)
    rows = itertools.islice(itertools.product(*columns), MAX_ITEMS)
    return SequenceValue([SequenceValue(list(row), "tuple") for row in rows])


def do_accumulate(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    total: Value = None
    results = []
    for part in ex.iterate(args[0]):
        total = part if total is None else operators.binary(ex, ast.Add(), total, part, ast.Pass())
        results.append(total)
    return SequenceValue(results)


def do_islice(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = ex.iterate(args[0])
    if all(arg is None or (isinstance(arg, int) and arg >= 0) for arg in args[1:]) and 1 < len(args) < 5 and args[3:] != [0]:
        return SequenceValue(parts[slice(*args[1:])])
    return SequenceValue(parts)


def do_pairwise(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = ex.iterate(args[0])
    return SequenceValue([SequenceValue([one, two], "tuple") for one, two in itertools.pairwise(parts)])


def do_zip_longest(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    columns = [ex.iterate(arg) for arg in args]
    count = max((len(column) for column in columns), default=0)
    fill = kwargs.get("fillvalue")
    rows = [[column[index] if index < len(column) else fill for column in columns] for index in range(count)]
    return SequenceValue([SequenceValue(row, "tuple") for row in rows])


def do_deepcopy(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return containers.copy(ex, args[0]) if args else ex.fresh()


def do_method(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """types.MethodType(function, object)"""
    if len(args) != 2:
        return ex.fresh("a method")
    return Method(args[1], args[0]) if isinstance(args[0], FunctionValue) else Partial(args[0], args[1:], {})


def do_named_tuple(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    fields = args[1] if len(args) > 1 else None
    names = (
        fields.replace(",", " ").split()
        if isinstance(fields, str)
        else [item for item in ex.iterate(fields) if isinstance(item, str)]
    )
    node = ast.ClassDef(
        name=str(args[0]),
        bases=[],
        keywords=[],
        body=[ast.AnnAssign(ast.Name(name, ast.Store()), ast.Name("object", ast.Load()), None, 1) for name in names],
        decorator_list=[],
        lineno=1,
        col_offset=0,
    )
    assert ex.module is not None
    cls = Class(str(args[0]), node, ex.module, [External("typing.NamedTuple")])
    cls.mro = [cls, External("typing.NamedTuple")]
    cls.dataclass = True
    return cls


def do_field(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    field = Instance(External("dataclasses.field"))
    field.attrs.update(kwargs)
    return field


def data_fields(obj: Value) -> dict[str, Value]:
    """The fields of a dataclass instance."""
    return dict(obj.attrs) if isinstance(obj, Instance) else {}


def do_replace(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.replace"""
    if not args or not isinstance(args[0], Instance):
        return ex.fresh("replace")
    made = Instance(args[0].cls, args[0].origin)
    made.attrs.update(args[0].attrs)
    made.attrs.update(kwargs)
    return made


def do_asdict(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.asdict"""
    if not args or not isinstance(args[0], Instance):
        return ex.fresh("asdict")
    return DictValue(
        {name: do_asdict(ex, [value], {}) if plain_data(value) else value for name, value in data_fields(args[0]).items()}
    )


def plain_data(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, Class) and value.cls.dataclass


def do_fields(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.fields: objects with a name and a default."""
    cls = args[0].cls if args and isinstance(args[0], Instance) else args[0] if args else None
    found = []
    for base in reversed(cls.mro) if isinstance(cls, Class) else ():
        if isinstance(base, Class):
            for statement in base.node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    field = Instance(External("dataclasses.Field"))
                    field.attrs["name"] = statement.target.id
                    found.append(field)
    return SequenceValue(found)


def do_signature(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """inspect.signature: an object with the parameters' names."""
    func = args[0] if args else None
    if isinstance(func, Class):
        found = class_lookup.find_in_class(func, "__init__")
        func = found.value if found is not None else None
    elif isinstance(func, Method):
        func = func.func
    if not isinstance(func, FunctionValue):
        return ex.fresh("signature")
    spec = func.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if item.arg != "self"]
    signature = Instance(External("inspect.Signature"))
    signature.attrs["parameters"] = DictValue({name: ex.fresh(name) for name in names}, open=spec.kwarg is not None)
    return signature


def do_environ(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return args[1] if len(args) > 1 else None


def do_counter(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return DictValue(open=True)


def do_path(name: str) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    """A function of os.path that only computes. What is not known of the parts is not known of the result."""

    def work(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
        known = args and not kwargs and all(isinstance(arg, str) for arg in args) and sum(map(len, args)) < LONGEST_PATH
        try:
            found = getattr(posixpath, name)(*args) if known else None
        except (TypeError, ValueError):
            found = None
        if isinstance(found, tuple):
            return SequenceValue(list(found), "tuple")
        return ex.fresh("a path") if found is None else found

    return work


def do_default_dict(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return DictValue(open=True)


def do_linspace(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """numpy.linspace(start, stop, num=50)"""
    start, stop = values.argument(args, kwargs, 0, "start"), values.argument(args, kwargs, 1, "stop")
    count = values.argument(args, kwargs, 2, "num", default=50)
    numbers = evenly_spaced(start, stop, count)
    if numbers is None and isinstance(count, int) and count > MAX_ITEMS:
        ex.give_up_here(TOO_LONG)
    return ex.fresh("linspace") if numbers is None else SequenceValue(numbers, "array")


def evenly_spaced(start: Value, stop: Value, count: Value) -> list[Value] | None:
    """`count` numbers from `start` to `stop`; None where one of the three is not known or they are too many."""
    first, last = values.number(start), values.number(stop)
    if first is None or last is None or not isinstance(count, int) or not 0 < count <= MAX_ITEMS:
        return None
    step = (last - first) / max(count - 1, 1)
    return [first + step * index for index in range(count)]


def do_arange(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and all(isinstance(arg, int) for arg in args):
        return SequenceValue(ex.iterate(builtin_functions.do_range(ex, args, {})), "array")
    return ex.fresh("arange")


def do_regex(name: str) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    function = {
        "split": re.split,
        "match": re.match,
        "search": re.search,
        "sub": re.sub,
        "findall": re.findall,
        "fullmatch": re.fullmatch,
    }[name]

    def work(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if kwargs or not all(isinstance(arg, str) for arg in args) or not harmless(args):
            return ex.fresh(f"re.{name}")
        try:
            result: Any = function(*args)  # type: ignore[operator]
        except Exception:  # a wrong pattern
            return ex.fresh(f"re.{name}")
        if result is None or isinstance(result, str):
            return result
        if isinstance(result, list):
            return SequenceValue([SequenceValue(list(item), "tuple") if isinstance(item, tuple) else item for item in result])
        found: re.Match[str] = result
        match = Instance(External("re.Match"))
        match.attrs["group"] = ModelFunction("group", lambda *which: group(found, which))
        match.attrs["groups"] = ModelFunction("groups", lambda: SequenceValue(list(found.groups()), "tuple"))
        match.attrs["groupdict"] = ModelFunction("groupdict", lambda: DictValue(dict(found.groupdict())))
        return match

    return work


def group(match: re.Match[str], which: tuple[Any, ...]) -> Value:
    try:
        result: Any = match.group(*which)
    except (IndexError, TypeError):
        return None
    return SequenceValue(list(result), "tuple") if isinstance(result, tuple) else result


def harmless(args: list[str]) -> bool:
    """Short text, and a pattern without a repetition of a repetition, whose matching could take exponential time."""
    pattern, size = args[0], max(len(arg) for arg in args)
    repeats = len(re.findall(r"[*+?{]", pattern))
    return (
        len(pattern) < 80
        and size < 300
        and (repeats < 2 or size ** min(repeats, 9) < 10**8)
        and not re.search(r"[*+}][*+{]|[*+?}]\)+[*+?{]|\|.*\)[*+{]|\\[1-9]", pattern)
    )


def do_getter(name: str) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    """operator.attrgetter("conv.bias"), operator.itemgetter(0, 1)"""

    def one(ex: Execution, obj: Value, which: Value) -> Value:
        if name == "itemgetter":
            return items.load_item(ex, obj, which)
        for part in which.split(".") if isinstance(which, str) else ():
            obj = attributes.load(ex, obj, part)
        return obj if isinstance(which, str) else ex.fresh(name, tensors=values.all_in(obj))

    def get(ex: Execution, args: list[Value], obj: Value) -> Value:
        found = [one(ex, obj, which) for which in args]
        return found[0] if len(found) == 1 else SequenceValue(found, "tuple")

    return lambda ex, args, kwargs: ModelFunction(name, lambda obj: get(ex, args, obj))


def do_method_caller(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """operator.methodcaller("tanh")"""
    if not args or not isinstance(args[0], str):
        return ex.fresh("methodcaller")
    return ModelFunction("methodcaller", lambda obj: ex.call(attributes.load(ex, obj, args[0]), args[1:], kwargs, ex.node))


def unchanged(value: Value) -> Value:
    """A decorator that the analysis passes over."""
    return value


FUNCTIONS: dict[str, Callable[[Execution, list[Value], dict[str, Value]], Value]] = {
    "math.prod": do_product,
    "numpy.prod": do_product,
    "functools.partial": do_partial,
    "functools.reduce": do_reduce,
    "functools.lru_cache": lambda ex, args, kwargs: (
        args[0] if args and isinstance(args[0], FunctionValue) else ModelFunction("cache", unchanged)
    ),
    "operator.attrgetter": do_getter("attrgetter"),
    "operator.itemgetter": do_getter("itemgetter"),
    "operator.methodcaller": do_method_caller,
    "functools.wraps": lambda ex, args, kwargs: ModelFunction("wraps", unchanged),
    "itertools.chain": do_chain,
    "itertools.chain.from_iterable": do_chain_from,
    "itertools.repeat": do_repeat,
    "itertools.product": do_cartesian,
    "itertools.accumulate": do_accumulate,
    "itertools.islice": do_islice,
    "itertools.pairwise": do_pairwise,
    "itertools.zip_longest": do_zip_longest,
    "types.MethodType": do_method,
    "copy.deepcopy": do_deepcopy,
    "copy.copy": do_deepcopy,
    "collections.namedtuple": do_named_tuple,
    "collections.Counter": do_counter,
    "collections.defaultdict": do_default_dict,
    "types.SimpleNamespace": lambda ex, args, kwargs: namespace(kwargs),
    "dataclasses.field": do_field,
    "dataclasses.replace": do_replace,
    "dataclasses.asdict": do_asdict,
    "dataclasses.fields": do_fields,
    "inspect.signature": do_signature,
    "dataclasses.dataclass": lambda ex, args, kwargs: args[0] if args else ModelFunction("dataclass", unchanged),
    "os.environ.get": do_environ,
    "os.getenv": do_environ,
    "numpy.array": numpy_arrays.array,
    "numpy.asarray": numpy_arrays.array,
    "numpy.linspace": do_linspace,
    "numpy.arange": do_arange,
    "typing.cast": lambda ex, args, kwargs: args[1] if len(args) > 1 else ex.fresh(),
    "operator.mul": lambda ex, args, kwargs: operators.binary(ex, ast.Mult(), args[0], args[1], ast.Pass()),
    "operator.add": lambda ex, args, kwargs: operators.binary(ex, ast.Add(), args[0], args[1], ast.Pass()),
    "random.random": lambda ex, args, kwargs: ex.fresh("random"),
}


# Of a path that is relative, `abspath` would depend on where the program is started.
for _name in ("join", "dirname", "basename", "split", "splitext", "normpath", "isabs"):
    FUNCTIONS[f"os.path.{_name}"] = do_path(_name)


LIKE_BUILTIN = {
    "collections.OrderedDict": "dict",
    "typing.OrderedDict": "dict",
    "easydict.EasyDict": "dict",
    "collections.deque": "list",
    "warnings.warn": "print",
}
for _name in ("split", "match", "search", "sub", "findall", "fullmatch"):
    FUNCTIONS[f"re.{_name}"] = do_regex(_name)


for _name in ("debug", "info", "warning", "warn", "error"):
    LIKE_BUILTIN[f"logging.{_name}"] = "print"


MATH = {
    name: getattr(math, name)
    for name in (
        "sqrt",
        "log",
        "exp",
        "ceil",
        "floor",
        "log2",
        "log10",
        "gcd",
        "pow",
        "sin",
        "cos",
        "tan",
        "fabs",
        "isclose",
        "log1p",
        "tanh",
    )
}


def namespace(kwargs: dict[str, Value]) -> Value:
    result = Instance(External("types.SimpleNamespace"))
    result.attrs.update(kwargs)
    return result


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a function of the standard library. MISSING where it is not known."""
    if numpy_arrays.knows(name):
        return numpy_arrays.make(ex, name, args, kwargs)
    if name in LIKE_BUILTIN:
        return builtin_functions.call_builtin(ex, LIKE_BUILTIN[name], args, kwargs)
    handler = FUNCTIONS.get(name)
    if handler is not None:
        if len(args) < LEAST_OF_LIBRARY.get(name, 0):
            return ex.fresh(name)
        return handler(ex, args, kwargs)
    head, _, short = name.rpartition(".")
    if head in ("math", "numpy", "np") and short in MATH:
        if all(builtin_functions.is_number(arg) for arg in args) and not kwargs:
            if short == "log" and len(args) == 1:
                log_odds.logarithm(ex, args[0])
            try:
                if short == "pow" and (abs(args[1]) > 64 or abs(args[0]) > 1 << 64):
                    return ex.fresh(name)
                return MATH[short](*args)
            except (ArithmeticError, ValueError, TypeError, IndexError):
                return ex.fresh(name)
        if all(builtin_functions.is_number(arg) or (isinstance(arg, Unknown) and not arg.tensors) for arg in args):
            parts = [values.term_of(arg) for arg in args]
            return Unknown(terms.Math(short, *parts) if len(parts) == 1 else terms.MathCall(short, *parts), f"{short}(...)")
    if head == "logging" or name.startswith(("logging.", "warnings.")):
        return ex.fresh(name)
    return MISSING
