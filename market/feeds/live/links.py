"""Makes the link to an exchange, and aims ccxt at another server where one is named.

The only door to ccxt: nothing of it is imported before a link is made.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from market.exchanges import Exchange
from market.feeds.live.link import Link


def make_link(exchange: Exchange, url: str, now_ns: Callable[[], int] = time.time_ns) -> Link:
    """Return the link to `exchange`; url: EXCHANGE_URL, "" for the exchange itself.

    now_ns: the clock that frames are stamped with. Call it on the loop that the link lives on.
    """
    if exchange.ccxt_id == "binance":
        from market.feeds.live.binance import BinanceLink

        return BinanceLink(exchange, url, now_ns)
    from market.feeds.live.unified import UnifiedLink

    return UnifiedLink(exchange, url, now_ns)


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
