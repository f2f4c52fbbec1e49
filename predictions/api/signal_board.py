"""The newest signals as Redis holds them, kept in the web process for a moment.

Read by the views of `/api/predictions`. However many ask, Redis is read at most every
`FRESH_SECONDS` for each set of signals, and JSON is parsed only where it changed.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import redis

from inference.signals.live_accuracy import (
    NOTHING_MEASURED,
    LiveAccuracy,
    decode_live_accuracy,
)
from inference.signals.signal import SignalState, decode_state, signal_error
from inference.vocabulary import SIGNALS, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import NO_VENUE, MarketTime
from predictions.api.redis_client import web_redis
from predictions.api.running_market import market_of

FRESH_SECONDS = 0.2
"""How old a reading may be; a new signal is visible after at most this."""

Slot = tuple[str, Timeframe]
Reply = str | redis.ResponseError | None


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What was said, until something else is said; `answers` is its readers' to keep.

    venue, live: of the running market. states: of every slot that was read. accuracy: what
    graded signals tell of their models; measured: the text that it was read from.
    """

    venue: str
    live: bool
    replies: Sequence[Reply]
    states: Mapping[Slot, SignalState]
    accuracy: LiveAccuracy = NOTHING_MEASURED
    measured: Reply = None
    answers: dict[object, Any] = field(default_factory=dict)

    def same(self, market: MarketTime, measured: Reply, replies: Sequence[Reply]) -> bool:
        return (
            self.venue == market.venue
            and self.live == market.live
            and _same(self.measured, measured)
            and all(map(_same, self.replies, replies))
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Contents, and the market's time at which they hold. begun: monotonic seconds."""

    contents: Contents
    market: MarketTime
    begun: float

    def now_ms(self) -> float:
        """Return market time; in lock-step the tick that the feed has named."""
        return self.market.market_at(time.time() * 1000)


class SignalBoard:
    """Reads each set of slots once for all who ask at the same time."""

    def __init__(self) -> None:
        self._held: dict[Sequence[Slot], Reading] = {}
        self._reading: dict[Sequence[Slot], asyncio.Task[Reading]] = {}

    async def read(self, slots: tuple[Slot, ...]) -> Reading:
        """Return what `sig:` holds for the slots. Raises redis.RedisError or OSError."""
        held = self._held.get(slots)
        if held is not None and time.monotonic() - held.begun < FRESH_SECONDS:
            return held
        task = self._reading.get(slots)
        if task is None:
            task = self._reading[slots] = asyncio.create_task(self._read(slots))
            task.add_done_callback(lambda done: self._finished(slots, done))
        # One asker that goes away must not take the others' reading with it.
        return await asyncio.shield(task)

    async def _read(self, slots: tuple[Slot, ...]) -> Reading:
        begun = time.monotonic()
        market, measured, replies = await _ask(slots)
        held = self._held.get(slots)
        if held is not None and held.contents.same(market, measured, replies):
            contents = held.contents
        else:
            pairs = zip(slots, replies, strict=True)
            states = {slot: _state(slot, reply, market) for slot, reply in pairs}
            accuracy = decode_live_accuracy(measured)
            contents = Contents(market.venue, market.live, replies, states, accuracy, measured)
        return Reading(contents, market, begun)

    def _finished(self, slots: tuple[Slot, ...], task: asyncio.Task[Reading]) -> None:
        del self._reading[slots]
        if not task.cancelled() and task.exception() is None:
            self._held[slots] = task.result()


_boards: WeakKeyDictionary[asyncio.AbstractEventLoop, SignalBoard] = WeakKeyDictionary()


def signal_board() -> SignalBoard:
    """Return the running loop's board; a web process has one loop, tests have several."""
    loop = asyncio.get_running_loop()
    board = _boards.get(loop)
    if board is None:
        board = _boards[loop] = SignalBoard()
    return board


async def _ask(slots: Sequence[Slot]) -> tuple[MarketTime, Reply, list[Reply]]:
    # GETs in a pipeline, not MGET: a cluster's slots differ, and MGET hides another type as nil.
    pipeline = web_redis().pipeline(transaction=False)
    pipeline.hgetall(keys.clock())
    pipeline.get(keys.quality(SIGNALS))
    for symbol, timeframe in slots:
        pipeline.get(keys.sig(symbol, timeframe))
    clock, measured, *replies = await pipeline.execute(raise_on_error=False)
    for reply in (clock, measured, *replies):
        if isinstance(reply, Exception) and not isinstance(reply, redis.ResponseError):
            raise reply
    return market_of(clock), measured, replies


def _state(slot: Slot, reply: Reply, market: MarketTime) -> SignalState:
    silence = SignalReason.FEED_DOWN if market.venue == NO_VENUE else SignalReason.NOT_MADE_YET
    if reply is None:
        return _failed(slot, silence)
    if isinstance(reply, redis.ResponseError):
        return _failed(slot, SignalReason.SIGNAL_UNREADABLE, "the key holds another Redis type")
    try:
        state = decode_state(reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _failed(slot, SignalReason.SIGNAL_UNREADABLE, str(error))
    signal, told = state.signal, state.error
    if any((each.symbol, each.timeframe) != slot for each in (signal, told) if each is not None):
        return _failed(
            slot, SignalReason.SIGNAL_UNREADABLE, "it is another symbol's or timeframe's"
        )
    if signal is not None and signal.venue != market.venue:
        return _failed(slot, SignalReason.OTHER_VENUE, f"{signal.venue}, not {market.venue}")
    if signal is not None and signal.live != market.live:
        claimed = "live" if signal.live else "not live"
        return _failed(slot, SignalReason.SIGNAL_UNREADABLE, f"it says that it is {claimed}")
    if signal is None and told is None:
        return _failed(slot, silence)
    return state


def _failed(slot: Slot, code: SignalReason, detail: str = "") -> SignalState:
    return SignalState(error=signal_error(*slot, code, detail))


def _same(held: Reply, found: Reply) -> bool:
    if isinstance(held, redis.ResponseError):
        return isinstance(found, redis.ResponseError)
    return held == found
