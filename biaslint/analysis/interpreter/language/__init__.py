"""Statements and expressions."""
