"""Migrating Keras checkpoints: `.weights.h5`, `.keras` and older `.h5` files."""
