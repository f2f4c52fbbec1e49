"""Time: one clock for live, replayed and simulated markets.

Live time is UTC anchored to the monotonic clock, so that a stepped system clock cannot bunch
or skip ticks unseen. A replay's time is the feed's: it travels through Redis (`clock:market`),
so that loops and recorder follow a market at any speed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

FieldT = bytes | bytearray | memoryview | str | int | float
"""What redis-py takes as a hash's field or value."""

STEP_MS = 100.0
"""A system clock further than this from the anchored one has stepped."""


class LiveClock:
    """UTC that never jumps: wall time at the anchor plus the monotonic time since."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._anchor()

    def now_ms(self) -> float:
        return self.now_ns() / 1_000_000  # of two integers, so that it is rounded once

    def now_ns(self) -> int:
        return self._ahead_ns + self._monotonic_ns()

    def resync(self) -> float | None:
        """Follow the system clock; return the step in ms where it jumped, else None.

        Call it now and then (each tick): small differences are ordinary slewing by NTP.
        """
        difference = (self._wall_ns() - self.now_ns()) / 1e6
        self._anchor()
        return difference if abs(difference) > STEP_MS else None

    def _anchor(self) -> None:
        self._ahead_ns = self._wall_ns() - self._monotonic_ns()


@dataclass(frozen=True, slots=True)
class MarketTime:
    """What `clock:market` says: whose time it is, and how it maps to wall time.

    speed: market seconds per wall second; 0 is lock-step, where the feed names each tick.
    """

    venue: str
    live: bool
    market_ms: float
    wall_ms: float
    speed: float

    @property
    def lock_step(self) -> bool:
        return self.speed == 0

    def market_at(self, wall_ms: float) -> float:
        """Map UTC (ms) to market time (ms)."""
        return self.market_ms + (wall_ms - self.wall_ms) * self.speed

    def wall_at(self, market_ms: float) -> float:
        """Map market time (ms) to UTC (ms); not defined in lock-step."""
        return self.wall_ms + (market_ms - self.market_ms) / self.speed

    def to_hash(self) -> dict[FieldT, FieldT]:
        return {
            "venue": self.venue,
            "live": "1" if self.live else "0",
            "market_ms": repr(self.market_ms),
            "wall_ms": repr(self.wall_ms),
            "speed": repr(self.speed),
        }

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> Self | None:
        """Read `clock:market`; None where it is absent or not to be understood."""
        try:
            return cls(
                venue=fields["venue"],
                live=fields["live"] == "1",
                market_ms=float(fields["market_ms"]),
                wall_ms=float(fields["wall_ms"]),
                speed=float(fields["speed"]),
            )
        except (KeyError, ValueError):
            return None


SIMULATED = "simulated"
"""How the venues of simulated markets begin."""

MADE_UP = (SIMULATED, "replay/")
"""How the venues begin whose prices must never be called live."""

LIVE_TIME = MarketTime(venue="external", live=True, market_ms=0.0, wall_ms=0.0, speed=1.0)
"""What holds where no feed of ours has said otherwise: a third party's feed, in UTC."""


NO_VENUE = "none"
"""The venue while our market process finds no exchange, and none had named a market before: what is
said then is of no market, neither a real one nor one that is made up."""


def of_another_market(said: str | None, venue: str | None) -> bool:
    """Tell whether hot state that says it is of venue `said` is not of the running market.

    venue: whose market runs; None where no feed of ours has named one: then whatever is not made
    up counts. What says no venue, as a third party's feed may, is believed.
    """
    if not said:
        return False
    return said.startswith(MADE_UP) if venue is None else said != venue
