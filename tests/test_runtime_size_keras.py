"""A Keras model that the memory limit has no room for is refused before its variables are made, with what it would take."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("keras")

from biaslint.runtime.command import verify
from biaslint.runtime.facts import room

LIMIT = 100  # megabytes
pytestmark = pytest.mark.usefixtures("same_process")
MODELS = """
import keras
from keras import layers


def functional(width):
    x = inputs = keras.Input((width,))
    for _ in range(3):
        x = layers.Dense(width)(x)
    return keras.Model(inputs, x)


class Late(keras.Model):
    def __init__(self, width, wants_values=False):
        super().__init__()
        self.parts = [layers.Dense(width) for _ in range(3)]
        self.scale = keras.Variable(1.0) if wants_values else 1.0

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x * self.scale
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "used", lambda: 0)
    (tmp_path / "net.py").write_text(MODELS)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(verify, [*arguments, "--memory", str(LIMIT)])


@pytest.mark.parametrize("target", [("net.py:functional",), ("net.py:Late", "--input", "20000")])
def test_what_has_no_room_says_what_it_takes_and_no_variable_is_made(folder: Path, target: tuple[str, ...]) -> None:
    result = command(*target, "--arg", "width=20000")  # as values, these would be five gigabytes
    parameters = 3 * (20000 * 20000 + 20000)
    assert result.exit_code == 2
    assert (
        f"the model has {parameters:,} parameters, and measuring it takes about 18,400 MB; the limit is {LIMIT} MB"
        in result.output
    )


@pytest.mark.parametrize("more", [("--input", "20000", "--arg", "wants_values=True"), ()])
def test_a_size_that_cannot_be_told_without_values_is_said_to_be_too_large(folder: Path, more: tuple[str, ...]) -> None:
    result = command("net.py:Late", "--arg", "width=20000", *more)
    assert result.exit_code == 2
    assert f"the model has too many parameters to be measured in {LIMIT} MB; raise --memory" in result.output


def test_what_has_room_is_measured(folder: Path) -> None:
    result = command("net.py:Late", "--arg", "width=50", "--input", "50")
    assert result.exit_code == 0, result.output
