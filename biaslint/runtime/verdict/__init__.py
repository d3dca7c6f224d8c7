"""From measurements to what passes and what fails."""
