"""Checking the ledger against itself: entries, tree, checkpoints, rows, outcomes."""
