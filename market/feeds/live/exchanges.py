"""The exchanges whose live market can be had, and how each is spoken to. Free of ccxt.

Read by the settings (what EXCHANGE may be), by whoever chooses an exchange, and by the links.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from market.exchanges import AT


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange, under the name by which EXCHANGE asks for it.

    venue: what its market is called in the ledger. ccxt_id: its class in ccxt.pro. hosts: other
    hosts to ask than ccxt does. book_levels: how many levels a side are subscribed to, None where
    the whole book comes. streams_at_once: the most that one subscription may name.
    candle_streams: whether candles come by WebSocket; else they are asked for at each close.
    """

    name: str
    venue: str
    ccxt_id: str
    hosts: Mapping[str, str] = field(default_factory=dict)
    book_levels: int | None = None
    streams_at_once: int = 50
    candle_streams: bool = True


EXCHANGES: Mapping[str, Exchange] = {
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
        Exchange("coinbase", "coinbase", "coinbase", candle_streams=False),
        Exchange("kraken", "kraken", "kraken", book_levels=500),
        Exchange("okx", "okx", "okx", book_levels=400),
        # More than 10 in one subscription to its spot market are refused.
        Exchange("bybit", "bybit", "bybit", book_levels=50, streams_at_once=10),
    )
}

AUTO_ORDER = ("binance", "binance-public", "coinbase", "kraken")
"""Whom MARKET_SOURCE=auto asks, one after the other."""


def auto_order(preferred: str) -> tuple[Exchange, ...]:
    """Return whom `auto` asks: the one that EXCHANGE names, then the rest in turn."""
    return tuple(EXCHANGES[name] for name in dict.fromkeys((preferred, *AUTO_ORDER)))


def venue_of(exchange: Exchange, url: str) -> tuple[str, bool]:
    """Return the venue's name and whether it is live; url: EXCHANGE_URL, "" for the exchange.

    Another server that speaks the exchange's protocol is another market: nobody traded there.
    """
    if not url:
        return exchange.venue, True
    return f"replay/{exchange.venue}{AT}{urlsplit(url).netloc}", False


def aimed(urls: Any, exchange: Exchange, url: str) -> Any:
    """Return ccxt's table of addresses with the hosts that shall be asked instead.

    url: EXCHANGE_URL, where REST and WebSocket then both go; "" for the exchange itself.
    """
    if isinstance(urls, Mapping):
        return {name: aimed(each, exchange, url) for name, each in urls.items()}
    if not isinstance(urls, str):
        return urls
    parts = urlsplit(urls)
    if not url:
        return urlunsplit(parts._replace(netloc=exchange.hosts.get(parts.netloc, parts.netloc)))
    server = urlsplit(url)
    scheme = server.scheme
    if parts.scheme in ("ws", "wss"):
        scheme = "wss" if server.scheme == "https" else "ws"
    return urlunsplit(parts._replace(scheme=scheme, netloc=server.netloc))
