"""The pump over a real Redis: hot state as documented, restarts, another market's state."""

import itertools
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis

from market import keys
from market.clock import MarketTime
from market.feeds import Batch
from market.feeds.opening import OpenedFeed
from market.feeds.simulated import SimulatedFeed
from market.hot.vector import CELL_MS, FEATURE_NAMES, META_FIELDS
from market.pump import Pump

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Stopped:
    """A simulated market that ends after a number of cells beyond its pre-roll."""

    def __init__(self, cells: int, now_ms: int) -> None:
        self._feed = SimulatedFeed(SYMBOLS, seed=3, start_ms=now_ms)
        self._cells = cells
        self.symbols, self.name = self._feed.symbols, self._feed.name
        self.preroll_ms, self.faults = self._feed.preroll_ms, self._feed.faults
        self.snapshot, self.candles = self._feed.snapshot, self._feed.candles
        self.anchored_in_stream = self._feed.anchored_in_stream
        self.state, self.close = self._feed.state, self._feed.close

    def batches(self) -> Iterator[Batch]:
        return itertools.islice(self._feed.batches(), self.preroll_ms // 100 + self._cells)


def play(client: redis.Redis, cells: int = 20, venue: str = "simulated") -> Pump:
    feed = Stopped(cells, time.time_ns() // 1_000_000)
    opened = OpenedFeed(feed, venue, False, 1.0, True)
    # A tick at each cell: every cell is written, however late the machine is.
    pump = Pump(opened, client, lambda: False, tick_ms=CELL_MS)
    pump.run()
    return pump


def stepped(client: redis.Redis, monkeypatch, pace_ms: float, *, cells: int) -> Pump:
    """Hand cells to a pump, so much wall time apart."""
    wall = iter(itertools.count(1_000.0, pace_ms / 1e3))
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr("market.pump.time", clock)
    feed = Stopped(0, time.time_ns() // 1_000_000)
    pump = Pump(OpenedFeed(feed, "simulated", False, 1.0, True), client, lambda: False)
    for batch in itertools.islice(feed.batches(), cells):
        now[0] = next(wall)
        pump.step(batch)
    return pump


def test_hot_state_has_every_documented_field(clean_redis):
    play(clean_redis)
    for symbol in SYMBOLS:
        feat = clean_redis.hgetall(keys.feat(symbol))
        assert set(feat) == {*FEATURE_NAMES, *META_FIELDS}
        assert feat["completeness"] == "1.0"
        book = clean_redis.hgetall(keys.ob(symbol))
        bids, asks = json.loads(book["bids"]), json.loads(book["asks"])
        assert bids[0] == [float(book["bid"]), float(book["bid_size"])]
        assert asks[0] == [float(book["ask"]), float(book["ask_size"])]
        assert 1 < len(bids) <= 20
        assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
        flow = clean_redis.hgetall(keys.tr(symbol, "5s"))
        total = float(flow["buy_volume"]) + float(flow["sell_volume"])
        assert total == pytest.approx(float(flow["volume"]))
        assert float(flow["volume"]) == pytest.approx(float(feat["volume_5s"]))


def test_tape_holds_the_newest_trades_newest_first(clean_redis):
    pump = play(clean_redis)
    for symbol in SYMBOLS:
        tape = json.loads(clean_redis.get(keys.tape(symbol)))
        assert len(tape) == 50
        numbers = [trade["id"] for trade in tape]
        assert numbers == list(range(numbers[0], numbers[0] - 50, -1))
        features = pump.tracker.symbols[symbol]
        assert numbers[0] == features._last_trade_id
        assert {trade["side"] for trade in tape} <= {"buy", "sell"}
        assert tape[0]["ts"] >= tape[-1]["ts"] > 1_700_000_000_000
        price = float(clean_redis.hget(keys.feat(symbol), "price"))
        assert tape[0]["price"] == price


def test_price_history_begins_with_the_pre_roll(clean_redis):
    play(clean_redis)
    entries = clean_redis.xrange(keys.px("BTCUSDT"))
    times = [int(identity.split("-")[0]) for identity, _ in entries]
    assert times[-1] - times[0] > 350_000
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 1_000


@pytest.mark.parametrize("pace_ms", [3, 7, 13])
def test_market_that_is_caught_up_with_has_a_price_of_each_second(
    clean_redis, monkeypatch, pace_ms
):
    stepped(clean_redis, monkeypatch, pace_ms, cells=3_000)
    for symbol in SYMBOLS:
        entries = clean_redis.xrange(keys.px(symbol))
        times = [int(identity.split("-")[0]) for identity, _ in entries]
        assert times[-1] - times[0] > 290_000
        assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 1_000


def test_feed_started_again_keeps_what_it_wrote_and_refuses_nothing(clean_redis):
    play(clean_redis)
    before = clean_redis.xrange(keys.px("BTCUSDT"))
    pump = play(clean_redis)
    assert clean_redis.xrange(keys.px("BTCUSDT"))[: len(before)] == before
    assert pump.counters["commands_refused"] == 0


def test_feed_of_another_market_leaves_nothing_of_the_last(clean_redis):
    clean_redis.hset(keys.feat("BTCUSDT"), mapping={"price": "1", "stray": "field"})
    clean_redis.xadd(keys.px("BTCUSDT"), {"mid": "1"}, id="99999999999999-0")
    clean_redis.set(keys.tape("BTCUSDT"), "[]")
    clean_redis.hset(keys.clock(), mapping=MarketTime("replay/x/1", False, 0.0, 0.0, 1.0).to_hash())
    play(clean_redis)
    assert "stray" not in clean_redis.hgetall(keys.feat("BTCUSDT"))
    assert float(clean_redis.xrevrange(keys.px("BTCUSDT"), count=1)[0][1]["mid"]) > 1_000


@pytest.mark.parametrize(("pace_ms", "fewest", "most"), [(100, 40, 40), (25, 10, 13)])
def test_hot_state_is_written_at_most_every_hundred_milliseconds(
    clean_redis, monkeypatch, pace_ms, fewest, most
):
    pump = stepped(clean_redis, monkeypatch, pace_ms, cells=40)
    # Beyond one in four, only what a tick must find: the cell before it.
    assert fewest <= pump.counters["writes"] <= most


def test_keys_of_another_type_are_named_and_replaced(clean_redis):
    for key in (keys.feat("BTCUSDT"), keys.px("ETHUSDT"), keys.clock(), keys.health("market")):
        clean_redis.set(key, "somebody's text")
    deadline = time.monotonic() + 60

    def replaced() -> bool:
        kinds = clean_redis.type(keys.clock()), clean_redis.type(keys.health("market"))
        return kinds == ("hash", "hash") or time.monotonic() > deadline

    # A machine that falls behind writes seldom: the market goes on until all is replaced.
    feed = Stopped(600, time.time_ns() // 1_000_000)
    Pump(OpenedFeed(feed, "simulated", False, 1.0, True), clean_redis, replaced).run()
    assert clean_redis.hget(keys.feat("BTCUSDT"), "venue") == "simulated"
    assert clean_redis.hget(keys.clock(), "venue") == "simulated"
    assert clean_redis.type(keys.px("ETHUSDT")) == "stream"
    assert clean_redis.hget(keys.health("market"), "status") == "active"
