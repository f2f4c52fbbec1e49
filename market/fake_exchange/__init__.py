"""A fake exchange: serves recorded frames in Binance's own protocol, with faults on demand.

For tests and demonstrations; nothing else in the product imports it.
"""
