"""`/api/tradeable`: what a bot is told when everything is there, and when something is away."""

import time
from typing import Any

import msgspec
import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from inference.forecasts.publisher import symbol_values, tick_values
from inference.forecasts.scripts import SYMBOL_FIELDS, TICK_FIELDS
from inference.signals.signal import SignalState, encode_state
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.accuracy.quality import ForecastQuality, SymbolQuality
from tests.integration.ledger import tick_entry
from tests.unit.test_tradeable import GOOD, live_signal, model, signal_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(clean_redis: redis.Redis) -> redis.Redis:
    """A live market, its newest forecast, and a record that is good."""
    now_ms = time.time_ns() // 1_000_000
    market = MarketTime("binance", True, float(now_ms), float(now_ms), 1.0)
    clean_redis.hset(keys.clock(), mapping=market.to_hash())
    entry = tick_entry(venue="binance", live=True, tick_ms=now_ms, tick=now_ms // 2_000)
    [said] = symbol_values(entry, entry.numbers.T.tolist())
    values = (*tick_values(entry), *said)
    pairs: Any = dict(zip((*TICK_FIELDS, *SYMBOL_FIELDS), values, strict=True))
    clean_redis.hset(keys.pred("BTCUSDT"), mapping=pairs)
    symbol = SymbolQuality(hour=GOOD, day=GOOD, models={"v1": model()})
    record = ForecastQuality(
        venue="binance", live=True, made_ms=now_ms, symbols={"BTCUSDT": symbol}
    )
    clean_redis.set(keys.quality(FORECASTS), msgspec.json.encode(record))
    return clean_redis


def ask(client: Client, path: str = "BTCUSDT") -> Any:
    response = client.get(f"/api/tradeable/{path}")
    assert response.status_code == 200, response.content
    return response.json()


def test_tradeable_forecast_names_every_check_with_value_and_limit(
    live: redis.Redis, client: Client
) -> None:
    told = ask(client, "btc-usdt")
    assert (told["tradeable"], told["reasons"]) == (True, [])
    assert (told["symbol"], told["engine"], told["timeframe"]) == ("BTCUSDT", "forecasts", None)
    assert (told["venue"], told["live"]) == ("binance", True)
    assert all(check["ok"] and check["limit"] is not None for check in told["checks"])
    assert {check["name"] for check in told["checks"]} >= {"live", "ece", "role", "database"}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (keys.pred("BTCUSDT"), "not_said"),
        (keys.quality(FORECASTS), "not_measured"),
        (keys.clock(), "not_live"),
    ],
)
@pytest.mark.parametrize("left", [None, "garbage", "another type"])
def test_tradeable_without_one_of_its_sources_is_false(
    live: redis.Redis, client: Client, key: str, reason: str, left: str | None
) -> None:
    live.delete(key)
    if left == "garbage":
        live.set(key, "{") if key == keys.quality(FORECASTS) else live.hset(key, "venue", "x")
    elif left == "another type":
        live.lpush(key, "x")
    told = ask(client)
    assert told["tradeable"] is False
    assert reason in told["reasons"]


def test_tradeable_without_redis_is_false(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    told = ask(client)
    assert (told["tradeable"], told["reasons"]) == (False, ["redis_unavailable"])


def test_tradeable_without_the_database_is_false(live: redis.Redis, client: Client) -> None:
    def away(*_: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        told = ask(client)
    assert (told["tradeable"], told["reasons"]) == (False, ["database_unavailable"])


def test_tradeable_of_a_timeframe_is_of_its_signal(live: redis.Redis, client: Client) -> None:
    told = ask(client, "BTCUSDT?timeframe=15m")
    assert (told["engine"], told["timeframe"]) == ("signals", "15m")
    assert (told["tradeable"], told["reasons"]) == (False, ["not_said"])
    state = encode_state(SignalState(signal=live_signal()))
    live.set(keys.sig("BTCUSDT", Timeframe.M15), state)
    live.set(keys.quality(SIGNALS), msgspec.json.encode(signal_record()))
    told = ask(client, "BTCUSDT?timeframe=15m")
    # The example's candle closed long ago, and nothing was measured since.
    assert told["reasons"] == ["stale", "not_measured"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("PAXGUSDT", 404, "unknown_symbol"),
        ("PAXGUSDT?timeframe=15m", 404, "unknown_symbol"),
        ("BTCUSDT?timeframe=5m", 400, "invalid_parameter"),
        ("BTCUSDT?symbol=ETHUSDT", 400, "invalid_parameter"),
    ],
)
def test_tradeable_refuses_what_is_no_question(
    live: redis.Redis, client: Client, path: str, status: int, code: str
) -> None:
    response = client.get(f"/api/tradeable/{path}")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "tradeable" not in response.json()
