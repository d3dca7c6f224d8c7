"""An abstract interpreter for Python, which knows no library."""
