"""The configuration: settings, and which files they select."""

from biaslint.config.configuration import (
    FAIL_ON,
    OWN_FILES,
    ROOT_MARKS,
    Config,
    ConfigError,
    common_folder,
    discover,
    load,
    override,
    project_root,
    with_options,
)

__all__ = [
    "FAIL_ON",
    "OWN_FILES",
    "ROOT_MARKS",
    "Config",
    "ConfigError",
    "common_folder",
    "discover",
    "load",
    "override",
    "project_root",
    "with_options",
]
