"""The MQTT publisher against a real broker: what bots hear, and what they never do."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import numpy as np
import pytest
import redis
from django.test import Client

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
from inference.handover.chain import GENESIS
from inference.signals.entry import BatchEntry, Said
from inference.signals.signal import Signal
from inference.vocabulary import Direction, Role, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from market.hot.vector import FEATURE_COUNT
from predictions.mqtt.address import parse_address
from predictions.mqtt.heartbeat import idle
from predictions.mqtt.loop import PublishingLoop
from predictions.mqtt.topics import Topics
from tests.mqtt_broker import PASSWORD, USER, Broker, Listener, listening, older, self_signed
from tests.signals import signal
from tests.waiting import eventually_sync

ROOT = "hbot/predictions"
PLAIN = f"{ROOT}/btc_usdt/ML_SIGNALS"
OWN = f"{ROOT}/15m/btc_usdt/ML_SIGNALS"
HOURLY = f"{ROOT}/1h/btc_usdt/ML_SIGNALS"
FORECASTS = f"{ROOT}/btc_usdt/FORECASTS"
STATUS = f"{ROOT}/STATUS"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One a test: what is retained belongs to the broker."""
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    with listening(broker.port) as listener:
        yield listener


def publisher(
    client: redis.Redis, url: str, stopping: Callable[[], bool] = lambda: False
) -> PublishingLoop:
    topics = Topics(ROOT, Timeframe.M15)
    return PublishingLoop(client, parse_address(url), topics, stopping, block_ms=10)


def now_ms() -> float:
    return time.time() * 1000


def spoken(
    timeframe: Timeframe = Timeframe.M15, *, left_ms: float = 60_000, **changes: Any
) -> Signal:
    """Return a live signal that is valid for so long from now."""
    # A candle closes on its grid, so the time until which it is valid is what is moved here.
    at_ms = now_ms() + left_ms - timeframe.ms * 2 // 15
    given: dict[str, Any] = {"venue": "binance", "live": True}
    made = signal(timeframe=timeframe, at_ms=at_ms, **(given | changes))
    return _moved(made, round(at_ms))


def _moved(made: Signal, close_ms: int) -> Signal:
    return msgspec.structs.replace(
        made,
        candle_open_ms=close_ms - made.timeframe.ms,
        candle_close_ms=close_ms,
        made_ms=close_ms,
    )


def say(client: redis.Redis, *signals: Signal, revision: int = 0) -> None:
    first = signals[0]
    entry = BatchEntry(
        venue=first.venue,
        live=first.live,
        batch=first.made_ms,
        timeframe=first.timeframe,
        made_ms=first.made_ms,
        missed=0,
        shard=0,
        token=1,
        signals=[Said(each, revision) for each in signals],
        gaps=[],
    )
    client.xadd(keys.log("signals"), {"entry": entry.pack()})


def tick(
    client: redis.Redis,
    *,
    live: bool = True,
    price: float = 61_500.5,
    symbols: tuple[str, ...] = ("BTCUSDT",),
) -> TickEntry:
    numbers = np.full((len(COLUMNS), len(symbols)), np.nan)
    numbers[COLUMN["current_price"]] = 61_500.0
    numbers[COLUMN["predicted_price"]] = price
    tick_ms = round(now_ms())
    entry = TickEntry(
        venue="binance",
        live=live,
        tick=tick_ms // 2000,
        tick_ms=tick_ms,
        made_ms=tick_ms + 1,
        horizon_ms=10_000,
        latency_ms=1.0,
        missed=0,
        shard=0,
        token=1,
        prev=GENESIS,
        model_version="v1",
        base_version="v1",
        role="champion",
        digest="d" * 64,
        symbols=[*symbols],
        sources=["redis"] * len(symbols),
        reasons=[""] * len(symbols),
        numbers=numbers,
        features=np.full((len(symbols), FEATURE_COUNT), np.nan),
    )
    client.xadd(keys.log("forecasts"), {"entry": entry.pack()})
    return entry


def steps(loop: PublishingLoop, listener: Listener, *topics: str) -> None:
    """Step until something has come on every topic."""

    step_until(loop, lambda: all(listener.on(topic) for topic in topics))


def step_until(loop: PublishingLoop, condition: Callable[[], object]) -> None:
    """Step until the condition holds."""

    def holds() -> object:
        loop.step()
        return condition()

    eventually_sync(holds)


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
    said = spoken(left_ms=900)
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, said)
        steps(loop, listener, PLAIN)
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


def test_retained_signal_ends_with_its_validity(binary: redis.Redis, broker: Broker) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        say(binary, spoken(left_ms=1_900), spoken(symbol="ETHUSDT"))
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


def test_broker_that_comes_back_hears_what_holds_then_and_nothing_older(
    binary: redis.Redis, broker: Broker
) -> None:
    loop = publisher(binary, broker.url)
    with closing(loop):
        loop.step()
        broker.stop()
        step_until(loop, lambda: loop.publishing.connection is None)
        say(binary, spoken(direction=Direction.SHORT, left_ms=60_000))
        say(binary, spoken(direction=Direction.LONG, left_ms=61_000))
        tick(binary)
        step_until(loop, lambda: loop.publishing.withheld["broker_away"] >= 2)
        broker.start()
        with listening(broker.port) as listener:
            steps(loop, listener, PLAIN)
            assert [body["direction"] for body in listener.bodies(PLAIN)] == ["LONG"]
            assert not listener.on(FORECASTS)


def test_broker_that_is_slow_gets_fewer_forecasts_and_every_signal(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    with closing(publisher(binary, broker.url)) as loop:
        loop.step()
        broker.pause()
        tick(binary, symbols=tuple(f"A{number}USDT" for number in range(1_200)))
        say(binary, spoken(left_ms=61_000))
        step_until(loop, lambda: loop.publishing.withheld["broker_slow"])
        assert loop.publishing.forecasts <= 1_000
        say(binary, spoken(symbol="ETHUSDT"))
        step_until(loop, lambda: loop.publishing.signals == 2)
        broker.resume()
        steps(loop, listener, PLAIN, f"{ROOT}/eth_usdt/ML_SIGNALS")
        assert loop.connections == 1


def test_signal_is_withdrawn_in_time_while_redis_is_away(
    short_dir: Path, broker: Broker, listener: Listener
) -> None:
    server = RedisServer(locate(short_dir), find_program(), memory="32mb")
    server.start()
    stopping = Event()
    with redis.Redis.from_url(server.instance.url, socket_timeout=5) as client:
        loop = publisher(client, broker.url, stopping.is_set)
        publishing = Thread(target=loop.run)
        publishing.start()
        try:
            eventually_sync(lambda: loop.connections)
            say(client, spoken(left_ms=1_200))
            eventually_sync(lambda: listener.on(PLAIN))
            server.stop(drain_seconds=0)
            eventually_sync(lambda: len(listener.on(PLAIN)) == 2)
            assert listener.bodies(PLAIN)[1]["stand_aside"] == "expired"
            assert "Redis does not answer" in loop.redis_error
            server.start()
            say(client, spoken(symbol="ETHUSDT"))
            eventually_sync(lambda: listener.on(f"{ROOT}/eth_usdt/ML_SIGNALS"))
            eventually_sync(lambda: client.hget(keys.health("mqtt"), "status") == b"healthy")
        finally:
            stopping.set()
            publishing.join()
            server.stop(drain_seconds=0)


def test_publisher_that_vanishes_leaves_its_last_will(
    binary: redis.Redis, broker: Broker, listener: Listener
) -> None:
    loop = publisher(binary, broker.url)
    steps(loop, listener, STATUS)
    connection: Any = loop.publishing.connection
    connection._client.socket().shutdown(2)
    eventually_sync(lambda: {"status": "offline"} in listener.bodies(STATUS))
    connection.drop()


def test_broker_with_a_password_is_reached_by_the_urls_credentials(
    binary: redis.Redis, broker: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), USER, PASSWORD], check=True)
    broker.stop()
    broker.settings = ("allow_anonymous false", f"password_file {file}")
    broker.start()
    refused = publisher(binary, broker.url)
    refused.step()
    assert "Not authorized" in refused.error
    with closing(publisher(binary, f"mqtt://{USER}:p%40ss%2Fword@127.0.0.1:{broker.port}")) as loop:
        loop.step()
        assert loop.error == ""
        assert PASSWORD not in repr(loop.address) + str(loop.detail())


def test_broker_with_tls_is_reached_where_its_authority_is_known(
    binary: redis.Redis, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    broker.stop()
    broker.settings = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    broker.start()
    where = f"mqtts://127.0.0.1:{broker.port}"
    stranger = publisher(binary, where)
    stranger.step()
    assert "certificate verify failed" in stranger.error
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with closing(publisher(binary, where)) as loop:
        loop.step()
        assert loop.error == ""


def test_broker_without_mqtt5_is_spoken_to_in_3_1_1_and_keeps_no_signal(
    binary: redis.Redis, broker: Broker
) -> None:
    with older(broker) as port, closing(publisher(binary, f"mqtt://127.0.0.1:{port}")) as loop:
        say(binary, spoken())
        step_until(loop, lambda: loop.publishing.connection)
        assert loop.publishing.signals == 1
        with listening(broker.port) as listener:
            eventually_sync(lambda: listener.on(STATUS))
            assert not listener.on(PLAIN)
            say(binary, spoken(left_ms=61_000))
            steps(loop, listener, PLAIN)


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
