"""What clients may do, under each web server that ASGI_SERVER names: real processes and sockets."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard.client_limits import LONGEST_MESSAGE
from dashboard.consumers import MAX_ERRORS, TOO_MANY_ERRORS, UNKNOWN_SYMBOL
from dashboard.web_server import ServerName
from tests.environment import instance_environment
from tests.integration.web_socket import FIRST_SEQ, publish_as_loop, tick_message
from tests.waiting import PATIENCE_SECONDS, eventually_sync
from tests.web_instance import WebInstance

BTC = "BTCUSDT"
MESSAGE_TOO_BIG = 1009
TICKS = 1_500
PADDING = "x" * 20_000
MOST_GROWTH_BYTES = 8 * 2**20
"""What is published has some 30 MB."""

Servers = dict[ServerName, WebInstance]


@pytest.fixture(scope="module")
def servers(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_instance(name, redis_url, tmp_path_factory.mktemp(name)))
            for name in ServerName
        }


def _instance(name: ServerName, redis_url: str, directory: Path) -> WebInstance:
    env = instance_environment(directory) | {"ASGI_SERVER": name, "FORECAST_SYMBOLS": BTC}
    return WebInstance(env, redis_url=redis_url, log=directory / "web.log", pages=False)


@pytest.fixture(params=list(ServerName))
def web(servers: Servers, request: pytest.FixtureRequest) -> WebInstance:
    return servers[request.param]


class Client:
    """A client that reads; frames that a test does not ask for are passed over."""

    def __init__(self, web: WebInstance, path: str = "/ws/predictions/", **options: Any) -> None:
        address = f"ws://127.0.0.1:{web.port}{path}"
        self._opening = connect(address, compression=None, **options)
        self.socket: ClientConnection

    def __enter__(self) -> Self:
        self.socket = self._opening.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opening.__exit__(*error)

    def say(self, message: object) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, kind: str) -> dict[str, Any]:
        while True:
            frame = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            if frame["type"] == kind:
                return dict(frame)

    def closed(self) -> int:
        """Return the code with which the server closes."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE_SECONDS)
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 1006


class DeafClient:
    """Connects and then reads nothing, ever; `chatty`: goes on talking meanwhile."""

    def __init__(self, web: WebInstance, *, chatty: bool) -> None:
        self._chatty = chatty
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.connect(("127.0.0.1", web.port))
        self._socket.sendall(
            b"GET /ws/predictions/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._socket.setblocking(False)

    def talk(self) -> None:
        if self._chatty:
            with suppress(OSError):
                self._socket.send(b"\x81\x93\x00\x00\x00\x00" + b'{"type":"ping","t":')

    def close(self) -> None:
        self._socket.close()


def connections(web: WebInstance) -> int:
    """Count the connections that the process still holds."""
    held = psutil.Process(web.pid).net_connections("tcp")
    return sum(each.laddr.port == web.port and each.status != "LISTEN" for each in held)


def big_tick(seq: int) -> dict[str, Any]:
    message = tick_message(seq, BTC)
    message["frames"][BTC] = f'{message["frames"][BTC][:-1]},"padding":"{PADDING}"}}'
    return message


def test_clients_that_never_read_cost_no_memory_and_are_cut_off(
    servers: Servers, clean_redis: redis.Redis
) -> None:
    deaf = [DeafClient(web, chatty=chatty) for web in servers.values() for chatty in (False, True)]
    processes = [psutil.Process(web.pid) for web in servers.values()]
    with ExitStack() as stack:
        readers = [stack.enter_context(Client(web)) for web in servers.values()]
        for reader in readers:
            reader.hear("snapshot")
        before = [process.memory_info().rss for process in processes]
        for seq in range(FIRST_SEQ, FIRST_SEQ + TICKS):
            publish_as_loop(clean_redis, big_tick(seq))
            # Whoever reads has each tick, however deaf the others are.
            for reader in readers:
                assert reader.hear("predictions")["seq"] == seq
        after = [process.memory_info().rss for process in processes]
        grown = [late - early for late, early in zip(after, before, strict=True)]
        assert max(grown) < MOST_GROWTH_BYTES

        def readers_alone() -> bool:
            for client in deaf:
                client.talk()
            return all(connections(web) == 1 for web in servers.values())

        eventually_sync(readers_alone)
    for client in deaf:
        client.close()


def test_socket_answers_pings_and_what_it_cannot_read(web: WebInstance) -> None:
    with Client(web, f"/ws/predictions/?watch={BTC}") as client:
        assert client.hear("snapshot")["data"]["symbols"] == [BTC]
        assert client.hear("market")["data"]["symbol"] == BTC
        client.say({"type": "ping", "t": 1.5})
        assert client.hear("pong")["t"] == 1.5
        client.say({"type": "ack", "seq": "9" * 20_000})
        assert client.hear("error")["code"] == "bad_message"


def test_socket_close_codes_are_ours(web: WebInstance) -> None:
    with Client(web, "/ws/predictions/XMRUSDT/") as client:
        assert client.closed() == UNKNOWN_SYMBOL
    with Client(web) as client:
        for _ in range(MAX_ERRORS):
            client.socket.send(b"\x00\xff")
        assert client.closed() == TOO_MANY_ERRORS
    with Client(web) as client:
        client.socket.send("x" * (LONGEST_MESSAGE + 1))
        assert client.closed() == MESSAGE_TOO_BIG


@pytest.mark.parametrize("path", ["/ws/elsewhere/", "/ws/predictions/"])
def test_socket_that_is_not_allowed_is_refused(web: WebInstance, path: str) -> None:
    origin = "http://evil.example" if path == "/ws/predictions/" else None
    with pytest.raises(InvalidStatus) as refused, Client(web, path, origin=origin):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/api/schema?x={'BTCUSDT,' * 2_500}", {}, 414),
        (f"/api/schema?x={'BTCUSDT,' * 12_000}", {}, 414),
        ("/api/schema", {"X-Long": "x" * 20_000}, 431),
        ("/api/schema", {"X-Long": "x" * 90_000}, 431),
    ],
)
def test_request_too_long_is_answered(
    web: WebInstance, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == status
    assert json.loads(answer.read())["code"] == "request_too_long"


def test_heartbeat_is_the_servers_own(servers: Servers, clean_redis: redis.Redis) -> None:
    eventually_sync(lambda: int(clean_redis.hget("health:web", "pid") or 0))
    pids = {web.pid for web in servers.values()}
    assert int(clean_redis.hget("health:web", "pid") or 0) in pids
    assert os.getpid() not in pids


def test_server_ends_in_order_with_sockets_open(servers: Servers) -> None:
    for web in servers.values():
        with Client(web) as client:
            client.hear("snapshot")
            assert web.stop() == 0
            assert client.closed() in (1001, 1005, 1006, 1012)
        web.start()
