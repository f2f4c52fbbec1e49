"""What the ledger's predictions were worth, read from the ledger alone."""
