"""Source files as Python reads them: decoding, notebooks, syntax."""
