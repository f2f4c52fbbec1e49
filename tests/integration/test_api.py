"""The REST API as a bot sees it: `/predict`, `/health`, `/metrics`, the ledger."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from inference.forecasts.publisher import symbol_values, tick_values
from inference.forecasts.scripts import SYMBOL_FIELDS, TICK_FIELDS
from inference.vocabulary import Reason, Source
from market import keys
from market.hot.vector import FEATURE_NAMES
from predictions.models import Forecast
from tests.integration.ledger import NAN, drain, new_recorder, publish, tick_entry

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


@pytest.fixture
def recorded(redis_client: redis.Redis) -> None:
    """Twelve ticks of two symbols, and one of another venue that is live."""
    mids = {"BTCUSDT": 100.0, "ETHUSDT": 20.0}
    publish(
        redis_client,
        *(tick_entry(index, mids) for index in range(12)),
        tick_entry(12, {"BTCUSDT": 100.0}, venue="exchange", live=True),
        tick_entry(
            13,
            {"BTCUSDT": 100.0},
            columns={"predicted_price": NAN},
            sources=[Source.ERROR.value],
            reasons=[Reason.FEATURES_MISSING.value],
        ),
    )
    drain(new_recorder(redis_client))


def cache(client: redis.Redis, **changes: Any) -> None:
    entry = tick_entry(**changes)
    [said] = symbol_values(entry, entry.numbers.T.tolist())
    values = (*tick_values(entry), *said)
    pairs: Any = dict(zip((*TICK_FIELDS, *SYMBOL_FIELDS), values, strict=True))
    client.hset(keys.pred("BTCUSDT"), mapping=pairs)


def refusal(response: Any, status: int, code: str) -> str:
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"status", "code", "message"}
    assert (body["status"], body["code"]) == ("error", code)
    message: str = body["message"]
    return message


# /predict


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


def test_predict_redis_away_is_503(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    refusal(client.get("/predict"), 503, "redis_unavailable")


@pytest.mark.parametrize("path", ["/predict", "/health", "/metrics", "/api/forecasts"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_write_any_address_is_405(path: str, method: str) -> None:
    client = Client(enforce_csrf_checks=True)

    response = getattr(client, method)(path, data="{}", content_type="application/json")

    assert "read-only" in refusal(response, 405, "method_not_allowed")


# /health and /metrics


def beat(client: redis.Redis, process: str, status: str = "healthy", **detail: Any) -> None:
    fields: Any = {"status": status, "pid": 1, "ts": 1, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def test_health_all_processes_well_is_healthy(client: Client, redis_client: redis.Redis) -> None:
    beat(redis_client, "market", "active")
    beat(redis_client, "signals")
    beat(redis_client, "recorder")
    beat(redis_client, "inference", service="bitcoin-inference", components={"model": {}})

    response = client.get("/health")

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "healthy")
    assert body["redis"]["status"] == body["database"]["status"] == "connected"
    inference = body["processes"]["inference"]["detail"]
    assert inference == {"service": "bitcoin-inference", "components": {"model": {}}}


def test_health_process_without_heartbeat_is_degraded(
    client: Client, redis_client: redis.Redis
) -> None:
    beat(redis_client, "market", "active")
    beat(redis_client, "inference")
    beat(redis_client, "signals")

    response = client.get("/health")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["processes"]["recorder"] == {"status": "down"}


def test_health_garbage_heartbeat_is_shown_without_detail(
    client: Client, redis_client: redis.Redis
) -> None:
    garbage: Any = {"status": "healthy", "pid": "x", "ts": "nan", "detail": "{"}
    redis_client.hset(keys.health("market"), mapping=garbage)

    market = client.get("/health").json()["processes"]["market"]

    assert market == {
        "status": "healthy", "pid": None, "ts": None, "age_ms": None, "detail": None
    }  # fmt: skip


def test_health_redis_away_is_503(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    response = client.get("/health")

    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert response.json()["processes"]["market"] == {"status": "unknown"}


def test_metrics_are_in_prometheus_text(client: Client) -> None:
    response = client.get("/metrics")

    assert response.status_code == 200
    assert b"# TYPE" in response.content


# /api/forecasts


@pytest.mark.usefixtures("recorded")
def test_forecasts_newest_first_with_outcome(client: Client) -> None:
    body = client.get("/api/forecasts", {"venue": "test", "symbol": "btc-usdt"}).json()

    times = [row["predicted_at"] for row in body["results"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 13
    assert all(time.endswith("+00:00") for time in times)
    oldest = body["results"][-1]
    assert oldest["predicted_at"] == "2026-01-01T00:00:00.000000+00:00"
    assert oldest["target_at"] == "2026-01-01T00:00:10.000+00:00"
    assert oldest["outcome"]["status"] == "graded"
    assert body["results"][1]["outcome"] is None


@pytest.mark.usefixtures("recorded")
def test_forecasts_pages_by_cursor_show_every_row_once(client: Client) -> None:
    seen: list[int] = []
    address = "/api/forecasts?limit=4"
    while address:
        body = client.get(address).json()
        assert len(body["results"]) <= 4
        seen.extend(row["id"] for row in body["results"])
        address = body["next"]

    assert len(seen) == len(set(seen)) == Forecast.objects.count() == 26


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"symbol": "ETH/USDT"}, 12),
        ({"symbol": "SOLUSDT"}, 0),  # served, though nothing of it is recorded
        ({"live": "true"}, 1),
        ({"live": "false"}, 25),
        ({"venue": "exchange"}, 1),
        ({"source": "fallback-error"}, 1),
        ({"reason": "features_missing"}, 1),
        ({"model_version": "v1-error"}, 1),
        ({"from": "2026-01-01T00:00:20+00:00"}, 6),
        ({"to": "2026-01-01T00:00:04Z"}, 4),
        ({"from": "2026-01-01T00:00:02", "to": "2026-01-01T01:00:04+01:00"}, 2),
    ],
)
def test_forecasts_filter_selects(client: Client, query: dict[str, str], count: int) -> None:
    assert len(client.get("/api/forecasts", query).json()["results"]) == count


@pytest.mark.usefixtures("recorded")
def test_forecasts_plus_sign_left_unquoted_is_understood(client: Client) -> None:
    body = client.get("/api/forecasts?to=2026-01-01T00:00:04+00:00").json()

    assert len(body["results"]) == 4


@pytest.mark.parametrize(
    ("query", "named", "allowed"),
    [
        ({"live": "maybe"}, "live", "true or false"),
        ({"source": "oracle"}, "source", "fallback-stale"),
        ({"reason": "bad_luck"}, "reason", "stale_features"),
        ({"from": "yesterday"}, "from", "ISO 8601"),
        ({"symbol": "B?"}, "symbol", "BTC-USDT"),
        ({"limit": "0"}, "limit", "1 to 1000"),
        ({"limit": "many"}, "limit", "1 to 1000"),
        ({"cursor": "bz1hYmM="}, "cursor", "next"),  # o=abc
        ({"cursor": "cD1oZWxsbw=="}, "cursor", "next"),  # p=hello
        ({"symbl": "BTCUSDT"}, "symbl", "symbol"),
        ({"symbol": ["BTCUSDT", "ETHUSDT"]}, "symbol", "once"),
        ({"limit": ["1", "2"]}, "limit", "once"),
    ],
)
def test_forecasts_bad_value_is_400_naming_it_and_what_is_allowed(
    client: Client, query: dict[str, str | list[str]], named: str, allowed: str
) -> None:
    message = refusal(client.get("/api/forecasts", query), 400, "invalid_parameter")

    assert named in message
    assert allowed in message


@pytest.mark.parametrize("ledger", ["forecasts", "signals"])
def test_ledger_symbol_that_nobody_knows_is_404(client: Client, ledger: str) -> None:
    response = client.get(f"/api/{ledger}", {"symbol": "PAXGUSDT"})

    assert "PAXGUSDT" in refusal(response, 404, "unknown_symbol")


@pytest.mark.usefixtures("recorded")
def test_forecasts_symbol_served_no_more_is_still_found(client: Client, settings: Settings) -> None:
    settings.FORECAST_SYMBOLS = settings.SIGNAL_SYMBOLS = ("BTCUSDT",)

    assert len(client.get("/api/forecasts", {"symbol": "ETHUSDT"}).json()["results"]) == 12


@pytest.mark.parametrize(
    ("path", "code"), [("/predict", "unknown_symbol"), ("/api/signals", "invalid_parameter")]
)
def test_long_text_for_a_symbol_is_not_echoed_whole(client: Client, path: str, code: str) -> None:
    response = client.get(path, {"symbol": "X" * 3_000})

    assert len(refusal(response, response.status_code, code)) < 150


def test_predict_symbol_given_twice_is_400(client: Client) -> None:
    response = client.get("/predict?symbol=BTCUSDT&symbol=ETHUSDT")

    assert "symbol" in refusal(response, 400, "invalid_parameter")


@pytest.mark.usefixtures("recorded")
def test_forecasts_page_asks_one_query_whatever_its_length(client: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        client.get("/api/forecasts?limit=20")

    assert len([query for query in captured if "predictions_forecast" in query["sql"]]) == 1


@pytest.mark.usefixtures("recorded")
def test_forecast_by_id_shows_its_features(client: Client) -> None:
    row = Forecast.objects.filter(symbol="BTCUSDT").earliest("predicted_at")

    body = client.get(f"/api/forecasts/{row.pk}").json()

    assert list(body["features"]) == list(FEATURE_NAMES)
    assert body["features"]["mid_price"] == 1.0
    assert body["outcome"]["covered"] is True
    assert body["leaf"] == row.leaf.index
    assert body["entry_hash"] == hashlib.sha256(row.leaf.packed).hexdigest()
    assert body["late"] is False


@pytest.mark.parametrize("path", ["/api/forecasts/999999", "/api/forecasts/x", "/api/nothing"])
def test_address_without_anything_is_404_in_the_same_shape(client: Client, path: str) -> None:
    refusal(client.get(path), 404, "not_found")
