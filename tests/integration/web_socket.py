"""A WebSocket client of the ASGI application, its hub, and publishing as the loops do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import msgpack
import redis
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from cryptosite.asgi import application
from dashboard.hub import Hub, running_hub
from inference.handover.fence import CHANNEL
from inference.signals.signal import Signal, SignalError, decode_state
from inference.vocabulary import SignalReason
from market import keys
from predictions.api.redis_client import web_redis
from predictions.models import Forecast, ForecastOutcome
from tests.integration.ledger import stored_leaf
from tests.signals import batch_message, store_state
from tests.waiting import PATIENCE_SECONDS, eventually_sync

VENUE = "simulated"
TICK_MS = 2_000
FIRST_SEQ = 900_000_000
PUBLISHED_MS = 1_800_000_000_123


class SocketClient:
    """One connection; frames that a test does not ask for are passed over."""

    def __init__(self, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self._communicator = WebsocketCommunicator(application, path, headers=headers)

    async def __aenter__(self) -> Self:
        connected, code = await self._communicator.connect(timeout=PATIENCE_SECONDS)
        if not connected:
            raise ConnectionRefusedError(code)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._communicator.disconnect(timeout=PATIENCE_SECONDS)

    async def send(self, message: object) -> None:
        await self._communicator.send_json_to(message)

    async def send_raw(self, *, text: str | None = None, binary: bytes | None = None) -> None:
        await self._communicator.send_to(text_data=text, bytes_data=binary)

    async def receive(self, *kinds: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Return the next frame of one of `kinds`. Raises TimeoutError where none comes."""
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await self._communicator.receive_from(timeout=seconds))
                assert says_whose(frame), frame
                if frame["type"] in kinds:
                    return dict(frame)

    async def closed(self) -> int:
        """Return the code with which the server closes the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                output = await self._communicator.receive_output(timeout=PATIENCE_SECONDS)
                if output["type"] == "websocket.close":
                    return int(output["code"])


def says_whose(frame: Mapping[str, Any]) -> bool:
    """Return whether a frame says of which market it is, and whether that is a live one."""
    if frame["type"] in ("pong", "error"):  # of the connection alone
        return True
    said = frame["data"] if isinstance(frame["data"], list) else [frame["data"]]
    return all({"venue", "live"} <= {*frame, *each} for each in said)


@asynccontextmanager
async def serving_hub(client: redis.Redis) -> AsyncIterator[Hub]:
    """Yield the process's hub in a market that begins at FIRST_SEQ; leave nothing of it behind."""
    store_clock(client, now_ms=FIRST_SEQ * TICK_MS)
    hub = running_hub()
    try:
        yield hub
    finally:
        await hub.stop()
        layer: Any = get_channel_layer()
        await layer.flush()
        await web_redis().aclose()


def data(symbol: str, seq: int, *, venue: str = VENUE, price: float = 60_000.0) -> dict[str, Any]:
    """Return what the forecast loop says of one symbol at one tick."""
    return {
        "symbol": symbol,
        "timestamp": seq * TICK_MS,
        "current_price": price,
        "predicted_price": price + 1,
        "confidence": 0.8,
        "latency_ms": 1.25,
        "source": "redis",
        "venue": venue,
        "live": False,
        "target_ts": seq * TICK_MS + 10_000,
        "seq": seq,
        "mid_price": price,
        "lower": price - 5,
        "upper": price + 6,
        "p_up": 0.51,
        "reason": "",
        "features_age_ms": 12.0,
        "model_version": "v1.0.0",
    }


def tick_message(seq: int, *symbols: str, venue: str = VENUE) -> dict[str, Any]:
    return {
        "type": "tick",
        "seq": seq,
        "venue": venue,
        "live": False,
        "tick_ms": seq * TICK_MS,
        "published_ms": PUBLISHED_MS,
        "frames": {symbol: json.dumps(data(symbol, seq, venue=venue)) for symbol in symbols},
    }


def outcome(symbol: str, seq: int, *, venue: str = VENUE) -> dict[str, Any]:
    """Return what the recorder says of one graded forecast."""
    return {
        "forecast_id": 17,
        "symbol": symbol,
        "venue": venue,
        "live": False,
        "tick": seq,
        "target_ts": seq * TICK_MS + 10_000,
        "target_mid": 60_002.0,
        "predicted_price": 60_001.0,
        "mid_price": 60_000.0,
        "direction_hit": True,
        "covered": True,
        "error_bp": -0.17,
        "no_change_error_bp": -0.33,
        "status": "graded",
        "reason": "",
    }


def publish_as_loop(client: redis.Redis, message: dict[str, Any]) -> None:
    """Publish without an event loop, in the channel layer's wire format, once somebody listens."""
    packed = msgpack.packb(message)
    eventually_sync(lambda: client.publish(CHANNEL, packed))


def publish_signals(client: redis.Redis, seq: int, *said: Signal | SignalError) -> None:
    """Write and publish what was said at a candle's close, as the signal loop does."""
    for each in said:
        if isinstance(each, Signal):
            store_state(client, each)
            continue
        text: Any = client.get(keys.sig(each.symbol, each.timeframe))
        stands = decode_state(text) if text and each.code is SignalReason.CANDLE_LATE else None
        store_state(client, stands.signal if stands else None, each)
    publish_as_loop(client, batch_message(seq, *said))


async def publish(message: dict[str, Any]) -> None:
    layer: Any = get_channel_layer()
    await layer.group_send(keys.PREDICTIONS_GROUP, message)


def store_prediction(
    client: redis.Redis, symbol: str, seq: int, *, venue: str = VENUE, live: bool = False
) -> None:
    """Write `pred:` as the forecast loop does."""
    said = data(symbol, seq, venue=venue)
    fields: Any = {
        "prediction_ts": said["timestamp"],
        "live": "1" if live else "0",
        **{
            name: said[name]
            for name in (
                "predicted_price", "current_price", "confidence", "target_ts", "model_version",
                "latency_ms", "features_age_ms", "source", "mid_price", "lower", "upper",
                "p_up", "reason", "venue",
            )
        },
    }  # fmt: skip
    client.hset(keys.pred(symbol), mapping=fields)


def store_book(client: redis.Redis, symbol: str, *, bid: float, ts: int) -> None:
    """Write `ob:` with two levels a side, as a feed does."""
    fields: Any = {
        "bid": str(bid),
        "ask": str(bid + 1),
        "bids": json.dumps([[bid, 2.0], [bid - 1, 3.0]]),
        "asks": json.dumps([[bid + 1, 1.5], [bid + 2, 4.0]]),
        "ts": str(ts),
    }
    client.hset(keys.ob(symbol), mapping=fields)


def trade(number: int) -> dict[str, Any]:
    side = "buy" if number % 2 else "sell"
    return {"ts": number * 10, "price": 60_000.5, "size": 0.25, "side": side, "id": number}


def store_tape(client: redis.Redis, symbol: str, numbers: Iterable[int]) -> None:
    """Write `tape:` as the feed does: the newest trade first."""
    newest_first = sorted(numbers, reverse=True)
    client.set(keys.tape(symbol), json.dumps([trade(number) for number in newest_first]))


def store_forecast(seq: int, *, hit: bool | None, symbol: str = "BTCUSDT") -> None:
    """Write what the recorder stores of one tick; hit None: not graded yet."""
    said = data(symbol, seq)
    forecast = Forecast.objects.create(
        venue=VENUE,
        live=False,
        tick=seq,
        symbol=symbol,
        model_version="v1.0.0",
        base_version="v1.0.0",
        role="champion",
        model_digest="d" * 64,
        predicted_at=datetime.fromtimestamp(said["timestamp"] / 1000, UTC),
        prediction_ts=said["timestamp"],
        target_ts=said["target_ts"],
        made_ts=said["timestamp"],
        predicted_price=said["predicted_price"],
        source="redis",
        leaf=stored_leaf(),
    )
    if hit is not None:
        ForecastOutcome.objects.create(forecast=forecast, status="graded", direction_hit=hit)


def store_clock(
    client: redis.Redis,
    *,
    now_ms: float,
    venue: str = VENUE,
    live: bool = False,
    speed: float = 1.0,
) -> None:
    """Write `clock:market` as a feed in its own time does."""
    fields: Any = {
        "venue": venue,
        "live": "1" if live else "0",
        "market_ms": repr(now_ms),
        "wall_ms": repr(time.time() * 1000),
        "speed": repr(speed),
    }
    client.hset(keys.clock(), mapping=fields)
