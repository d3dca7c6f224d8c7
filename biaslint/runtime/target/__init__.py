"""What to measure: the target, its arguments and its inputs."""
