"""Python's own functions and its standard library."""
