"""The published JSON Schemas say what the configuration may hold and what reports hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from projects import ROOT, write
from test_fixtures import FOLDER

from biaslint import config
from biaslint.cli.lint import command
from biaslint.config import configuration
from biaslint.config.thresholds import MEANING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

jsonschema = pytest.importorskip("jsonschema")


def schema(name: str) -> Any:
    found = json.loads((ROOT / "docs/schemas" / f"{name}.json").read_text())
    jsonschema.Draft7Validator.check_schema(found)
    return found


def test_the_configuration_schema_knows_every_setting_and_threshold() -> None:
    properties = schema("configuration")["properties"]
    assert set(properties) == configuration.KEYS
    assert properties["fail-on"]["enum"] == list(configuration.FAIL_ON)
    assert properties["severity"]["additionalProperties"]["enum"] == list(configuration.LEVELS)
    assert set(properties["verify"]["properties"]) == {name.replace("_", "-") for name in MEANING}


@pytest.mark.parametrize(
    "text",
    [
        "",
        'select = ["BL1"]\nextend-select = ["BL301"]\nignore = ["bias-before-norm"]\nexclude = ["old"]',
        'fail-on = "never"\njobs = 2\ncache-dir = ".cache"\nbaseline = "known.json"\noutput-format = "json"',
        '[per-file-ignores]\n"tests/*" = ["ALL"]\n[severity]\nBL101 = "error"\n[verify]\ndead-units = 0.5',
        '[layers]\n"mine.Conv" = { like = "torch.nn.Conv2d", norm = "after", activation = "relu", bias = false }',
    ],
)
def test_what_is_a_configuration_fits_the_schema(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"biaslint.toml": text})
    config.discover([tmp_path])
    jsonschema.validate(tomllib.loads(text), schema("configuration"))


@pytest.mark.parametrize(
    "text",
    [
        'selct = ["BL1"]',
        'select = "BL1"',
        "exclude = [1]",
        'fail-on = "bad"',
        "force-exclude = 1",
        "per-file-ignores = 1",
        "baseline = 1",
        "jobs = -1",
        "jobs = true",
        '[severity]\nBL101 = "bad"',
        "[verify]\ndead-unit = 1",
        '[verify]\ndead-units = "many"',
        '[layers]\n"mine.Conv" = { norm = "after" }',
        '[layers]\n"mine.Conv" = { like = "torch.nn.Conv2d", norm = "inside" }',
        '[layers]\n"mine.Conv" = { like = "torch.nn.Conv2d", bais = true }',
    ],
)
def test_what_is_no_configuration_does_not_fit_the_schema(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"biaslint.toml": text})
    with pytest.raises(config.ConfigError):
        config.discover([tmp_path])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema("configuration"))


@pytest.mark.parametrize("path", ["torch/start_values.py", "torch/factories.py", "notebooks", "keras/biases_set.py"])
def test_reports_fit_the_schema(path: str) -> None:
    options = ["--isolated", "--no-cache", "--select", "ALL", "--format", "json", "--show-unknown", "--exit-zero"]
    done = CliRunner().invoke(command, [*options, str(FOLDER / path)])
    report = json.loads(done.stdout)
    assert report["findings"]
    jsonschema.validate(report, schema("report"))
