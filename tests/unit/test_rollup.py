"""Candles from trades: agree with sums by hand, and are given only where nothing was missed."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.candles.rollup import AHEAD_MS, GRACE_MS, RolledUp, RollUp
from market.candles.timeframes import Timeframe
from market.events import SCALE, AnyEvent, Disconnected, Heartbeat, Trade

MINUTE = 60_000
DAY = Timeframe.D1.open_of(1_780_000_000_000)
NS = 1_000_000


class Tape:
    """Feeds a roll-up a heartbeat a second, and what a test adds in between."""

    def __init__(self, begins_ms: int = DAY - 10_000) -> None:
        self.rollup = RollUp(begins_ms)
        self.now_ms = begins_ms
        self.found: list[RolledUp] = []
        self._ids = itertools.count(1)

    def until(self, now_ms: int, *, silent: bool = False) -> "Tape":
        while self.now_ms < now_ms:
            self.now_ms = min(self.now_ms + 1_000, now_ms)
            if not silent:
                self.hear(Heartbeat("BTCUSDT", self.now_ms * NS, None))
            self.found += self.rollup.pass_to(self.now_ms)
        return self

    def hear(self, event: AnyEvent) -> None:
        self.rollup.apply(event)

    def trade(
        self, price: float, size: float = 1.0, *, at_ms: int | None = None, skipped: int = 0
    ) -> "Tape":
        for _ in range(skipped):
            next(self._ids)
        at = self.now_ms if at_ms is None else at_ms
        event = Trade(
            "BTCUSDT",
            self.now_ms * NS,
            at,
            next(self._ids),
            round(price * SCALE),
            round(size * SCALE),
            True,
        )
        self.hear(event)
        return self

    def minutes(self) -> list[int]:
        return [
            (each.open_ms - DAY) // MINUTE for each in self.found if each.timeframe is Timeframe.M1
        ]


def test_minute_has_its_first_highest_lowest_and_last_price() -> None:
    tape = Tape().until(DAY + 1_000)
    tape.trade(10, 0.5).until(DAY + 20_000).trade(12, 1).trade(9, 2).until(DAY + 59_000).trade(11)

    (minute,) = tape.until(DAY + MINUTE + GRACE_MS).found

    assert minute == RolledUp(Timeframe.M1, DAY, 10, 12, 9, 11, 4.5)


def test_minute_is_given_only_after_its_grace() -> None:
    tape = Tape().until(DAY + 1_000).trade(10)

    assert tape.until(DAY + MINUTE + GRACE_MS - 1).found == []
    assert len(tape.until(DAY + MINUTE + GRACE_MS).found) == 1


def test_minute_without_trades_stays_at_the_last_close() -> None:
    tape = Tape().until(DAY + 1_000).trade(10).trade(12).until(DAY + 2 * MINUTE + GRACE_MS)

    assert tape.found[1] == RolledUp(Timeframe.M1, DAY + MINUTE, 12, 12, 12, 12, 0)


def test_minute_before_any_trade_is_not_given() -> None:
    assert Tape().until(DAY + 3 * MINUTE).found == []


def test_minute_in_which_it_began_is_not_given() -> None:
    tape = Tape(DAY + 30_000).until(DAY + 31_000).trade(10).until(DAY + 3 * MINUTE)

    assert tape.minutes() == [1]


def test_trades_belong_to_the_minute_of_the_exchanges_time() -> None:
    tape = Tape().until(DAY + 1_000).trade(10).until(DAY + MINUTE - 500)
    tape.trade(20, at_ms=DAY + MINUTE + 800)  # its clock runs ahead
    tape.until(DAY + MINUTE + 300).trade(11, at_ms=DAY + MINUTE - 1)  # arrived late
    tape.until(DAY + 2 * MINUTE + GRACE_MS)

    assert [each.close for each in tape.found] == [11, 20]


def test_trade_after_the_grace_is_counted_and_spoils_longer_candles() -> None:
    tape = Tape().until(DAY + 1_000).trade(10).until(DAY + MINUTE + GRACE_MS + 1_000)
    tape.trade(99, at_ms=DAY + MINUTE - 1).until(DAY + 6 * MINUTE)

    assert tape.rollup.late_trades == 1
    assert tape.minutes() == [0, 1, 2, 3, 4]
    assert {each.timeframe for each in tape.found} == {Timeframe.M1}


@pytest.mark.parametrize("kind", ["disconnected", "lost trade", "silence"])
def test_break_drops_the_candles_that_it_lies_in(kind: str) -> None:
    tape = Tape().until(DAY + 1_000).trade(10).until(DAY + MINUTE + 30_000)
    if kind == "disconnected":
        tape.hear(Disconnected("BTCUSDT", tape.now_ms * NS, None))
    elif kind == "lost trade":
        tape.trade(10, skipped=1)
    else:
        tape.until(DAY + MINUTE + 40_000, silent=True)
    tape.until(DAY + 12 * MINUTE)

    assert tape.minutes() == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    fives = [each.open_ms for each in tape.found if each.timeframe is Timeframe.M5]
    assert fives == [DAY + 5 * MINUTE]


def test_break_at_a_minutes_end_spoils_both_sides() -> None:
    tape = Tape().until(DAY + 1_000).trade(10).until(DAY + 2 * MINUTE - AHEAD_MS // 2)
    tape.hear(Disconnected("BTCUSDT", tape.now_ms * NS, None))

    assert tape.until(DAY + 5 * MINUTE).minutes() == [0, 3]


def test_long_silence_gives_no_candles() -> None:
    tape = Tape().until(DAY + 1_000).trade(10).until(DAY + MINUTE)

    assert tape.until(DAY + 5 * MINUTE, silent=True).minutes() == [0]


prices = st.lists(
    st.tuples(st.integers(0, 1_439), st.integers(1, 100), st.integers(1, 9)), min_size=1
)


@settings(max_examples=15, deadline=None)
@given(trades=prices)
def test_longer_candles_are_the_sums_of_their_minutes(trades: list[tuple[int, int, int]]) -> None:
    rollup = RollUp(DAY - 10_000)
    rollup.apply(Trade("BTCUSDT", (DAY - 1) * NS, DAY - 1, 0, 50 * SCALE, SCALE, True))
    by_minute: dict[int, list[tuple[int, int]]] = {}
    for minute, price, size in trades:
        by_minute.setdefault(minute, []).append((price, size))
    ids = itertools.count(1)
    found: list[RolledUp] = []
    for minute in range(1_441):
        for second in range(0, 60, 5):
            at = DAY + minute * MINUTE + second * 1_000
            rollup.apply(Heartbeat("BTCUSDT", at * NS, None))
            found += rollup.pass_to(at)
        for price, size in by_minute.get(minute, []):
            at = DAY + minute * MINUTE + 55_001
            trade = Trade("BTCUSDT", at * NS, at, next(ids), price * SCALE, size * SCALE, True)
            rollup.apply(trade)
    minutes = [each for each in found if each.timeframe is Timeframe.M1]
    for longer in found:
        inside = [
            each
            for each in minutes
            if longer.open_ms <= each.open_ms < longer.open_ms + longer.timeframe.ms
        ]
        assert len(inside) == longer.timeframe.ms // MINUTE
        assert (longer.open, longer.close) == (inside[0].open, inside[-1].close)
        assert longer.high == max(each.high for each in inside)
        assert longer.low == min(each.low for each in inside)
        assert longer.volume == pytest.approx(sum(each.volume for each in inside))
    assert sum(each.volume for each in minutes) == sum(size for _, _, size in trades)
    assert [each.timeframe for each in found].count(Timeframe.D1) == 1


@pytest.mark.parametrize("behind_ms", [0, 300, 7_000, 45_000])
def test_trades_of_an_exchange_whose_clock_is_behind_are_waited_for(behind_ms: int) -> None:
    tape = Tape(begins_ms=DAY - 120_000)
    for second in range(260):
        tape.until(DAY - 110_000 + second * 1_000)
        tape.trade(100 + second, at_ms=tape.now_ms - behind_ms)
    volumes = {each.open_ms: each.volume for each in tape.found if each.open_ms >= DAY - MINUTE}
    assert volumes[DAY - MINUTE] == volumes[DAY] == 60.0
    assert tape.rollup.late_trades <= behind_ms // 1_000


def test_exchange_whose_clock_is_far_ahead_gives_no_candle_that_began_before_it_was_heard() -> None:
    tape = Tape(begins_ms=DAY + 30_000)  # half past by ours, 1:30 by theirs
    for second in range(155):
        tape.until(DAY + 31_000 + second * 1_000)
        tape.trade(100, at_ms=tape.now_ms + MINUTE)
    assert tape.minutes() == [2]
    assert tape.found[0].volume == 60.0


def test_exchange_whose_times_are_not_to_be_believed_is_not_waited_for() -> None:
    tape = Tape()
    tape.until(DAY + 10_000).trade(100).until(DAY + MINUTE)
    tape.trade(100, at_ms=tape.now_ms - 3_600_000)
    assert tape.until(DAY + 2 * MINUTE + GRACE_MS).minutes() == [0, 1]
