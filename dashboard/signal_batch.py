"""The signals of one candle close as the signal loop publishes them, and as each socket gets them.

Read by the hub. A signal is state: of what waits for a slow socket, only the newest of each
symbol and timeframe stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from dashboard import frames
from dashboard.group_messages import read_fields
from dashboard.outbox import Frame


@dataclass(frozen=True, slots=True)
class SignalBatch:
    """frames: each symbol's signal as JSON text; errors: why a symbol has none, as JSON text."""

    seq: int
    venue: str
    live: bool
    timeframe: str
    frames: Mapping[str, str]
    errors: Mapping[str, str]

    @classmethod
    def from_message(cls, message: Mapping[str, object]) -> Self:
        """Read a group message. Raises GroupMessageError naming the field that is wrong."""
        return cls(**read_fields("signals", message, _KINDS))

    def frame(self, symbols: frozenset[str], *, single: bool) -> Frame | None:
        """Return what a socket that follows `symbols` is sent; None where nothing is for it."""
        signals = {s: text for s, text in self.frames.items() if s in symbols}
        errors = {s: text for s, text in self.errors.items() if s in symbols}
        slots = (*map(self._slot, signals), *map(self._error_slot, errors))
        if not slots:
            return None
        return Frame(slots[0], self._text(signals, errors, single=single), slots=slots)

    def _text(self, signals: Mapping[str, str], errors: Mapping[str, str], *, single: bool) -> str:
        if not single:
            return frames.signals(
                seq=self.seq,
                venue=self.venue,
                live=self.live,
                timeframe=self.timeframe,
                encoded=signals.values(),
                errors=errors.values(),
            )
        for text in signals.values():
            return frames.signal(text)
        error = next(iter(errors.values()))
        return frames.signal_error(error, venue=self.venue, live=self.live)

    def _slot(self, symbol: str) -> str:
        return f"signal:{symbol}:{self.timeframe}"

    def _error_slot(self, symbol: str) -> str:
        # Beside, not instead of, the signal: an older one still stands when a candle is late.
        return f"signal_error:{symbol}:{self.timeframe}"


_KINDS: dict[str, type] = {
    "seq": int,
    "venue": str,
    "live": bool,
    "timeframe": str,
    "frames": dict,
    "errors": dict,
}
