"""One script per claim, each ending in a line of JSON."""
