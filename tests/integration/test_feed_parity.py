"""Live, replayed and computed afterwards are the same: features, forecasts, records."""

import asyncio
import math
import threading

import numpy as np
import pytest
import redis
from django.conf import settings
from django.core.management import call_command

from inference.config import RedisConfig, ServiceConfig
from inference.forecasts.entry import TickEntry
from inference.forecasts.forecaster import Speaker
from inference.forecasts.service import ServiceSettings, load_speaker
from market import keys
from market.clock import MarketTime
from market.feeds.opening import OpenedFeed
from market.feeds.replay import ReplayFeed
from market.hot.replaying import feature_rows
from market.pump import Pump
from predictions.models import ForecastOutcome
from tests.hot_state import make_loop
from tests.recordings import BTC_SPOT, recording
from tests.waiting import eventually

PREROLL_MS = 360_000


def shipped_speaker(config) -> Speaker:
    base = settings.BASE_DIR
    return load_speaker(ServiceSettings(config, ("BTCUSDT",), "", base, base / "var", ""))[0]


async def play(redis_url: str, client: redis.Redis, *, speed: float, ticks: int):
    """Play the recording through pump and loop; return the loop and the log's entries."""
    config = ServiceConfig(redis=RedisConfig(socket_timeout_seconds=1.0))
    feed = ReplayFeed([recording(BTC_SPOT)], preroll_ms=PREROLL_MS)
    loop = make_loop(redis_url, config=config, speaker=shipped_speaker(config))
    done = threading.Event()
    pump = Pump(OpenedFeed(feed, "replay/test/1", False, speed, False), client, done.is_set)
    feeding = threading.Thread(target=pump.run)
    feeding.start()
    try:
        await eventually(lambda: client.exists(keys.clock()))
        async with asyncio.timeout(60):
            await loop.run(ticks)
    finally:
        done.set()
        await asyncio.to_thread(feeding.join)
    with redis.Redis.from_url(redis_url) as raw:
        entries = [TickEntry.unpack(f[b"entry"]) for _, f in raw.xrange(keys.log("forecasts"))]
    return loop, entries


async def test_lock_step_replay_forecasts_every_tick_from_the_recordings_features(
    redis_url, clean_redis
):
    _, entries = await play(redis_url, clean_redis, speed=0, ticks=60)
    rows = dict(feature_rows(recording(BTC_SPOT)))
    ticks = [entry.tick for entry in entries]
    assert ticks == list(range(ticks[0], ticks[0] + 60))
    for entry in entries:
        expected = rows[entry.tick_ms - 10]
        assert np.array_equal(entry.features[0], expected.values, equal_nan=True)
        assert entry.sources == ["redis"]
        assert entry.column("mid_price")[0] == expected.values[1]
    assert not any(entry.live for entry in entries)


async def test_features_of_a_market_played_in_time_equal_those_computed_afterwards(
    redis_url, clean_redis
):
    _, entries = await play(redis_url, clean_redis, speed=10, ticks=25)
    rows = {row.feature_ts_ms: row for _, row in feature_rows(recording(BTC_SPOT))}
    assert len(entries) == 25
    for entry in entries:
        # A loop ahead of the feed by a moment reads the cell before; it is a whole one, too.
        proof_ms = entry.column("feature_ts_ms")[0]
        nearest = min(rows, key=lambda ts: math.inf if ts is None else abs(ts - proof_ms))
        assert nearest == pytest.approx(proof_ms, abs=1e-3)
        assert np.array_equal(entry.features[0], rows[nearest].values, equal_nan=True)
        # Decided at its tick, on nothing received after it.
        assert proof_ms <= entry.tick_ms
        assert entry.column("event_ts_ms")[0] <= entry.tick_ms


async def test_second_replay_of_a_recording_says_the_same(redis_url, clean_redis):
    _, first = await play(redis_url, clean_redis, speed=0, ticks=20)
    clean_redis.flushall()
    _, second = await play(redis_url, clean_redis, speed=0, ticks=20)
    for one, other in zip(first, second, strict=True):
        assert (one.tick, one.features.tobytes()) == (other.tick, other.features.tobytes())
        for name in ("predicted_price", "lower", "upper", "p_up", "confidence"):
            assert one.column(name).tobytes() == other.column(name).tobytes()


async def test_clock_of_another_market_drops_what_was_remembered(redis_url, clean_redis):
    loop, _ = await play(redis_url, clean_redis, speed=0, ticks=8)
    assert loop.ticker.forecaster.tally.rolling().graded == 3
    other = MarketTime("replay/other/2", False, 1e12, 1e12, 1.0)
    clean_redis.hset(keys.clock(), mapping=other.to_hash())
    loop._link.close()
    await loop.ticker.look()
    assert loop.ticker.forecaster.tally.rolling().graded == 0
    assert loop.ticker._head.hash == ""
    loop._link.close()


@pytest.mark.django_db(transaction=True)
def test_loops_own_tally_equals_the_recorders_record(redis_url, clean_redis):
    loop, entries = asyncio.run(play(redis_url, clean_redis, speed=0, ticks=60))
    call_command("run_recorder", "--once")
    rolling = loop.ticker.forecaster.tally.rolling()
    graded = list(
        ForecastOutcome.objects.filter(
            status="graded", forecast__target_ts__lte=entries[-1].tick_ms
        )
    )
    directed = [outcome for outcome in graded if outcome.direction_hit is not None]
    bounded = [outcome for outcome in graded if outcome.covered is not None]
    assert rolling.graded == len(graded) == 55
    assert rolling.directed == len(directed)
    assert rolling.hits == sum(outcome.direction_hit for outcome in directed)
    assert rolling.covered == sum(outcome.covered for outcome in bounded)
    assert rolling.error_bp == pytest.approx(sum(abs(o.error_bp) for o in graded), rel=1e-12)
    assert rolling.no_change_error_bp == pytest.approx(
        sum(abs(o.no_change_error_bp) for o in graded), rel=1e-12
    )
