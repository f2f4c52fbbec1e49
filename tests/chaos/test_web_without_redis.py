"""The web process while Redis is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from tests.integration.web_socket import (
    FIRST_SEQ,
    TICK_MS,
    publish_as_loop,
    store_clock,
    tick_message,
)
from tests.waiting import PATIENCE_SECONDS
from tests.web_instance import WebInstance

SYMBOL = "BTCUSDT"
PATH = f"/ws/predictions/{SYMBOL}/"


@pytest.fixture
def server(short_dir: Path) -> Iterator[RedisServer]:
    server = RedisServer(locate(short_dir), find_program(), memory="64mb")
    server.start()
    yield server
    server.stop(drain_seconds=0)


@pytest.fixture
def web(
    server: RedisServer, short_dir: Path, instance_env: dict[str, str], tmp_path: Path
) -> Iterator[WebInstance]:
    url = locate(short_dir).url
    with WebInstance(
        instance_env, redis_url=url, log=tmp_path / "web.log", pages=False
    ) as instance:
        yield instance


@pytest.fixture
async def frames(web: WebInstance) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(web.url + PATH) as client:
        yield client


async def test_redis_gone_and_back_is_told_and_forecasts_go_on(
    server: RedisServer, short_dir: Path, frames: aiohttp.ClientWebSocketResponse
) -> None:
    await receive(frames, lambda frame: frame["type"] == "snapshot")
    server.stop(drain_seconds=0)
    away = await receive(frames, lambda frame: redis_status(frame) == "away")
    assert away["data"]["redis"]["reason"]
    server.start()
    await receive(frames, lambda frame: redis_status(frame) == "connected")
    with redis.Redis.from_url(locate(short_dir).url) as client:
        store_clock(client, now_ms=FIRST_SEQ * TICK_MS)
        publish_as_loop(client, tick_message(FIRST_SEQ, SYMBOL))
    await receive(frames, lambda frame: frame["type"] == "prediction")


async def receive(
    client: aiohttp.ClientWebSocketResponse, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            frame: dict[str, Any] = await client.receive_json()
            if wanted(frame):
                return frame


def redis_status(frame: dict[str, Any]) -> str | None:
    return str(frame["data"]["redis"]["status"]) if frame["type"] == "health" else None
