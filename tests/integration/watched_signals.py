"""Signal loops that run beside a test, and what they have put into Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis

from inference.signals.entry import BatchEntry
from inference.signals.loop import SignalLoop
from inference.signals.signal import SignalState, decode_state
from inference.vocabulary import SIGNALS, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.signal_loops import DAY_MS, M15
from tests.waiting import PATIENCE_SECONDS, eventually

OPEN_MS, CLOSE_MS = DAY_MS, DAY_MS + M15.ms
"""Of a 15-minute candle; no other timeframe closes with it."""


@asynccontextmanager
async def running(loop: SignalLoop) -> AsyncIterator[SignalLoop]:
    stopped = asyncio.Event()
    loop._stopping = stopped.is_set
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        stopped.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


def entries(client: redis.Redis) -> list[BatchEntry]:
    found: Any = client.xrange(keys.log(SIGNALS))
    return [BatchEntry.unpack(fields[b"entry"]) for _, fields in found]


def state(client: redis.Redis, symbol: str, timeframe: Timeframe = M15) -> SignalState | None:
    text: Any = client.get(keys.sig(symbol, timeframe))
    return None if text is None else decode_state(text)


def made(client: redis.Redis, open_ms: int, timeframe: Timeframe = M15) -> list[str]:
    """Return the coins of which a signal of that candle stands in the log, in its order."""
    return [
        said.signal.symbol
        for entry in entries(client)
        for said in entry.signals
        if entry.timeframe is timeframe and said.signal.candle_open_ms == open_ms
    ]


def told(client: redis.Redis, code: SignalReason, timeframe: Timeframe = M15) -> list[str]:
    return [
        gap.symbol
        for entry in entries(client)
        for gap in entry.gaps
        if entry.timeframe is timeframe and gap.code is code
    ]


async def caught_up(client: redis.Redis, batches: int = len(SIGNAL_TIMEFRAMES)) -> None:
    await eventually(lambda: len(entries(client)) >= batches)


def beat(client: redis.Redis) -> dict[str, Any]:
    text: Any = client.hget(keys.health("signals"), "detail")
    return json.loads(text) if text else {}


def value(loop: SignalLoop, name: str, **labels: str) -> float | None:
    return loop._metrics.registry.get_sample_value(name, labels)
