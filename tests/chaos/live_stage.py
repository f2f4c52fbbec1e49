"""A fake exchange, the live feed, the pump, a Redis and the forecast loop, in one process.

Everything that the pump writes is held against the exchange's true books as it happens, and every
tick is kept, so that a test can ask what was said during a fault and how soon after its end all
was well again.
"""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from inference.forecasts.entry import TickEntry
from market import keys
from market.exchanges import SUPPORTED, venue_of
from market.feeds import Batch
from market.feeds.live.asking import ask_exchange
from market.feeds.live.feed import LiveFeed
from market.feeds.live.links import make_link
from market.feeds.live.markets import Markets
from market.feeds.opening import OpenedFeed
from market.hot.book import OrderBook
from market.pump import Pump
from tests.fake_exchanges import RunningExchange, fake_exchange
from tests.hot_state import make_loop
from tests.recordings import BTC_SPOT, ETH_SPOT, recording
from tests.waiting import PATIENCE_SECONDS, eventually_sync

SYMBOLS = ("BTCUSDT", "ETHUSDT")
LEVELS = 50
"""Levels a side that are compared; snapshots hold 1,000."""

CURRENT_SECONDS = 0.7
"""A book is current if it holds what the exchange sent so long ago."""

TICK_MS = 200

Sides = tuple[list[tuple[int, int]], list[tuple[int, int]]]


def best(book: OrderBook) -> Sides:
    """Return the best levels of both sides, outward."""
    bids, asks = book.bids, book.asks
    return (
        [(price, bids.sizes[price]) for price in reversed(bids.prices[-LEVELS:])],
        [(price, asks.sizes[price]) for price in asks.prices[:LEVELS]],
    )


@dataclass(slots=True)
class Truth:
    """One symbol's true books by update id, and when each was sent (monotonic)."""

    books: dict[int, tuple[Sides, float]] = field(default_factory=dict)
    order: deque[int] = field(default_factory=deque)

    def remember(self, book: OrderBook) -> None:
        self.books[book.last_id] = best(book), time.monotonic()
        self.order.append(book.last_id)
        if len(self.order) > 5_000:
            self.books.pop(self.order.popleft(), None)


@dataclass(slots=True)
class Stage:
    """What runs, and what was seen. wrong: cells whose book was told as right and was not."""

    exchange: RunningExchange
    feed: LiveFeed
    pump: Pump
    client: redis.Redis
    truths: dict[str, Truth]
    wrong: list[str] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    current: dict[str, float] = field(default_factory=dict)

    def on_written(self, batch: Batch, _written: float) -> None:
        """Compare each book with the truth; in the pump's thread."""
        now = time.monotonic()
        for symbol, features in self.pump.tracker.symbols.items():
            book = features.book
            if not book.confirmed:
                continue
            known = self.truths[symbol].books.get(book.last_id)
            if known is None or known[0] != best(book):
                self.wrong.append(f"{symbol} at {book.last_id} in cell {batch.until_ms}")
                continue
            self.compared[symbol] += 1
            if features.top(batch.until_ms) is not None and now - known[1] < CURRENT_SECONDS:
                self.current[symbol] = now

    def well_since(self, at: float) -> bool:
        """Tell whether every book was current and right in some cell after `at` (monotonic)."""
        return all(self.current.get(symbol, 0.0) > at for symbol in SYMBOLS)

    def seconds_to_recover(self, ended: float, most: float = 10.0) -> float:
        """Return how long after `ended` all books were current again, a tick being said."""
        eventually_sync(lambda: self.well_since(ended), most)
        recovered = max(self.current.values())
        eventually_sync(lambda: self.entries()[-1].tick_ms / 1e3 > time.time() - 0.5, most)
        return recovered - ended

    def entries(self, last: int = 1) -> list[TickEntry]:
        """Return the newest ticks, oldest first."""
        found: Any = self.client.xrevrange(keys.log("forecasts"), count=last)
        return [TickEntry.unpack(fields[b"entry"]) for _, fields in reversed(found)]

    def since(self, began_ms: float) -> list[TickEntry]:
        """Return every tick of a time or later."""
        return [each for each in self.entries(300) if each.tick_ms >= began_ms]

    def predicting(self) -> bool:
        """Tell whether the newest tick has the model's word for every symbol."""
        entries = self.entries()
        return bool(entries) and set(entries[-1].sources) == {"redis"}


@contextmanager
def live_stage(redis_url: str) -> Iterator[Stage]:
    """Run it all while the context lasts; begins once the model speaks for every symbol."""
    paths = [recording(name) for name in (BTC_SPOT, ETH_SPOT)]
    with (
        fake_exchange(*paths) as exchange,
        redis.Redis.from_url(redis_url, socket_timeout=5) as client,
        redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=5) as of_pump,
    ):
        client.flushall()
        truths = _watch(exchange)
        feed, markets = open_live(exchange.url)
        venue, live = venue_of(SUPPORTED["binance"], exchange.url)
        stop = threading.Event()
        opened = OpenedFeed(feed, venue, live, 1.0, True, listings=lambda: markets.listings)
        pump = Pump(opened, of_pump, stop.is_set, tick_ms=TICK_MS)
        stage = Stage(exchange, feed, pump, client, truths)
        pump.on_written = stage.on_written
        loop = make_loop(redis_url, symbols=SYMBOLS, stopping=stop.is_set)
        threads = [
            threading.Thread(target=pump.run, name="pump", daemon=True),
            threading.Thread(
                target=lambda: asyncio.run(loop.run(None)), name="forecasts", daemon=True
            ),
        ]
        for thread in threads:
            thread.start()
        try:
            eventually_sync(stage.predicting)
            yield stage
        finally:
            stop.set()
            feed.close()
            for thread in threads:
                thread.join(PATIENCE_SECONDS)


def open_live(url: str) -> tuple[LiveFeed, Markets]:
    """Open Binance's live feed on another server."""
    exchange = SUPPORTED["binance"]
    markets = ask_exchange(exchange, url, SYMBOLS, 10.0, lambda: True)
    return LiveFeed(lambda now_ns: make_link(exchange, url, now_ns), SYMBOLS, (), markets), markets


def _watch(exchange: RunningExchange) -> dict[str, Truth]:
    truths = {symbol: Truth() for symbol in SYMBOLS}

    def begin(running: Any) -> None:
        running.on_book = lambda player: truths[player.reel.symbol].remember(player.book)
        for symbol in SYMBOLS:
            truths[symbol].remember(running.player(symbol).book)

    exchange.call(begin)
    return truths
