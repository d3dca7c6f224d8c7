"""Which code is executed, under which choices, and what is read off the executions."""
