"""The signals that stand: `sig:` as the leading loop last wrote it. Read by the loop alone."""

from collections.abc import Mapping
from itertools import product

import msgspec
import redis
import structlog

from inference.handover.connections import AnyClient
from inference.signals.signal import SignalState, decode_state
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe

log = structlog.get_logger(__name__)

NOTHING = SignalState()


class StandingSignals:
    """State by timeframe and symbol; survives a change of leader through Redis."""

    def __init__(self, client: AnyClient, symbols: tuple[str, ...]) -> None:
        self._client = client
        self._symbols = symbols
        self._states: dict[Timeframe, dict[str, SignalState]] = {}

    def of(self, timeframe: Timeframe) -> Mapping[str, SignalState]:
        return self._states.get(timeframe, {})

    def take(self, timeframe: Timeframe, states: Mapping[str, SignalState]) -> None:
        """Remember what was just written."""
        self._states.setdefault(timeframe, {}).update(states)

    async def restore(self, venue: str) -> None:
        """Read what stands of this market, and clear away what another market left.

        Raises redis.RedisError where Redis is gone.
        """
        self._states = {}
        for timeframe, symbol in product(SIGNAL_TIMEFRAMES, self._symbols):
            key = keys.sig(symbol, timeframe)
            state = await self._read(key)
            if state is not None and state.signal is not None and state.signal.venue == venue:
                self.take(timeframe, {symbol: state})
            elif state is not None:
                await self._client.delete(key)

    async def _read(self, key: str) -> SignalState | None:
        try:
            text = await self._client.get(key)
            return None if text is None else decode_state(text)
        except (msgspec.DecodeError, redis.ResponseError) as error:
            log.warning("sig_unreadable", key=key, error=str(error))
            return NOTHING  # the next write replaces it
