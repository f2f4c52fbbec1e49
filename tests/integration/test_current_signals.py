"""`/api/predictions` as a bot sees it: the newest signals, from Redis."""

import json

import pytest
import redis
from django.conf import settings as shipped
from django.test import Client

from inference.vocabulary import Direction, SignalReason
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.integration.made_signals import MADE_MS, a_signal, set_market
from tests.signals import SPECIFIED_FIELDS, VENUE, store_state

ADDED = {
    "reason", "model_version", "live_accuracy", "candle_open", "candle_close", "expired", "made_at"
}  # fmt: skip
ENVELOPE = {
    "status", "timestamp", "timeframe", "count", "predictions", "errors", "venue", "live"
}  # fmt: skip


# What is served


@pytest.mark.usefixtures("all_made")
@pytest.mark.parametrize("query", [{}, {"timeframe": "15m"}])
def test_predictions_all_made_are_34_with_the_specifications_fields(
    client: Client, query: dict[str, str]
) -> None:
    response = client.get("/api/predictions", query)

    body = response.json()
    assert response.headers["Content-Type"] == "application/json"
    assert set(body) == ENVELOPE
    assert (body["status"], body["timeframe"], body["count"]) == ("success", "15m", 34)
    assert body["timestamp"] == "2025-12-28T13:15:00+00:00"
    assert (body["venue"], body["live"], body["errors"]) == (VENUE, False, [])
    assert [item["symbol"] for item in body["predictions"]] == list(shipped.SIGNAL_SYMBOLS)
    assert all(set(item) >= SPECIFIED_FIELDS | ADDED for item in body["predictions"])


def test_predictions_signal_reads_as_the_specifications_example(
    client: Client, market: redis.Redis
) -> None:
    store_state(market, a_signal())

    [item] = client.get("/api/predictions?symbols=BTCUSDT").json()["predictions"]

    shown = {name: item[name] for name in SPECIFIED_FIELDS}
    assert shown == {
        "symbol": "BTCUSDT",
        "direction": "LONG",
        "confidence": 0.78,
        "probabilities": {"LONG": 0.78, "SHORT": 0.15, "NO_TRADE": 0.07},
        "model_accuracy": 0.685,
        "prediction_time": "2025-12-28T13:15:00+00:00",
        "valid_until": "2025-12-28T13:17:00+00:00",
        "entry": 42500.50,
        "stop_loss": 41900.25,
        "take_profits": [
            {"level": 1, "price": 43100.75},
            {"level": 2, "price": 43701.00},
            {"level": 3, "price": 44301.25},
        ],
        "tp_eta_minutes": 45,
    }
    assert item["live_accuracy"] is None
    assert item["expired"] is False


@pytest.mark.usefixtures("all_made")
@pytest.mark.parametrize("symbols", ["eth-usdt,BTC/USDT", "ETHUSDT,, btcusdt ,ETHUSDT,"])
def test_predictions_symbols_in_any_spelling_keep_their_order_and_come_once(
    client: Client, symbols: str
) -> None:
    body = client.get("/api/predictions", {"symbols": symbols}).json()

    assert [item["symbol"] for item in body["predictions"]] == ["ETHUSDT", "BTCUSDT"]
    assert body["count"] == 2


@pytest.mark.usefixtures("all_made")
def test_predictions_symbols_given_twice_are_all_answered(client: Client) -> None:
    body = client.get("/api/predictions?symbols=ETHUSDT&symbols=BTCUSDT").json()

    assert [item["symbol"] for item in body["predictions"]] == ["ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize("timeframe", SIGNAL_TIMEFRAMES)
def test_predictions_other_timeframe_serves_its_own_signals(
    client: Client, all_made: redis.Redis, timeframe: Timeframe
) -> None:
    store_state(all_made, a_signal(timeframe=timeframe, direction=Direction.SHORT))

    body = client.get("/api/predictions", {"timeframe": timeframe, "symbols": "BTCUSDT"}).json()

    [item] = body["predictions"]
    assert body["timeframe"] == item["timeframe"] == timeframe
    assert item["direction"] == "SHORT"


@pytest.mark.usefixtures("all_made")
@pytest.mark.parametrize("spelling", ["BTCUSDT", "btc-usdt", "btcusdt", "BTC_USDT"])
def test_prediction_of_one_coin_is_the_lists_item_in_its_envelope(
    client: Client, spelling: str
) -> None:
    listed = client.get("/api/predictions?symbols=BTCUSDT").json()

    assert client.get(f"/api/predictions/{spelling}").json() == listed
    assert client.get(f"/api/predictions/{spelling}?timeframe=15m").json() == listed


def test_prediction_past_its_validity_is_served_as_expired(
    client: Client, all_made: redis.Redis
) -> None:
    set_market(all_made, a_signal().valid_until_ms)

    [item] = client.get("/api/predictions/BTCUSDT").json()["predictions"]

    assert item["expired"] is True


# Summary


def test_summary_shows_each_timeframe_and_the_share_that_agrees(
    client: Client, market: redis.Redis
) -> None:
    said = (Direction.LONG, Direction.LONG, Direction.SHORT, Direction.NO_TRADE)
    for timeframe, direction in zip(SIGNAL_TIMEFRAMES, said, strict=True):
        store_state(market, a_signal(timeframe=timeframe, direction=direction))

    body = client.get("/api/predictions/btcusdt/summary").json()

    assert set(body) == ENVELOPE - {"timeframe"} | {"symbol", "agreement", "agreed_direction"}
    assert (body["symbol"], body["count"], body["errors"]) == ("BTCUSDT", 4, [])
    assert [item["timeframe"] for item in body["predictions"]] == ["15m", "1h", "4h", "1d"]
    assert [item["direction"] for item in body["predictions"]] == [str(each) for each in said]
    assert (body["agreed_direction"], body["agreement"]) == ("LONG", 0.5)


def test_summary_missing_timeframe_is_an_error_and_the_rest_is_served(
    client: Client, all_made: redis.Redis
) -> None:
    body = client.get("/api/predictions/BTCUSDT/summary").json()

    assert body["count"] == 1
    assert [error["timeframe"] for error in body["errors"]] == ["1h", "4h", "1d"]
    assert (body["agreed_direction"], body["agreement"]) == ("LONG", 1.0)


def test_summary_models_that_call_no_direction_do_not_count(
    client: Client, market: redis.Redis
) -> None:
    for timeframe in SIGNAL_TIMEFRAMES[:2]:
        store_state(market, a_signal(timeframe=timeframe))
    for timeframe in SIGNAL_TIMEFRAMES[2:]:
        store_state(
            market,
            a_signal(
                timeframe=timeframe,
                direction=Direction.NO_TRADE,
                reason=SignalReason.NO_SKILL_SHOWN,
                threshold=1.0,
            ),
        )

    body = client.get("/api/predictions/BTCUSDT/summary").json()

    assert body["count"] == 4
    assert (body["agreed_direction"], body["agreement"]) == ("LONG", 1.0)


def test_summary_nothing_made_agrees_on_nothing(client: Client, market: redis.Redis) -> None:
    body = client.get("/api/predictions/BTCUSDT/summary").json()

    assert (body["count"], len(body["errors"])) == (0, 4)
    assert (body["agreed_direction"], body["agreement"]) == (None, None)


# Conditional GET


def test_predictions_unchanged_is_304_until_something_is_said(
    client: Client, all_made: redis.Redis
) -> None:
    first = client.get("/api/predictions")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "no-cache"

    set_market(all_made, MADE_MS + 1000)
    again = client.get("/api/predictions", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)

    store_state(all_made, a_signal(direction=Direction.SHORT))
    changed = client.get("/api/predictions", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize("tail", ["", "/BTCUSDT", "/BTCUSDT/summary"])
def test_predictions_expiry_changes_the_etag(
    client: Client, all_made: redis.Redis, tail: str
) -> None:
    end_ms = a_signal().valid_until_ms
    set_market(all_made, end_ms - 1)
    tag = client.get(f"/api/predictions{tail}").headers["ETag"]

    set_market(all_made, end_ms)
    response = client.get(f"/api/predictions{tail}", headers={"If-None-Match": tag})

    assert response.status_code == 200
    assert all(item["expired"] for item in response.json()["predictions"])


def test_predictions_different_questions_have_different_etags(
    client: Client, all_made: redis.Redis
) -> None:
    asked = ("", "?timeframe=1h", "?symbols=BTCUSDT", "?symbols=ETHUSDT", "/BTCUSDT/summary")
    tags = {client.get(f"/api/predictions{each}").headers["ETag"] for each in asked}

    assert len(tags) == len(asked)


def test_predictions_body_is_plain_json(client: Client, all_made: redis.Redis) -> None:
    content = client.get("/api/predictions").content

    assert json.loads(content)["count"] == 34
    assert content.startswith(b'{"status":"success","timestamp":"2025-')
