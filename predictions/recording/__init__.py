"""From the loops' logs to the ledger: taken, stored once, acknowledged. One process runs it."""
