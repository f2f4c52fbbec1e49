"""`/api/forecasts`: pages, filters, one row."""

import hashlib
from collections.abc import Iterator

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from inference.vocabulary import Reason, Source
from market.hot.vector import FEATURE_NAMES
from predictions.models import Forecast
from tests.integration.ledger import NAN, drain, new_recorder, publish, tick_entry
from tests.integration.refused import refusal

pytestmark = pytest.mark.django_db


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
        ({"from": "2026-01-02", "to": "2026-01-01"}, "from", "after to"),
        ({"symbol": "B?"}, "symbol", "BTC-USDT"),
        ({"limit": "0"}, "limit", "1 to 1000"),
        ({"limit": "many"}, "limit", "1 to 1000"),
        ({"cursor": "bz1hYmM="}, "cursor", "next"),  # o=abc
        ({"cursor": "cD1oZWxsbw=="}, "cursor", "next"),  # p=hello
        ({"cursor": "cD05OTk5LTEyLTMxVDIzOjU5LTIzOjAw"}, "cursor", "next"),  # p=9999-…-23:00
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


@pytest.mark.usefixtures("recorded")
def test_forecasts_symbol_served_no_more_is_still_found(client: Client, settings: Settings) -> None:
    settings.FORECAST_SYMBOLS = settings.SIGNAL_SYMBOLS = ("BTCUSDT",)

    assert len(client.get("/api/forecasts", {"symbol": "ETHUSDT"}).json()["results"]) == 12


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
    assert row.leaf.packed is not None
    assert body["entry_hash"] == hashlib.sha256(row.leaf.packed).hexdigest()
    assert body["late"] is False


@pytest.mark.usefixtures("recorded")
def test_forecasts_of_models_on_trial_are_listed_only_where_they_are_asked_for(
    client: Client, redis_client: redis.Redis
) -> None:
    publish(redis_client, tick_entry(1, model_version="v2", role="shadow", shard=7))
    drain(new_recorder(redis_client))

    def versions(**query: str) -> set[str]:
        rows = client.get("/api/forecasts", {"venue": "test", **query}).json()["results"]
        return {row["model_version"] for row in rows}

    assert "v2" not in versions()
    assert versions(role="shadow") == versions(model_version="v2") == {"v2"}
    downloaded = client.get("/api/forecasts", {"venue": "test", "format": "csv"})
    content = downloaded.content.decode()
    assert "v1" in content
    assert "v2" not in content
