"""What the frameworks' names mean: plain tables that import no framework."""

from __future__ import annotations
