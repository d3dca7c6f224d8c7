"""Measuring Keras models."""
