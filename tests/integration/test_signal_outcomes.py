"""Signals of a market that runs on: graded along its candles, each once, a few at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.test import override_settings

from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import SIGNALS, Direction, SignalReason
from market import keys
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.candle_paths import StoredBars
from predictions.grading.price_history import RedisPriceHistory
from predictions.grading.signal_chore import SETTLING_MS, SignalGrading, settled_ms
from predictions.grading.signals import PATIENCE_MS, Grade, SaidSignal, grade_signal
from predictions.models import Signal, SignalOutcome
from predictions.recording.log_reader import LogReader
from predictions.recording.loop import build_chores
from predictions.recording.signal_recorder import SignalRecorder
from tests.candle_bars import CLOSE_MS, series
from tests.integration.ledger import FakeLayer
from tests.made_candles import walk
from tests.signal_loops import VENUE, make_signal

pytestmark = pytest.mark.django_db

M1, M15, H1 = Timeframe.M1, Timeframe.M15, Timeframe.H1
END_MS = CLOSE_MS + 12 * M15.ms
QUIET = (100.0, 101.0, 99.0, 100.0)
UP = (100.0, 102.5, 99.0, 102.0)


@dataclass
class FakeClock:
    """Says whose time it is; set market_ms to let it pass."""

    market_ms: float = CLOSE_MS
    venue: str = VENUE
    live: bool = False
    known: bool = True

    def market_time(self) -> MarketTime | None:
        if not self.known:
            return None
        return MarketTime(self.venue, self.live, self.market_ms, 0.0, 0.0)


@dataclass
class Market:
    """A store, a clock and the chore over both."""

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)
    layer: FakeLayer = field(default_factory=FakeLayer)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.store = CandleStore(self.root)
        self.chore = self.start()

    def start(self) -> SignalGrading:
        """Return a chore as a start of the recorder makes it."""
        return SignalGrading(
            self.clock,
            self.store,
            "binance",
            10.0,
            OutcomeBroadcast(self.layer),
            wall_ms=lambda: CLOSE_MS + 5.0,
            monotonic=self._monotonic,
        )

    def _monotonic(self) -> float:
        self.seconds += 0.01
        return self.seconds

    def put(
        self,
        candles: CandleSeries,
        timeframe: Timeframe = M15,
        *,
        symbol: str = "BTCUSDT",
        **to: Any,
    ) -> None:
        venue = to.get("venue", VENUE)
        self.store.upsert(venue, symbol, timeframe, candles, closed_by_ms=np.inf)

    def at(self, market_ms: float) -> int:
        """Let time pass and the chore run until nothing waits; return how many outcomes are."""
        self.clock.market_ms = market_ms
        self.seconds += 60
        while self.chore.run():
            pass
        return SignalOutcome.objects.count()


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path)


@pytest.fixture
def binary(clean_redis: redis.Redis, redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


@pytest.fixture
def say(binary: redis.Redis) -> Any:
    """Return what hands signals over as the loop does, and stores them as the recorder does."""
    numbers = iter(range(1, 10_000))

    def say(
        *said: Said,
        venue: str = VENUE,
        live: bool = False,
        gaps: Sequence[Gap] = (),
        made_ms: int = 0,
    ) -> None:
        entry = BatchEntry(
            venue=venue,
            live=live,
            batch=next(numbers),
            timeframe=said[0].signal.timeframe if said else M15,
            made_ms=made_ms or said[0].signal.made_ms,
            missed=0,
            shard=0,
            token=1,
            signals=list(said),
            gaps=list(gaps),
        )
        reached = f"{max(CLOSE_MS, made_ms) + entry.batch}-0"
        binary.xadd(keys.log(SIGNALS), {"entry": entry.pack()}, id=reached)
        recorder = SignalRecorder(LogReader(binary, SIGNALS, "one"))
        while recorder.step():
            pass

    return say


def signal(**changes: Any) -> Said:
    """Return a LONG of 100 ± 2 as of CLOSE_MS, or as changed."""
    revision = changes.pop("revision", 0)
    side = -1 if changes.get("direction") is Direction.SHORT else 1
    levels: dict[str, Any] = {"risk": 2.0}
    if changes.get("direction") is not Direction.NO_TRADE:
        profits = make_signal().take_profits
        levels |= {
            "stop_loss": 100.0 - side * 2.0,
            "take_profits": tuple(
                type(each)(each.level, 100.0 + side * 2.0 * each.level) for each in profits
            ),
        }
    return Said(make_signal(**(levels | changes)), revision)


def test_run_signal_is_graded_once_its_horizon_has_settled(market, say):
    say(signal())
    say(signal(candle_open_ms=CLOSE_MS))
    market.put(series([QUIET, (100.0, 101.0, 97.0, 98.0), *[QUIET] * 11], M15.ms))

    assert market.at(CLOSE_MS) == 0
    assert market.at(END_MS + SETTLING_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS) == 1
    outcome = SignalOutcome.objects.get()
    assert (outcome.result, outcome.stop_loss_ts) == ("stop_loss", CLOSE_MS + 2 * M15.ms)
    assert (outcome.r_multiple, outcome.fee_bp) == (-1.0, 10.0)
    assert market.chore.detail() == {
        "graded": 1,
        "ungradable": 0,
        "unreadable": 0,
        "open": 1,
        "last_graded_ms": CLOSE_MS + 5,
    }
    assert market.at(END_MS + SETTLING_MS + M15.ms) == 2


def test_run_every_revision_and_no_trade_is_graded_for_itself(market, say):
    say(signal(), signal(symbol="ETHUSDT", direction=Direction.NO_TRADE))
    say(signal(direction=Direction.SHORT, revision=1))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.put(series([UP, *[QUIET] * 11], M15.ms), symbol=symbol)

    market.at(END_MS + SETTLING_MS)

    found = SignalOutcome.objects.order_by("signal__symbol", "signal__revision")
    assert [(each.signal.symbol, each.result, each.touched) for each in found] == [
        ("BTCUSDT", "take_profit", "LONG"),
        ("BTCUSDT", "stop_loss", "LONG"),
        ("ETHUSDT", "no_trade", "LONG"),
    ]


def test_run_again_and_in_another_process_changes_nothing(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.at(END_MS + SETTLING_MS)
    before = SignalOutcome.objects.values().get()

    market.chore = market.start()
    market.at(END_MS + PATIENCE_MS)

    assert SignalOutcome.objects.values().get() == before


def test_run_two_recorders_store_one_outcome(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    other = market.start()
    other.run()

    market.at(END_MS + SETTLING_MS)
    while other.run():
        pass

    assert SignalOutcome.objects.count() == 1


def test_run_late_signal_is_ungradable_at_once_and_never_graded(market, say):
    say(signal(candle_open_ms=CLOSE_MS))
    assert market.at(CLOSE_MS) == 0
    say(signal(made_ms=CLOSE_MS + M15.ms))
    market.put(series([UP, *[QUIET] * 11], M15.ms))

    assert market.at(CLOSE_MS) == 1
    assert SignalOutcome.objects.get().reason == "made_too_late"
    assert market.at(END_MS + SETTLING_MS) == 1


def test_run_missing_candles_are_awaited_until_an_import_brings_them(market, say):
    say(signal())
    whole = series([QUIET, UP, *[QUIET] * 10], M15.ms)
    market.put(whole[np.arange(12) != 1])
    assert market.at(END_MS + SETTLING_MS) == 0

    market.put(whole)

    assert market.at(END_MS + PATIENCE_MS) == 1
    assert SignalOutcome.objects.get().result == "take_profit"


def test_run_missing_candles_end_as_path_missing(market, say):
    say(signal())

    assert market.at(END_MS + SETTLING_MS + PATIENCE_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS + PATIENCE_MS + M15.ms) == 1
    outcome = SignalOutcome.objects.get()
    assert (outcome.status, outcome.reason, outcome.r_multiple) == (
        "ungradable", "path_missing", None,
    )  # fmt: skip


def gap(reason: SignalReason, open_ms: int, symbol: str = "BTCUSDT") -> Gap:
    return Gap(symbol, open_ms, reason, "")


NOT_TRADED = [SignalReason.SYMBOL_HALTED, SignalReason.SYMBOL_DELISTED]


@pytest.mark.parametrize("reason", NOT_TRADED)
def test_run_missing_candles_of_a_coin_that_is_not_traded_are_not_waited_for(market, say, reason):
    say(signal())
    say(signal(symbol="ETHUSDT"))
    say(gaps=[gap(reason, CLOSE_MS)], made_ms=CLOSE_MS + M15.ms + 60_000)
    market.put(series([QUIET, UP], M15.ms))
    market.put(series([QUIET] * 10, M15.ms), symbol="ETHUSDT")

    assert market.at(END_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS) == 1
    outcome = SignalOutcome.objects.get()
    assert outcome.signal.symbol == "BTCUSDT"
    assert (outcome.status, outcome.reason, outcome.known_ts, outcome.result) == (
        "ungradable", reason.value, END_MS, "",
    )  # fmt: skip


def test_run_whole_path_of_a_coin_that_was_delisted_is_graded(market, say):
    say(signal())
    say(gaps=[gap(SignalReason.SYMBOL_DELISTED, CLOSE_MS)], made_ms=END_MS - 1)
    market.put(series([QUIET, UP, *[QUIET] * 10], M15.ms))

    assert market.at(END_MS + SETTLING_MS) == 1
    assert SignalOutcome.objects.get().result == "take_profit"


@pytest.mark.parametrize("what", ["told too late", "traded again", "another reason", "elsewhere"])
def test_run_missing_candles_of_a_coin_that_was_traded_at_the_end_are_awaited(market, say, what):
    say(signal())
    halt, made_ms = gap(SignalReason.SYMBOL_HALTED, CLOSE_MS), CLOSE_MS + M15.ms
    if what == "told too late":
        say(gaps=[halt], made_ms=END_MS)
    elif what == "another reason":
        say(gaps=[gap(SignalReason.FEED_DOWN, CLOSE_MS)], made_ms=made_ms)
    elif what == "elsewhere":
        say(gaps=[halt], made_ms=made_ms, venue="kraken", live=True)
    else:
        say(gaps=[halt], made_ms=made_ms)
        later_ms = CLOSE_MS + 5 * M15.ms
        say(signal(candle_open_ms=later_ms - M15.ms), made_ms=later_ms + 400)
    assert market.at(END_MS + SETTLING_MS) == 0


def test_run_damaged_candles_are_counted_and_longer_ones_taken(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.put(series([QUIET] * 180, M1.ms), M1)
    for part in market.store.folder(VENUE, "BTCUSDT", M1).glob("*.parquet"):
        part.write_bytes(b"no parquet")

    assert market.at(END_MS + SETTLING_MS) == 1
    assert SignalOutcome.objects.get().path_timeframe == "15m"
    assert market.chore.detail()["unreadable"] == 1


def test_run_signals_of_a_run_that_is_over_are_graded_by_what_it_left(market, say):
    say(signal())
    say(signal(symbol="ETHUSDT"))
    down = (100.0, 101.0, 97.0, 98.0)
    market.put(series([down, *[QUIET] * 11], M15.ms))
    market.put(series([down, *[QUIET] * 10], M15.ms), symbol="ETHUSDT")
    market.clock.venue = "simulated/2"

    assert market.at(CLOSE_MS) == 2
    found = SignalOutcome.objects.order_by("signal__symbol")
    assert [(each.result, each.reason) for each in found] == [
        ("stop_loss", ""),
        ("", "path_missing"),
    ]


def test_run_each_venue_is_graded_along_its_own_candles(market, say):
    say(signal())
    say(signal(venue="replay/x/1"), venue="replay/x/1")
    say(signal(venue="external", live=True), venue="external", live=True)
    down = (100.0, 101.0, 97.0, 98.0)
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.put(series([QUIET, down, *[QUIET] * 10], M15.ms), venue="replay/x/1")
    market.put(series([QUIET], M15.ms), venue="binance")
    market.clock.venue = "another"

    market.at(CLOSE_MS)
    assert {each.signal.venue: each.result for each in SignalOutcome.objects.all()} == {
        VENUE: "take_profit",
        "replay/x/1": "stop_loss",  # the exchange's first candle, then its own
    }
    market.clock.venue, market.clock.live = "external", True
    market.put(series([QUIET, UP, *[QUIET] * 10], M15.ms), venue="binance")
    assert market.at(END_MS + SETTLING_MS) == 3


def test_run_a_backlog_takes_a_little_at_a_time(market, say):
    symbols = [f"A{number}USDT" for number in range(40)]
    say(*(signal(symbol=symbol) for symbol in symbols))
    for symbol in symbols:
        market.put(series([UP, *[QUIET] * 11], M15.ms), symbol=symbol)
    market.clock.market_ms = END_MS + SETTLING_MS

    assert market.chore.run()
    first = SignalOutcome.objects.count()
    assert 0 < first < 40
    while market.chore.run():
        pass
    assert SignalOutcome.objects.count() == 40


def test_run_outcomes_are_told_to_the_pages(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))

    market.at(END_MS + SETTLING_MS)

    ((group, message),) = market.layer.sent
    assert (group, message["type"]) == (keys.PREDICTIONS_GROUP, "signal_outcomes")
    (frame,) = message["frames"]
    assert (frame["symbol"], frame["timeframe"], frame["venue"], frame["live"]) == (
        "BTCUSDT", "15m", VENUE, False,
    )  # fmt: skip
    assert (frame["prediction_ts"], frame["result"], frame["r_multiple"]) == (
        CLOSE_MS, "take_profit", 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("venue", "live", "expected"),
    [
        ("external", True, 7_000.0 - SETTLING_MS),
        ("binance", True, 7_000.0 - SETTLING_MS),
        ("simulated", False, 7_000.0 - SETTLING_MS),
        ("simulated/3", False, np.inf),
        ("simulated/4", False, 6_000.0 - SETTLING_MS),
    ],
)
def test_settled_time_is_of_the_venue(venue, live, expected):
    running = MarketTime("simulated/4", False, 1_000.0, 6_500.0, 10.0)

    assert settled_ms(venue, live, running, 7_000.0) == expected


def test_settled_time_of_a_run_is_unknown_without_a_market():
    assert settled_ms("simulated/3", False, None, 7_000.0) is None
    assert settled_ms("simulated", False, None, 7_000.0) == 7_000.0 - SETTLING_MS


def test_settled_time_of_a_fast_market_leaves_time_to_write():
    running = MarketTime("simulated/4", False, 1_000.0, 7_000.0, 1_000.0)

    assert settled_ms("simulated/4", False, running, 7_000.0) == 1_000.0 - 5_000_000.0


def test_fast_market_from_signals_to_outcomes_that_recompute(market, say, binary):
    # A day of minutes in steps of half an hour; the clock comes through Redis.
    minutes = walk(24 * 60, seed=3, step_ms=M1.ms, start_ms=CLOSE_MS)
    market.chore.clock = RedisPriceHistory(binary)
    step = 30 * M1.ms
    directions = list(Direction)
    for number in range(49):
        now_ms = CLOSE_MS + number * step
        market_time = MarketTime(VENUE, False, float(now_ms), 0.0, 0.0)
        binary.hset(keys.clock(), mapping=market_time.to_hash())
        closed = minutes[minutes.open_ms + M1.ms <= now_ms]
        if number:
            market.put(closed[-30:], M1)
            entry = float(closed.close[-1])
            direction = directions[number % 3]
            side = -1 if direction is Direction.SHORT else 1
            risk, trades = 0.03 * entry, direction is not Direction.NO_TRADE
            profits = make_signal().take_profits
            say(
                Said(
                    make_signal(
                        candle_open_ms=now_ms - M15.ms,
                        direction=direction,
                        entry=entry,
                        risk=risk,
                        stop_loss=entry - side * risk if trades else None,
                        take_profits=tuple(
                            type(each)(each.level, entry + side * each.level * risk)
                            for each in profits
                            if trades
                        ),
                    )
                )
            )
        market.seconds += 60
        while market.chore.run():
            pass

    assert Signal.objects.count() == 48
    outcomes = SignalOutcome.objects.select_related("signal")
    assert len(outcomes) == 41
    assert {each.path_timeframe for each in outcomes} == {"1m"}
    assert {each.result for each in outcomes} >= {"take_profit", "stop_loss", "no_trade"}
    for outcome in outcomes:
        said = SaidSignal(*(getattr(outcome.signal, name) for name in SaidSignal._fields))
        bars = StoredBars(
            market.store, (VENUE,), said.symbol, since_ms=said.candle_close, until_ms=said.end_ms
        )
        again = grade_signal(said, bars, known_ms=np.inf, fee_bp=10.0)
        assert again == Grade.of(outcome)


def test_recorder_process_grades_signals_with_the_fee_that_is_set(binary, say, tmp_path):
    say(signal())
    CandleStore(tmp_path).upsert(
        VENUE, "BTCUSDT", M15, series([UP, *[QUIET] * 11], M15.ms), closed_by_ms=np.inf
    )
    later = MarketTime(VENUE, False, float(END_MS + SETTLING_MS), 0.0, 0.0)
    binary.hset(keys.clock(), mapping=later.to_hash())
    with override_settings(FEE_BP=25.0, CANDLES_DIR=tmp_path, CANDLE_EXCHANGE="binance"):
        chores = build_chores(binary, OutcomeBroadcast(None))

    (grading,) = [each for each in chores if each.name == "signal_grading"]
    assert not grading.run()
    assert SignalOutcome.objects.get().fee_bp == 25.0
    assert grading.detail()["graded"] == 1
