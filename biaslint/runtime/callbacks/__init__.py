"""Callbacks of trainers that check how a model starts, before its first step."""
