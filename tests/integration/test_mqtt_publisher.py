"""The MQTT publisher against a real broker: what bots hear, and what they never do."""

import json
from contextlib import closing
from typing import Any

import pytest
import redis
from django.test import Client

from inference.vocabulary import Direction, Role, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from predictions.mqtt.heartbeat import idle
from tests.integration.mqtt_said import (
    FORECASTS,
    HOURLY,
    OWN,
    PLAIN,
    ROOT,
    STATUS,
    go_on,
    publisher,
    say,
    spoken,
    step_until,
    steps,
    tick,
)
from tests.mqtt_broker import Broker, Listener, listening
from tests.waiting import eventually_sync


def test_signal_of_a_live_market_reaches_hummingbots_topic_in_its_format(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    said = spoken()
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, said)
        steps(loop, listener, PLAIN, OWN)
        (heard,) = listener.on(PLAIN)
        assert heard.qos == 1
        body = heard.body
        assert body["probabilities"] == [*said.probabilities]
        assert body["timestamp"] == said.candle_close_ms
        assert body["target_pct"] == pytest.approx(said.risk / said.entry)
        assert body["id"] == f"binance:BTCUSDT:15m:{said.candle_close_ms}:0"
        assert (body["venue"], body["live"], body["stand_aside"]) == ("binance", True, "")
        assert body["entry"] == said.entry
        assert listener.bodies(OWN) == [body]


def test_signal_of_another_timeframe_stays_off_the_plain_topic(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, spoken(Timeframe.H1))
        steps(loop, listener, HOURLY)
        assert not listener.on(PLAIN)


@pytest.mark.parametrize(
    "reason", [SignalReason.BELOW_THRESHOLD, SignalReason.NO_SKILL_SHOWN], ids=str
)
def test_no_trade_tells_the_bot_to_stand_aside_whatever_its_probabilities(
    binary: redis.Redis, broker: Broker, listener: Listener, reason: SignalReason
) -> None:
    said = spoken(
        direction=Direction.NO_TRADE, reason=reason, probabilities=(0.2, 0.2, 0.6), confidence=0.6
    )
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, said)
        steps(loop, listener, PLAIN)
        (body,) = listener.bodies(PLAIN)
        assert body["probabilities"] == [0.0, 1.0, 0.0]
        assert body["stand_aside"] == "no_trade"
        assert body["model_probabilities"] == {"SHORT": 0.2, "NO_TRADE": 0.2, "LONG": 0.6}
        assert (body["stop_loss"], body["take_profits"]) == (None, [])


def test_signal_that_expires_is_withdrawn_on_every_topic_once(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    said = spoken(left_ms=60_000)
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, said)
        steps(loop, listener, PLAIN, OWN)
        go_on(loop, 60_000)
        step_until(loop, lambda: len(listener.on(OWN)) > 1)
        loop.step()
        told = [(body["stand_aside"], body["probabilities"]) for body in listener.bodies(PLAIN)]
        assert told == [("", [*said.probabilities]), ("expired", [0.0, 1.0, 0.0])]
        assert not loop.publishing.withheld


def test_signal_of_a_replay_or_of_a_model_on_trial_is_refused_with_a_count(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, spoken(venue="replay/binance-spot-btcusdt/1", live=False))
        tick(binary, live=False)
        say(binary, spoken(role=Role.SHADOW))
        say(binary, spoken(Timeframe.H1))
        steps(loop, listener, HOURLY)
        step_until(loop, lambda: loop.publishing.withheld["not_live"] == 2)
        assert loop.publishing.withheld["shadow"] == 1
        assert {each.topic for each in listener.heard} == {STATUS, HOURLY}


def test_forecast_is_sent_unkept_with_null_where_nothing_is_known(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        entry = tick(binary, price=float("nan"))
        steps(loop, listener, FORECASTS)
        (body,) = listener.bodies(FORECASTS)
        assert body["predicted_price"] is None
        assert body["current_price"] == 61_500.0
        assert body["target_ts"] == entry.target_ms
    with listening(broker.port) as late:
        eventually_sync(lambda: late.on(STATUS))
        assert not late.on(FORECASTS)


def test_forecast_whose_target_has_come_is_refused_with_a_count(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        tick(binary, age_ms=10_000)
        entry = tick(binary)
        steps(loop, listener, FORECASTS)
        assert [body["target_ts"] for body in listener.bodies(FORECASTS)] == [entry.target_ms]
        assert loop.publishing.withheld == {"expired": 1}


def test_retained_signal_ends_with_its_validity(binary: redis.Redis, broker: Broker) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, spoken(left_ms=3_900), spoken(symbol="ETHUSDT"))
        step_until(loop, lambda: loop.publishing.signals == 2)
        with listening(broker.port) as early:
            eventually_sync(lambda: early.on(PLAIN))
            assert early.on(PLAIN)[0].retained
        step_until(loop, lambda: loop.publishing.signals == 3)
        with listening(broker.port) as late:
            eventually_sync(lambda: late.on(f"{ROOT}/eth_usdt/ML_SIGNALS"))
            # The withdrawal itself may still be on its way; it is not kept.
            assert not any(each.retained for each in late.on(PLAIN))


def test_publisher_that_stops_withdraws_what_stands(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    loop = publisher(binary, broker.url)
    loop.step()
    say(binary, spoken())
    steps(loop, listener, PLAIN)
    loop.close()
    eventually_sync(lambda: len(listener.on(STATUS)) == 2)
    assert listener.bodies(PLAIN)[-1]["stand_aside"] == "publisher_stopped"
    assert [body["status"] for body in listener.bodies(STATUS)] == ["online", "offline"]


def test_publisher_that_starts_withdraws_what_expired_and_repeats_what_holds(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    say(binary, spoken(left_ms=-5_000))
    standing = spoken(symbol="ETHUSDT")
    say(binary, standing)
    with closing(publisher(binary, broker.url)) as loop:
        steps(loop, listener, PLAIN, f"{ROOT}/eth_usdt/ML_SIGNALS")
        assert listener.bodies(PLAIN)[0]["stand_aside"] == "expired"
        (repeated,) = listener.bodies(f"{ROOT}/eth_usdt/ML_SIGNALS")
        assert repeated["probabilities"] == [*standing.probabilities]


@pytest.mark.django_db
def test_heartbeat_and_metrics_say_what_was_published_and_what_was_not(
    binary: redis.Redis, broker: Broker, listener: Listener, client: Client
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, spoken(venue="simulated", live=False))
        say(binary, spoken())
        steps(loop, listener, PLAIN)
        step_until(loop, lambda: json.loads(_beat(binary)[b"detail"])["signals"] == 1)
        assert _beat(binary)[b"status"] == b"healthy"
    text = client.get("/metrics").content.decode()
    assert "mqtt_up 1.0" in text
    assert f'mqtt_connected{{broker="{broker.url}"}} 1.0' in text
    assert 'mqtt_published_total{kind="signal"} 1.0' in text
    assert 'mqtt_withheld_total{reason="not_live"} 1.0' in text


def test_idling_publisher_says_so(binary: redis.Redis) -> None:
    turns = iter([False, True])
    idle(binary, lambda: next(turns))
    assert binary.hget(keys.health("mqtt"), "status") == b"idle"


def _beat(client: redis.Redis) -> dict[bytes, bytes]:
    told: Any = client.hgetall(keys.health("mqtt"))
    return dict(told)
