"""Versions on trial: what they say of the leaders' own decisions, told to the ledger alone."""
