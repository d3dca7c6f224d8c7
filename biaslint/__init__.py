"""biaslint reads deep-learning model code and says which bias set-ups are questionable, why, and what to write instead."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`check_start` and `assert_good_start`, imported when they are asked for."""
    if name in ("check_start", "assert_good_start"):
        from importlib import import_module

        found: object = getattr(import_module("biaslint.runtime.check"), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
