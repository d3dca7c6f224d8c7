"""Finding what the user named: a model in a module or a file, with arguments, or a saved model."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.target.script import Slice, sliced

# A trainer has these: its own batches, and the loss on one of them.
TRAINER = ("get_train_dataloader", "compute_loss")
TRAINERS: dict[str, Any] = {}  # target -> the trainer that it gave


class TargetError(Exception):
    """What was named cannot be built or fed; the message says what was tried and what to pass."""


def values_only(path: Path) -> str:
    """What to say of a file that holds parameters and no model."""
    return (
        f"{path} contains weights but no model; name the model and pass them with --weights: "
        f"biaslint verify model.py:Net --weights {path}"
    )


def parse_value(text: str) -> Any:
    """An argument's value: a Python literal, `@module:name` for an object, else the text itself."""
    if text.startswith("@"):
        return load_object(text[1:])
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parse_arguments(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """`key=value` is a keyword argument, anything else a positional one."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals and key.isidentifier():
            keywords[key] = parse_value(value)
        else:
            positional.append(parse_value(text))
    return positional, keywords


def _import_file(path: Path, part: Slice | None = None) -> Any:
    """Import a file: as a module of its package where it lies in one, so that relative imports work."""
    path = path.resolve()
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if parts[-1] == "__init__":
        parts.pop()
    name = ".".join(parts)
    if len(parts) > 1:
        return importlib.import_module(name)
    if getattr(sys.modules.get(name), "__file__", None) == str(path):
        return sys.modules[name]
    if name in sys.modules:  # a file called like a module that is in use
        name = f"_biaslint_target_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if part is None:
        spec.loader.exec_module(module)
        return module
    try:
        exec(compile(part.tree, str(path), "exec"), vars(module))
    except NameError:  # something was needed after all
        del sys.modules[name]
        return _import_file(path)
    return module


def split(target: str) -> tuple[str, str]:
    """`file.py:name` or `package.module:name` into its two halves (a drive letter's colon is no separator)."""
    head, colon, name = target.rpartition(":")
    if not colon or not head or "/" in name or "\\" in name:
        return target, ""
    return head, name


_SLICED: set[str] = set()  # files of which a part was run


def _module_of(path: Path, name: str, notes: list[str] | None) -> Any:
    """A file as a module, as much of it as the name needs where notes are taken (or were, for another name)."""
    first, part = name.split(".")[0], None
    again = str(path.resolve()) in _SLICED
    if first and (notes is not None or again) and not (path.parent / "__init__.py").is_file():
        part = sliced(path, first)
    if again:
        module = _import_file(path)
        if hasattr(module, first):
            return module
        sys.modules.pop(path.stem, None)
    if part is None:
        return _import_file(path)
    _SLICED.add(str(path.resolve()))
    if notes is not None:
        lines = ", ".join(f"{begin}-{end}" if end > begin else f"{begin}" for begin, end in part.skipped[:6])
        more = ", ..." if len(part.skipped) > 6 else ""
        notes.append(f"lines {lines}{more} of {path} were not run: {name} does not need them; --run-script runs them too")
    return _import_file(path, part)


def forget_parts() -> None:
    """Files of which a part was run are loaded afresh."""
    _SLICED.clear()


def load_object(target: str, *, notes: list[str] | None = None) -> Any:
    """The object that `package.module:name` or `file.py:name` names.

    With `notes`, only what it needs of a script is run, and what is left out is noted.
    """
    where, name = split(target)
    if where.endswith(".py") or "/" in where or "\\" in where:
        path = Path(where)
        if not path.is_file():
            raise TargetError(f"no such file: {where}")
        module = _module_of(path, name, notes)
    else:
        if not name:
            where, _, name = where.rpartition(".")
        try:
            module = importlib.import_module(where)
        except ModuleNotFoundError as error:
            if error.name and (where == error.name or where.startswith(error.name + ".")):
                raise TargetError(
                    f"no module named {error.name!r}; name a file (model.py:Net) or an installed module (package.module:Net)"
                ) from None
            raise
    if not name:
        raise TargetError(
            f"{target}: say which class or function builds the model: {target}:NAME, where NAME may be {_candidates(module)}"
        )
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise TargetError(f"{where} has no {name!r}; it has {_candidates(module)}")
        found = getattr(found, part)
    return found


def load_loss(target: str) -> Any:
    """The loss that a target names; a class, or a function without parameters, makes it."""
    loss = load_object(target)
    return loss() if inspect.isclass(loss) or (inspect.isfunction(loss) and not inspect.signature(loss).parameters) else loss


def _candidates(module: Any) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]
    return ", ".join(names[:12]) or "no class or function that could build a model"


def is_model(value: Any) -> str:
    """The framework of a live model: "torch", "keras", "tensorflow", "flax", or "" where it is none."""
    torch = sys.modules.get("torch")
    keras_too = any(base.__module__.startswith("keras.") for base in type(value).__mro__)
    if torch is not None and hasattr(torch, "nn") and isinstance(value, torch.nn.Module) and not keras_too:
        return "torch"
    for name in ("keras", "tf_keras"):
        keras = sys.modules.get(name)
        layer = getattr(getattr(keras, "layers", None), "Layer", None)
        if isinstance(layer, type) and isinstance(value, layer):
            return "keras"
    flax = sys.modules.get("flax")
    if any(isinstance(value, module) for space in ("linen", "nnx") if (module := _module_class(flax, space)) is not None):
        return "flax"
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(value, tensorflow.Module):
        return "tensorflow"
    return ""


def _module_class(flax: Any, space: str) -> type | None:
    """The class of models in one of Flax's two halves, where it is loaded."""
    found = getattr(sys.modules.get(f"flax.{space}"), "Module", None) if flax is not None else None
    return found if isinstance(found, type) else None


def _models_in(value: Any) -> Iterator[Any]:
    if is_model(value):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _models_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _models_in(item)
    elif is_model(getattr(value, "model", None)):
        yield value.model


def note_trainer(target: str, made: Any) -> None:
    """Remember what a target gave if it is a trainer: data and loss are its own."""
    if not is_model(made) and all(callable(getattr(made, name, None)) for name in TRAINER):
        TRAINERS[target] = made


def build(target: str, arguments: list[str], made: Any = None) -> Any:
    """The model that the target builds; `made` is what it names, where that is loaded already."""
    made = load_object(target) if made is None else made
    positional, keywords = parse_arguments(arguments)
    if not is_model(made):
        if not callable(made):
            raise TargetError(f"{target} is a {type(made).__name__}: neither a model nor a callable that builds one")
        made = _call(target, made, positional, keywords)
    elif arguments:
        raise TargetError(f"{target} is already a model and takes no --arg")
    model = next(_models_in(made), None)
    note_trainer(target, made)
    if model is None and callable(made) and "tensorflow" in sys.modules:
        return made
    if model is None:
        raise TargetError(
            f"{target} gave a {type(made).__name__}, which is not a model of a known framework (torch.nn.Module, keras.Model, tf.Module, flax.linen.Module, nnx.Module)"
        )
    return model


def _call(target: str, builder: Any, positional: list[Any], keywords: dict[str, Any]) -> Any:
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):
        return builder(*positional, **keywords)
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        given = ", ".join([*map(repr, positional), *(f"{key}={value!r}" for key, value in keywords.items())])
        raise TargetError(
            f"{target} cannot be called with ({given}): {error}. Its signature is {split(target)[1]}{signature}; pass what is missing with --arg name=value"
        ) from None
    return builder(*positional, **keywords)
