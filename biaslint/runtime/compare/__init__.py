"""A model as it is, and with the starts that were advised: measured alike, with the same seeds."""
