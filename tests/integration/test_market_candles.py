"""A running market's candles: stored, announced, asked for; real Redis, a store on disk."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from market import keys
from market.candles.desk import CandleDesk, CandlePlan
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.events import AnyEvent, CandleClosed, Heartbeat, Trade
from market.feeds import Batch
from market.feeds.opening import OpenedFeed
from market.feeds.simulated import SimulatedFeed
from market.pump import Pump
from tests.waiting import eventually_sync

SYMBOLS = ("BTCUSDT", "ETHUSDT")
QUARTER = Timeframe.M15.ms
BOUNDARY = 1_788_001_200_000 // Timeframe.H1.ms * Timeframe.H1.ms
"""A time at which a 15m and an hourly candle close."""


class Excerpt:
    """A simulated market that runs from shortly before a boundary to shortly after it."""

    def __init__(self, until_ms: int, before_ms: int = 70_000) -> None:
        self._feed = SimulatedFeed(
            ("BTCUSDT",), 3, BOUNDARY - before_ms, preroll_ms=60_000, candle_symbols=SYMBOLS
        )
        self._until_ms = until_ms
        self.symbols, self.name, self.faults = self._feed.symbols, "simulated", self._feed.faults
        self.preroll_ms = self._feed.preroll_ms
        self.snapshot, self.candles = self._feed.snapshot, self._feed.candles
        self.anchored_in_stream = self._feed.anchored_in_stream
        self.state, self.close = self._feed.state, self._feed.close

    def batches(self) -> Iterator[Batch]:
        return itertools.takewhile(
            lambda batch: batch.until_ms <= self._until_ms, self._feed.batches()
        )


def play(client: redis.Redis, root: Path, feed: Excerpt) -> CandleDesk:
    # A thousand market seconds a second; a venue in UTC's name so that nothing is renumbered.
    opened = OpenedFeed(feed, "simulated", False, 1_000.0, False)
    desk = CandleDesk(opened, client, CandlePlan(root, "binance", SYMBOLS))
    Pump(opened, client, lambda: False, candles=desk).run()
    return desk


def announced(client):
    return [
        (fields["symbol"], fields["timeframe"], int(fields["open_ms"]), int(fields["provisional"]))
        for _, fields in client.xrange(keys.candles_closed())
    ]


def test_market_fills_the_history_of_every_coin_and_announces_the_newest(clean_redis, tmp_path):
    store = CandleStore(tmp_path)

    class Until(Excerpt):
        def batches(self) -> Iterator[Batch]:
            for batch in super().batches():
                yield batch
                if batch.until_ms > self._until_ms - 100:
                    eventually_sync(full)

    def full() -> bool:
        return all(
            len(store.read(("simulated",), symbol, timeframe, count=300)) == 300
            for symbol in SYMBOLS
            for timeframe in SIGNAL_TIMEFRAMES
        )

    play(clean_redis, tmp_path, Until(BOUNDARY - 5_000))

    told = announced(clean_redis)
    for symbol in SYMBOLS:
        for timeframe in SIGNAL_TIMEFRAMES:
            candles = store.read(("simulated",), symbol, timeframe)
            assert candles.open_ms[-1] == timeframe.last_closed(BOUNDARY - 5_000)
            assert (np.diff(candles.open_ms) == timeframe.ms).all()
            assert (symbol, timeframe, candles.open_ms[-1], 0) in told
    assert len([each for each in told if each[1] in SIGNAL_TIMEFRAMES]) == 8


def test_market_stores_a_closed_candle_of_every_coin_and_announces_it(clean_redis, tmp_path):
    desk = play(clean_redis, tmp_path, Excerpt(BOUNDARY + 3_000))

    store = CandleStore(tmp_path)
    told = announced(clean_redis)
    for symbol in SYMBOLS:
        for timeframe in (Timeframe.M5, Timeframe.M15, Timeframe.H1):
            opened = BOUNDARY - timeframe.ms
            newest = store.read(("simulated",), symbol, timeframe, count=1)
            assert newest.open_ms.tolist() == [opened] and not newest.provisional.any()
            assert (symbol, timeframe, opened, 0) in told
    minute = store.read(("simulated",), "BTCUSDT", Timeframe.M1)
    assert minute.open_ms[-1] == BOUNDARY - 60_000
    # What was rolled up from trades agrees with what the exchange told.
    assert desk.counters["mismatched"] == desk.counters["refused"] == 0
    assert desk.counters["stored"] > 4


def test_market_started_again_leaves_no_gap_and_no_jump(clean_redis, tmp_path):
    play(clean_redis, tmp_path, Excerpt(BOUNDARY + 20_000))
    again = Excerpt(BOUNDARY + 20_000)
    again._feed = SimulatedFeed(
        ("BTCUSDT",), 3, BOUNDARY + 5 * QUARTER, preroll_ms=60_000, candle_symbols=SYMBOLS
    )
    again._until_ms = BOUNDARY + 5 * QUARTER + 20_000
    again.candles = again._feed.candles

    # As after a short break: the pre-roll tells anew of candles that the store has.
    play(clean_redis, tmp_path, again)
    desk = play(clean_redis, tmp_path, again)

    store = CandleStore(tmp_path)
    for symbol in SYMBOLS:
        candles = store.read(("simulated",), symbol, Timeframe.M15, count=20)
        assert (np.diff(candles.open_ms) == QUARTER).all()
        assert candles.open_ms[-1] == BOUNDARY + 4 * QUARTER
        jumps = np.abs(np.log(candles.open[1:] / candles.close[:-1])) * 1e4
        assert jumps.max() < 5
    assert desk.counters["restated"] == 0


class Told:
    """A feed without trades, whose exchange has one 15m candle, but only if it is asked."""

    name, preroll_ms = "simulated", 0

    def __init__(self, has_from_ms: int) -> None:
        self.symbols: tuple[str, ...] = ("BTCUSDT",)
        self.faults: Counter[str] = Counter()
        self.anchored_in_stream: frozenset[str] = frozenset()
        self.asked_ms: list[int] = []
        self.now_ms = 0
        self._has_from_ms = has_from_ms

    def snapshot(self, symbol: str) -> None:
        return None

    def state(self) -> None:
        return None

    def close(self) -> None:
        pass

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> CandleSeries:
        if timeframe is not Timeframe.M15:
            return CandleSeries.empty()
        if self.now_ms < BOUNDARY:
            return one_candle(BOUNDARY - 2 * QUARTER)
        self.asked_ms.append(self.now_ms)
        if self.now_ms < self._has_from_ms:
            return CandleSeries.empty()
        return one_candle(BOUNDARY - QUARTER)

    def batches(self) -> Iterator[Batch]:
        raise NotImplementedError("the test hands over its own")


def one_candle(open_ms: int, price: float = 10.0) -> CandleSeries:
    one = np.array([price])
    return CandleSeries(np.array([open_ms]), one, one, one, one, one, np.array([False]))


def late(client: redis.Redis, root: Path, has_from_ms: int, until_ms: int) -> Told:
    feed = Told(has_from_ms)
    desk = CandleDesk(
        OpenedFeed(feed, "simulated", False, 1.0, True), client, CandlePlan(root, "x", ("BTCUSDT",))
    )
    feed.now_ms = BOUNDARY - 1_000
    desk.start(feed.now_ms)
    missing = desk._missing
    eventually_sync(lambda: missing._next_ms > 0)
    for now_ms in range(BOUNDARY - 990, until_ms, 100):
        feed.now_ms = now_ms
        desk.take(Batch(now_ms, []))
        if now_ms >= missing._next_ms:
            eventually_sync(lambda: missing._next_ms > missing._now_ms)
    desk.close()
    return feed


def test_late_candle_is_asked_for_ten_seconds_after_its_close(clean_redis, tmp_path):
    feed = late(clean_redis, tmp_path, 0, BOUNDARY + 12_000)

    (asked_ms,) = feed.asked_ms
    assert 10_000 <= asked_ms - BOUNDARY <= 10_100
    stored = CandleStore(tmp_path).read(("simulated",), "BTCUSDT", Timeframe.M15)
    assert stored.open_ms.tolist() == [BOUNDARY - 2 * QUARTER, BOUNDARY - QUARTER]
    assert announced(clean_redis)[-1] == ("BTCUSDT", "15m", BOUNDARY - QUARTER, 0)


def test_late_candle_is_asked_for_again_with_back_off(clean_redis, tmp_path):
    feed = late(clean_redis, tmp_path, BOUNDARY + 60_000, BOUNDARY + 200_000)

    waits = np.diff([BOUNDARY, *feed.asked_ms])
    assert waits.tolist() == pytest.approx([10_000, 10_000, 20_000, 40_000], abs=150)
    stored = CandleStore(tmp_path).read(("simulated",), "BTCUSDT", Timeframe.M15)
    assert len(stored) == 2


def test_unwritable_store_is_counted_and_the_market_goes_on(clean_redis, tmp_path):
    (tmp_path / "simulated").write_text("a file where a folder should be")

    desk = play(clean_redis, tmp_path, Excerpt(BOUNDARY + 2_000))

    assert desk.counters["not_stored"] > 0
    assert desk.counters["stored"] == 0
    assert clean_redis.hget(keys.feat("BTCUSDT"), "venue") == "simulated"
    assert announced(clean_redis) == []


def test_exchange_candle_that_differs_from_the_trades_wins_and_is_counted(clean_redis, tmp_path):
    start = BOUNDARY - 60_000 - 10
    feed = Told(0)
    desk = CandleDesk(
        OpenedFeed(feed, "simulated", False, 1.0, True), clean_redis, CandlePlan(tmp_path, "x", ())
    )

    def events(now_ms: int) -> list[AnyEvent]:
        at_ns = now_ms * 1_000_000
        if now_ms == start + 5_000:
            return [Trade("BTCUSDT", at_ns, now_ms, 1, 10 * 10**8, 10**8, True)]
        return [Heartbeat("BTCUSDT", at_ns, None)]

    desk.start(start - 10_000)
    for now_ms in range(start - 10_000, BOUNDARY + 3_000, 100):
        desk.take(Batch(now_ms, events(now_ms)))
    told = CandleClosed("BTCUSDT", 0, None, "1m", BOUNDARY - 60_000, 10.0, 12.0, 10.0, 10.0, 1.0)
    desk.take(Batch(BOUNDARY + 3_000, [], [told]))
    desk.close()

    stored = CandleStore(tmp_path).read(("simulated",), "BTCUSDT", Timeframe.M1)
    assert (stored.high.tolist(), stored.provisional.tolist()) == ([12.0], [False])
    assert desk.counters["mismatched"] == 1
    assert [each[3] for each in announced(clean_redis)] == [1, 0]
