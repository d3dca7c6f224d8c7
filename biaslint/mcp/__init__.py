"""A server for coding assistants (Model Context Protocol): lint, explain, preview fixes, verify. Needs the extra `mcp`."""
