"""What `/api/predictions` refuses, and how much is asked of it in a minute."""

from pathlib import Path

import pytest
import redis
from django.test import Client
from django.test.utils import override_settings
from pytest_django import Settings

from tests.integration.refused import refusal


@pytest.mark.parametrize(
    "path",
    [
        "/api/predictions?symbols=BTCUSDT,PAXGUSDT",
        "/api/predictions?symbols=%3F",
        "/api/predictions/PAXGUSDT",
        "/api/predictions/B%20T%20C",
        f"/api/predictions/{'x' * 200}",
        "/api/predictions/PAXGUSDT/summary",
    ],
)
def test_predictions_unknown_symbol_is_404(client: Client, market: redis.Redis, path: str) -> None:
    refusal(client.get(path), 404, "unknown_symbol")


@pytest.mark.parametrize(
    ("path", "named", "allowed"),
    [
        ("/api/predictions?timeframe=5m", "timeframe", "15m, 1h, 4h, 1d"),
        ("/api/predictions?timeframe=", "timeframe", "15m, 1h, 4h, 1d"),
        ("/api/predictions?timeframe=15M", "timeframe", "15m, 1h, 4h, 1d"),
        ("/api/predictions/BTCUSDT?timeframe=1w", "timeframe", "15m, 1h, 4h, 1d"),
        ("/api/predictions?symbols=", "symbols", "BTCUSDT"),
        ("/api/predictions?symbols=,%20,", "symbols", "BTCUSDT"),
        ("/api/predictions?symbl=BTCUSDT", "symbl", "timeframe, symbols"),
        ("/api/predictions/BTCUSDT?symbols=ETHUSDT", "symbols", "timeframe"),
        ("/api/predictions/BTCUSDT/summary?timeframe=1h", "timeframe", "none"),
    ],
)
def test_predictions_bad_value_is_400_naming_it_and_what_is_allowed(
    client: Client, market: redis.Redis, path: str, named: str, allowed: str
) -> None:
    message = refusal(client.get(path), 400, "invalid_parameter")

    assert named in message
    assert allowed in message


@pytest.mark.parametrize("tail", ["", "/BTCUSDT", "/BTCUSDT/summary"])
def test_predictions_redis_away_is_503(
    client: Client, settings: Settings, tmp_path: Path, tail: str
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    refusal(client.get(f"/api/predictions{tail}"), 503, "redis_unavailable")


@pytest.mark.parametrize("tail", ["", "/BTCUSDT", "/BTCUSDT/summary"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_predictions_write_is_405(tail: str, method: str) -> None:
    client = Client(enforce_csrf_checks=True)

    refusal(getattr(client, method)(f"/api/predictions{tail}"), 405, "method_not_allowed")


@pytest.mark.django_db
def test_predictions_with_a_token_set_need_it(client: Client, market: redis.Redis) -> None:
    with override_settings(API_TOKEN="a-token-of-this-test"):
        refusal(client.get("/api/predictions"), 401, "unauthorized")
        bearer = {"Authorization": "Bearer a-token-of-this-test"}
        assert client.get("/api/predictions", headers=bearer).status_code == 200


def test_predictions_beyond_the_rate_are_429_with_retry_after(
    client: Client, market: redis.Redis
) -> None:
    with override_settings(API_RATE="2/minute"):
        assert client.get("/api/predictions").status_code == 200
        assert client.get("/api/predictions/BTCUSDT").status_code == 200
        refused = client.get("/api/predictions/BTCUSDT/summary")
        other = client.get("/api/predictions", REMOTE_ADDR="127.0.0.2")

    assert "2/minute" in refusal(refused, 429, "throttled")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert other.status_code == 200


@pytest.mark.django_db
def test_ledger_and_signals_share_one_allowance(client: Client, market: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        assert client.get("/api/predictions").status_code == 200
        refused = client.get("/api/forecasts")

    refusal(refused, 429, "throttled")
    assert int(refused.headers["Retry-After"]) >= 1


def test_predict_beyond_the_rate_is_429(client: Client, market: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        client.get("/predict")
        refusal(client.get("/predict"), 429, "throttled")


@pytest.mark.django_db
def test_health_is_never_throttled(client: Client, market: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        answers = [client.get("/health").status_code for _ in range(3)]

    assert answers == [200, 200, 200]


def test_throttle_spoofed_address_is_not_believed(client: Client, market: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        client.get("/api/predictions")
        forged = client.get("/api/predictions", headers={"X-Forwarded-For": "10.1.2.3"})

    refusal(forged, 429, "throttled")
