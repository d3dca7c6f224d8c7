"""What several checks share; not a check itself."""
