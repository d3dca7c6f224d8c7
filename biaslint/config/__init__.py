"""The configuration: settings, and which files they select."""

from biaslint.config.configuration import (
    FAIL_ON,
    KEYS,
    NO_SETTINGS,
    OWN_FILES,
    ROOT_MARKS,
    Config,
    ConfigError,
    below,
    common_folder,
    discover,
    load,
    override,
    project_root,
    with_options,
)

__all__ = [
    "FAIL_ON",
    "KEYS",
    "NO_SETTINGS",
    "OWN_FILES",
    "ROOT_MARKS",
    "Config",
    "ConfigError",
    "below",
    "common_folder",
    "discover",
    "load",
    "override",
    "project_root",
    "with_options",
]
