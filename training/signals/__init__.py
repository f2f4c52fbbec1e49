"""Candle signals: datasets, labels, networks and baselines, how they are judged and shipped."""
