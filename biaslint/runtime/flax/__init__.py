"""Measuring Flax models."""
