"""Python's data model."""
