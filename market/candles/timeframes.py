"""How long candles are. A candle is labelled by its open; every time here is UTC in ms."""

from enum import StrEnum

_MINUTE_MS = 60_000


class UnknownTimeframeError(ValueError):
    """The text names no timeframe that is allowed here. The caller tells the user."""


class Timeframe(StrEnum):
    """A candle's length, as exchanges write it."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def ms(self) -> int:
        return _LENGTHS_MS[self]

    def open_of(self, time_ms: float) -> int:
        """Return the open of the candle that `time_ms` lies in."""
        return int(time_ms // self.ms) * self.ms

    def last_closed(self, now_ms: float) -> int:
        """Return the open of the newest candle that has closed by `now_ms`."""
        return self.open_of(now_ms) - self.ms


_LENGTHS_MS = {
    Timeframe.M1: _MINUTE_MS,
    Timeframe.M5: 5 * _MINUTE_MS,
    Timeframe.M15: 15 * _MINUTE_MS,
    Timeframe.H1: 60 * _MINUTE_MS,
    Timeframe.H4: 240 * _MINUTE_MS,
    Timeframe.D1: 1_440 * _MINUTE_MS,
}

SIGNAL_TIMEFRAMES = (Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
"""Those that signals are made for. The shorter ones are finer paths to grade along."""


def parse_timeframe(text: str, allowed: tuple[Timeframe, ...] = SIGNAL_TIMEFRAMES) -> Timeframe:
    """Return the timeframe that `text` names.

    Raises UnknownTimeframeError naming what is allowed.
    """
    for timeframe in allowed:
        if text == timeframe:
            return timeframe
    shown = text[:20]
    raise UnknownTimeframeError(f"{shown!r} is not a timeframe; allowed are {', '.join(allowed)}")
