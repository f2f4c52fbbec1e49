"""History of candles from an exchange's REST interface: `manage.py backfill_candles`."""
