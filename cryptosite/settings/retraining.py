"""When models are trained anew, and how long a challenger is on trial."""

from cryptosite import env

RETRAIN_SCHEDULE = env.choice("RETRAIN_SCHEDULE", "weekly", ("off", "weekly", "monthly"))
"""Sundays, or the first of the month, at 00:30 UTC. A run that was missed is made up for once."""

SHADOW_DAYS_FORECASTS = env.number("SHADOW_DAYS_FORECASTS", 7, minimum=0.001, maximum=365)
SHADOW_DAYS_SIGNALS = env.number("SHADOW_DAYS_SIGNALS", 28, minimum=0.001, maximum=365)
"""Market time on trial before the second gate looks, once. With too few decisions the trial is
prolonged by as much again, twice at most."""
