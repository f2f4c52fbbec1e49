"""A tick as the forecast loop publishes it, and whether the ticks come without a gap.

Read by the hub and the subscribers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from dashboard import frames
from dashboard.group_messages import read_fields
from dashboard.outbox import Frame

RESTART_DISTANCE = 1_000
"""A sequence number so far below the last one is a new count, not a repetition."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of one loop; frames: each symbol's data as JSON text.

    tick_ms is market time; published_ms the wall time at which the loop sent it, None where it
    did not say.
    """

    seq: int
    venue: str
    live: bool
    tick_ms: int
    frames: Mapping[str, str]
    published_ms: int | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, object]) -> Self:
        """Read a group message. Raises GroupMessageError naming the field that is wrong."""
        published_ms = message.get("published_ms")
        return cls(
            **read_fields("tick", message, _KINDS),
            published_ms=published_ms if isinstance(published_ms, int) else None,
        )

    def frame(self, symbols: frozenset[str], *, single: bool) -> Frame | None:
        """Return what a socket that follows `symbols` is sent; None where nothing is for it."""
        encoded = [text for symbol, text in self.frames.items() if symbol in symbols]
        if not encoded:
            return None
        # Loops that share the symbols out publish a frame each: one must not replace another.
        return Frame(
            f"tick:{next(iter(self.frames))}", self._text(encoded, single=single), self.seq
        )

    def _text(self, encoded: list[str], *, single: bool) -> str:
        if single:
            return frames.prediction(encoded[0], self.published_ms)
        return frames.predictions(
            seq=self.seq,
            venue=self.venue,
            live=self.live,
            published_ms=self.published_ms,
            encoded=encoded,
        )


_KINDS: dict[str, type] = {"seq": int, "venue": str, "live": bool, "tick_ms": int, "frames": dict}


class Verdict(Enum):
    """How a tick follows those before."""

    NEXT = auto()
    REPEATED = auto()
    GAP = auto()  # ticks are missing, or another market has begun


class Continuity:
    """Follows the sequence numbers by symbol, since several loops may share the symbols out."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}

    def observe(self, tick: Tick) -> Verdict:
        """Return how the tick follows, and remember it."""
        verdicts = {self._verdict(symbol, tick) for symbol in tick.frames}
        if verdicts <= {Verdict.REPEATED}:
            return Verdict.REPEATED
        for symbol in tick.frames:
            self._last[symbol] = (tick.venue, tick.seq)
        return Verdict.GAP if Verdict.GAP in verdicts else Verdict.NEXT

    def _verdict(self, symbol: str, tick: Tick) -> Verdict:
        if symbol not in self._last:
            return Verdict.NEXT
        venue, seq = self._last[symbol]
        if venue != tick.venue:
            return Verdict.GAP
        ahead = tick.seq - seq
        if -RESTART_DISTANCE < ahead <= 0:
            return Verdict.REPEATED
        return Verdict.NEXT if ahead == 1 else Verdict.GAP
