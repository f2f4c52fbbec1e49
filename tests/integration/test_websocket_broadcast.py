"""Forecasts on their way to clients: real Redis, the real channel layer, the real hub."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from pytest_django.fixtures import Settings

from dashboard.consumers import PredictionsConsumer
from dashboard.hub import Hub
from market import keys
from tests.integration.web_socket import (
    FIRST_SEQ,
    PUBLISHED_MS,
    TICK_MS,
    VENUE,
    SocketClient,
    data,
    outcome,
    publish,
    serving_hub,
    store_clock,
    store_forecast,
    store_prediction,
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


@pytest.mark.usefixtures("hub")
async def test_socket_on_connect_gets_the_snapshot_and_then_each_prediction(
    clean_redis: redis.Redis,
) -> None:
    store_prediction(clean_redis, BTC, FIRST_SEQ)
    async with SocketClient(ONE) as client:
        snapshot = (await client.receive("snapshot", "prediction"))["data"]
        assert snapshot["symbols"] == [BTC]
        assert (snapshot["venue"], snapshot["live"]) == (VENUE, False)
        expected = data(BTC, FIRST_SEQ)
        assert {name: snapshot["predictions"][BTC][name] for name in expected} == expected
        await publish(tick_message(FIRST_SEQ + 1, BTC, ETH))
        prediction = await client.receive("prediction", "snapshot")
        assert prediction == {
            "type": "prediction",
            "published_ms": PUBLISHED_MS,
            "data": data(BTC, FIRST_SEQ + 1),
        }


@pytest.mark.usefixtures("hub")
async def test_socket_snapshot_holds_prices_and_graded_forecasts(
    clean_redis: redis.Redis,
) -> None:
    now_ms = FIRST_SEQ * TICK_MS
    clean_redis.xadd(keys.px(BTC), {"mid": "60000.5"}, id=f"{now_ms - 900}-0")
    clean_redis.xadd(keys.px(BTC), {"mid": "60001.5"}, id=f"{now_ms - 800}-0")
    clean_redis.xadd(keys.px(BTC), {"mid": "not a price"}, id=f"{now_ms - 700}-0")
    clean_redis.xadd(keys.px(BTC), {"mid": "60002.5"}, id=f"{now_ms}-0")
    await asyncio.to_thread(store_forecast, FIRST_SEQ - 6, hit=True)
    await asyncio.to_thread(store_forecast, FIRST_SEQ - 5, hit=None)
    await asyncio.to_thread(store_forecast, FIRST_SEQ - 400, hit=True)
    async with SocketClient(ONE) as client:
        snapshot = (await client.receive("snapshot"))["data"]
    assert snapshot["prices"][BTC] == [[now_ms - 800, 60001.5], [now_ms, 60002.5]]
    graded, open_one = snapshot["forecasts"][BTC]
    assert (graded["seq"], graded["outcome"]["direction_hit"]) == (FIRST_SEQ - 6, True)
    assert (open_one["seq"], open_one["outcome"]) == (FIRST_SEQ - 5, None)


@pytest.mark.usefixtures("hub")
async def test_two_sockets_get_the_same_tick() -> None:
    async with SocketClient(ONE) as first, SocketClient(ONE) as second:
        for client in (first, second):
            await client.receive("snapshot")
        await publish(tick_message(FIRST_SEQ, BTC))
        frames = [await client.receive("prediction") for client in (first, second)]
    assert frames[0] == frames[1]
    assert frames[0]["data"]["seq"] == FIRST_SEQ


@pytest.mark.usefixtures("hub")
async def test_all_symbols_socket_gets_one_frame_a_tick_and_can_be_narrowed() -> None:
    async with SocketClient(ALL) as client:
        assert (await client.receive("snapshot"))["data"]["symbols"] == [BTC, ETH]
        await publish(tick_message(FIRST_SEQ, BTC, ETH))
        frame = await client.receive("predictions", "prediction")
        assert (frame["seq"], frame["venue"], frame["live"]) == (FIRST_SEQ, VENUE, False)
        assert frame["published_ms"] == PUBLISHED_MS
        assert frame["data"] == [data(BTC, FIRST_SEQ), data(ETH, FIRST_SEQ)]
        await client.send({"type": "subscribe", "symbols": ["eth-usdt"]})
        assert (await client.receive("snapshot"))["data"]["symbols"] == [ETH]
        await publish(tick_message(FIRST_SEQ + 1, BTC, ETH))
        frame = await client.receive("predictions")
        assert frame["data"] == [data(ETH, FIRST_SEQ + 1)]


async def test_repeated_tick_is_sent_once(hub: Hub) -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        for seq in (FIRST_SEQ, FIRST_SEQ, FIRST_SEQ + 1):
            await publish(tick_message(seq, BTC))
        seqs = [(await client.receive("prediction"))["data"]["seq"] for _ in range(2)]
    assert seqs == [FIRST_SEQ, FIRST_SEQ + 1]
    assert hub.counters["repeated_ticks"] == 1


@pytest.mark.usefixtures("hub")
async def test_tick_that_the_snapshot_holds_is_not_sent_again(
    clean_redis: redis.Redis,
) -> None:
    store_prediction(clean_redis, BTC, FIRST_SEQ)
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        await publish(tick_message(FIRST_SEQ, BTC))
        await publish(tick_message(FIRST_SEQ + 1, BTC))
        assert (await client.receive("prediction"))["data"]["seq"] == FIRST_SEQ + 1


@pytest.mark.usefixtures("hub")
async def test_gap_in_the_sequence_brings_a_fresh_snapshot(clean_redis: redis.Redis) -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        await publish(tick_message(FIRST_SEQ, BTC))
        await client.receive("prediction")
        store_prediction(clean_redis, BTC, FIRST_SEQ + 3)
        await publish(tick_message(FIRST_SEQ + 3, BTC))
        snapshot = await client.receive("snapshot")
        assert snapshot["data"]["predictions"][BTC]["seq"] == FIRST_SEQ + 3


@pytest.mark.usefixtures("hub")
async def test_other_market_brings_a_fresh_snapshot(clean_redis: redis.Redis) -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        store_clock(clean_redis, now_ms=1_000_000, venue="replay/a/1")
        snapshot = (await client.receive("snapshot"))["data"]
        assert (snapshot["venue"], snapshot["live"]) == ("replay/a/1", False)


@pytest.mark.usefixtures("hub")
async def test_outcomes_reach_those_who_watch_the_symbol() -> None:
    async with SocketClient(ONE) as bitcoin, SocketClient(f"/ws/predictions/{ETH}/") as ether:
        for client in (bitcoin, ether):
            await client.receive("snapshot")
        graded = [outcome(BTC, FIRST_SEQ), outcome(ETH, FIRST_SEQ)]
        await publish({"type": "outcomes", "frames": graded})
        assert (await bitcoin.receive("outcome"))["data"] == graded[:1]
        assert (await ether.receive("outcome"))["data"] == graded[1:]


@pytest.mark.usefixtures("hub")
async def test_outcomes_of_signals_reach_those_who_watch_the_symbol() -> None:
    async with SocketClient(ONE) as bitcoin, SocketClient(f"/ws/predictions/{ETH}/") as ether:
        for client in (bitcoin, ether):
            await client.receive("snapshot")
        whose = {"venue": VENUE, "live": False, "result": "stop_loss"}
        graded = [{"symbol": each} | whose for each in (BTC, ETH)]
        await publish({"type": "signal_outcomes", "frames": graded})
        assert (await bitcoin.receive("signal_outcome"))["data"] == graded[:1]
        assert (await ether.receive("signal_outcome"))["data"] == graded[1:]


@pytest.mark.usefixtures("hub")
async def test_quotes_of_a_coin_that_the_feed_carries_no_more_are_null(
    clean_redis: redis.Redis,
) -> None:
    for symbol in (BTC, ETH):
        clean_redis.hset(keys.feat(symbol), mapping={"mid_price": "10", "venue": VENUE})
    async with SocketClient(ALL) as client:
        quotes = (await client.receive("snapshot"))["data"]["quotes"]
        assert quotes[ETH]["mid"] == 10
        beat: Any = {"status": "active", "detail": json.dumps({"symbols": {BTC: {}}})}
        clean_redis.hset(keys.health("market"), mapping=beat)
        while quotes.get(ETH, {"mid": 10})["mid"] is not None:
            quotes = (await client.receive("price"))["data"]


@pytest.mark.usefixtures("hub")
async def test_quotes_follow_the_hot_state_and_garbage_in_it_is_null(
    clean_redis: redis.Redis,
) -> None:
    now_ms = FIRST_SEQ * TICK_MS
    book: Any = {"bid": "59999.5", "ask": "nan", "ts": str(now_ms)}
    clean_redis.hset(keys.ob(BTC), mapping=book)
    features: Any = {"mid_price": "60000.25", "feature_ts": repr((now_ms - 400) / 1000)}
    clean_redis.hset(keys.feat(BTC), mapping=features | {"event_ts_ms": "soon"})
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        quote = (await client.receive("price"))["data"][BTC]
    assert (quote["bid"], quote["ask"], quote["mid"]) == (59999.5, None, 60000.25)
    assert (quote["ts"], quote["event_ts_ms"]) == (now_ms, None)
    assert 400 <= quote["age_ms"] < 20_000


@pytest.mark.usefixtures("hub")
async def test_health_names_each_process_and_the_web_writes_its_own_heartbeat(
    clean_redis: redis.Redis,
) -> None:
    beat: Any = {"status": "active", "pid": "7", "ts": "0", "detail": json.dumps({"a": 1, "b": {}})}
    clean_redis.hset(keys.health("market"), mapping=beat)
    async with SocketClient(ONE) as client:
        health = (await client.receive("health"))["data"]
    assert health["redis"] == {"status": "connected", "reason": ""}
    assert health["processes"]["market"]["status"] == "active"
    assert health["processes"]["market"]["detail"] == {"a": 1}
    assert health["processes"]["inference"]["status"] is None
    assert health["processes"]["web"]["status"] == "healthy"
    assert 0 < clean_redis.ttl(keys.health("web")) <= keys.HEALTH_TTL_SECONDS


async def test_group_messages_that_cannot_be_read_are_counted_and_dropped(hub: Hub) -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        bad: list[dict[str, Any]] = [
            {"type": "shout"},
            {"type": "outcomes"},
            {"type": "outcomes", "frames": [7]},
            tick_message(FIRST_SEQ, BTC) | {"seq": "7"},
        ]
        for message in bad:
            await publish(message)
        await publish(tick_message(FIRST_SEQ, BTC))
        assert (await client.receive("prediction"))["data"]["seq"] == FIRST_SEQ
    assert hub.counters["bad_messages"] == len(bad)


async def test_closed_sockets_leave_the_hub(hub: Hub, clean_redis: redis.Redis) -> None:
    async with SocketClient(ONE) as client:
        await client.receive("snapshot")
        await eventually(lambda: sockets_in_heartbeat(clean_redis) == 1)
    await eventually(lambda: sockets_in_heartbeat(clean_redis) == 0)


class GoingClient:
    """Opens a socket and asks; by the time of the answer it has gone."""

    def __init__(self) -> None:
        ping = {"type": "websocket.receive", "text": '{"type": "ping", "t": 1}'}
        self._messages: list[dict[str, Any]] = [{"type": "websocket.connect"}, ping]

    async def receive(self) -> dict[str, Any]:
        return self._messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        if "pong" in message.get("text", ""):
            raise ConnectionResetError("the client has gone")


async def test_socket_whose_client_goes_amid_an_answer_leaves_the_hub(
    hub: Hub, clean_redis: redis.Redis
) -> None:
    client = GoingClient()
    scope = {
        "type": "websocket",
        "url_route": {"kwargs": {}},
        "query_string": f"watch={BTC}".encode(),
    }
    with pytest.raises(ConnectionResetError):
        await PredictionsConsumer.as_asgi()(scope, client.receive, client.send)
    assert hub.watched == ()
    await eventually(lambda: sockets_in_heartbeat(clean_redis) == 0)


@pytest.mark.usefixtures("hub")
async def test_socket_hears_on_where_a_heartbeat_holds_what_no_frame_can(
    clean_redis: redis.Redis,
) -> None:
    detail = f'{{"entries": {10**30}, "deep": {"[" * 2_000}{"]" * 2_000}}}'
    clean_redis.hset(keys.health("recorder"), mapping={"status": "healthy", "detail": detail})
    clean_redis.hset(keys.health("market"), mapping={"status": "healthy", "detail": f"[{10**30}]"})
    clean_redis.hset(keys.health("signals"), mapping={"detail": f'{{"round": {10**30}}}'})
    async with SocketClient(ALL) as client:
        frame = (await client.receive("health"))["data"]["processes"]
        while frame.get("recorder", {}).get("status") is None:
            frame = (await client.receive("health"))["data"]["processes"]
        assert frame["signals"]["detail"] == {"round": 1e30}
        assert frame["inference"] == {"status": None, "pid": None, "age_ms": None, "detail": {}}
        await client.receive("health")


def sockets_in_heartbeat(client: redis.Redis) -> int | None:
    detail = client.hget(keys.health("web"), "detail")
    return json.loads(detail)["sockets"] if detail else None
