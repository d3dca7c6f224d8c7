"""The interpreter put together: Python, tensors and the frameworks. The only module that names the frameworks.

A framework more is a folder in `frameworks` and a line in `FRAMEWORKS`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from biaslint.analysis.frameworks.common import configured_layers
from biaslint.analysis.frameworks.flax.framework import FLAX
from biaslint.analysis.frameworks.keras import names as keras_names, vocabulary as keras_vocabulary
from biaslint.analysis.frameworks.keras.framework import KERAS
from biaslint.analysis.frameworks.tensorflow.framework import TENSORFLOW
from biaslint.analysis.frameworks.torch import names as torch_names, vocabulary as torch_vocabulary
from biaslint.analysis.frameworks.torch.framework import PYTORCH
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.builtins import functions, methods, standard_library
from biaslint.analysis.interpreter.doors import Semantics
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.interpreter.objects import calls
from biaslint.analysis.interpreter.semantics import EXPRESSIONS, STATEMENTS
from biaslint.analysis.tensors.semantics import KINDS, TENSORS

if TYPE_CHECKING:
    from biaslint.analysis.domain.path_condition import PathCondition
    from biaslint.analysis.project.project import Project

FRAMEWORKS = (PYTORCH, KERAS, TENSORFLOW, FLAX)  # a name belongs to the first that owns it
framework.register(FRAMEWORKS)

IMPORT_NAMES = framework.import_names(FRAMEWORKS)

SEMANTICS = Semantics(
    statements=STATEMENTS,
    expressions=EXPRESSIONS,
    calls=calls.CALLS,
    call_unknown=calls.call_anything,
    configured=configured_layers.construct,
    libraries=(functions.call, framework.call, standard_library.call),
    methods=methods.method,
    iterate=functions.items,
    kinds=KINDS,
    tensors=TENSORS,
)


def _layer_names() -> list[str]:
    """The layers of all frameworks, by their public names."""
    torch = [f"torch.nn.{name}" for name in torch_vocabulary.LAYERS]
    keras = [f"{home}.layers.{name}" for name in keras_vocabulary.LAYERS for home in ("keras", "tensorflow.keras")]
    return torch + keras + [name for one in FRAMEWORKS for name in one.public_layers]


def knows_layer(name: str) -> bool:
    """Is it the name of a framework's layer, in any of its spellings?"""
    name = configured_layers.full_name(name)
    return (
        torch_names.short_of(name) in torch_vocabulary.LAYERS
        or keras_names.short_of(name) in keras_vocabulary.LAYERS
        or TENSORFLOW.knows(name)
        or any(framework.canonical(name) in one.public_layers for one in FRAMEWORKS)
    )


def nearest_layer(name: str) -> str | None:
    """The layer whose name is most like it."""
    return next(iter(difflib.get_close_matches(configured_layers.full_name(name), _layer_names(), n=1)), None)


def execution(project: Project, choices: PathCondition, max_steps: int | None = None) -> Execution:
    """A new execution of code of the project, under the given choices."""
    return Execution(SEMANTICS, project, choices, project.limits.steps if max_steps is None else max_steps)
