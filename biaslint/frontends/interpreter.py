"""An abstract interpreter for Python: executes statements and expressions on the values of `biaslint.frontends.values`.

It knows the language and nothing of any framework. What is called is carried out in `calls`, what belongs to Python itself in
`library`, tensors and layers in the frameworks' own modules.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from biaslint.flow import Flow, Node
from biaslint.frontends import remembered
from biaslint.frontends.choices import Choices
from biaslint.frontends.project import Module, Project
from biaslint.frontends.values import (
    MAX_ITEMS,
    MISSING,
    Class,
    Deferred,
    DictV,
    External,
    Func,
    Layer,
    ListV,
    Obj,
    Origin,
    Raised,
    Scope,
    Stopped,
    Super,
    Unknown,
    Value,
    hashable,
    is_constant,
    larger,
    tensors_in,
)

BREAK = ("break", None)
CONTINUE = ("continue", None)
Signal = tuple[str, Value] | None

MAX_STEPS = 400_000
MAX_DEPTH = 60
WEIGHTY = {ListV, DictV, str, bytes}
LONG_STEPS = 2_000
LONG_TABLE_STEPS = 10_000  # after which a comprehension that has made no layer and no tensor is left
LONG = 64  # rounds after which a loop that has made no layer and no tensor is left


class Frame:
    """One call in progress: who calls, where, and with what."""

    __slots__ = ("bound", "call", "caller", "chain", "func", "self", "yields")

    def __init__(self, caller: Module, call: ast.AST, func: Func | Class | None, self_: Value, bound: dict[str, Value]) -> None:
        self.caller = caller
        self.call = call
        self.func = func
        self.self = self_
        self.bound = bound
        self.yields: list[Value] | None = None
        self.chain: tuple[tuple[Module, ast.AST], ...] = ()  # this call and those that led to it, innermost first


class Interpreter:
    """One execution. Holds what it made: the flow of tensors, the layers, and what it did not understand."""

    def __init__(self, project: Project, choices: Choices, max_steps: int = MAX_STEPS) -> None:
        self.project = project
        self.choices = choices
        choices.asking = lambda: self.module.shown if self.module is not None else ""
        self.flow = Flow()
        self.layers: list[Layer] = []
        self.objects: list[Obj] = []
        self.unknowns: dict[tuple[Module, int, int], str] = {}
        self.stack: list[Frame] = []
        self.steps = 0
        self.shortened = False  # a loop was cut short: there are fewer layers in lists than the program would make
        self.defining = 0  # how many top-level statements are being executed for the names that they bind
        self.shared_steps = 0  # those of such statements
        self.trying = 0  # how many `try` blocks with handlers surround what is executed
        self.max_steps = max_steps
        self.serial = 0
        self.module: Module | None = None
        self.node: ast.AST | None = None
        self.statement: ast.stmt | None = None
        self.classes: set[Class] = set()  # project classes that were instantiated
        self.functions: set[Func] = set()  # project functions that were called
        self.recursions: dict[Func, int] = {}  # how often a function went deeper into something unknown
        self.importing: set[tuple[Module, ast.ImportFrom, str]] = set()  # the imports that are being followed
        self.asked: dict[str, set[Module]] = {}  # a name that is looked for -> whose star imports have been searched
        self.contexts: list[Any] = []  # what the `with` statements that are being executed have set, for frameworks
        self.facts: list[Layer] = []  # losses, optimisers and other calls that checks want to know of
        self.on_model: Callable[[Class, list[Value], dict[str, Value]], None] | None = (
            None  # told of the first model that is built
        )

    # -- the outside ----------------------------------------------------------------------------------------------------------

    def fresh(self, text: str = "", tensors: Sequence[Node] = ()) -> Unknown:
        """An unknown that equals nothing else."""
        return Unknown(("fresh", next(_SERIAL)), text, tuple(tensors))

    def not_understood(self, what: str, node: ast.AST | None = None) -> None:
        """Count something that the analysis does not know."""
        node = node or self.node
        if node is None or self.module is None:
            return
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        if self.defining:  # others, too, use what is made here
            self.project.ledger.asked.add(self.module.unknown(line, offset, what))
        else:
            self.unknowns.setdefault((self.module, line, offset), what)

    def cut(self, why: str, node: ast.AST | None = None) -> None:
        """Tell that something is given up here, because it is too much; the execution goes on without it."""
        self.not_understood(f"analysis stopped here: {why}", node)

    def stop(self, why: str) -> NoReturn:
        """End this execution, and tell where: what it found until now counts, as far as that is certain."""
        self.cut(why, self.statement or self.node)
        raise Stopped(why)

    def origin(self) -> Origin:
        """Where the call that is being carried out stands, and the calls that led to it."""
        chain: tuple[tuple[Module, ast.AST], ...] = self.stack[-1].chain if self.stack else ()
        if self.node is not None and self.module is not None:
            chain = ((self.module, self.node), *chain)
        owner = ""
        for frame in reversed(self.stack):
            if isinstance(frame.func, (Func, Class)):
                owner = frame.func.qualname if isinstance(frame.func, Func) else frame.func.name
                break
        return Origin(chain, owner, self.statement)

    def text(self, node: ast.AST) -> str:
        """The source of an expression, on one line; "" for a long one."""
        known: str | None = _TEXTS.get(node)
        if known is None:
            try:
                known = ast.unparse(node)
            except (ValueError, RecursionError):
                known = ""
            known = _TEXTS[node] = known if len(known) <= 60 else ""
        return known

    # -- statements -----------------------------------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], scope: Scope) -> Signal:
        for statement in statements:
            signal = self.execute(statement, scope)
            if signal is not None:
                return signal
        return None

    def execute(self, statement: ast.stmt, scope: Scope) -> Signal:
        self.steps += 1
        if self.steps > self.max_steps:
            self.stop("too many steps")
        handler = STATEMENTS.get(type(statement))
        if handler is None:
            return None
        outer = self.statement
        self.statement = statement
        try:
            return handler(self, statement, scope)
        finally:
            self.statement = outer

    def do_expr(self, node: ast.Expr, scope: Scope) -> Signal:
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value, scope)
        return None

    def do_assign(self, node: ast.Assign, scope: Scope) -> Signal:
        value = self.eval(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)
            if isinstance(target, ast.Name) and isinstance(value, Obj) and value.layer is not None and not value.layer.name:
                value.layer.name = target.id
        return None

    def do_annotated(self, node: ast.AnnAssign, scope: Scope) -> Signal:
        if node.value is not None:
            self.assign(node.target, self.eval(node.value, scope), scope)
        return None

    def do_augmented(self, node: ast.AugAssign, scope: Scope) -> Signal:
        load = ast.copy_location(to_load(node.target), node.target)
        old = self.eval(load, scope)
        new = self.eval(node.value, scope)
        if isinstance(old, ListV) and isinstance(node.op, ast.Add) and old.kind == "list":
            builtin_methods.extend(self, old, new)
            value: Value = old
        elif isinstance(old, Obj) and old.items is not None and isinstance(node.op, ast.Add):
            value = frameworks.method(self, old, "extend", [new], {})
        else:
            value = operators.binary(self, node.op, old, new, node)
        self.assign(node.target, value, scope)
        return None

    def do_if(self, node: ast.If, scope: Scope) -> Signal:
        before = len(self.choices.open)
        test = self.eval(node.test, scope)
        unknown = (isinstance(test, Unknown) and self.choices.known(test.key) is None) or isinstance(test, Node)
        if unknown or not self.trying:
            # entry points are called as their authors meant them: a check of the arguments passes, whatever we take them for
            raises = isinstance(node.body[-1], ast.Raise)
            if raises or (node.orelse and isinstance(node.orelse[-1], ast.Raise)):
                self.choices.take_back(before)
                if isinstance(test, Unknown):
                    self.choices.assume(test, not raises)
                return self.block(node.orelse if raises else node.body, scope)
        if (
            unknown
            and not node.orelse
            and all(isinstance(item, (ast.Pass, ast.Expr)) and is_message(item) for item in node.body)
        ):
            return None
        return self.block(node.body if self.truth(test, node.test) else node.orelse, scope)

    def do_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> Signal:
        made = len(self.flow.nodes) + len(self.objects)
        items = self.iterate(self.eval(node.iter, scope), node.iter)
        costly = self.steps + LONG_STEPS
        repeating = repeats.Repeats(self, items) if repeats.only_appends(node) else None
        for count, item in enumerate(items):
            if repeating is not None and repeating.skips(count):
                continue
            if (
                (count == LONG or (count >= 8 and self.steps > costly))
                and made == len(self.flow.nodes) + len(self.objects)
                and not repeats.of_layers(item)
            ):
                self.cut("a long loop that makes no layers", node)
                return None
            self.assign(node.target, item, scope)
            signal = self.block(node.body, scope)
            if signal is BREAK:
                return None
            if signal is not None and signal is not CONTINUE:
                return signal
        return self.block(node.orelse, scope)

    def do_while(self, node: ast.While, scope: Scope) -> Signal:
        rounds = 0
        while True:
            test = self.eval(node.test, scope)
            certain = is_constant(test)
            if not (bool(test) if certain else self.truth(test, node.test)):
                return self.block(node.orelse, scope)
            signal = self.block(node.body, scope)
            if signal is BREAK:
                return None
            if signal is not None and signal is not CONTINUE:
                return signal
            rounds += 1
            if rounds >= (MAX_ITEMS if certain else 3):
                if certain and isinstance(node.test, ast.Constant):
                    self.stop("an endless loop")
                if certain:
                    self.cut("a long loop", node)
                return None

    def do_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Signal:
        scope.names[node.name] = self.decorated(self.function(node, scope), node, scope)
        return None

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope) -> Func:
        closure = None if scope is scope.module.scope else scope
        func = Func(node, scope.module, closure)
        func.defaults = [self.eval(default, scope) for default in node.args.defaults]
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is not None:
                func.kw_defaults[argument.arg] = self.eval(default, scope)
        return func

    def decorated(self, func: Func, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        """Decorators register, cache or compile; what they wrap stays the function. Python's own are understood."""
        for decorator in node.decorator_list:
            expression = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")
            if name in ("staticmethod", "classmethod", "property"):
                func.kind = name
            elif name in ("cached_property", "lazy_property", "abstractproperty"):
                func.kind = "property"
            elif name in ("setter", "deleter"):
                func.kind = "setter"
        return func

    def do_class(self, node: ast.ClassDef, scope: Scope) -> Signal:
        bases: list[Value] = []
        for base in node.bases:
            if isinstance(base, ast.Subscript):  # Generic[T]
                base = base.value
            bases.append(self.eval(base, scope))
        cls = Class(node.name, node, scope.module, bases)
        cls.mro = linearize(cls)
        closure = None if scope is scope.module.scope else scope
        body = Scope(scope.module, closure, cls.attrs)
        body.names["__qualname__"] = node.name
        cls.scope = body
        scope.names[node.name] = cls
        for decorator in node.decorator_list:
            expression = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")
            if name in ("dataclass", "dataclass_transform", "strict", "define", "frozen", "attrs"):
                cls.dataclass = True
                cls.generated = name != "strict"
        if any(isinstance(base, Class) and base.dataclass for base in cls.mro[1:]):
            cls.dataclass = True
        outer, self.module = self.module, scope.module
        try:
            for statement in node.body:
                if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self.method(cls, statement, body)
                elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                    self.execute(statement, body)
        finally:
            self.module = outer
        return None

    def method(self, cls: Class, node: ast.FunctionDef | ast.AsyncFunctionDef, body: Scope) -> None:
        func = self.function(node, body)
        func.scope = body.parent
        func.owner = cls
        self.decorated(func, node, body)
        if func.kind == "setter":
            cls.attrs[f"{node.name}=setter"] = func
            return
        cls.attrs[node.name] = func

    def do_return(self, node: ast.Return, scope: Scope) -> Signal:
        return ("return", None if node.value is None else self.eval(node.value, scope))

    def do_raise(self, node: ast.Raise, scope: Scope) -> Signal:
        value = self.eval(node.exc, scope) if node.exc is not None else None
        raise Raised(value, f"{scope.module.name}:{node.lineno}")

    def do_try(self, node: ast.Try, scope: Scope) -> Signal:
        self.trying += bool(node.handlers)
        try:
            try:
                signal = self.block(node.body, scope)
            finally:
                self.trying -= bool(node.handlers)
            if signal is None:
                signal = self.block(node.orelse, scope)
        except Raised as raised:
            signal = None
            for handler in node.handlers:
                if self.catches(handler, raised.value, scope):
                    if handler.name:
                        scope.names[handler.name] = raised.value
                    signal = self.block(handler.body, scope)
                    break
            else:
                self.block(node.finalbody, scope)
                raise
        final = self.block(node.finalbody, scope)
        return final if final is not None else signal

    def catches(self, handler: ast.ExceptHandler, raised: Value, scope: Scope) -> bool:
        if handler.type is None:
            return True
        name = exception_name(raised)
        types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in types:
            caught = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
            if not name or caught in ("Exception", "BaseException") or caught == name:
                return True
            known = BUILTIN_EXCEPTIONS.get(name)
            other = BUILTIN_EXCEPTIONS.get(caught)
            if known and other and issubclass(known, other):
                return True
        return False

    def do_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> Signal:
        entered = []
        for item in node.items:
            context = self.eval(item.context_expr, scope)
            value = calls.enter(self, context, item.context_expr)
            entered.append(context)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        try:
            return self.block(node.body, scope)
        finally:
            for context in reversed(entered):
                calls.leave(self, context)

    def do_import(self, node: ast.Import, scope: Scope) -> Signal:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.names[alias.asname or name] = scopes.import_module(self, name, scope.module)
        return None

    def do_import_from(self, node: ast.ImportFrom, scope: Scope) -> Signal:
        for alias in node.names:
            if alias.name == "*":
                if scope is not scope.module.scope or node not in scope.module.stars:
                    scope.module.stars.append(node)
                    scope.module.absent.clear()
                continue
            top = scope is scope.module.scope
            value = Deferred(node, alias.name) if top else scopes.import_name(self, node, alias.name, scope.module)
            scope.names[alias.asname or alias.name] = value
        return None

    def do_delete(self, node: ast.Delete, scope: Scope) -> Signal:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.names.pop(target.id, None)
            elif isinstance(target, ast.Attribute):
                attributes.delete(self, self.eval(target.value, scope), target.attr)
            elif isinstance(target, ast.Subscript):
                attributes.delete_item(self, self.eval(target.value, scope), self.eval(target.slice, scope))
        return None

    def do_global(self, node: ast.Global, scope: Scope) -> Signal:
        scope.globals.update(node.names)
        return None

    def do_nonlocal(self, node: ast.Nonlocal, scope: Scope) -> Signal:
        scope.nonlocals.update(node.names)
        return None

    def do_assert(self, node: ast.Assert, scope: Scope) -> Signal:
        before = len(self.choices.open)
        test = self.eval(node.test, scope)
        if isinstance(test, Unknown) and self.choices.known(test.key) is None:
            self.choices.assume(test, True)
        elif is_constant(test) and not test and len(self.choices.open) > before:
            self.choices.take_back(before)
        elif is_constant(test) and not test and self.trying:
            raise Raised(External("builtins.AssertionError"), f"{scope.module.name}:{node.lineno}")
        return None

    def do_break(self, node: ast.Break, scope: Scope) -> Signal:
        return BREAK

    def do_continue(self, node: ast.Continue, scope: Scope) -> Signal:
        return CONTINUE

    def do_match(self, node: ast.Match, scope: Scope) -> Signal:
        subject = self.eval(node.subject, scope)
        for case in node.cases:
            if patterns.matches(self, case.pattern, subject, scope) and (
                case.guard is None or self.truth(self.eval(case.guard, scope), case.guard)
            ):
                return self.block(case.body, scope)
        return None

    # -- names ----------------------------------------------------------------------------------------------------------------

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scopes.bind(self, target.id, value, scope)
        elif isinstance(target, ast.Attribute):
            attributes.store(
                self, self.eval(target.value, scope), target.attr, value, self.text(target) if isinstance(value, Obj) else ""
            )
        elif isinstance(target, ast.Subscript):
            base = self.eval(target.value, scope)
            attributes.store_item(
                self, base, self.eval(target.slice, scope), value, self.text(target) if isinstance(value, Obj) else ""
            )
        elif isinstance(target, (ast.Tuple, ast.List)):
            self.unpack(target.elts, value, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, scope)

    def unpack(self, targets: list[ast.expr], value: Value, scope: Scope) -> None:
        items = self.items_for(value, len(targets), any(isinstance(target, ast.Starred) for target in targets))
        for index, target in enumerate(targets):
            if isinstance(target, ast.Starred):
                rest = len(targets) - index - 1
                self.assign(target, ListV(items[index : len(items) - rest]), scope)
                for other, item in zip(targets[index + 1 :], items[len(items) - rest :], strict=False):
                    self.assign(other, item, scope)
                return
            self.assign(target, items[index] if index < len(items) else self.fresh(), scope)

    def items_for(self, value: Value, count: int, starred: bool) -> list[Value]:
        """The items of a value that is unpacked into `count` targets."""
        if isinstance(value, Unknown) and value.key and value.key[:1] == ("shape",):
            return tensors.unpack_shape(self, value, count) if not starred else self.iterate(value)
        if isinstance(value, Node) and not starred:
            return tensors.unpack(self, value, count)
        if isinstance(value, Unknown) and not starred:
            return [self.item_of(value, index) for index in range(count)]
        return list(self.iterate(value))

    def item_of(self, value: Unknown, index: Any, spelled: str = "...") -> Value:
        """An item of something unknown; `index` is the key of the index where that is not a number or text itself."""
        if value.tensors:
            return self.opaque(value, name=value.text)
        text = f"{value.text}[{spelled if isinstance(index, tuple) else index}]" if value.text else ""
        return self.fresh(text) if larger(value.key, 60) else Unknown(("item", value.key, index), text)

    # -- expressions ----------------------------------------------------------------------------------------------------------

    def eval(self, node: ast.expr, scope: Scope) -> Value:
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            return self.fresh(self.text(node))
        return handler(self, node, scope)

    def ev_constant(self, node: ast.Constant, scope: Scope) -> Value:
        return node.value

    def ev_name(self, node: ast.Name, scope: Scope) -> Value:
        name = node.id
        if name in scope.names and not scope.globals and scope is not scope.module.scope:
            return scope.names[name]
        value = scopes.lookup(self, name, scope)
        if value is MISSING:
            return Unknown(("name", scope.module.name, node.id), node.id)
        return value

    def ev_attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        base = self.eval(node.value, scope)
        self.node = node
        return attributes.load(self, base, node.attr)

    def ev_call(self, node: ast.Call, scope: Scope) -> Value:
        self.steps += 1
        if self.steps > self.max_steps:
            self.stop("too many steps")
        func = self.eval(node.func, scope)
        args: list[Value] = []
        kwargs: dict[str, Value] = {}
        for argument in node.args:
            if isinstance(argument, ast.Constant):
                args.append(argument.value)
            elif isinstance(argument, ast.Starred):
                args.extend(self.iterate(self.eval(argument.value, scope), argument.value))
            else:
                args.append(self.eval(argument, scope))
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else self.eval(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, DictV):
                kwargs.update({key: item for key, item in value.items.items() if isinstance(key, str)})
        for value in args:
            if type(value) in WEIGHTY:
                self.weigh(value)
        self.module = scope.module
        self.node = node
        if not args and isinstance(func, External):
            if func.name == "builtins.super":
                return self.zero_super(scope)
            if func.name in ("builtins.locals", "builtins.vars"):
                return DictV({name: scopes.lookup(self, name, scope) for name in list(scope.names)})
        result = calls.call(self, func, args, kwargs, node)
        if type(result) in WEIGHTY:
            self.weigh(result)
        self.module = scope.module
        self.node = node
        return result

    def weigh(self, value: Value) -> None:
        """What is large counts for more than one step: handling it takes time, and many of it take memory."""
        if isinstance(value, (ListV, DictV)):
            if len(value.items) > 64:
                self.steps += len(value.items) >> 6
        elif isinstance(value, (str, bytes)) and len(value) > 1024:
            self.steps += len(value) >> 8

    def zero_super(self, scope: Scope) -> Value:
        for frame in reversed(self.stack):
            if isinstance(frame.func, Func) and frame.func.owner is not None:
                return Super(frame.self, frame.func.owner)
        return self.fresh("super()")

    def ev_bool(self, node: ast.BoolOp, scope: Scope) -> Value:
        stop = isinstance(node.op, ast.Or)
        value: Value = None
        for operand in node.values:
            value = self.eval(operand, scope)
            if operand is node.values[-1]:
                return value
            if self.truth(value, operand) is stop:
                return value if not isinstance(value, Unknown) or not is_test(value) else stop
        return value

    def ev_unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.eval(node.operand, scope)
        if isinstance(node.op, ast.Not):
            if isinstance(value, Unknown):
                known = self.choices.known(value.key)
                if known is not None:
                    return not known
                default = None if value.default is None else not value.default
                if isinstance(value.key, tuple) and value.key[:1] == ("not",):
                    return Unknown(value.key[1], value.text.removeprefix("not "), default=default)
                return Unknown(("not", value.key), f"not {value.text}", default=default)
            return not self.truth(value, node.operand)
        if isinstance(value, Node):
            return tensors.unary(self, value, node)
        if isinstance(value, (int, float)):
            if isinstance(node.op, ast.USub):
                return -value
            if isinstance(node.op, ast.UAdd):
                return +value
            return ~value if isinstance(value, int) else self.fresh()
        if isinstance(value, Unknown):
            return Unknown(("op", "-", 0, value.key), f"-{value.text}", value.tensors)
        return self.fresh()

    def ev_binary(self, node: ast.BinOp, scope: Scope) -> Value:
        left = self.eval(node.left, scope)
        right = self.eval(node.right, scope)
        self.module = scope.module
        self.node = node
        result = operators.binary(self, node.op, left, right, node)
        if type(result) in WEIGHTY:
            self.weigh(result)
        return result

    def ev_compare(self, node: ast.Compare, scope: Scope) -> Value:
        left = self.eval(node.left, scope)
        result: Value = True
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.eval(comparator, scope)
            result = operators.compare(self, op, left, right, node)
            if len(node.ops) > 1 and not self.truth(result, node):
                return False
            left = right
        return result

    def ev_conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        test = self.eval(node.test, scope)
        return self.eval(node.body if self.truth(test, node.test) else node.orelse, scope)

    def ev_tuple(self, node: ast.Tuple, scope: Scope) -> Value:
        return ListV(self.elements(node.elts, scope), "tuple")

    def ev_list(self, node: ast.List, scope: Scope) -> Value:
        return ListV(self.elements(node.elts, scope), "list")

    def ev_set(self, node: ast.Set, scope: Scope) -> Value:
        return ListV(self.elements(node.elts, scope), "set")

    def elements(self, nodes: list[ast.expr], scope: Scope) -> list[Value]:
        items: list[Value] = []
        for element in nodes:
            if isinstance(element, ast.Starred):
                items.extend(self.iterate(self.eval(element.value, scope), element))
            else:
                items.append(self.eval(element, scope))
        return items

    def ev_dict(self, node: ast.Dict, scope: Scope) -> Value:
        result = DictV()
        result.shared = self.defining > 0
        for key, value in zip(node.keys, node.values, strict=True):
            item = self.eval(value, scope)
            if key is None:
                if isinstance(item, DictV):
                    result.items.update(item.items)
                    result.open = result.open or item.open
                else:
                    result.open = True
                continue
            result.items[hashable(self.eval(key, scope))] = item
        return result

    def ev_subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        base = self.eval(node.value, scope)
        index = self.eval(node.slice, scope)
        self.module = scope.module
        self.node = node
        return attributes.load_item(self, base, index, node)

    def ev_slice(self, node: ast.Slice, scope: Scope) -> Value:
        parts = [None if part is None else self.eval(part, scope) for part in (node.lower, node.upper, node.step)]
        if is_constant(parts[2]) and parts[2] == 0:
            parts[2] = self.fresh()  # Python raises
        return ListV(parts, "slice")

    def ev_lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return self.function(node, scope)

    def ev_walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.eval(node.value, scope)
        scopes.bind(self, node.target.id, value, scope)
        return value

    def ev_fstring(self, node: ast.JoinedStr, scope: Scope) -> Value:
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif isinstance(part, ast.FormattedValue):
                value = self.eval(part.value, scope)
                if isinstance(value, Unknown):
                    return Unknown(("format", *parts, value.key), "a string")
                if not is_constant(value) or part.format_spec is not None:
                    return self.fresh("a string")
                parts.append(str(value))
        return "".join(parts)

    def ev_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Value:
        inner = Scope(scope.module, scope)
        inner.globals = scope.globals
        results: list[Value] = []
        whole = self.generate(node.generators, 0, inner, scope, node, results)
        if isinstance(node, ast.DictComp):
            return DictV({hashable(key): value for key, value in results}, open=not whole)
        return ListV(results, "set" if isinstance(node, ast.SetComp) else "list", open=not whole)

    def generate(
        self,
        generators: list[ast.comprehension],
        index: int,
        inner: Scope,
        outer: Scope,
        node: Any,
        results: list[Value],
    ) -> bool:
        """Add what the comprehension makes to the results; whether that is all of it."""
        if index == len(generators):
            if len(results) > MAX_ITEMS:
                self.stop("too many items")
            if isinstance(node, ast.DictComp):
                results.append((self.eval(node.key, inner), self.eval(node.value, inner)))
            else:
                results.append(self.eval(node.elt, inner))
            return True
        generator = generators[index]
        made = len(self.flow.nodes) + len(self.objects)
        costly = self.steps + LONG_TABLE_STEPS
        items = self.iterate(self.eval(generator.iter, inner), generator.iter)
        repeating = (
            repeats.Repeats(self, items)
            if len(generators) == 1 and not generator.ifs and isinstance(node, (ast.ListComp, ast.GeneratorExp))
            else None
        )
        for place, item in enumerate(items):
            if repeating is not None and repeating.skips(place):
                continue
            self.steps += 1
            if self.steps > self.max_steps:
                self.stop("too many steps")
            if (
                place >= 8
                and self.steps > costly
                and made == len(self.flow.nodes) + len(self.objects)
                and not repeats.of_layers(item)
            ):
                self.cut("a long table of no layers", node)
                return False
            self.assign(generator.target, item, inner)
            if all(self.truth(self.eval(test, inner), test) for test in generator.ifs) and not self.generate(
                generators, index + 1, inner, outer, node, results
            ):
                return False
        return True

    def ev_starred(self, node: ast.Starred, scope: Scope) -> Value:
        return self.eval(node.value, scope)

    def ev_await(self, node: ast.Await, scope: Scope) -> Value:
        return self.eval(node.value, scope)

    def ev_yield(self, node: ast.Yield, scope: Scope) -> Value:
        value = None if node.value is None else self.eval(node.value, scope)
        if self.stack and self.stack[-1].yields is not None:
            self.stack[-1].yields.append(value)
        return None

    def ev_yield_from(self, node: ast.YieldFrom, scope: Scope) -> Value:
        items = self.iterate(self.eval(node.value, scope), node.value)
        if self.stack and self.stack[-1].yields is not None:
            self.stack[-1].yields.extend(items)
        return None

    # -- truth, iteration, unknown calls ---------------------------------------------------------------------------------------

    def truth(self, value: Value, node: ast.AST | None = None) -> bool:
        """Is it true? Where that is not known, this execution takes one side."""
        if is_constant(value):
            return bool(value)
        if isinstance(value, Unknown):
            if not value.text and node is not None:
                value = Unknown(value.key, self.text(node), value.tensors, value.default)
            return self.choices.truth(value)
        if isinstance(value, Node):
            where = (self.module.name if self.module else "", getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
            return self.choices.decide(("data", where), self.text(node) if node is not None else "")
        if isinstance(value, (ListV, DictV)):
            if value.items or not value.open:
                return bool(value.items)
            return True
        if isinstance(value, Obj):
            if value.items is not None:
                return bool(value.items)
            for name in ("__bool__", "__len__"):
                method = attributes.find_method(value, name)
                if method is not None:
                    return self.truth(calls.call(self, method, [], {}, node or self.node))
        return True

    def iterate(self, value: Value, node: ast.AST | None = None) -> list[Value]:
        """The items of a value, in order. What has an unknown length has a few."""
        return builtin_functions.items(self, value, node)

    def opaque(self, *values: Value, name: str = "") -> Node:
        """A tensor made by something unknown from whatever tensors are in these values."""
        found: dict[int, Node] = {}
        for value in values:
            for node in tensors_in(value):
                found[node.id] = node
        return self.flow.add("opaque", tuple(found.values()), None, name or "an unknown function", self.here())

    def here(self) -> tuple[Module | None, ast.AST | None]:
        return (self.module, self.node)


_TEXTS = remembered.table()
_SERIAL = itertools.count(1)  # over all executions: defaults and class attributes outlive the one that worked them out
BUILTIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    name: kind
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


def is_test(value: Unknown) -> bool:
    key: Any = value.key
    return isinstance(key, tuple) and bool(key) and key[0] in ("cmp", "not")


def is_message(statement: ast.stmt) -> bool:
    """A warning, a log line or a print: nothing that bears on the model."""
    if isinstance(statement, ast.Pass):
        return True
    if not isinstance(statement, ast.Expr):
        return False
    if isinstance(statement.value, ast.Constant):
        return True
    if not isinstance(statement.value, ast.Call):
        return False
    func = statement.value.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name in ("warn", "warning", "warning_once", "info", "debug", "print", "error", "log")


def exception_name(value: Value) -> str:
    if isinstance(value, External):
        return value.name.rpartition(".")[2]
    if isinstance(value, Obj):
        return str(value.cls.name).rpartition(".")[2]
    if isinstance(value, Class):
        return value.name
    return ""


def to_load(target: ast.expr) -> ast.expr:
    """The same expression, read instead of written."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load(), lineno=target.lineno, col_offset=target.col_offset)
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


def linearize(cls: Class) -> list[Value]:
    """The method resolution order: C3 where it works out, depth first otherwise."""
    sequences: list[list[Value]] = []
    for base in cls.bases:
        sequences.append(list(base.mro) if isinstance(base, Class) else [base])
    if len(sequences) == 1:
        return [cls, *sequences[0]]
    if sum(map(len, sequences)) > 300:  # nobody's design; the merge below takes cubic time
        return [cls, *dict.fromkeys(base for sequence in sequences for base in sequence)]
    sequences.append(list(cls.bases))
    order: list[Value] = [cls]
    while any(sequences):
        for sequence in sequences:
            if sequence and not any(same(sequence[0], other) for rest in sequences for other in rest[1:]):
                head = sequence[0]
                break
        else:
            head = next(sequence[0] for sequence in sequences if sequence)
        order.append(head)
        for sequence in sequences:
            sequence[:] = [item for item in sequence if not same(item, head)]
    return order


def same(one: Value, two: Value) -> bool:
    return one is two or (isinstance(one, External) and one == two)


STATEMENTS: dict[type, Callable[[Interpreter, Any, Scope], Signal]] = {
    ast.Expr: Interpreter.do_expr,
    ast.Assign: Interpreter.do_assign,
    ast.AnnAssign: Interpreter.do_annotated,
    ast.AugAssign: Interpreter.do_augmented,
    ast.If: Interpreter.do_if,
    ast.For: Interpreter.do_for,
    ast.AsyncFor: Interpreter.do_for,
    ast.While: Interpreter.do_while,
    ast.FunctionDef: Interpreter.do_function,
    ast.AsyncFunctionDef: Interpreter.do_function,
    ast.ClassDef: Interpreter.do_class,
    ast.Return: Interpreter.do_return,
    ast.Raise: Interpreter.do_raise,
    ast.Try: Interpreter.do_try,
    ast.With: Interpreter.do_with,
    ast.AsyncWith: Interpreter.do_with,
    ast.Import: Interpreter.do_import,
    ast.ImportFrom: Interpreter.do_import_from,
    ast.Delete: Interpreter.do_delete,
    ast.Global: Interpreter.do_global,
    ast.Nonlocal: Interpreter.do_nonlocal,
    ast.Assert: Interpreter.do_assert,
    ast.Break: Interpreter.do_break,
    ast.Continue: Interpreter.do_continue,
    ast.Match: Interpreter.do_match,
}
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = Interpreter.do_try

EXPRESSIONS: dict[type, Callable[[Interpreter, Any, Scope], Value]] = {
    ast.Constant: Interpreter.ev_constant,
    ast.Name: Interpreter.ev_name,
    ast.Attribute: Interpreter.ev_attribute,
    ast.Call: Interpreter.ev_call,
    ast.BoolOp: Interpreter.ev_bool,
    ast.UnaryOp: Interpreter.ev_unary,
    ast.BinOp: Interpreter.ev_binary,
    ast.Compare: Interpreter.ev_compare,
    ast.IfExp: Interpreter.ev_conditional,
    ast.Tuple: Interpreter.ev_tuple,
    ast.List: Interpreter.ev_list,
    ast.Set: Interpreter.ev_set,
    ast.Dict: Interpreter.ev_dict,
    ast.Subscript: Interpreter.ev_subscript,
    ast.Slice: Interpreter.ev_slice,
    ast.Lambda: Interpreter.ev_lambda,
    ast.NamedExpr: Interpreter.ev_walrus,
    ast.JoinedStr: Interpreter.ev_fstring,
    ast.ListComp: Interpreter.ev_comprehension,
    ast.SetComp: Interpreter.ev_comprehension,
    ast.GeneratorExp: Interpreter.ev_comprehension,
    ast.DictComp: Interpreter.ev_comprehension,
    ast.Starred: Interpreter.ev_starred,
    ast.Await: Interpreter.ev_await,
    ast.Yield: Interpreter.ev_yield,
    ast.YieldFrom: Interpreter.ev_yield_from,
}


# these modules work on interpreters and are needed by them: they can only be imported once this one is complete
from biaslint.frontends import (  # noqa: E402
    attributes,
    builtin_functions,
    builtin_methods,
    calls,
    frameworks,
    operators,
    patterns,
    repeats,
    scopes,
    tensors,
)
