"""Clients of the sockets that are slow, strange or not allowed: real Redis, the real hub."""

from collections.abc import AsyncIterator

import pytest
import redis
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.consumers import MAX_ERRORS, TOO_MANY_ERRORS, UNKNOWN_SYMBOL
from dashboard.hub import Hub, running_hub
from tests.integration.web_socket import (
    FIRST_SEQ,
    SocketClient,
    publish,
    serving_hub,
    tick_message,
)
from tests.waiting import eventually

BTC, ETH = "BTCUSDT", "ETHUSDT"
ALL = "/ws/predictions/"
ONE = f"/ws/predictions/{BTC}/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def hub(clean_redis: redis.Redis, settings: Settings) -> AsyncIterator[Hub]:
    settings.FORECAST_SYMBOLS = (BTC, ETH)
    async with serving_hub(clean_redis) as hub:
        yield hub


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"type": "shout"}',
        '{"type": "ack"}',
        '{"type": "ack", "seq": "1"}',
        '{"type": "ack", "seq": true}',
        '{"type": "ack", "seq": 99999999999999}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "symbols": []}',
        '{"type": "subscribe", "symbols": [1]}',
        '{"type": "ack", "seq": ' + "1" * 20_000 + "}",
        "[" * 5_000,
    ],
)
@pytest.mark.usefixtures("hub")
async def test_garbage_from_a_client_is_answered_and_the_socket_lives_on(text: str) -> None:
    async with SocketClient(ALL) as client:
        await client.receive("snapshot")
        await client.send_raw(text=text)
        error = await client.receive("error")
        assert (error["code"], bool(error["message"])) == ("bad_message", True)
        await publish(tick_message(FIRST_SEQ, BTC))
        assert (await client.receive("predictions"))["seq"] == FIRST_SEQ


@pytest.mark.usefixtures("hub")
async def test_binary_messages_without_end_close_the_socket() -> None:
    async with SocketClient(ONE) as client:
        for _ in range(MAX_ERRORS):
            await client.send_raw(binary=b"\x00\xff")
        assert await client.closed() == TOO_MANY_ERRORS


@pytest.mark.usefixtures("hub")
async def test_subscribe_to_an_unknown_symbol_keeps_what_the_socket_had() -> None:
    async with SocketClient(ALL) as client:
        await client.receive("snapshot")
        await client.send({"type": "subscribe", "symbols": [BTC, "XMRUSDT"]})
        error = await client.receive("error")
        assert error["code"] == "unknown_symbol"
        assert "XMRUSDT" in error["message"]
        assert ETH in error["message"]
        await publish(tick_message(FIRST_SEQ, BTC, ETH))
        assert len((await client.receive("predictions"))["data"]) == 2


@pytest.mark.parametrize("symbol", ["XMRUSDT", "..", "%00"])
@pytest.mark.usefixtures("hub")
async def test_path_with_an_unknown_symbol_is_told_so_and_closed(symbol: str) -> None:
    async with SocketClient(f"/ws/predictions/{symbol}/") as client:
        assert (await client.receive("error"))["code"] == "unknown_symbol"
        assert await client.closed() == UNKNOWN_SYMBOL


@pytest.mark.usefixtures("hub")
async def test_client_that_acknowledges_late_gets_the_newest_forecast_alone() -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        await publish(tick_message(FIRST_SEQ, BTC))
        await client.receive("prediction")
        await client.send({"type": "ack", "seq": FIRST_SEQ})
        for ahead in (1, 2):
            await publish(tick_message(FIRST_SEQ + ahead, BTC))
            assert (await client.receive("prediction"))["data"]["seq"] == FIRST_SEQ + ahead
        hub = running_hub()
        for ahead in (3, 4, 5):
            await publish(tick_message(FIRST_SEQ + ahead, BTC))
        await eventually(lambda: hub.counters["ticks"] == 6)
        await client.send({"type": "ack", "seq": FIRST_SEQ + 2})
        assert (await client.receive("prediction"))["data"]["seq"] == FIRST_SEQ + 5


@pytest.mark.parametrize("origin", [b"http://evil.example", b"http://127.0.0.1:1", b"null"])
@pytest.mark.usefixtures("hub")
async def test_page_of_another_origin_is_refused(origin: bytes) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with SocketClient(ONE, [(b"origin", origin)]):
            pass


@pytest.mark.usefixtures("hub")
async def test_own_page_is_let_in(settings: Settings) -> None:
    own = settings.ALLOWED_ORIGINS[0].encode()
    async with SocketClient(ONE, [(b"origin", own)]) as client:
        await client.receive("snapshot")


@pytest.mark.usefixtures("hub")
async def test_token_where_one_is_set_is_required(settings: Settings) -> None:
    settings.API_TOKEN = "made-up-token"
    with pytest.raises(ConnectionRefusedError):
        async with SocketClient(ONE, [(b"authorization", b"Bearer wrong")]):
            pass
    async with SocketClient(ONE, [(b"authorization", b"Bearer made-up-token")]) as client:
        await client.receive("snapshot")
    async with SocketClient(f"{ONE}?token=made-up-token") as client:
        await client.receive("snapshot")


@pytest.mark.usefixtures("hub")
async def test_login_stands_for_the_token(settings: Settings, admin_client: Client) -> None:
    settings.API_TOKEN = "made-up-token"
    session = admin_client.cookies["sessionid"].value
    with pytest.raises(ConnectionRefusedError):
        async with SocketClient(ONE, [(b"cookie", b"sessionid=of-nobody")]):
            pass
    async with SocketClient(ONE, [(b"cookie", f"sessionid={session}".encode())]) as client:
        await client.receive("snapshot")


@pytest.mark.usefixtures("hub")
async def test_socket_that_needs_no_login_asks_no_database_who_is_logged_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(scope: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr("channels.auth.get_user", away)
    async with SocketClient(ONE, [(b"cookie", b"sessionid=of-somebody")]) as client:
        await client.receive("snapshot")


@pytest.mark.usefixtures("hub")
async def test_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConnectionRefusedError):
        async with SocketClient("/ws/elsewhere/"):
            pass
