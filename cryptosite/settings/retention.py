"""How long the ledger keeps forecasts row by row."""

from cryptosite import env

FORECAST_RETENTION_DAYS = env.integer("FORECAST_RETENTION_DAYS", 30, minimum=0, maximum=36_500)
"""Then their hours' roll-ups are left; 0 keeps all. Signals are never pruned."""
