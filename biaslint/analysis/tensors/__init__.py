"""Abstract tensors."""
