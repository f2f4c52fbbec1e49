"""`/api/predictions` where a signal is missing, unreadable or of another market."""

import time
from typing import Any

import pytest
import redis
from django.test import Client

from inference.signals.signal import SignalState, TakeProfit, encode_state, signal_error
from inference.vocabulary import SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from tests.integration.made_signals import MADE_MS, a_signal, set_market
from tests.signals import VENUE, signal, store_state


def one_error(client: Client, symbol: str = "BTCUSDT") -> dict[str, Any]:
    body = client.get(f"/api/predictions/{symbol}").json()
    assert (body["status"], body["count"], body["predictions"]) == ("success", 0, [])
    [error] = body["errors"]
    assert set(error) == {"symbol", "timeframe", "code", "message"}
    assert (error["symbol"], error["timeframe"]) == (symbol, "15m")
    found: dict[str, Any] = error
    return found


def test_prediction_not_made_is_an_error_with_its_code(client: Client, market: redis.Redis) -> None:
    assert one_error(client)["code"] == "not_made_yet"


def test_prediction_failed_shows_the_loops_own_reason(client: Client, market: redis.Redis) -> None:
    told = signal_error(
        "BTCUSDT", Timeframe.M15, SignalReason.NOT_ENOUGH_HISTORY, "150 of 210 candles"
    )
    store_state(market, error=told)

    error = one_error(client)

    assert error["code"] == "not_enough_history"
    assert error["message"].endswith("150 of 210 candles")


def test_prediction_older_signal_and_late_candle_are_both_told(
    client: Client, market: redis.Redis
) -> None:
    late = signal_error("BTCUSDT", Timeframe.M15, SignalReason.CANDLE_LATE)
    store_state(market, a_signal(), error=late)
    set_market(market, MADE_MS + Timeframe.M15.ms)

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
    client: Client, market: redis.Redis
) -> None:
    market.set(keys.sig("BTCUSDT", "15m"), "{}")

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
