"""Executing only what a change makes necessary, in several processes."""
