"""`/api/candles`: of one market, closed by its time, never of another."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from django.test import Client

from market import keys
from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from tests.integration.made_signals import MADE_MS, set_market
from tests.integration.refused import refusal
from tests.made_candles import walk

pytestmark = pytest.mark.django_db

EXCHANGE, REPLAY = "binance", "replay/here/1"
NOW = "2025-12-28T13:15:00+00:00"
"""MADE_MS."""


@pytest.fixture
def store(settings: Any, tmp_path: Path, clean_redis: redis.Redis) -> CandleStore:
    """A store with 20 candles of 15 minutes of the exchange; a replay stands in the last one."""
    settings.CANDLES_DIR, settings.CANDLE_EXCHANGE = tmp_path / "candles", EXCHANGE
    store = CandleStore(settings.CANDLES_DIR)
    put(store, EXCHANGE, Timeframe.M15, 20, ends_ms=MADE_MS + Timeframe.M15.ms)
    set_market(clean_redis, MADE_MS, venue=REPLAY)
    return store


def put(
    store: CandleStore,
    venue: str,
    timeframe: Timeframe,
    count: int,
    *,
    ends_ms: int,
    provisional: bool = False,
) -> CandleSeries:
    start_ms = ends_ms - count * timeframe.ms
    made = walk(count, seed=count, step_ms=timeframe.ms, start_ms=start_ms)
    made = replace(made, provisional=np.full(count, provisional))
    store.upsert(venue, "BTCUSDT", timeframe, made)
    return made


def ask(client: Client, **query: Any) -> dict[str, Any]:
    response = client.get("/api/candles", {"symbol": "BTCUSDT"} | query)
    assert response.status_code == 200, response.content
    told: dict[str, Any] = response.json()
    assert told["count"] == len(told["candles"])
    return told


def test_candles_are_those_that_had_closed_by_market_time(
    client: Client, store: CandleStore
) -> None:
    told = ask(client)

    assert (told["timestamp"], told["venue"], told["live"]) == (NOW, REPLAY, False)
    assert (told["symbol"], told["timeframe"], told["count"]) == ("BTCUSDT", "15m", 19)
    newest = told["candles"][-1]
    assert newest["candle_close"] == NOW and newest["candle_open"] == "2025-12-28T13:00:00+00:00"
    stored = store.read((EXCHANGE,), "BTCUSDT", Timeframe.M15)[-2:-1]
    for name in ("open", "high", "low", "close", "volume"):
        assert newest[name] == getattr(stored, name)[0]


def test_candle_a_millisecond_before_its_close_is_not_told(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    set_market(clean_redis, MADE_MS - 1, venue=REPLAY)

    assert ask(client)["candles"][-1]["candle_close"] == "2025-12-28T13:00:00+00:00"


def test_candles_of_a_replay_continue_the_exchanges_and_are_marked(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    later = MADE_MS + 3 * Timeframe.M15.ms
    put(store, REPLAY, Timeframe.M15, 3, ends_ms=later, provisional=True)
    set_market(clean_redis, later, venue=REPLAY)

    told = ask(client, limit=4)["candles"]

    assert [candle["provisional"] for candle in told] == [False, False, True, True]


def test_candles_of_a_simulated_market_are_never_the_exchanges(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    set_market(clean_redis, venue="simulated/3")
    assert ask(client)["candles"] == []

    put(store, "simulated/3", Timeframe.M15, 2, ends_ms=MADE_MS)

    assert ask(client)["count"] == 2
    assert ask(client, venue=EXCHANGE)["count"] == 20
    assert ask(client, venue=EXCHANGE)["venue"] == EXCHANGE


def test_candles_of_a_venue_that_has_none_are_none(client: Client, store: CandleStore) -> None:
    told = ask(client, venue="coinbase")

    assert (told["candles"], told["venue"], told["live"]) == ([], "coinbase", False)


@pytest.mark.parametrize(("source", "venue"), [("live", EXCHANGE), ("auto", EXCHANGE)])
def test_candles_where_no_market_runs_are_those_that_signals_would_be_made_of(
    client: Client, store: CandleStore, clean_redis: redis.Redis, settings: Any, source: str,
    venue: str,
) -> None:  # fmt: skip
    clean_redis.delete(keys.clock())
    settings.MARKET_KIND = source

    told = ask(client)

    assert (told["venue"], told["live"], told["count"]) == (venue, source == "live", 20)


@pytest.mark.parametrize("garbage", ["fields", "another type"])
def test_candles_under_a_clock_that_makes_no_sense_are_none(
    client: Client, store: CandleStore, clean_redis: redis.Redis, garbage: str
) -> None:
    clean_redis.delete(keys.clock())
    if garbage == "fields":
        clean_redis.hset(keys.clock(), "venue", EXCHANGE)
    else:
        clean_redis.lpush(keys.clock(), "x")

    told = ask(client)

    assert (told["candles"], told["venue"], told["live"]) == ([], "unknown", False)


def test_candles_to_a_time_page_back_without_a_hole(client: Client, store: CandleStore) -> None:
    newest = ask(client, limit=5)["candles"]
    before = ask(client, limit=5, to=newest[0]["candle_open"])

    assert before["candles"][-1]["candle_close"] == newest[0]["candle_open"]
    assert (before["count"], before["forming"]) == (5, None)
    assert ask(client, limit=5, to="2030-01-01T00:00:00Z")["candles"] == newest


def test_candles_that_are_missing_are_not_made_up(client: Client, store: CandleStore) -> None:
    put(store, EXCHANGE, Timeframe.H1, 3, ends_ms=MADE_MS // 3_600_000 * 3_600_000 - 7_200_000)
    put(store, EXCHANGE, Timeframe.H1, 1, ends_ms=MADE_MS // 3_600_000 * 3_600_000)

    told = ask(client, timeframe="1h")["candles"]

    assert [candle["candle_open"][11:13] for candle in told] == ["08", "09", "10", "12"]


def test_forming_candle_is_made_of_shorter_ones_without_a_gap(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    now_ms = MADE_MS + 8 * 60_000 + 5_000
    minutes = put(store, EXCHANGE, Timeframe.M1, 8, ends_ms=MADE_MS + 8 * 60_000)
    quarter = store.read((EXCHANGE,), "BTCUSDT", Timeframe.M15)[-2:-1]
    set_market(clean_redis, now_ms, venue=REPLAY)

    hour = ask(client, timeframe="1h")["forming"]

    assert (hour["candle_open"], hour["candle_close"]) == (
        "2025-12-28T13:00:00+00:00",
        "2025-12-28T14:00:00+00:00",
    )
    assert hour["known_until"] == "2025-12-28T13:23:00+00:00"
    assert (hour["open"], hour["close"]) == (quarter.open[0], minutes.close[-1])
    assert hour["high"] == max(quarter.high[0], minutes.high.max())
    assert hour["low"] == min(quarter.low[0], minutes.low.min())
    assert hour["volume"] == pytest.approx(quarter.volume[0] + minutes.volume.sum())
    assert ask(client, timeframe="1m")["forming"] is None


def test_forming_candle_ends_before_a_gap(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    put(store, EXCHANGE, Timeframe.M1, 2, ends_ms=MADE_MS + 2 * 60_000)
    put(store, EXCHANGE, Timeframe.M1, 2, ends_ms=MADE_MS + 5 * 60_000)
    set_market(clean_redis, MADE_MS + 6 * 60_000, venue=REPLAY)

    assert ask(client)["forming"]["known_until"] == "2025-12-28T13:17:00+00:00"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"symbol": ""}, "symbol: is missing"),
        ({"timeframe": "2h"}, "timeframe: must be one of 1m, 5m, 15m, 1h, 4h, 1d"),
        ({"to": "yesterday"}, "to: must be a time in ISO 8601"),
        ({"limit": "0"}, "limit: must be a whole number from 1 to 1000"),
        ({"limit": "1001"}, "limit: must be a whole number from 1 to 1000"),
        ({"limit": "many"}, "limit: must be a whole number from 1 to 1000"),
        ({"venue": ".."}, "venue: '..' is no name"),
        ({"venue": "€" * 96}, "is no name for a venue"),
        ({"from": "2025-01-01"}, "from is not a parameter; allowed are limit, symbol"),
    ],
)
def test_question_that_makes_no_sense_is_400_and_says_what_is_allowed(
    client: Client, store: CandleStore, query: dict[str, str], told: str
) -> None:
    response = client.get("/api/candles", {"symbol": "BTCUSDT"} | query)

    assert told in refusal(response, 400, "invalid_parameter")


def test_symbol_that_nobody_knows_is_404(client: Client, store: CandleStore) -> None:
    response = client.get("/api/candles", {"symbol": "PAXGUSDT"})

    assert "PAXGUSDT" in refusal(response, 404, "unknown_symbol")


def test_damaged_file_is_503_and_named_without_its_root(
    client: Client, store: CandleStore, tmp_path: Path
) -> None:
    part = store.folder(EXCHANGE, "BTCUSDT", Timeframe.M15) / "2025-12.parquet"
    part.write_bytes(b"no parquet")

    told = refusal(client.get("/api/candles", {"symbol": "BTCUSDT"}), 503, "candles_unreadable")

    assert "2025-12.parquet" in told and str(tmp_path) not in told


def test_candles_without_redis_are_503(client: Client, store: CandleStore, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    refusal(client.get("/api/candles", {"symbol": "BTCUSDT"}), 503, "redis_unavailable")


def test_candles_follow_market_time_as_it_runs(
    client: Client, store: CandleStore, clean_redis: redis.Redis
) -> None:
    clock = MarketTime(REPLAY, False, float(MADE_MS - 3_600_000), 0.0, 1e-9)
    clean_redis.hset(keys.clock(), mapping=clock.to_hash())

    assert ask(client)["count"] == 15
