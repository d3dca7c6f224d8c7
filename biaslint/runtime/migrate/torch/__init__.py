"""Migrating PyTorch checkpoints: state dicts in any wrapper, safetensors, optimizer states."""
