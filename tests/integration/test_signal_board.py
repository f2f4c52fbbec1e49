"""The web process's own copy of the signals: fresh, shared, and gone when Redis is."""

import asyncio
from typing import Any

import pytest
import redis

from inference.vocabulary import Direction
from market import keys
from market.candles.timeframes import Timeframe
from predictions.api import signal_board
from predictions.api.signal_board import Reading, SignalBoard
from tests.signals import signal, store_state
from tests.waiting import eventually

MADE_MS = 1_766_928_300_000
SLOT = ("BTCUSDT", Timeframe.M15)


@pytest.fixture
def redis_client(clean_redis: redis.Redis) -> redis.Redis:
    moment: Any = {
        "venue": "simulated", "live": 0, "market_ms": MADE_MS, "wall_ms": 0, "speed": 0
    }  # fmt: skip
    clean_redis.hset(keys.clock(), mapping=moment)
    store_state(clean_redis, signal("BTCUSDT", at_ms=MADE_MS))
    return clean_redis


def commands(client: redis.Redis) -> int:
    counted: Any = client.info("commandstats")
    return int(counted.get("cmdstat_get", {}).get("calls", 0))


def direction(reading: Reading) -> Direction | None:
    said = reading.contents.states[SLOT].signal
    return said.direction if said else None


async def test_board_new_signal_is_visible_within_a_second(redis_client: redis.Redis) -> None:
    board = SignalBoard()
    assert direction(await board.read((SLOT,))) is Direction.LONG

    store_state(redis_client, signal("BTCUSDT", at_ms=MADE_MS, direction=Direction.SHORT))
    async with asyncio.timeout(1.0):
        # What is waited for sets no event.
        while direction(await board.read((SLOT,))) is not Direction.SHORT:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_board_many_askers_at_once_cost_one_reading(redis_client: redis.Redis) -> None:
    board = SignalBoard()
    before = commands(redis_client)

    readings = await asyncio.gather(*(board.read((SLOT,)) for _ in range(100)))

    assert len({id(reading) for reading in readings}) == 1
    assert commands(redis_client) - before == 2  # the signal, and what its model was worth


async def test_board_nothing_new_keeps_what_was_made_of_it(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_board, "FRESH_SECONDS", 0.0)
    board = SignalBoard()
    first = await board.read((SLOT,))
    redis_client.hset(keys.clock(), "market_ms", MADE_MS + 1_000)
    second = await board.read((SLOT,))

    assert second.contents is first.contents
    assert second.now_ms() == first.now_ms() + 1_000


async def test_board_asker_who_leaves_does_not_take_the_reading_along(
    redis_client: redis.Redis,
) -> None:
    board = SignalBoard()
    leaving = asyncio.create_task(board.read((SLOT,)))
    await asyncio.sleep(0)
    staying = asyncio.create_task(board.read((SLOT,)))
    await asyncio.sleep(0)
    leaving.cancel()

    assert direction(await staying) is Direction.LONG
    assert leaving.cancelled()


async def test_board_redis_away_says_so_and_reads_again_when_it_is_back(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_board, "FRESH_SECONDS", 0.0)
    board = SignalBoard()
    await board.read((SLOT,))

    async def refused(*_: object) -> Any:
        raise redis.ConnectionError("away")

    ask = signal_board._ask
    monkeypatch.setattr(signal_board, "_ask", refused)
    with pytest.raises(redis.ConnectionError):
        await board.read((SLOT,))
    monkeypatch.setattr(signal_board, "_ask", ask)

    assert direction(await board.read((SLOT,))) is Direction.LONG
    await eventually(lambda: not board._reading)
