"""Candles: their timeframes, their store, their indicators.

Read by the market feed (which writes them), the signal loop and training.
"""
