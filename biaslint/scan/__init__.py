"""Whole archives of repositories: sources in, one row per finding and one per repository out. Nothing of them is executed or unpacked."""
