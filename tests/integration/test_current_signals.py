"""`/api/predictions` as a bot sees it: the newest signals, from Redis."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as shipped
from django.test import Client
from django.test.utils import override_settings
from pytest_django import Settings

from inference.signals.signal import (
    Signal,
    SignalState,
    TakeProfit,
    encode_state,
    signal_error,
)
from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import MarketTime
from predictions.api import throttling
from tests.signals import VENUE, signal, store_state

MADE_MS = 1_766_927_700_000
"""2025-12-28T13:15:00Z, a close of 15 minutes."""

SPECIFIED = {
    "symbol",
    "direction",
    "confidence",
    "probabilities",
    "model_accuracy",
    "prediction_time",
    "valid_until",
    "entry",
    "stop_loss",
    "take_profits",
    "tp_eta_minutes",
}
ADDED = {
    "reason", "model_version", "live_accuracy", "candle_open", "candle_close", "expired", "made_at"
}  # fmt: skip
ENVELOPE = {
    "status", "timestamp", "timeframe", "count", "predictions", "errors", "venue", "live"
}  # fmt: skip


@pytest.fixture(autouse=True)
def unspent_allowances() -> Iterator[None]:
    throttling.allowances.reset()
    yield


def a_signal(symbol: str = "BTCUSDT", **changes: Any) -> Signal:
    """Return the specification's example, changed in some fields."""
    said: dict[str, Any] = {"probabilities": (0.15, 0.07, 0.78), "model_accuracy": 0.685}
    return signal(symbol, at_ms=MADE_MS, **(said | changes))


def set_market(client: redis.Redis, market_ms: float = MADE_MS, *, venue: str = VENUE) -> None:
    """Let market time stand: speed 0 is lock-step."""
    moment = MarketTime(venue, live=False, market_ms=market_ms, wall_ms=0.0, speed=0.0)
    client.hset(keys.clock(), mapping=moment.to_hash())


@pytest.fixture
def redis_client(clean_redis: redis.Redis) -> redis.Redis:
    set_market(clean_redis)
    return clean_redis


@pytest.fixture
def all_made(redis_client: redis.Redis) -> redis.Redis:
    for symbol in shipped.SIGNAL_SYMBOLS:
        store_state(redis_client, a_signal(symbol=symbol))
    return redis_client


def refusal(response: Any, status: int, code: str) -> str:
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"status", "code", "message"}
    assert (body["status"], body["code"]) == ("error", code)
    message: str = body["message"]
    return message


def one_error(client: Client, symbol: str = "BTCUSDT") -> dict[str, Any]:
    body = client.get(f"/api/predictions/{symbol}").json()
    assert (body["status"], body["count"], body["predictions"]) == ("success", 0, [])
    [error] = body["errors"]
    assert set(error) == {"symbol", "timeframe", "code", "message"}
    assert (error["symbol"], error["timeframe"]) == (symbol, "15m")
    found: dict[str, Any] = error
    return found


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
    assert all(set(item) >= SPECIFIED | ADDED for item in body["predictions"])


def test_predictions_signal_reads_as_the_specifications_example(
    client: Client, redis_client: redis.Redis
) -> None:
    store_state(redis_client, a_signal())

    [item] = client.get("/api/predictions?symbols=BTCUSDT").json()["predictions"]

    shown = {name: item[name] for name in SPECIFIED}
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
    client: Client, redis_client: redis.Redis
) -> None:
    said = (Direction.LONG, Direction.LONG, Direction.SHORT, Direction.NO_TRADE)
    for timeframe, direction in zip(SIGNAL_TIMEFRAMES, said, strict=True):
        store_state(redis_client, a_signal(timeframe=timeframe, direction=direction))

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
    client: Client, redis_client: redis.Redis
) -> None:
    for timeframe in SIGNAL_TIMEFRAMES[:2]:
        store_state(redis_client, a_signal(timeframe=timeframe))
    for timeframe in SIGNAL_TIMEFRAMES[2:]:
        store_state(
            redis_client,
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


def test_summary_nothing_made_agrees_on_nothing(client: Client, redis_client: redis.Redis) -> None:
    body = client.get("/api/predictions/BTCUSDT/summary").json()

    assert (body["count"], len(body["errors"])) == (0, 4)
    assert (body["agreed_direction"], body["agreement"]) == (None, None)


# What one coin's failure does


def test_prediction_not_made_is_an_error_with_its_code(
    client: Client, redis_client: redis.Redis
) -> None:
    assert one_error(client)["code"] == "not_made_yet"


def test_prediction_failed_shows_the_loops_own_reason(
    client: Client, redis_client: redis.Redis
) -> None:
    told = signal_error(
        "BTCUSDT", Timeframe.M15, SignalReason.NOT_ENOUGH_HISTORY, "150 of 210 candles"
    )
    store_state(redis_client, error=told)

    error = one_error(client)

    assert error["code"] == "not_enough_history"
    assert error["message"].endswith("150 of 210 candles")


def test_prediction_older_signal_and_late_candle_are_both_told(
    client: Client, redis_client: redis.Redis
) -> None:
    late = signal_error("BTCUSDT", Timeframe.M15, SignalReason.CANDLE_LATE)
    store_state(redis_client, a_signal(), error=late)
    set_market(redis_client, MADE_MS + Timeframe.M15.ms)

    body = client.get("/api/predictions/BTCUSDT").json()

    assert (body["count"], body["predictions"][0]["expired"]) == (1, True)
    assert [error["code"] for error in body["errors"]] == ["candle_late"]


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "nonsense",
        '{"signal": {"symbol": "BTCUSDT"}}',
        encode_state(SignalState(signal=a_signal(symbol="ETHUSDT"))),
        encode_state(SignalState(signal=a_signal(timeframe=Timeframe.H1))),
        encode_state(SignalState(signal=a_signal(made_ms=10**17))),
        encode_state(SignalState(signal=a_signal(made_ms=MADE_MS - 1))),
        encode_state(SignalState(signal=a_signal(made_ms=MADE_MS + 1_800_001))),
        encode_state(SignalState(signal=a_signal(candle_open_ms=MADE_MS - 1))),
        encode_state(SignalState(signal=a_signal(candle_close_ms=MADE_MS - 1))),
        encode_state(SignalState(signal=a_signal(candle_open_ms=-900_000, candle_close_ms=0))),
        encode_state(SignalState(signal=a_signal(confidence=7.0))),
        encode_state(SignalState(signal=a_signal(confidence=0.5))),
        encode_state(SignalState(signal=a_signal(probabilities=(-0.5, 0.72, 0.78)))),
        encode_state(SignalState(signal=a_signal(probabilities=(0.1, 0.1, 0.78)))),
        encode_state(SignalState(signal=a_signal(model_accuracy=1.5))),
        encode_state(SignalState(signal=a_signal(entry=0.0))),
        encode_state(SignalState(signal=a_signal(stop_loss=-1.0))),
        encode_state(SignalState(signal=a_signal(take_profits=(TakeProfit(1, -1.0),)))),
        encode_state(SignalState(signal=a_signal(live=True))),
        encode_state(SignalState(signal=a_signal(venue="external", live=True))).replace(
            b"external", b"simulated"
        ),
        b"\xff\xfe\x00",
    ],
)
def test_predictions_garbage_in_one_place_fails_that_coin_alone(
    client: Client, all_made: redis.Redis, garbage: str | bytes
) -> None:
    all_made.set(keys.sig("BTCUSDT", "15m"), garbage)

    body = client.get("/api/predictions").json()

    assert body["count"] == 33
    [error] = body["errors"]
    assert (error["symbol"], error["code"]) == ("BTCUSDT", "signal_unreadable")


def test_predictions_other_redis_type_fails_that_coin_alone(
    client: Client, all_made: redis.Redis
) -> None:
    key = keys.sig("BTCUSDT", "15m")
    all_made.delete(key)
    all_made.hset(key, "signal", "?")

    body = client.get("/api/predictions").json()

    assert body["count"] == 33
    [error] = body["errors"]
    assert (error["code"], "type" in error["message"]) == ("signal_unreadable", True)


def test_predictions_state_that_says_nothing_is_not_made_yet(
    client: Client, redis_client: redis.Redis
) -> None:
    redis_client.set(keys.sig("BTCUSDT", "15m"), "{}")

    assert one_error(client)["code"] == "not_made_yet"


def test_predictions_claim_to_be_live_in_another_market_is_not_served(
    client: Client, clean_redis: redis.Redis
) -> None:
    set_market(clean_redis, venue="external")
    store_state(clean_redis, a_signal(venue="external", live=True))

    error = one_error(client)

    assert (error["code"], "live" in error["message"]) == ("signal_unreadable", True)


def test_predictions_of_another_venue_are_not_served_as_current(
    client: Client, all_made: redis.Redis
) -> None:
    set_market(all_made, venue="replay/other/2")

    body = client.get("/api/predictions").json()

    assert (body["venue"], body["count"], len(body["errors"])) == ("replay/other/2", 0, 34)
    assert {error["code"] for error in body["errors"]} == {"other_venue"}
    assert VENUE in body["errors"][0]["message"]


@pytest.mark.parametrize("clock", ["garbage", "type"])
def test_predictions_unreadable_market_time_serves_nothing_as_current(
    client: Client, all_made: redis.Redis, clock: str
) -> None:
    all_made.delete(keys.clock())
    if clock == "garbage":
        all_made.hset(keys.clock(), "venue", "?")
    else:
        all_made.set(keys.clock(), "?")

    body = client.get("/api/predictions").json()

    assert (body["venue"], body["live"], body["count"]) == ("unknown", False, 0)


def test_predictions_without_a_market_clock_are_of_live_utc(
    client: Client, clean_redis: redis.Redis
) -> None:
    now_ms = round(time.time() * 1000)
    said = signal("BTCUSDT", at_ms=now_ms, venue="external", live=True)
    store_state(clean_redis, said)

    body = client.get("/api/predictions/BTCUSDT").json()

    assert (body["venue"], body["live"], body["count"]) == ("external", True, 1)
    assert body["predictions"][0]["expired"] is said.expired(time.time() * 1000)


# Refusals


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
def test_predictions_unknown_symbol_is_404(
    client: Client, redis_client: redis.Redis, path: str
) -> None:
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
    client: Client, redis_client: redis.Redis, path: str, named: str, allowed: str
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
def test_predictions_with_a_token_set_need_it(client: Client, redis_client: redis.Redis) -> None:
    with override_settings(API_TOKEN="a-token-of-this-test"):
        refusal(client.get("/api/predictions"), 401, "unauthorized")
        bearer = {"Authorization": "Bearer a-token-of-this-test"}
        assert client.get("/api/predictions", headers=bearer).status_code == 200


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


# Throttling


def test_predictions_beyond_the_rate_are_429_with_retry_after(
    client: Client, redis_client: redis.Redis
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
def test_ledger_and_signals_share_one_allowance(client: Client, redis_client: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        assert client.get("/api/predictions").status_code == 200
        refused = client.get("/api/forecasts")

    refusal(refused, 429, "throttled")
    assert int(refused.headers["Retry-After"]) >= 1


def test_predict_beyond_the_rate_is_429(client: Client, redis_client: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        client.get("/predict")
        refusal(client.get("/predict"), 429, "throttled")


@pytest.mark.django_db
def test_health_is_never_throttled(client: Client, redis_client: redis.Redis) -> None:
    with override_settings(API_RATE="1/minute"):
        answers = [client.get("/health").status_code for _ in range(3)]

    assert answers == [200, 200, 200]


def test_throttle_spoofed_address_is_not_believed(
    client: Client, redis_client: redis.Redis
) -> None:
    with override_settings(API_RATE="1/minute"):
        client.get("/api/predictions")
        forged = client.get("/api/predictions", headers={"X-Forwarded-For": "10.1.2.3"})

    refusal(forged, 429, "throttled")


def test_predictions_body_is_plain_json(client: Client, all_made: redis.Redis) -> None:
    content = client.get("/api/predictions").content

    assert json.loads(content)["count"] == 34
    assert content.startswith(b'{"status":"success","timestamp":"2025-')
