"""Code that several frameworks share."""
