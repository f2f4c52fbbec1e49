"""The MQTT publisher when broker, network or Redis fail, and brokers of other kinds."""

import subprocess
import time
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import redis

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from inference.vocabulary import Direction
from market import keys
from predictions.mqtt.connection import Outgoing
from predictions.mqtt.loop import GOODBYE_SECONDS
from tests.integration.mqtt_said import (
    FORECASTS,
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
from tests.mqtt_broker import PASSWORD, USER, Broker, Listener, listening, older, self_signed
from tests.waiting import eventually_sync


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
            say(client, spoken(left_ms=60_000))
            eventually_sync(lambda: listener.on(PLAIN))
            server.stop(drain_seconds=0)
            go_on(loop, 60_000)
            eventually_sync(lambda: len(listener.on(PLAIN)) == 2)
            assert listener.bodies(PLAIN)[1]["stand_aside"] == "expired"
            go_on(loop, 0)
            server.start()
            say(client, spoken(symbol="ETHUSDT"))
            eventually_sync(lambda: listener.on(f"{ROOT}/eth_usdt/ML_SIGNALS"))
            eventually_sync(lambda: client.hget(keys.health("mqtt"), "status") == b"healthy")
        finally:
            stopping.set()
            publishing.join()
            server.stop(drain_seconds=0)


def test_publisher_leaves_a_broker_that_stands_still_within_seconds(
    binary: redis.Redis, broker: Broker
) -> None:
    loop = publisher(binary, broker.url)
    loop.step()
    broker.pause()
    connection: Any = loop.publishing.connection
    for _ in range(5_000):  # more than lies between two sockets
        connection.send(Outgoing(PLAIN, bytes(2_000)))
    began = time.monotonic()
    loop.close()
    assert time.monotonic() - began < 2 * GOODBYE_SECONDS + 2
    broker.resume()


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
