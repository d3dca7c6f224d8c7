"""Live models, measured: what a bias really starts at, and whether any output can see it."""
