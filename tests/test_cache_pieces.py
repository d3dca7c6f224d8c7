"""After an edit, only what depends on it is executed again, and the result is that of a run that remembers nothing."""

import os
import random
import re
from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.engine import cache

VARIANTS = {
    "pkg/__init__.py": [
        "from .layers import *\n",
        "from .layers import block\nfrom .norms import make_norm\n",
        "from . import layers, norms\nblock = layers.block\n",
        "",
        None,
    ],
    "pkg/settings.py": [
        "BIAS = True\nNORM = 'batch'\n",
        "BIAS = False\nNORM = 'batch'\n",
        "from .more import *\nNORM = 'none'\n",
        "import os\nBIAS = bool(os.environ.get('BIAS'))\nNORM = 'group'\n",
        "BIAS = (\n",
        "BIAS = len([0] * 10**6) > 1\nSIZES = list(range(10**6))\nNORM = 'batch'\n",
        None,
    ],
    "pkg/more.py": ["BIAS = True\n", "BIAS = False\n", "OTHER = 1\n", None],
    "pkg/norms.py": [
        """import torch.nn as nn
from . import settings

TABLE = {}


def register(cls):
    TABLE[cls.__name__] = cls
    return cls


@register
class batch(nn.BatchNorm2d):
    pass


@register
class none(nn.Identity):
    pass


def make_norm(size):
    return TABLE[settings.NORM](size)
""",
        """import torch.nn as nn
from .settings import NORM

if NORM == "batch":
    def make_norm(size):
        return nn.BatchNorm2d(size)
else:
    def make_norm(size):
        return nn.GroupNorm(2, size)
""",
        """import torch.nn as nn

KIND = nn.Identity


def use(kind):
    global KIND
    KIND = kind


def make_norm(size):
    return KIND(size)
""",
        None,
    ],
    "pkg/norms/__init__.py": ["import torch.nn as nn\n\n\ndef make_norm(size):\n    return nn.BatchNorm2d(size)\n", None, None],
    "pkg/layers.py": [
        """import torch.nn as nn
from .norms import make_norm
from .settings import BIAS


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, bias=BIAS), make_norm(o), nn.ReLU())
""",
        """import torch.nn as nn
from . import settings
from pkg.norms import *


class Block(nn.Module):
    def __init__(self, i, o, norm=make_norm):
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, bias=settings.BIAS)
        self.norm = norm(o)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


block = Block
""",
        None,
    ],
    "model_a.py": [
        """import torch.nn as nn
from pkg import block


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = block(3, 8)
        self.two = nn.Linear(8, 10)

    def forward(self, x):
        return self.two(self.one(x).mean((2, 3)))
""",
        """import torch.nn as nn
import pkg.layers as layers


def net(bias: bool = True):
    return nn.Sequential(layers.block(3, 8), nn.Conv2d(8, 8, 1, bias=bias), layers.make_norm(8))
""",
    ],
    "model_b.py": [
        """import torch.nn as nn
from pkg.norms import make_norm
from model_a import *


class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = make_norm(8)

    def forward(self, x):
        return self.norm(self.conv(x))
""",
        """import pkg.norms
import torch.nn as nn

pkg.norms.use(nn.BatchNorm2d)
model = nn.Sequential(nn.Conv2d(3, 8, 3), pkg.norms.make_norm(8))
""",
        """import torch.nn as nn
import pkg.settings
from pkg.layers import block

pkg.settings.BIAS = False
model = nn.Sequential(block(3, 8), nn.Linear(8, 8))
""",
        None,
    ],
    "src/helpers.py": [
        "import torch.nn as nn\n\nNorm = nn.BatchNorm2d\n",
        "import torch.nn as nn\n\nNorm = nn.Identity\n",
        None,
    ],
    "model_c.py": [
        """import torch.nn as nn
try:
    from helpers import Norm
except ImportError:
    from torch.nn import LayerNorm as Norm


class Third(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = Norm(8)

    def forward(self, x):
        return self.norm(self.conv(x))
""",
    ],
}


def write(path: Path, text: str | None, chance: random.Random) -> None:
    """Write or delete a file, sometimes within the same tick of the clock as the last time."""
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    if chance.random() < 0.7:
        write.now += 7_000_000_000  # type: ignore[attr-defined]
        os.utime(path, ns=(write.now, write.now))  # type: ignore[attr-defined]


write.now = 1_600_000_000_000_000_000  # type: ignore[attr-defined]


def facts(result: engine.Result) -> list[object]:
    return [result.findings, result.unknowns, result.statistics, result.stopped, [repr(use) for use in result.uses]]


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_edits_gives_what_a_run_gives_that_remembers_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for name, variants in VARIANTS.items():
        write(tmp_path / name, variants[0], chance)
    config = Config(tmp_path, select=("ALL",))
    found = set()
    for _ in range(60):
        one = cache.Cache(tmp_path / cache.FOLDER)
        result = engine.lint([tmp_path], config, one)
        fresh = engine.lint([tmp_path], config)
        assert facts(result)[:4] == facts(fresh)[:4]
        if result.uses:  # not of a run in which nothing had changed
            assert facts(result) == facts(fresh)
        found.add(tuple((finding.rule, finding.place.path) for finding in result.findings))
        name = chance.choice(list(VARIANTS))
        path = tmp_path / name
        if path.exists() and chance.random() < 0.6:
            write(path, rearranged(path.read_text(), chance), chance)
        else:
            write(path, chance.choice(VARIANTS[name]), chance)
    assert len(found) >= 2


EXTRA = [
    "# a comment\n",
    "X = 1\n",
    "def len(x):\n    return 8\n",
    "from pkg.more import *\n",
    "BIAS = False\n",
    "BIAS = len([0] * 10**6) > 1\n",
    "def make_norm(size):\n    return nn.Identity()\n",
    "def added():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))\n",
    "class helpers: Norm = nn.Identity\n",
]


def rearranged(text: str, chance: random.Random) -> str:
    """A text with a top-level statement more or less somewhere, or with two of them in the other order."""
    parts = re.split(r"(?m)^(?=\S)", text)
    place = chance.randrange(len(parts) + 1)
    kind = chance.random()
    if kind < 0.5:
        parts.insert(place, chance.choice(EXTRA))
    elif kind < 0.75:
        del parts[place : place + 1]
    else:
        parts.append(parts.pop(place - 1))
    return "".join(part if part.endswith("\n") else part + "\n" for part in parts if part)


def executed(result: engine.Result) -> list[str]:
    """The names of the entry points that were executed, proofs of fixes aside."""
    return sorted({name for name, _ in result.executions})


def again(root: Path, name: str, text: str) -> list[str]:
    """What is executed after a change of a file."""
    config = Config(root, select=("ALL",))
    engine.lint([root], config, cache.Cache(root / cache.FOLDER))
    write(root / name, text, random.Random(0))
    return executed(engine.lint([root], config, cache.Cache(root / cache.FOLDER)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, variants in VARIANTS.items():
        if not name.startswith("pkg/norms/"):
            write(tmp_path / name, variants[0], random.Random(1))
    return tmp_path


NET = """import torch.nn as nn


def norm(size):
    return nn.BatchNorm2d(size)


class First(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = norm(8)

    def forward(self, x):
        return self.norm(self.conv(x))


def tidy(text):
    return text.strip()
"""
USER = """import torch.nn as nn
from net import First


class Second(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = First()
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        return self.last(self.first(x).mean((2, 3)))
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write(tmp_path / "net.py", NET, random.Random(1))
    write(tmp_path / "user.py", USER, random.Random(1))
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        NET,
        NET + "\n\n# the end\n",
        NET.replace("text.strip()", "text.rstrip()"),
        NET.replace("def tidy(text):", "\n\ndef neat(text):"),
        NET + "\n\nSIZE = 8\n",
    ],
    ids=["touched", "a comment", "another function", "another name", "a new name"],
)
def test_a_change_below_all_that_a_model_needs_executes_nothing(two: Path, text: str) -> None:
    assert again(two, "net.py", text) == []


@pytest.mark.parametrize(
    "text",
    [
        NET.replace("nn.BatchNorm2d(size)", "nn.Identity()"),
        "# a comment\n" + NET,
        NET + "\n\ndef norm(size):\n    return nn.Identity()\n",
        NET + "\n\nFirst.forward = lambda self, x: x\n",
        NET + "\n\nclass super:\n    def __init__(self, *args):\n        pass\n",
        NET + "\n\nfrom settings import *\n",
    ],
    ids=["above", "places move", "a name once more", "something added", "a name of Python's", "names from elsewhere"],
)
def test_a_change_of_what_a_model_needs_executes_it(two: Path, text: str) -> None:
    assert again(two, "net.py", text) == ["Second"]


def test_a_name_that_appears_where_it_was_looked_for_executes_who_looked(two: Path) -> None:
    write(
        two / "user.py",
        USER.replace("First()", "First() if net_size is None else None").replace("import First", "import First, net_size"),
        random.Random(2),
    )
    assert again(two, "net.py", NET + "\n\nnet_size = 3\n") == ["First", "Second"]


def test_a_fresh_checkout_is_answered_from_the_cache(two: Path) -> None:
    config = Config(two, select=("ALL",))
    first = engine.lint([two], config, cache.Cache(two / cache.FOLDER))
    for path in two.glob("*.py"):
        text = path.read_text()
        path.unlink()
        path.write_text(text)
    second = engine.lint([two], config, cache.Cache(two / cache.FOLDER))
    assert executed(second) == []
    assert second.uses == []  # nothing was put together again
    assert second.findings == first.findings != []


def test_a_change_of_a_model_executes_that_model_alone(project: Path) -> None:
    assert again(project, "model_c.py", VARIANTS["model_c.py"][0].replace("3, 8, 3", "3, 8, 5")) == ["Third"]


def test_a_change_of_a_shared_file_executes_what_imports_from_it(project: Path) -> None:
    assert again(project, "pkg/settings.py", "BIAS = False\nNORM = 'none'\n") == ["Net", "Other"]


def test_a_change_behind_two_imports_counts(project: Path) -> None:
    write(project / "pkg/settings.py", "from .more import *\nNORM = 'batch'\n", random.Random(2))
    assert again(project, "pkg/more.py", "BIAS = False\n") == ["Net"]  # Other asks for the norm alone


def test_a_file_that_appears_where_an_import_failed_executes_what_imports_it(project: Path) -> None:
    (project / "src" / "helpers.py").unlink()
    assert again(project, "helpers.py", "import torch.nn as nn\n\nNorm = nn.BatchNorm2d\n") == ["Third"]


def test_a_change_of_a_file_that_no_model_imports_executes_nothing(project: Path) -> None:
    assert again(project, "notes.py", "import torch\n\nSIZE = 3\n") == []


def test_a_run_made_of_the_same_pieces_is_not_put_together_again(two: Path) -> None:
    config = Config(two, select=("ALL",))
    first = engine.lint([two], config, cache.Cache(two / cache.FOLDER))
    assert first.uses
    write(two / "net.py", NET + "\n\n# the end\n", random.Random(0))
    second = engine.lint([two], config, cache.Cache(two / cache.FOLDER))
    assert executed(second) == second.uses == []
    assert facts(second)[:4] == facts(first)[:4]


def test_a_silenced_finding_is_silenced_though_the_layers_are_as_before(two: Path) -> None:
    config = Config(two, select=("ALL",))
    silences = []
    for comment in ("", "  # biaslint: ignore"):
        write(two / "net.py", NET.replace("3, 8, 3)", f"3, 8, 3){comment}"), random.Random(0))
        found = engine.lint([two], config, cache.Cache(two / cache.FOLDER)).findings
        silences.append("BL101" not in {finding.rule for finding in found})
    assert silences == [False, True]


def test_the_line_of_a_syntax_error_moves_with_the_file(two: Path) -> None:
    config = Config(two, select=("ALL",))
    for lines in ("", "\n"):
        write(two / "broken.py", f"import torch.nn as nn\n{lines}nn.Linear(\n", random.Random(0))
        places = [
            one.place.line
            for one in engine.lint([two], config, cache.Cache(two / cache.FOLDER)).findings
            if one.rule == "BL001"
        ]
        assert places == [2 + len(lines)]
