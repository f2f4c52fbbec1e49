"""The signals that stand in a venue: what the leading loop last said there.

Read by the loop alone. `stands:` keeps them by venue, whichever market runs meanwhile; `sig:`,
which readers see, is of the running one.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import msgspec
import redis
import structlog

from inference.handover.connections import AnyClient
from inference.signals.signal import SignalState, decode_state, encode_state
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe

log = structlog.get_logger(__name__)

NOTHING = SignalState()

Slot = tuple[str, Timeframe]
States = dict[Timeframe, dict[str, SignalState]]


def field_of(symbol: str, timeframe: Timeframe) -> str:
    """Return a slot's field in `stands:`."""
    return f"{symbol}:{timeframe}"


class StandingSignals:
    """State by timeframe and symbol; survives a change of leader or market through Redis."""

    def __init__(
        self, client: AnyClient, symbols: tuple[str, ...], *, cluster: bool = False
    ) -> None:
        self._client = client
        self._slots = [
            (symbol, timeframe) for timeframe, symbol in product(SIGNAL_TIMEFRAMES, symbols)
        ]
        self._cluster = cluster
        self._states: States = {}

    def of(self, timeframe: Timeframe) -> Mapping[str, SignalState]:
        return self._states.get(timeframe, {})

    def take(self, timeframe: Timeframe, states: Mapping[str, SignalState]) -> None:
        """Remember what was just written."""
        self._states.setdefault(timeframe, {}).update(states)

    async def restore(self, venue: str, left_ms: Callable[[Timeframe, int], int]) -> States:
        """Learn what was said in this market, and let `sig:` hold what of it still stands.

        left_ms: for how long a candle's signal is still to stand; 0 where it does no longer.
        Returns what was put back into `sig:`, where another market's signals lay or none.
        Raises redis.RedisError where Redis is gone.
        """
        self._states = {}
        said = await self._said(venue)
        put_back: States = {}
        pipeline: Any = self._client.pipeline(transaction=False)
        for slot, shown in zip(self._slots, await self._shown(), strict=True):
            symbol, timeframe = slot
            ours = shown is not None and shown.signal is not None and shown.signal.venue == venue
            state = said.get(slot) or (shown if ours else None)
            if state is not None:
                self.take(timeframe, {symbol: state})
            if ours:
                continue
            life_ms = 0
            if state is not None and state.signal is not None:
                life_ms = left_ms(timeframe, state.signal.candle_open_ms)
            if state is not None and life_ms > 0:
                # Without an error, which was of another time; if it holds it is told again.
                standing = msgspec.structs.replace(state, error=None)
                pipeline.set(keys.sig(symbol, timeframe), encode_state(standing), px=life_ms)
                put_back.setdefault(timeframe, {})[symbol] = standing
            elif shown is not None:
                pipeline.delete(keys.sig(symbol, timeframe))
        await pipeline.execute()
        return put_back

    async def _said(self, venue: str) -> dict[Slot, SignalState]:
        key = keys.stands(SIGNALS, venue, cluster=self._cluster)
        pipeline: Any = self._client.pipeline(transaction=False)
        pipeline.hmget(key, [field_of(*slot) for slot in self._slots])
        (found,) = await pipeline.execute(raise_on_error=False)
        if isinstance(found, redis.RedisError):
            _unless_foreign(key, found)
            return {}
        said: dict[Slot, SignalState] = {}
        for slot, text in zip(self._slots, found, strict=True):
            state = _decoded(key, text)
            if state is not None and _is_of(state, slot, venue):
                said[slot] = state
        return said

    async def _shown(self) -> list[SignalState | None]:
        pipeline: Any = self._client.pipeline(transaction=False)
        names = [keys.sig(*slot) for slot in self._slots]
        for name in names:
            pipeline.get(name)
        replies = await pipeline.execute(raise_on_error=False)
        return [_shown(name, reply) for name, reply in zip(names, replies, strict=True)]


def _is_of(state: SignalState, slot: Slot, venue: str) -> bool:
    signal = state.signal
    return signal is not None and (signal.symbol, signal.timeframe, signal.venue) == (*slot, venue)


def _shown(key: str, reply: Any) -> SignalState | None:
    if isinstance(reply, Exception):
        _unless_foreign(key, reply)
        return NOTHING  # the next write replaces it
    return _decoded(key, reply)


def _decoded(key: str, text: bytes | None) -> SignalState | None:
    try:
        return None if text is None else decode_state(text)
    except msgspec.DecodeError as error:
        log.warning("sig_unreadable", key=key, error=str(error))
        return NOTHING


def _unless_foreign(key: str, error: Exception) -> None:
    if not isinstance(error, redis.ResponseError):
        raise error
    log.warning("sig_unreadable", key=key, error=str(error))
