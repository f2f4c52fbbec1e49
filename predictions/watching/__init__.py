"""How the instance is: streams, Redis, database, ledger, and what is wrong now, in words."""
