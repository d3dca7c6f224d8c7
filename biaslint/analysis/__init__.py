"""From source text to facts: see `run.analyse`."""
