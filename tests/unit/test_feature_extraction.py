"""The 20 hot features against their definitions, and what a reading makes of hot state."""

import itertools
import math
from bisect import bisect_right
from collections import Counter, deque
from functools import cache

import pytest

from inference.forecasts.reading import NUMBER_FIELDS, HotReader
from inference.vocabulary import Reason
from market.events import SCALE, AnyEvent, BookTicker, DepthDiff, DepthSnapshot, Disconnected, Trade
from market.feeds import Batch
from market.feeds.replay import Recording, ReplayFeed
from market.hot.book import OrderBook
from market.hot.features import FeatureRow, HotFeatures
from market.hot.replaying import feature_rows
from market.hot.tracking import MarketTracker
from market.hot.vector import FEATURE_NAMES, INDEX
from tests.recordings import BTC_FUTURES, BTC_SPOT, recording


def depth_times(t_ms: int) -> list[int]:
    """Return when depth is sampled for a tick: once a second, in the cell that a tick reads."""
    last = t_ms - (t_ms - 990) % 1000
    return [last - 1000 * k for k in range(300)]


class Oracle:
    """The definitions, computed the long way from all events: sums over lists, no windows.

    The book's levels are kept for the times that `features` of the given ticks asks about.
    """

    def __init__(self, events: list[AnyEvent], ticks: list[int]) -> None:
        book = OrderBook()
        asked = deque(sorted({*ticks, *(time for t_ms in ticks for time in depth_times(t_ms))}))
        self._levels: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self.tops: list[tuple[int, int, int, int, int]] = []
        self.trades = [e for e in events if type(e) is Trade]
        for event in events:
            while asked and asked[0] * 10**6 < event.recv_ns:
                self._levels[asked.popleft()] = (book.bids.sizes.copy(), book.asks.sizes.copy())
            if type(event) is BookTicker:
                book.apply_ticker(event)
            elif type(event) is DepthDiff:
                book.apply_diff(event)
            elif type(event) is DepthSnapshot:
                book.apply_snapshot(event)
            top = book.top()
            if top is not None:
                self.tops.append((event.recv_ns, *top))
        self._top_times = [top[0] for top in self.tops]
        self.depth = cache(self._depth)

    def top(self, t_ms: float) -> tuple[int, int, int, int]:
        return self.tops[bisect_right(self._top_times, t_ms * 1e6) - 1][1:]

    def mid(self, t_ms: float) -> float:
        bid, _, ask, _ = self.top(t_ms)
        return (bid + ask) / 2 / SCALE

    def ret(self, t_ms: float, seconds: float) -> float:
        return 1e4 * math.log(self.mid(t_ms) / self.mid(t_ms - seconds * 1e3))

    def _depth(self, t_ms: int) -> tuple[float, float]:
        bids, asks = self._levels[t_ms]
        mid = self.mid(t_ms) * SCALE
        return (
            sum(size for price, size in bids.items() if price >= mid * (1 - 5e-4)),
            sum(size for price, size in asks.items() if price <= mid * (1 + 5e-4)),
        )

    def features(self, t_ms: int) -> dict[str, float]:
        bid, bid_size, ask, ask_size = (units / SCALE for units in self.top(t_ms))
        mid = (bid + ask) / 2
        out = {
            "price": [t for t in self.trades if t.recv_ns <= t_ms * 10**6][-1].price / SCALE,
            "mid_price": mid,
            "ret_1s": self.ret(t_ms, 1),
            "ret_5s": self.ret(t_ms, 5),
            "ret_10s": self.ret(t_ms, 10),
            "spread_bp": 1e4 * (ask - bid) / mid,
            "ob_imbalance": (bid_size - ask_size) / (bid_size + ask_size),
        }
        for seconds in (1, 5):
            inside = [
                (t.price / SCALE, t.size / SCALE, 1 if t.buyer_initiated else -1)
                for t in self.trades
                if (t_ms - seconds * 1000) * 10**6 < t.recv_ns <= t_ms * 10**6
            ]
            volume = sum(q for _, q, _ in inside)
            notional = sum(p * q for p, q, _ in inside)
            out[f"volume_{seconds}s"] = volume
            out[f"vol_imbalance_{seconds}s"] = (
                sum(s * q for _, q, s in inside) / volume if inside else 0.0
            )
            out[f"vwap_dev_{seconds}s"] = (
                1e4 * math.log(mid / (notional / volume)) if inside else 0.0
            )
            if seconds == 1:
                out["trade_intensity_1s"] = len(inside)
                out["avg_trade_size_1s"] = volume / len(inside) if inside else 0.0
                out["dollar_volume_1s"] = notional
        squares = [self.ret(t_ms - 1000 * k, 1) ** 2 for k in range(60)]
        out["price_volatility"] = math.sqrt(sum(squares) / 60)
        out["momentum"] = out["ret_10s"] / (out["price_volatility"] * math.sqrt(10))
        samples = [self.depth(time) for time in depth_times(t_ms)]
        for side, name in enumerate(("bid_strength", "ask_strength")):
            mean = sum(sample[side] for sample in samples) / 300
            out[name] = math.log(self.depth(t_ms)[side] / mean)
        return out


@pytest.mark.parametrize("name", [BTC_SPOT, BTC_FUTURES])
def test_features_of_a_recording_equal_their_definitions(name):
    path = recording(name)
    rows = dict(feature_rows(path))
    # The first depth window begins before the book's first snapshot; leave it behind.
    complete = [t for t, row in rows.items() if row.completeness == 1.0][100:]
    chosen = complete[:: max(1, len(complete) // 12)]
    assert len(chosen) >= 10
    oracle = Oracle(list(Recording(path, Counter()).events()), chosen)
    for t_ms in chosen:
        expected = oracle.features(t_ms)
        actual = dict(zip(FEATURE_NAMES, rows[t_ms].values, strict=True))
        assert actual == pytest.approx({k: expected[k] for k in actual}, rel=1e-9, abs=1e-9), t_ms


def test_features_of_truncated_recording_equal_the_whole_ones_so_far():
    path = recording(BTC_SPOT)
    whole = list(itertools.islice(feature_rows(path), 4_000))
    feed = ReplayFeed([path])
    tracker = MarketTracker(feed)
    for (end, row), batch in zip(whole[:3_500], feed.batches(), strict=False):
        assert batch.until_ms == end
        assert repr(tracker.advance(batch)[feed.symbols[0]]) == repr(row)


def test_features_do_not_depend_on_where_the_history_started():
    path = recording(BTC_SPOT)
    feed = ReplayFeed([path])
    batches = list(itertools.islice(feed.batches(), 4_600))
    whole, late = MarketTracker(feed), MarketTracker(feed)
    symbol = feed.symbols[0]
    late_from = 1_000
    # The book itself needs its whole past; the windows must not.
    for batch in batches[:late_from]:
        whole.advance(batch)
        for event in batch.events:
            if type(event) is not Trade:
                late.symbols[symbol].apply(event)
    compared = 0
    for batch in batches[late_from:]:
        full, short = whole.advance(batch)[symbol], late.advance(batch)[symbol]
        if short.completeness == 1.0:
            compared += 1
            assert full.values == short.values
    assert compared > 400


def hot(events: list[AnyEvent], cells: int, start_ms: int = 90) -> list[FeatureRow]:
    features = HotFeatures("X")
    rows = []
    pending = list(events)
    for end in range(start_ms, start_ms + 100 * cells, 100):
        while pending and pending[0].recv_ns <= end * 10**6:
            features.apply(pending.pop(0))
        rows.append(features.evaluate(end))
    return rows


def ticker(ms: float, bid: float = 99.0, ask: float = 101.0, update_id: int = 1) -> BookTicker:
    units = [round(value * SCALE) for value in (bid, 1, ask, 3)]
    return BookTicker("X", round(ms * 1e6), None, update_id, *units)


def trade(ms: float, trade_id: int, price: float = 100.0, size: float = 2.0, buy: bool = True):
    return Trade("X", round(ms * 1e6), 5, trade_id, round(price * SCALE), round(size * SCALE), buy)


def test_features_before_windows_are_full_are_void():
    row = hot([ticker(1)], cells=1)[0]
    void = {name for name, value in zip(FEATURE_NAMES, row.values, strict=True) if value != value}
    assert void == set(FEATURE_NAMES) - {"mid_price", "spread_bp", "ob_imbalance"}
    assert row.completeness == pytest.approx(3 / 20)
    assert row.values[INDEX["ob_imbalance"]] == -0.5


def test_features_without_sign_of_life_become_void_after_five_seconds():
    rows = hot([ticker(1)], cells=60)
    alive = [row.values[INDEX["mid_price"]] == 100.0 for row in rows]
    assert alive == [end - 1 <= 5_000 for end in range(90, 6_090, 100)]
    assert rows[-1].feature_ts_ms == 1.0


def test_features_with_trades_missing_void_the_flow_until_it_refills():
    events = [ticker(1), trade(2, 10), ticker(900), trade(1_500, 12)]
    rows = hot(events, cells=70)
    volume = [row.values[INDEX["volume_1s"]] for row in rows]
    assert volume[9] == 2.0
    assert math.isnan(volume[16])
    assert volume[24] == 2.0


def test_features_with_repeated_trade_count_it_once():
    rows = hot([ticker(1), trade(2, 10), trade(3, 10)], cells=10)
    assert rows[-1].values[INDEX["volume_1s"]] == 2.0


def test_features_after_disconnect_forget_the_book():
    events = [ticker(1), Disconnected("X", 150_000_000, None)]
    assert math.isnan(hot(events, cells=2)[-1].values[INDEX["mid_price"]])


def test_features_of_still_market_have_no_momentum_rather_than_a_division_by_zero():
    events = [ticker(ms) for ms in range(1, 62_000, 1_000)]
    row = hot(events, cells=615)[-1]
    assert row.values[INDEX["price_volatility"]] == 0.0
    assert row.values[INDEX["momentum"]] == 0.0


def test_tracker_with_missing_diff_goes_on_with_forecastable_features():
    """A resync in which forecasts go on: the required features never become void."""
    path = recording(BTC_SPOT)
    feed = ReplayFeed([path])
    tracker = MarketTracker(feed)
    symbol = feed.symbols[0]
    dropped, resyncing, required_void = False, 0, 0
    for index, batch in enumerate(itertools.islice(feed.batches(), 4_000)):
        events = batch.events
        if index >= 3_700 and not dropped:
            kept = [e for e in events if type(e) is not DepthDiff]
            dropped = len(kept) < len(events)
            events = kept
        row = tracker.advance(Batch(batch.until_ms, events))[symbol]
        if dropped:
            resyncing += not tracker.symbols[symbol].book.synced
            required_void += math.isnan(row.values[INDEX["mid_price"]])
    book = tracker.symbols[symbol].book
    assert (book.gaps, book.reanchors, book.synced) == (1, 1, True)
    assert 5 <= resyncing <= 15
    assert required_void == 0


GOOD = {name: 0.5 for name in FEATURE_NAMES} | {
    "price": 100.0, "mid_price": 100.0, "feature_ts": 1000.0, "event_ts_ms": 999_990,
    "exchange_ts_ms": 999_900, "completeness": 1.0,
}  # fmt: skip


def reply(**changes) -> list[bytes | None]:
    fields = GOOD | changes
    out = [None if fields[n] is None else str(fields[n]).encode() for n in NUMBER_FIELDS]
    return [*out, b"binance"]


def read(feat, book=(b"99", b"101"), now_ms: float = 1_000_100, venue: str | None = "binance"):
    return HotReader(["X"], 5_000).parse([feat, list(book)], now_ms, venue)


def test_reading_of_complete_hash_is_usable():
    reading = read(reply())
    assert reading.usable.all()
    assert reading.reasons == [Reason.NONE]
    assert reading.age_ms[0] == pytest.approx(100.0)
    assert reading.mid[0] == 100.0


@pytest.mark.parametrize(
    ("feat", "reason"),
    [
        ([None] * (len(NUMBER_FIELDS) + 1), Reason.FEATURES_MISSING),
        (reply(feature_ts=None), Reason.FEATURES_MISSING),
        (reply(ret_1s="garbage"), Reason.INVALID_FEATURES),
        (reply(feature_ts="yesterday"), Reason.INVALID_FEATURES),
        (reply(ret_1s="inf"), Reason.INVALID_FEATURES),
        (reply(mid_price=-1), Reason.INVALID_FEATURES),
        (reply(ob_imbalance=1.5), Reason.INVALID_FEATURES),
        (reply(volume_1s=-2), Reason.INVALID_FEATURES),
        (reply(completeness=7), Reason.INVALID_FEATURES),
        (reply(feature_ts=1001.6), Reason.FEATURES_FROM_FUTURE),
        (reply(feature_ts=994.9), Reason.STALE_FEATURES),
        (reply(spread_bp=-0.1), Reason.CROSSED_BOOK),
        (reply(mid_price="nan"), Reason.INCOMPLETE_FEATURES),
        (reply(price_volatility=""), Reason.INCOMPLETE_FEATURES),
        ([*reply()[:-1], b"replay/x/1"], Reason.OTHER_VENUE),
        (ValueError("WRONGTYPE"), Reason.INVALID_FEATURES),
    ],
)
def test_reading_of_bad_hash_names_the_reason(feat, reason):
    reading = read(feat)
    assert reading.reasons == [reason]
    assert not reading.usable.any()


@pytest.mark.parametrize(
    ("feat", "age_ms"),
    [
        (reply(feature_ts=1001.0), 0.0),  # within what clocks differ by
        (reply(feature_ts=1001.6), None),
        (reply(feature_ts=1001.6, ret_1s="inf"), None),
        ([*reply()[:-1], b"replay/x/1"], None),
        ([None] * (len(NUMBER_FIELDS) + 1), None),
        (reply(feature_ts=994.9), 5_200.0),
    ],
)
def test_reading_has_an_age_only_where_features_have_one(feat, age_ms):
    found = float(read(feat).age_ms[0])
    assert math.isnan(found) if age_ms is None else found == pytest.approx(age_ms)


def test_reading_of_crossed_book_is_not_usable():
    assert read(reply(), book=(b"101", b"101")).reasons == [Reason.CROSSED_BOOK]
    assert read(reply(), book=(b"x", b"101")).reasons == [Reason.CROSSED_BOOK]
    assert read(reply(), book=(None, None)).usable.all()


def test_reading_with_optional_feature_void_is_usable_and_less_complete():
    reading = read(reply(bid_strength=None, ask_strength=""))
    assert reading.usable.all()
    assert reading.completeness[0] == pytest.approx(0.9)


def test_reading_where_no_feed_named_a_venue_takes_any():
    assert read(reply(), venue=None).usable.all()


def test_exchange_clock_ahead_of_ours_is_counted_and_decides_nothing():
    """The recordings' receiving clock runs 1.27 s behind the exchange's."""
    feed = ReplayFeed([recording(BTC_SPOT)])
    tracker = MarketTracker(feed)
    features = tracker.symbols[feed.symbols[0]]
    for batch in itertools.islice(feed.batches(), 100):
        row = tracker.advance(batch)[features.symbol]
        assert row.feature_ts_ms is None or row.feature_ts_ms <= batch.until_ms
    assert features.from_future > 100
    assert features.exchange_offset_ms == pytest.approx(1_265, abs=30)
