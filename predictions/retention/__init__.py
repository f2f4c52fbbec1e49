"""How long the ledger keeps what: refusing changes, pruning what was added up, what a day costs."""
