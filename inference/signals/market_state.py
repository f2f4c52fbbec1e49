"""What the signal loop hears of the market: its clock, and candles as they are stored.

Both come through Redis: `clock:market` and the stream `candles:closed`.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from inference.barred import COMMANDS, NOBODY, Barred, read_barred
from inference.handover.connections import AnyClient
from inference.signals.moment import UnreadableClockError
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import LIVE_TIME, MarketTime

log = structlog.get_logger(__name__)

BARRED_SECONDS = 1.0

AT_A_TIME = 1_000
"""Messages of one read; a burst of imports is taken in several."""


@dataclass(frozen=True, slots=True)
class ClosedCandle:
    """A candle that lies in the store. arrived_ms: wall time, None where the writer gave none."""

    venue: str
    symbol: str
    timeframe: Timeframe
    open_ms: int
    arrived_ms: float | None

    @property
    def close_ms(self) -> int:
        return self.open_ms + self.timeframe.ms


async def read_market_time(client: AnyClient) -> MarketTime:
    """Return whose time it is; live UTC where no feed has said.

    Raises UnreadableClockError where what is there cannot be understood, and redis.RedisError.
    """
    try:
        found: Any = await client.hgetall(keys.clock())
    except redis.ResponseError as error:
        if not is_foreign(error):
            raise
        raise UnreadableClockError(f"{keys.clock()} holds another Redis type: {error}") from error
    if not found:
        return LIVE_TIME
    market = MarketTime.from_hash(_texts(found))
    if market is None:
        raise UnreadableClockError(f"{keys.clock()} holds no market's time: {found}")
    return market


class BarredReader:
    """Reads which coins are not traded, once a second at most."""

    def __init__(self, client: AnyClient) -> None:
        self._client = client
        self._of: tuple[str, Barred] = "", NOBODY
        self._read_at = -math.inf

    async def read(self, market: MarketTime) -> Barred:
        """Return it for the market that runs. Raises redis.RedisError where Redis is gone."""
        venue, barred = self._of
        if venue == market.venue and time.monotonic() - self._read_at < BARRED_SECONDS:
            return barred
        pipeline: Any = self._client.pipeline(transaction=False)
        for command in COMMANDS:
            pipeline.execute_command(*command)
        replies = await pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception) and not isinstance(reply, redis.ResponseError):
                raise reply
        self._of = market.venue, read_barred(replies, market)
        self._read_at = time.monotonic()
        return self._of[1]


class CandleListener:
    """Reads `candles:closed` from where it last was.

    problem: why nothing can be heard though Redis answers, naming the key; "" where it can.
    """

    def __init__(self, client: AnyClient) -> None:
        self._client = client
        self._last = "$"
        self.unreadable = 0
        self.problem = ""

    async def start(self) -> None:
        """Begin behind the newest message there is: what lies before it lies in the store."""
        try:
            newest: Any = await self._client.xrevrange(keys.candles_closed(), count=1)
        except redis.ResponseError as error:
            self._cannot_hear(error)
            return
        self._last = _text(newest[0][0]) if newest else "0-0"

    async def wait(self, block_ms: int) -> list[ClosedCandle]:
        """Return the messages since the last call; wait up to block_ms for one."""
        try:
            reply: Any = await self._client.xread(
                {keys.candles_closed(): self._last}, count=AT_A_TIME, block=max(1, block_ms)
            )
        except redis.ResponseError as error:
            self._cannot_hear(error)
            await asyncio.sleep(max(1, block_ms) / 1e3)
            return []
        if self.problem:
            log.info("closed_candles_heard_again", key=keys.candles_closed())
            self.problem = ""
        if not reply:
            return []
        # RESP3 answers with a mapping of lists of batches, RESP2 with pairs.
        if isinstance(reply, dict):
            messages = [each for batches in reply.values() for batch in batches for each in batch]
        else:
            messages = [each for _, batch in reply for each in batch]
        self._last = _text(messages[-1][0])
        candles = [self._read(_texts(fields or {})) for _, fields in messages]
        return [candle for candle in candles if candle is not None]

    def _cannot_hear(self, error: redis.ResponseError) -> None:
        if not is_foreign(error):
            raise error
        if not self.problem:
            effect = "candles are looked for by the clock until the feed has replaced it"
            log.error("closed_candles_unheard", key=keys.candles_closed(), effect=effect)
        self.problem = f"{keys.candles_closed()} holds another Redis type than a stream"
        self._last = "0-0"  # of the stream that comes in its place, all is new

    def _read(self, fields: Mapping[str, str]) -> ClosedCandle | None:
        try:
            timeframe = Timeframe(fields["timeframe"])
            arrived = fields.get("arrived_ms")
            candle = ClosedCandle(
                venue=fields["venue"],
                symbol=fields["symbol"],
                timeframe=timeframe,
                open_ms=int(float(fields["open_ms"])),
                arrived_ms=float(arrived) if arrived else None,
            )
        except (KeyError, ValueError, OverflowError) as error:
            self.unreadable += 1
            log.warning("closed_candle_unreadable", fields=dict(fields), error=str(error))
            return None
        return candle if timeframe in SIGNAL_TIMEFRAMES else None


def is_foreign(error: redis.ResponseError) -> bool:
    """Return whether Redis refused because a key holds another type than the house writes."""
    return "WRONGTYPE" in str(error) or "wrong kind of value" in str(error)


def _texts(fields: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
