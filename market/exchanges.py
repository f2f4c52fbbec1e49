"""The exchanges that a live market may be of, as venues and candles are called after them.

Free of ccxt, so that settings and the candle store can read it.
"""

EXCHANGES = ("binance", "coinbase", "kraken", "okx", "bybit")
"""Venues of live markets. Binance's public host is Binance, too."""

AT = "@"
"""In a venue: the exchange's protocol spoken by another server (`replay/binance@host:port`)."""


def is_exchange(venue: str) -> bool:
    """Tell whether a venue is an exchange's market, or another server's that speaks like one."""
    return venue in EXCHANGES or AT in venue
