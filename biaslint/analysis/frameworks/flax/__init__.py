"""Flax: linen and nnx, with the functions of JAX and Optax that their models use."""
