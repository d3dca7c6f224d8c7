"""The process that measures, and the one that waits for it."""
