"""From packed entries to the ledger's rows, and past the ORM into its tables."""
