"""Tables of a module's syntax."""

from __future__ import annotations

import ast

Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def defines(statement: ast.stmt) -> bool:
    """Does a statement do nothing but define, import and name constants, whichever way its conditions go?"""
    if isinstance(statement, (ast.If, ast.Try)):
        handlers = [one for handler in getattr(statement, "handlers", ()) for one in handler.body]
        return all(map(defines, [*statement.body, *handlers, *statement.orelse, *getattr(statement, "finalbody", ())]))
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return isinstance(statement.value, ast.Constant) and all(isinstance(target, ast.Name) for target in targets)
    return isinstance(statement, (*DEFINITIONS, ast.Pass, ast.Raise))


def bound_names(statement: ast.stmt, stars: list[ast.ImportFrom]) -> set[str]:
    """The names that a top-level statement binds, fills by item or attribute, or fills by a method call (`table.update(...)`)."""
    names: set[str] = set()
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        names.add(statement.name)
        return names
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Import):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.names[0].name == "*":
                stars.append(node)
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            base: ast.expr = node
            while isinstance(base, (ast.Subscript, ast.Attribute)):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
        elif (set_on := target_of_setattr(node)) is not None:
            names.add(set_on)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            base = node.value.func
            while isinstance(base, ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo.extend(ast.iter_child_nodes(node))
    return names


def imported_names(tree: ast.Module) -> frozenset[str]:
    """The names that plain import statements of a module's top level bind."""
    statements = [one for one in tree.body if isinstance(one, (ast.Import, ast.ImportFrom))]
    return frozenset(alias.asname or alias.name.partition(".")[0] for one in statements for alias in one.names)


def fills_attributes(statement: ast.stmt) -> bool:
    """Is it a plain assignment to an attribute, or a call of `setattr`?"""
    if target_of_setattr(statement) is not None:
        return True
    return isinstance(statement, ast.Assign) and any(isinstance(target, ast.Attribute) for target in statement.targets)


def target_of_setattr(node: ast.AST) -> str | None:
    """The name at the root of what `setattr(root.part, name, value)` changes."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "setattr" or not call.args:
        return None
    return root_of(call.args[0])


def root_of(node: ast.AST) -> str | None:
    """The name at the root of an attribute or item."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changed_names(statement: ast.stmt, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """The module's names that a call of one of its functions, as a statement, gives values or entries."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in functions:
        return set()
    function = functions[call.func.id]
    declared, local, changed = set[str](), {one.arg for one in (*function.args.posonlyargs, *function.args.args)}, set[str]()
    for part in ast.walk(function):
        if isinstance(part, ast.Global):
            declared.update(part.names)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            local.add(part.id)
        elif isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            changed |= {name for name in (root_of(part),) if name is not None}
    return declared | (changed - local)
