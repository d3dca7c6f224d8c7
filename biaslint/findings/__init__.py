"""Findings, the rule book that declares their rules, and the comments that suppress them."""
