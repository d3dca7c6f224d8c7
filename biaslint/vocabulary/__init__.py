"""What the frameworks' names mean: plain tables that import no framework."""
