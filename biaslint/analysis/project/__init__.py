"""The files, modules and imports of a run, and which names a piece of work has asked for."""
