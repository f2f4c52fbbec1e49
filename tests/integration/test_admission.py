"""What the recorders refuse at the door: entries that their market's time or kind contradicts."""

import json
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import redis
from structlog.testing import capture_logs

from inference.forecasts.entry import TickEntry
from inference.signals.entry import Gap, Said
from inference.vocabulary import FORECASTS, OutcomeStatus, SignalReason
from market import keys
from market.clock import MarketTime
from market.hot.vector import TICK_MS
from predictions.models import Forecast, ForecastOutcome, Signal
from predictions.recording.admission import AHEAD_WALL_MS, LOCK_STEP_AHEAD_MS
from predictions.recording.log_reader import LogReader
from predictions.recording.loop import RecordingLoop
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.ledger import FIRST_TICK_MS, drain, new_recorder, publish, tick_entry
from tests.integration.test_signal_recorder import batch, hand_over
from tests.signal_loops import DAY_MS, VENUE, make_signal

pytestmark = pytest.mark.django_db

FAR_MS = 2_000_000_000
TICKS = 12
"""Enough that the first ones' targets are reached: they lie five ticks on."""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def run_market(
    client: redis.Redis,
    venue: str = "test",
    *,
    now_ms: float = FIRST_TICK_MS + TICKS * TICK_MS,
    speed: float = 1.0,
    live: bool = False,
    began_ago_ms: float = 0.0,
) -> None:
    """Let a market run that is at `now_ms` now, and began so long ago (wall time)."""
    wall_ms = time.time() * 1e3 - began_ago_ms
    market = MarketTime(venue, live, now_ms - began_ago_ms * speed, wall_ms, speed)
    client.hset(keys.clock(), mapping=market.to_hash())


def ahead(entry: TickEntry, by_ms: int) -> TickEntry:
    entry.tick += by_ms // TICK_MS
    entry.tick_ms += by_ms
    entry.made_ms += by_ms
    return entry


def letters(client: redis.Redis) -> list[str]:
    found: Any = client.lrange(keys.dead_letters(FORECASTS), 0, -1)
    return [msgpack.unpackb(letter)[1] for letter in found]


def test_entry_from_the_far_future_is_refused_and_grading_goes_on(client: redis.Redis) -> None:
    run_market(client)
    recorder = new_recorder(client)
    publish(client, *(tick_entry(index) for index in range(6)))
    drain(recorder)
    publish(client, ahead(tick_entry(5), FAR_MS))
    drain(recorder)

    publish(client, *(tick_entry(index) for index in range(6, TICKS)))
    RecordingLoop([recorder], client, lambda: False).run(once=True)

    assert Forecast.objects.count() == TICKS
    graded = ForecastOutcome.objects.filter(status=OutcomeStatus.GRADED)
    assert (ForecastOutcome.objects.count(), graded.count()) == (TICKS - 5, TICKS - 5)
    assert (recorder.tally.refused, recorder.tally.dead_letters) == (1, 1)
    [error] = letters(client)
    assert "beyond what that of test can have been" in error
    beat: Any = client.hgetall(keys.health("recorder"))
    assert beat[b"status"] == b"degraded"
    assert error in json.loads(beat[b"detail"])["error"]
    assert json.loads(beat[b"detail"])["refused"] == 1


@pytest.mark.parametrize(("speed", "tolerated_ms"), [(0.5, 60_000), (1.0, 60_000), (60.0, 3.6e6)])
def test_entry_ahead_of_the_clock_is_stored_within_the_tolerance_alone(
    client: redis.Redis, speed: float, tolerated_ms: float
) -> None:
    run_market(client, "simulated/7", now_ms=FIRST_TICK_MS, speed=speed, began_ago_ms=1e5)
    # A test that takes long has more time, not less: the clock runs on.
    within, beyond = int(tolerated_ms) - TICK_MS, int(tolerated_ms + 30_000 * speed)
    publish(client, tick_entry(within // TICK_MS, venue="simulated/7"))
    publish(client, tick_entry(beyond // TICK_MS + 1, venue="simulated/7"))
    recorder = new_recorder(client)

    drain(recorder)

    assert (Forecast.objects.count(), recorder.tally.refused) == (1, 1)


def test_entry_within_the_tolerance_alone_does_not_end_open_forecasts(client: redis.Redis) -> None:
    run_market(client, now_ms=FIRST_TICK_MS)
    recorder = new_recorder(client)
    publish(client, tick_entry(0), tick_entry(1), ahead(tick_entry(1), int(AHEAD_WALL_MS) // 2))

    drain(recorder)
    assert (Forecast.objects.count(), ForecastOutcome.objects.count()) == (3, 0)
    publish(client, tick_entry(5), tick_entry(6))
    drain(recorder)

    assert [each.status for each in ForecastOutcome.objects.all()] == [OutcomeStatus.GRADED] * 2


@pytest.mark.parametrize(
    ("venue", "ahead_ms", "stored"),
    [
        # Without a clock, and where another market runs, an unnumbered venue is in UTC.
        ("binance", int(AHEAD_WALL_MS) - TICK_MS, True),
        ("binance", FAR_MS, False),
        # A run that is over had a time of its own.
        ("simulated/3", FAR_MS, True),
    ],
)
@pytest.mark.parametrize("switched", [False, True])
def test_entry_of_a_venue_that_does_not_run(
    client: redis.Redis, venue: str, ahead_ms: int, stored: bool, switched: bool
) -> None:
    if switched:
        run_market(client, "simulated")
    tick_ms = int(time.time() * 1e3) // TICK_MS * TICK_MS + ahead_ms
    publish(client, tick_entry((tick_ms - FIRST_TICK_MS) // TICK_MS, venue=venue))

    drain(new_recorder(client))

    assert Forecast.objects.exists() is stored


def test_entry_that_was_made_long_before_its_tick_is_refused(client: redis.Redis) -> None:
    publish(client, tick_entry(0, made_ms=FIRST_TICK_MS - AHEAD_WALL_MS - 1_000.0))

    drain(new_recorder(client))

    assert not Forecast.objects.exists()
    assert "was made 61 s before" in letters(client)[0]


def test_entry_of_a_lock_step_market_is_measured_by_its_newest_price(client: redis.Redis) -> None:
    fields = MarketTime("test", False, float(FIRST_TICK_MS), 0.0, 0.0).to_hash()
    client.hset(keys.clock(), mapping=fields)
    beyond = int(LOCK_STEP_AHEAD_MS) // TICK_MS + 1
    publish(client, tick_entry(beyond))
    drain(new_recorder(client))
    assert Forecast.objects.count() == 1  # no price is known, so nothing contradicts it

    client.xadd(keys.px("ETHUSDT"), {"mid": "20"}, id=f"{FIRST_TICK_MS}-0")
    publish(client, tick_entry(beyond - 2), tick_entry(beyond + 1))
    drain(new_recorder(client))

    assert Forecast.objects.count() == 2


@pytest.mark.parametrize(
    "clock", ["text", {"venue": "?"}, MarketTime("test", False, float("nan"), 0.0, 1.0).to_hash()]
)
def test_clock_of_another_program_stops_no_recording(client: redis.Redis, clock: Any) -> None:
    if isinstance(clock, str):
        client.set(keys.clock(), clock)
    else:
        client.hset(keys.clock(), mapping=clock)
    publish(client, tick_entry(0))

    drain(new_recorder(client))

    assert Forecast.objects.count() == 1


@pytest.mark.parametrize("venue", ["binance", "test"])
def test_live_entry_while_a_simulation_runs_is_refused(client: redis.Redis, venue: str) -> None:
    run_market(client, "test", began_ago_ms=2 * AHEAD_WALL_MS)
    publish(client, tick_entry(0, venue=venue, live=True))
    recorder = new_recorder(client)

    drain(recorder)

    assert (Forecast.objects.count(), recorder.tally.refused) == (0, 1)
    assert "the market that runs, test, is not" in letters(client)[0]


def test_live_entry_from_before_the_market_was_switched_is_stored(client: redis.Redis) -> None:
    publish(client, tick_entry(0, venue="binance", live=True))
    run_market(client, "simulated")
    recorder = new_recorder(client)

    with capture_logs() as logs:
        drain(recorder)

    assert (Forecast.objects.get().live, recorder.tally.strangers, logs) == (True, 0, [])


def test_live_entry_of_a_simulated_venue_is_refused_whatever_runs(client: redis.Redis) -> None:
    publish(client, tick_entry(0, venue="simulated", live=True))

    drain(new_recorder(client))

    assert letters(client) == ["says that it is live, but simulated is no live market"]


def test_entry_of_another_market_than_the_live_one_is_stored_and_told(client: redis.Redis) -> None:
    run_market(client, "binance", live=True, began_ago_ms=2 * AHEAD_WALL_MS)
    publish(client, tick_entry(0, venue="bybit", live=True))
    recorder = new_recorder(client)

    with capture_logs() as logs:
        drain(recorder)

    assert (Forecast.objects.count(), recorder.tally.strangers) == (1, 1)
    [line] = logs
    assert (line["event"], line["log"], line["venue"]) == (
        "entry_of_another_market",
        "log:forecasts",
        "bybit",
    )


@pytest.mark.parametrize("forged", ["batch", "signal", "gap"])
def test_batch_of_signals_from_the_far_future_is_refused(client: redis.Redis, forged: str) -> None:
    run_market(client, VENUE, now_ms=DAY_MS + 1_000)
    said, gaps = make_signal("ETHUSDT"), (Gap("XRPUSDT", DAY_MS, SignalReason.MODEL_MISSING, ""),)
    if forged == "signal":
        shifted: dict[str, Any] = {"made_ms": said.made_ms + FAR_MS}
        candle_ms = (said.candle_open_ms + FAR_MS) // 900_000 * 900_000
        shifted |= {"candle_open_ms": candle_ms, "candle_close_ms": candle_ms + 900_000}
        said = make_signal("ETHUSDT", **shifted)
    elif forged == "gap":
        gaps = (Gap("XRPUSDT", DAY_MS + FAR_MS, SignalReason.MODEL_MISSING, ""),)
    changes = {"made_ms": DAY_MS + FAR_MS} if forged == "batch" else {}
    hand_over(client, batch(Said(make_signal("BTCUSDT"))))
    hand_over(client, batch(Said(said), gaps=gaps, **changes))
    recorder = SignalRecorder(LogReader(client, "signals", "one"))

    while recorder.step():
        pass

    assert [row.symbol for row in Signal.objects.all()] == ["BTCUSDT"]
    assert (recorder.tally.refused, recorder.tally.dead_letters) == (1, 1)
