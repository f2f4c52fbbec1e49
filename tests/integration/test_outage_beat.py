"""What a market process without an exchange says in Redis, and what bots are then told."""

from typing import Any

import redis
from django.test import Client

from market import keys
from market.clock import NO_VENUE, MarketTime
from market.feed_state import FEED_DOWN, Outage, Tried
from market.feeds.opening import MarketChoice
from market.outage_beat import OutageBeat

OUTAGE = Outage(1_000.0, (Tried("binance", "no answer"),), 2_000.0)


def beat(client: redis.Redis) -> None:
    choice = MarketChoice(source="live", symbols=("BTCUSDT",), replay=(), speed=1.0, seed=1)
    waiting = OutageBeat(client, choice, stopping=lambda: False)
    waiting.down(OUTAGE)
    assert waiting.going_on()


def named(client: redis.Redis) -> MarketTime | None:
    fields: Any = client.hgetall(keys.clock())
    return MarketTime.from_hash(fields)


def test_outage_before_any_market_names_none_and_nothing_live(
    clean_redis: redis.Redis, client: Client
) -> None:
    beat(clean_redis)

    assert clean_redis.hget(keys.health("market"), "status") == FEED_DOWN
    market = named(clean_redis)
    assert market is not None
    assert (market.venue, market.live, market.speed) == (NO_VENUE, False, 1.0)
    body = client.get("/api/predictions?symbols=BTCUSDT").json()
    assert (body["venue"], body["live"]) == (NO_VENUE, False)
    assert [error["code"] for error in body["errors"]] == [FEED_DOWN]


def test_outage_after_a_market_leaves_its_name(clean_redis: redis.Redis) -> None:
    before = MarketTime("binance", live=True, market_ms=5.0, wall_ms=5.0, speed=1.0)
    clean_redis.hset(keys.clock(), mapping=before.to_hash())

    beat(clean_redis)

    assert named(clean_redis) == before
