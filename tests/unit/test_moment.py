"""Which market a signal is about and what time it is there, with and without Redis."""

import time
from typing import Any

import pytest
import redis

from inference.signals.moment import MarketWatch, Moment, UnreadableClockError
from market import keys
from market.clock import MarketTime
from tests.ports import free_port

NOWHERE = f"redis://127.0.0.1:{free_port()}/0"


@pytest.mark.parametrize(
    ("source", "stored", "venue", "live"),
    [
        ("auto", (), "simulated", False),
        ("auto", ("simulated", "okx"), "simulated", False),
        ("auto", ("okx",), "okx", False),
        ("simulated", ("okx",), "okx", False),
        ("replay", ("simulated", "okx"), "okx", False),
        ("live", ("simulated",), "okx", True),
    ],
)
def test_moment_without_redis_is_the_market_that_is_set_in_utc(
    source: str, stored: tuple[str, ...], venue: str, live: bool
) -> None:
    before = time.time() * 1e3
    watch = MarketWatch(NOWHERE, source=source, exchange="okx", stored=stored.__contains__)
    moment = watch()
    assert (moment.venue, moment.live) == (venue, live)
    assert before <= moment.now_ms <= time.time() * 1e3


def test_moment_without_a_clock_is_the_market_that_is_set(
    clean_redis: redis.Redis, redis_url: str
) -> None:
    assert MarketWatch(redis_url)().venue == "simulated"


def test_moment_of_a_clock_of_another_type_is_refused(
    clean_redis: redis.Redis, redis_url: str
) -> None:
    clean_redis.set(keys.clock(), "text")
    with pytest.raises(UnreadableClockError, match="clock:market"):
        MarketWatch(redis_url)()


def test_moment_follows_the_clock_at_its_speed(clean_redis: redis.Redis, redis_url: str) -> None:
    wall_ms = time.time() * 1e3
    clock: Any = MarketTime("replay/x/3", False, 1_000.0, wall_ms - 50.0, 100.0).to_hash()
    clean_redis.hset(keys.clock(), mapping=clock)
    moment = MarketWatch(redis_url)()
    assert (moment.venue, moment.live) == ("replay/x/3", False)
    assert moment.now_ms >= 6_000


def test_moment_in_lock_step_is_where_the_feed_stands(
    clean_redis: redis.Redis, redis_url: str
) -> None:
    clock: Any = MarketTime("replay/x/3", False, 1_234.0, 0.0, 0.0).to_hash()
    clean_redis.hset(keys.clock(), mapping=clock)
    assert MarketWatch(redis_url)().now_ms == 1_234.0


@pytest.mark.parametrize("fields", [{"venue": "simulated"}, {"speed": "fast"}])
def test_moment_of_a_clock_that_makes_no_sense_is_refused(
    clean_redis: redis.Redis, redis_url: str, fields: dict[Any, Any]
) -> None:
    clean_redis.hset(keys.clock(), mapping=fields)
    with pytest.raises(UnreadableClockError, match="clock:market"):
        MarketWatch(redis_url)()


@pytest.mark.parametrize(
    ("text", "now_ms"),
    [
        ("2024-09-06T00:00:01Z", 1_725_580_801_000.0),
        ("2024-09-06T00:00:01", 1_725_580_801_000.0),
        ("2024-09-06", 1_725_580_800_000.0),
        ("2024-09-06T02:00:00+02:00", 1_725_580_800_000.0),
    ],
)
def test_moment_at_another_time_is_utc_and_not_live(text: str, now_ms: float) -> None:
    assert Moment("external", True, 5.0).at(text) == Moment("external", False, now_ms)
