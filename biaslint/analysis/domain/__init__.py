"""The abstract domain: what a name of the analysed program can stand for."""
