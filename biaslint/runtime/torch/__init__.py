"""Measuring PyTorch models."""
