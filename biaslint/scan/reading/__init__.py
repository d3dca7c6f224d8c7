"""Reading repositories of every kind, without writing a file and without running anything of theirs."""
