"""`/predict` as a bot sees it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from inference.forecasts.publisher import symbol_values, tick_values
from inference.forecasts.scripts import SYMBOL_FIELDS, TICK_FIELDS
from inference.vocabulary import Reason, Source
from market import keys
from tests.hot_state import write_feed_down
from tests.integration.ledger import NAN, tick_entry
from tests.integration.refused import refusal

pytestmark = pytest.mark.django_db

PREDICTION_RESULT = {
    "symbol",
    "timestamp",
    "current_price",
    "predicted_price",
    "prediction_horizon_seconds",
    "confidence",
    "model_version",
    "features_age_ms",
    "inference_latency_ms",
    "source",
}


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


def cache(client: redis.Redis, **changes: Any) -> None:
    entry = tick_entry(**changes)
    [said] = symbol_values(entry, entry.numbers.T.tolist())
    values = (*tick_values(entry), *said)
    pairs: Any = dict(zip((*TICK_FIELDS, *SYMBOL_FIELDS), values, strict=True))
    client.hset(keys.pred("BTCUSDT"), mapping=pairs)


@pytest.mark.parametrize("query", ["", "?symbol=BTCUSDT", "?symbol=btc-usdt", "?symbol=BTC/USDT"])
def test_predict_served_symbol_answers_with_the_specifications_fields(
    client: Client, redis_client: redis.Redis, query: str
) -> None:
    cache(redis_client)

    response = client.get(f"/predict{query}")

    assert response.status_code == 200
    body = response.json()
    entry = tick_entry()
    assert set(body) >= PREDICTION_RESULT
    assert body["symbol"] == "BTCUSDT"
    assert body["timestamp"] == entry.tick_ms
    assert body["target_ts"] == entry.target_ms
    assert body["prediction_horizon_seconds"] == 10
    assert body["predicted_price"] == entry.column("predicted_price")[0]
    assert body["inference_latency_ms"] == 1.25
    assert (body["source"], body["venue"], body["live"]) == ("redis", "test", False)
    assert body["p_up"] is None


def test_predict_fallback_without_a_price_is_null_with_its_reason(
    client: Client, redis_client: redis.Redis
) -> None:
    nothing = {"predicted_price": NAN, "current_price": NAN, "mid_price": NAN, "confidence": 0.0}
    cache(
        redis_client,
        columns=nothing,
        sources=[Source.ERROR.value],
        reasons=[Reason.FEATURES_MISSING.value],
    )
    assert redis_client.hget(keys.pred("BTCUSDT"), "predicted_price") == b"0.0"

    body = client.get("/predict").json()

    assert body["predicted_price"] is None
    assert body["current_price"] is None
    assert body["confidence"] == 0.0
    assert body["reason"] == "features_missing"
    assert body["model_version"] == "v1-error"


@pytest.mark.parametrize("symbol", ["DOGEUSDT", "?", "BTC USDT", "x" * 100])
def test_predict_unknown_symbol_is_404_and_says_what_is_served(
    client: Client, redis_client: redis.Redis, symbol: str
) -> None:
    refusal(client.get("/predict", {"symbol": symbol}), 404, "unknown_symbol")


def test_predict_nothing_forecast_yet_is_503(client: Client, redis_client: redis.Redis) -> None:
    refusal(client.get("/predict"), 503, "no_forecast")
    write_feed_down(redis_client)
    refusal(client.get("/predict"), 503, "feed_down")


def test_predict_redis_away_is_503(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    refusal(client.get("/predict"), 503, "redis_unavailable")


def test_predict_symbol_given_twice_is_400(client: Client) -> None:
    response = client.get("/predict?symbol=BTCUSDT&symbol=ETHUSDT")

    assert "symbol" in refusal(response, 400, "invalid_parameter")
