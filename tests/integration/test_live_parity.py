"""Features over ccxt and a real socket are those of the raw replay of the same frames."""

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import numpy as np

from market.events import DepthSnapshot
from market.exchanges import SUPPORTED
from market.feeds.live.asking import ask_exchange
from market.feeds.live.binance import BinanceLink
from market.feeds.live.binance_connection import BinanceConnection
from market.feeds.live.feed import LiveFeed
from market.feeds.live.link import Sink, Subscription
from market.feeds.replay import ReplayFeed
from market.feeds.wire import is_market_data
from market.hot.features import FeatureRow
from market.hot.tracking import MarketTracker
from market.hot.vector import TICK_MS
from tests.fake_exchanges import RunningExchange, fake_exchange
from tests.recordings import BTC_SPOT, ETH_SPOT, recording
from tests.waiting import PATIENCE_SECONDS, eventually_sync

STEP_NS = 500_000_000
"""Sent at a time: less than the cells that wait before a feed conflates them."""
BEFORE_NS = 250_000_000
DECIDED_BEFORE_MS = 10
"""The last cell before a tick ends so long before it."""

Rows = dict[int, dict[str, FeatureRow]]


class RecordedClock:
    """Stands at the recorded receive time of the frame that came last."""

    def __init__(self, lines: Sequence[bytes], now_ns: int) -> None:
        self.now_ns = now_ns
        self.heard = 0
        self._received: dict[str, int] = {}
        for line in lines:
            stamp, _, payload = line.partition(b" ")
            data = payload.partition(b',"data":')[2].rstrip()[:-1]
            self._received[data.decode()] = int(stamp)

    def __call__(self) -> int:
        return self.now_ns

    def hear(self, text: str) -> int:
        """Return when a frame was received; what was not recorded comes with the one before."""
        received_ns = self._received.get(text)
        if received_ns is not None:
            self.heard += 1
            self.now_ns = received_ns
        return self.now_ns


class RecordedLink(BinanceLink):
    """Binance's own link, whose frames arrive when they were recorded."""

    def __init__(self, url: str, clock: RecordedClock) -> None:
        super().__init__(SUPPORTED["binance"], url, clock)
        self._clock = clock
        self.anchored: list[str] = []

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> BinanceConnection:
        made = super().connection(subscriptions, sink)
        made.hear = self._at_its_time(made.hear)  # type: ignore[method-assign,assignment]
        return made

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        found = await super().snapshot(symbol)
        self.anchored.append(symbol)
        return found

    def _at_its_time(self, hear: Callable[[str, int], bool]) -> Callable[[str, int], bool]:
        def heard(text: str, recv_ns: int) -> bool:
            return hear(text, self._clock.hear(text) if is_market_data(text) else recv_ns)

        return heard


def cut(source: Path, target: Path, began_ns: int, until_ns: int) -> list[bytes]:
    """Write a recording up to a time, its snapshot first; return the frames."""
    frames: list[bytes] = []
    snapshot = b""
    with gzip.open(sorted(source.glob("*.gz"))[0]) as lines:
        for line in takewhile(lambda line: in_ns(line) < until_ns, lines):
            payload = line.partition(b" ")[2]
            if b"@" in payload[:64]:
                frames.append(b"%d %b" % (in_ns(line), payload))
            else:
                snapshot = payload
    with gzip.open(target, "wb", compresslevel=1) as out:
        out.writelines([b"%d %b" % (began_ns, snapshot), *frames])
    return frames


def in_ns(line: bytes) -> int:
    stamp = int(line.partition(b" ")[0])
    return stamp * 1_000 if stamp < 10**17 else stamp


def first_ns(source: Path) -> int:
    with gzip.open(sorted(source.glob("*.gz"))[0]) as lines:
        return in_ns(next(iter(lines)))


@contextmanager
def following(feed: LiveFeed) -> Iterator[Rows]:
    """Compute what a feed tells, cell by cell, in a thread of its own as the pump does."""
    rows: Rows = {}
    tracker = MarketTracker(feed)

    def follow() -> None:
        for batch in feed.batches():
            rows[batch.until_ms] = tracker.advance(batch)

    thread = threading.Thread(target=follow, name="follower", daemon=True)
    thread.start()
    try:
        yield rows
    finally:
        feed.close()
        thread.join(PATIENCE_SECONDS)


def received_live(
    exchange: RunningExchange,
    frames: Sequence[bytes],
    symbols: tuple[str, ...],
    began_ns: int,
    until_ns: int,
) -> Rows:
    """Send all frames in lock-step; return the rows of all whole cells."""
    clock = RecordedClock(frames, began_ns - BEFORE_NS)
    markets = ask_exchange(SUPPORTED["binance"], exchange.url, symbols, 10.0, lambda: True)
    links: list[RecordedLink] = []

    def make(_: Callable[[], int]) -> RecordedLink:
        links.append(RecordedLink(exchange.url, clock))
        return links[0]

    feed = LiveFeed(make, symbols, (), markets, now_ns=clock)
    with following(feed) as rows:
        eventually_sync(lambda: feed.counters["connects"] == 2)  # market and candles
        clock.now_ns = began_ns
        eventually_sync(lambda: set(links[0].anchored) == set(symbols))
        sent = 0
        for step_ns in range(began_ns, until_ns + STEP_NS, STEP_NS):
            sent += exchange.send_until(step_ns)
            eventually_sync(lambda: clock.heard == sent)  # noqa: B023  (asked at once)
            last_ms = clock.now_ns // 1_000_000 - 200
            eventually_sync(lambda: max(rows, default=0) >= last_ms)  # noqa: B023
        assert feed.counters["conflated"] == feed.counters["duplicates"] == 0
        assert links[0].anchored == list(dict.fromkeys(links[0].anchored))
        return dict(rows)


def compared(names: Sequence[str], seconds: int, folder: Path) -> list[dict[str, FeatureRow]]:
    """Hold what comes live against the replay at each tick; return the rows, in their order."""
    sources = [recording(name) for name in names]
    began_ns = min(first_ns(source) for source in sources) - 1
    until_ns = began_ns + seconds * 10**9
    parts = [folder / f"{name}.gz" for name in names]
    frames = [
        line
        for source, part in zip(sources, parts, strict=True)
        for line in cut(source, part, began_ns, until_ns)
    ]
    replay = ReplayFeed(parts)
    tracker = MarketTracker(replay)
    replayed = {batch.until_ms: tracker.advance(batch) for batch in replay.batches()}
    with fake_exchange(*parts, lock_step=True, as_recorded=True, loop=False) as exchange:
        found = received_live(exchange, frames, replay.symbols, began_ns, until_ns)

    decided = [ms for ms in replayed if ms in found and (ms + DECIDED_BEFORE_MS) % TICK_MS == 0]
    assert len(decided) >= seconds * 1_000 // TICK_MS - 1
    for ms in decided:
        expected = replayed[ms]
        assert found[ms].keys() == expected.keys() == set(replay.symbols)
        for symbol, row in expected.items():
            live = found[ms][symbol]
            assert np.array_equal(live.values, row.values, equal_nan=True), (symbol, ms)
            assert live[1:] == row[1:], (symbol, ms)
    return [replayed[ms] for ms in decided]


def test_features_over_ccxt_equal_those_of_the_raw_replay(tmp_path: Path) -> None:
    rows = compared([BTC_SPOT], 60, tmp_path)
    assert rows[-1]["BTCUSDT"].completeness >= 0.8


def test_features_over_ccxt_of_two_coins_at_once_equal_those_of_the_raw_replay(
    tmp_path: Path,
) -> None:
    rows = compared([BTC_SPOT, ETH_SPOT], 320, tmp_path)
    for row in rows[-1].values():
        assert np.isfinite(row.values).all()  # long enough that every feature was compared
