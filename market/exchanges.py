"""The exchanges that a live market may be of: the one table of them, and their venues' names.

Free of ccxt and of all else, so that settings and the candle store can read it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

AT = "@"
"""In a venue: the exchange's protocol spoken by another server (`replay/binance@host:port`)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange, under the name by which EXCHANGE asks for it.

    venue: what its market and its candles are called after. ccxt_id: its class in ccxt.pro.
    hosts: other hosts to ask than ccxt does. book_levels: how many levels a side are subscribed
    to, None where the whole book comes. streams_at_once: the most that one subscription may
    name. subscribe_ms: between two of them. candle_streams: whether candles come by WebSocket;
    else they are asked for after a close. clock_step_ms: in which steps it tells its clock.
    """

    name: str
    venue: str
    ccxt_id: str
    hosts: Mapping[str, str] = field(default_factory=dict)
    book_levels: int | None = None
    streams_at_once: int = 50
    subscribe_ms: int = 100
    candle_streams: bool = True
    clock_step_ms: float = 1.0


SUPPORTED: Mapping[str, Exchange] = {
    each.name: each
    for each in (
        Exchange("binance", "binance", "binance", streams_at_once=200),
        Exchange(
            "binance-public",
            "binance",
            "binance",
            hosts={
                "api.binance.com": "data-api.binance.vision",
                "stream.binance.com:9443": "data-stream.binance.vision",
            },
            streams_at_once=200,
        ),
        Exchange("coinbase", "coinbase", "coinbase", subscribe_ms=150, candle_streams=False),
        Exchange(
            "kraken", "kraken", "kraken", book_levels=500, subscribe_ms=200, clock_step_ms=1_000.0
        ),
        Exchange("okx", "okx", "okx", book_levels=400, subscribe_ms=350),
        # More than 10 in one subscription to its spot market are refused.
        Exchange("bybit", "bybit", "bybit", book_levels=50, streams_at_once=10),
    )
}
"""By the name that EXCHANGE takes."""

EXCHANGES = tuple(dict.fromkeys(each.venue for each in SUPPORTED.values()))
"""Venues of live markets. Binance's public host is Binance, too."""

AUTO_ORDER = ("binance", "binance-public", "coinbase", "kraken")
"""Whom MARKET_SOURCE=auto asks, one after the other."""


def auto_order(preferred: str) -> tuple[Exchange, ...]:
    """Return whom `auto` asks: the one that EXCHANGE names, then the rest in turn."""
    return tuple(SUPPORTED[name] for name in dict.fromkeys((preferred, *AUTO_ORDER)))


def venue_of(exchange: Exchange, url: str) -> tuple[str, bool]:
    """Return the venue's name and whether it is live; url: EXCHANGE_URL, "" for the exchange.

    Another server that speaks the exchange's protocol is another market: nobody traded there.
    """
    if not url:
        return exchange.venue, True
    return f"replay/{exchange.venue}{AT}{urlsplit(url).netloc}", False


def is_exchange(venue: str) -> bool:
    """Tell whether a venue is an exchange's market, or another server's that speaks like one."""
    return venue in EXCHANGES or AT in venue
