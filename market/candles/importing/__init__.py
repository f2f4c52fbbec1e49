"""Candle files of other programs into the store. Read by `manage.py import_candles`."""
