"""What a PyTorch model of which nothing was said may want to be fed with.

What the model says of itself comes first (a configuration, an example, a stated input size), then its signature and its layers. What
PyTorch answers to a wrong guess often says what would be right: a guess is mended by that a few times before it is given up.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from biaslint.runtime.target.inputs import BATCH, Spec

LENGTH = 16
_IMAGES = (64, 224, 32, 28, 299, 128, 256, 384)
_MOST_TRIES = 24
_MENDS = 6
Attempt = Callable[[list[Spec]], str]  # feeds the model; what went wrong, "" where nothing did


def find(model: Any, attempt: Attempt) -> tuple[list[Spec], list[str]]:
    """The first inputs that the model takes, [] for none, and what was tried."""
    tried: list[str] = []
    for specs in islice(candidates(model), _MOST_TRIES):
        seen: set[tuple[Spec, ...]] = set()
        for _ in range(_MENDS):
            if tuple(specs) in seen:
                break
            seen.add(tuple(specs))
            failure = attempt(specs)
            if not failure:
                return specs, tried
            tried.append(f"{', '.join(map(str, specs))}: {failure}")
            mended = mend(specs, failure, model)
            if mended is None:
                break
            specs = mended
    return [], tried


def candidates(model: Any) -> Iterator[list[Spec]]:
    """Inputs to try, most likely first."""
    yield from _stated(model)
    wanted = _required(model)
    single = dict.fromkeys(guesses(model))
    keys = {one.name: found for one in wanted if (found := _keys(model, one.name))}
    if keys:
        yield from (
            [_dictionary(one, keys.get(one.name, []), spec, model) for one in wanted] for spec in single or [Spec((LENGTH,))]
        )
    state = _recurrent_state(model)
    if state is not None and any(_STATE.search(one.name.lower()) for one in wanted):
        yield from _with_state(wanted, list(single), state, model)
    if len(wanted) < 2:
        name = wanted[0].name if wanted and wanted[0].kind is inspect.Parameter.KEYWORD_ONLY else ""
        yield from ([replace(spec, name=name)] for spec in single)
        return
    main = list(single) or [Spec((LENGTH,))]
    for spec in main:
        yield [_for_parameter(parameter, spec, index, model) for index, parameter in enumerate(wanted)]
    for spec in main[1:]:  # the second argument like another layer wants it
        yield [_for_parameter(wanted[0], main[0], 0, model), *(_for_parameter(one, spec, 1, model) for one in wanted[1:])]


def _stated(model: Any) -> Iterator[list[Spec]]:
    """What the model says of its inputs."""
    stated = getattr(model, "default_cfg", None) or {}
    if isinstance(stated, Mapping) and stated.get("input_size"):
        yield [Spec(tuple(stated["input_size"]))]
    example = getattr(model, "example_input_array", None)
    if example is not None:
        several = list(example) if isinstance(example, (list, tuple)) else [example]
        specs = [spec for one in several if (spec := _like(one)) is not None]
        if len(specs) == len(several):
            yield specs
    config = getattr(model, "config", None)
    if config is not None and isinstance(getattr(model, "main_input_name", None), str):
        yield from _of_config(model, config)


def _like(tensor: Any) -> Spec | None:
    if not hasattr(tensor, "dtype") or not getattr(tensor, "shape", ()):
        return None
    shape = tuple(int(size) for size in tensor.shape[1:])
    if tensor.is_floating_point():
        return Spec(shape)
    return Spec(shape, type="int", low=0, high=int(tensor.max()) + 1)


def _of_config(model: Any, config: Any) -> Iterator[list[Spec]]:
    """The inputs of a model with a configuration in the manner of Hugging Face."""
    names = list(_parameters(model))
    main = str(model.main_input_name)
    made = [spec for name in dict.fromkeys([main, *names]) if (spec := _configured(name, config, main, model)) is not None]
    yield made
    if len(made) > 1:
        yield made[:1]


def _setting(config: Any, *names: str) -> Any:
    """A setting of a configuration or of one of its parts."""
    parts = [
        config,
        *(part for part in (getattr(config, name, None) for name in ("text_config", "vision_config", "encoder")) if part),
    ]
    for part in parts:
        for name in names:
            value = getattr(part, name, None) if not isinstance(part, Mapping) else part.get(name)
            if value is not None:
                return value
    return None


def _configured(name: str, config: Any, main: str, model: Any) -> Spec | None:
    """One input by its name, None where the model does without it."""
    encoder_decoder = bool(getattr(config, "is_encoder_decoder", False))
    if name == "input_ids" or (name == "decoder_input_ids" and encoder_decoder):
        vocabulary = _setting(config, "vocab_size") or 100
        return Spec((LENGTH,), name, "int", 0, float(vocabulary)) if name == main or name in _parameters(model) else None
    if name == "pixel_values":
        size = _setting(config, "image_size") or 224
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return Spec((int(_setting(config, "num_channels") or 3), int(height), int(width)), name)
    if name == "input_values":
        return Spec((16_000,), name)
    if name == "input_features":
        return Spec(
            (int(_setting(config, "num_mel_bins") or 80), 2 * int(_setting(config, "max_source_positions") or 1500)), name
        )
    return None


def _parameters(model: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):
        return {}


def _required(model: Any) -> list[inspect.Parameter]:
    """The parameters of the forward pass that have no default."""
    wanted = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one for one in _parameters(model).values() if one.kind in wanted and one.default is inspect.Parameter.empty]


def guesses(model: Any) -> list[Spec]:
    """What a single input may be, by the model's first layers."""
    from torch import nn

    found: list[Spec] = []
    for module in model.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            dimensions = len(module.kernel_size)
            sizes = {1: (64, 1024, 16000), 2: _IMAGES[:5], 3: (16, 32)}[dimensions]
            if module.transposed and not found:  # a generator starts from noise
                sizes = (1, 4, 8)
            found += [Spec((module.in_channels or 3, *[size] * dimensions)) for size in sizes]
        elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            found.append(Spec((LENGTH,), type="int", low=0, high=module.num_embeddings))
        elif isinstance(module, nn.RNNBase):
            found.append(Spec((LENGTH, module.input_size)))
        elif isinstance(module, nn.RNNCellBase):
            found.append(Spec((module.input_size,)))
        elif isinstance(module, nn.Linear):
            found += [Spec((module.in_features,)), Spec((LENGTH, module.in_features))]
        if len(found) >= 6:
            break
    return found


_MASK = re.compile(r"mask|padding")
_LENGTHS = re.compile(r"len|lengths?$|_lens?$")
_TIME = re.compile(r"^(t|ts|time|times|timesteps?|step|sigma|noise_level)$")
_TOKENS = re.compile(r"ids?$|tok|word|^src$|^tgt$|^trg$|source|target|seq|text|user|item")


def _for_parameter(parameter: inspect.Parameter, spec: Spec, index: int, model: Any) -> Spec:
    """What one of several arguments may be: by its name, else like the first."""
    name = parameter.name.lower()
    said = str(parameter.annotation).lower()
    given = parameter.name if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
    if _MASK.search(name) or "bool" in said:
        return Spec(spec.shape[:1] if spec.type == "int" else spec.shape, given, "ones")
    if _LENGTHS.search(name):
        return Spec((), given, "int", 1, LENGTH + 1)
    if _TIME.match(name):
        return Spec((), given, "int", 0, 100)
    if _TOKENS.search(name) and (tables := _tables(model)):
        size = tables[min(index, len(tables) - 1)]
        shape = (LENGTH,) if spec.type == "int" and len(spec.shape) == 1 else spec.shape
        return Spec(shape if spec.type == "int" else (LENGTH,), given, "int", 0, size)
    return replace(spec, name=given)


_STATE = re.compile(r"hidden|state|^h$|^h0$|^hx$|^hc$|memory|carry")


def _recurrent_state(model: Any) -> tuple[Spec, bool] | None:
    """What the first recurrent layer keeps from step to step, and whether the batch is its inputs' first axis."""
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            count = module.num_layers * (2 if module.bidirectional else 1)
            one = Spec((count, BATCH, module.proj_size or module.hidden_size))
            cell = Spec((count, BATCH, module.hidden_size))
            lasting = Spec((), parts=(one, cell), nested="tuple") if isinstance(module, nn.LSTM) else one
            return lasting, bool(module.batch_first)
        if isinstance(module, nn.RNNCellBase):
            one = Spec((module.hidden_size,))
            return (Spec((), parts=(one, one), nested="tuple") if isinstance(module, nn.LSTMCell) else one), True
    return None


def _with_state(
    wanted: list[inspect.Parameter], main: list[Spec], state: tuple[Spec, bool], model: Any
) -> Iterator[list[Spec]]:
    """Inputs beside a recurrent state; with the batch as the second axis where the layer has it there."""
    lasting, batch_first = state
    for spec in main:
        first = spec if batch_first else replace(spec, shape=(LENGTH, BATCH, *spec.shape[1:]))
        yield [
            lasting if _STATE.search(one.name.lower()) else _for_parameter(one, first, index, model)
            for index, one in enumerate(wanted)
        ]


def _keys(model: Any, name: str) -> list[str]:
    """The keys that the forward pass reads from an argument."""
    try:
        text = inspect.getsource(type(model).forward)
    except (OSError, TypeError):
        return []
    found = re.findall(rf"""\b{name}(?:\[|\.get\()\s*["'](\w+)["']""", text)
    return list(dict.fromkeys(found))


def _dictionary(parameter: inspect.Parameter, keys: list[str], spec: Spec, model: Any) -> Spec:
    """An argument from which these keys are read."""
    if not keys:
        return _for_parameter(parameter, spec, 0, model)
    made = [_for_parameter(parameter.replace(name=key), spec, index, model) for index, key in enumerate(keys)]
    return Spec((), parts=tuple(replace(one, name=key) for one, key in zip(made, keys, strict=True)), nested="dict")


def _tables(model: Any) -> list[int]:
    from torch import nn

    return [module.num_embeddings for module in model.modules() if isinstance(module, nn.Embedding)]


# -- what the answer to a wrong guess says ---------------------------------------------------------------------------------------

_PRODUCT = re.compile(r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)")
_CHANNELS = re.compile(r"expected input\[[\d, ]*\] to have (\d+) channels")
_SIZE = re.compile(r"[Ii]nput (?:image )?(?:size|height) \(?\d+(?:\*\d+)?\)? doesn't match model \(?(\d+)")
_LAST = re.compile(r"(?:Expected|expected) (\d+), got \d+|expected input with shape \[\*, (\d+)\]")
_DIMENSIONS = re.compile(r"Expected (\d)D \(unbatched\) or (\d)D \(batched\) input to conv")
_INDICES = re.compile(
    r"(?:Expected tensor for argument #1 'indices'|must be (?:one of the )?(?:following types: )?(?:Long|Int)|tensors used as indices)"
)
_OUT_OF_RANGE = re.compile(r"index out of range|index \d+ is out of bounds")


def mend(specs: list[Spec], failure: str, model: Any) -> list[Spec] | None:
    """The inputs changed by what the failure says, None where it says nothing that helps."""
    for pattern, change in _CHANGES:
        match = pattern.search(failure)
        if match is not None:
            changed = change(specs, match, model)
            return changed if changed != specs else None
    return None


def _floats(specs: list[Spec], change: Callable[[Spec], Spec]) -> list[Spec]:
    return [change(one) if one.type == "float" and one.shape else one for one in specs]


def _to_product(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    """A flattened image of another size, or a vector of another length."""
    had, wanted = int(match[2]), int(match[3])

    def change(spec: Spec) -> Spec:
        if len(spec.shape) == 3:
            size = round(spec.shape[-1] * (wanted / had) ** 0.5)
            return replace(spec, shape=(spec.shape[0], size, size))
        if spec.shape[-1] == had or len(spec.shape) == 1:
            return replace(spec, shape=(*spec.shape[:-1], wanted))
        if len(spec.shape) == 2 and had % spec.shape[0] == 0:
            return replace(spec, shape=(spec.shape[0], max(1, round(spec.shape[1] * wanted / had))))
        return spec

    return _floats(specs, change)


def _to_channels(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    return _floats(specs, lambda spec: replace(spec, shape=(int(match[1]), *spec.shape[1:])))


def _to_size(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    size = int(match[1])
    return _floats(specs, lambda spec: replace(spec, shape=(spec.shape[0], size, size)) if len(spec.shape) == 3 else spec)


def _to_last(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    return _floats(specs, lambda spec: replace(spec, shape=(*spec.shape[:-1], int(match[1] or match[2]))))


def _to_dimensions(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    wanted = int(match[1]) - 1  # in space

    def change(spec: Spec) -> Spec:
        size = spec.shape[-1] if len(spec.shape) > 1 else 64
        channels = spec.shape[0] if len(spec.shape) > 1 else 1
        return replace(spec, shape=(channels, *[size] * wanted))

    return _floats(specs, change)


def _to_indices(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    high = min(_tables(model) or [2])
    return [replace(one, type="int", low=0, high=high, shape=one.shape[:1] or (LENGTH,)) for one in specs]


def _to_smaller(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    high = min(_tables(model) or [2])
    return [replace(one, high=min(one.high or high, high)) if one.type == "int" else one for one in specs]


_CHANGES = (
    (_PRODUCT, _to_product),
    (_CHANNELS, _to_channels),
    (_SIZE, _to_size),
    (_LAST, _to_last),
    (_DIMENSIONS, _to_dimensions),
    (_INDICES, _to_indices),
    (_OUT_OF_RANGE, _to_smaller),
)
