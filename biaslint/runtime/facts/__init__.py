"""What was measured: the numbers, where layers come from, and what is judged."""
