"""Measuring TensorFlow code without Keras."""
