"""What one socket is still to be sent: in order while it keeps up, newest state when not.

Read by the subscriber. A client that acknowledges forecasts (`{"type": "ack", "seq": n}`)
is held once two are unacknowledged; one that never does gets everything as it comes. Either
way the memory is bounded: of what cannot be sent, only the newest of each slot stays.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from dashboard.wire import text_frame

MAX_UNACKNOWLEDGED = 2
MAX_WAITING = 64
"""Frames beyond this are merged by slot: a server with back-pressure may keep us waiting."""

KEPT_OUTCOMES = 5
"""Outcomes are not state: so many frames stay; older ones are in the API."""

OUTCOME_SLOT = "outcome"
BOOK_SLOT = "book"
TRADES_SLOT = "trades"


@dataclass(frozen=True)
class Frame:
    """One frame. A newer one of the same slot replaces it; seq where it is to be acknowledged.

    slots: where a frame fills several, it goes once newer ones have filled each of them.
    """

    slot: str
    text: str
    seq: int | None = None
    slots: tuple[str, ...] = ()

    @cached_property
    def wire(self) -> bytes:
        """The bytes of the message; made once, however many sockets get it."""
        return text_frame(self.text)


class Outbox:
    """Bounded queue of one socket."""

    def __init__(self) -> None:
        self._waiting: list[Frame] = []
        self._acknowledges = False
        self._unacknowledged: set[int] = set()
        self._newest_sent = -1
        self.replaced = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def held(self) -> bool:
        return len(self._unacknowledged) >= MAX_UNACKNOWLEDGED

    def offer(self, frame: Frame) -> None:
        """Queue a frame; where the socket lags, in place of the older ones of its slot."""
        self._waiting.append(frame)
        if self.held or len(self._waiting) > MAX_WAITING:
            self._merge()

    def next(self) -> Frame | None:
        """Return the frame that may be sent now, and count it as sent; None where there is none."""
        if self.held or not self._waiting:
            return None
        frame = self._waiting.pop(0)
        self.count_sent(frame)
        return frame

    def count_sent(self, frame: Frame) -> None:
        """Count a frame that went past the queue."""
        if frame.seq is None:
            return
        self._newest_sent = max(self._newest_sent, frame.seq)
        if self._acknowledges:
            self._unacknowledged.add(frame.seq)
            if self.held:
                self._merge()

    def acknowledge(self, seq: int) -> None:
        """Take an acknowledgement of `seq` and all before; the first one opts in.

        Raises ValueError where nothing with that number was sent.
        """
        if seq > self._newest_sent:
            raise ValueError(f"seq {seq} was not sent; the newest sent is {self._newest_sent}")
        self._acknowledges = True
        self._unacknowledged = {each for each in self._unacknowledged if each > seq}

    def discard(self, *slots: str) -> None:
        """Drop what waits in these slots."""
        self._waiting = [frame for frame in self._waiting if frame.slot not in slots]

    def reset(self) -> None:
        """Drop what waits and forget what was sent: a snapshot follows, with numbers of its own."""
        self._waiting.clear()
        self._unacknowledged.clear()

    def _merge(self) -> None:
        seen: Counter[str] = Counter()
        kept: list[Frame] = []
        for frame in reversed(self._waiting):
            limit = KEPT_OUTCOMES if frame.slot == OUTCOME_SLOT else 1
            slots = frame.slots or (frame.slot,)
            if any(seen[slot] < limit for slot in slots):
                kept.append(frame)
            seen.update(slots)
        self.replaced += len(self._waiting) - len(kept)
        self._waiting = kept[::-1]
