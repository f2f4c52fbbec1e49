"""What is asked of an exchange that is away, that refuses, or that halted a coin."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from market.candles.asking import (
    HISTORY,
    HISTORY_MINUTES,
    MOST_FAILURES,
    PATIENCE_MS,
    MissingCandles,
)
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.feeds import FeedError
from tests.made_candles import START_MS, walk

COINS = tuple(f"COIN{number}USDT" for number in range(10))
NOW = START_MS + 2_000 * Timeframe.M15.ms + PATIENCE_MS + 1


class AskedFeed:
    """A feed that has every candle, or fails."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Timeframe, int]] = []
        self.error: FeedError | None = None

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> CandleSeries:
        self.asked.append((symbol, timeframe, since_ms))
        if self.error is not None:
            raise self.error
        count = (NOW - since_ms) // timeframe.ms
        return walk(count, seed=1, step_ms=timeframe.ms, start_ms=since_ms)


class Desk:
    """The asking thread's step, driven by hand; what is delivered is stored at once."""

    def __init__(self, root: Path, *timeframes: Timeframe, halted: tuple[str, ...] = ()) -> None:
        self.feed, self.store, self.counters = AskedFeed(), CandleStore(root), Counter[str]()
        self.missing = MissingCandles(
            self.feed,  # type: ignore[arg-type]  # of a feed it asks for candles alone
            self.store,
            "binance",
            COINS,
            timeframes,
            self._deliver,
            self.counters,
            lambda symbol: symbol not in halted,
        )

    def _deliver(self, deliveries):
        for each in deliveries:
            self.store.upsert(
                "binance", each.symbol, each.timeframe, each.candles, closed_by_ms=each.now_ms
            )


def test_every_dataset_is_asked_for_once_and_then_no_more(tmp_path):
    desk = Desk(tmp_path, Timeframe.M15, Timeframe.M1)

    desk.missing.step(NOW)
    desk.missing.step(NOW + 1_000)

    assert [each[:2] for each in desk.feed.asked] == [
        (coin, timeframe) for timeframe in (Timeframe.M15, Timeframe.M1) for coin in COINS
    ]
    stored = {
        timeframe: len(desk.store.read(("binance",), COINS[0], timeframe))
        for timeframe in (Timeframe.M15, Timeframe.M1)
    }
    assert stored == {Timeframe.M15: HISTORY, Timeframe.M1: HISTORY_MINUTES}


def test_candles_that_were_told_are_not_asked_for(tmp_path):
    desk = Desk(tmp_path, Timeframe.M15)
    newest = Timeframe.M15.last_closed(NOW)
    told = walk(
        HISTORY, seed=1, step_ms=Timeframe.M15.ms,
        start_ms=newest - (HISTORY - 1) * Timeframe.M15.ms,
    )  # fmt: skip
    for coin in COINS:
        desk.store.upsert("binance", coin, Timeframe.M15, told, closed_by_ms=NOW)

    desk.missing.step(NOW)

    assert desk.feed.asked == []


def test_exchange_that_wants_to_be_left_alone_is_asked_nothing_until_then(tmp_path):
    desk = Desk(tmp_path, Timeframe.M15, Timeframe.H1)
    desk.feed.error = FeedError("429", wait_seconds=45.0)

    desk.missing.step(NOW)
    assert len(desk.feed.asked) == 1
    desk.feed.error = None
    desk.missing.step(NOW + 44_000)
    assert len(desk.feed.asked) == 1

    desk.missing.step(NOW + 46_000)
    assert len(desk.feed.asked) == 1 + 2 * len(COINS)


def test_exchange_that_is_away_is_asked_a_few_times_a_round(tmp_path):
    desk = Desk(tmp_path, Timeframe.M15)
    desk.feed.error = FeedError("no answer")

    desk.missing.step(NOW)

    assert len(desk.feed.asked) == MOST_FAILURES == desk.counters["not_asked"]


@pytest.mark.parametrize("halted", [(), COINS[:3], COINS])
def test_coin_that_does_not_trade_is_not_asked_for(tmp_path, halted):
    desk = Desk(tmp_path, Timeframe.M15, halted=halted)

    desk.missing.step(NOW)

    assert {coin for coin, _, _ in desk.feed.asked} == set(COINS) - set(halted)
    assert desk.missing._next_ms > NOW + PATIENCE_MS  # nothing is late for their sake
    assert np.isfinite(desk.missing._next_ms)
