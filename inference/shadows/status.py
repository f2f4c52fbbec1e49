"""What `run_shadow` says of itself: each version on trial, and how far it is behind.

Written by the voices; read for the heartbeat `health:shadow`. Free of NumPy and ONNX Runtime.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inference.vocabulary import FORECASTS

WINDOW = 150
"""Answers over which latency is told: five minutes of ticks."""


OVERDUE = frozenset({"late", "behind", "failed", "redis_away"})
"""Why an entry was skipped that the version should have answered."""


class State(StrEnum):
    """How a version on trial does."""

    LOADING = "loading"
    SPEAKING = "speaking"
    REFUSED = "refused"
    TOO_SLOW = "too_slow"


@dataclass(slots=True)
class VoiceStatus:
    """One version on trial.

    said: entries written. skipped: of the leader's, those that it did not answer, by why. behind:
    how many of the leader's entries had come since the one that it answered last. milliseconds:
    from taking up an entry until its answer is packed.
    """

    slot: str
    version: str
    state: State = State.LOADING
    code: str = ""
    message: str = ""
    said: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    behind: int = 0
    last_ms: float | None = None
    milliseconds: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _answered: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def say(self, milliseconds: float) -> None:
        """Take in that an answer was written."""
        self.said += 1
        self.last_ms = time.time_ns() / 1e6
        self.milliseconds.append(milliseconds)
        self._answered.append(True)

    def skip(self, why: str, count: int = 1, *, excused: bool = False) -> None:
        """Take in that nothing was said, and why; excused: nobody could have been in time."""
        self.skipped[why] = self.skipped.get(why, 0) + count
        if why in OVERDUE and not excused:
            self._answered.append(False)

    @property
    def overdue_share(self) -> float | None:
        """Return which share of what it should have answered lately it did not."""
        asked = len(self._answered)
        return round(1 - sum(self._answered) / asked, 4) if asked else None

    def document(self) -> dict[str, Any]:
        times = sorted(self.milliseconds)
        return {
            "slot": self.slot,
            "version": self.version,
            "state": self.state.value,
            "code": self.code,
            "message": self.message,
            "said": self.said,
            "skipped": dict(self.skipped),
            "overdue_share": self.overdue_share,
            "behind": self.behind,
            "last_ms": self.last_ms,
            "latency_ms": round(times[len(times) // 2], 3) if times else None,
        }


@dataclass(slots=True)
class ShadowStatus:
    """All of the process. led: engines for whose versions this process speaks.

    problems: why nothing of an engine can be followed though Redis answers, "" where it can.
    """

    led: set[str] = field(default_factory=set)
    voices: dict[tuple[str, str], VoiceStatus] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def leading(self) -> bool:
        """Return whether this is the process that speaks."""
        return FORECASTS in self.led

    @property
    def status(self) -> str:
        """idle (nothing is on trial); standby (another process speaks); degraded; healthy."""
        if not self.voices:
            return "idle"
        if not self.leading:
            return "standby"
        unwell = any(voice.code for voice in self.voices.values())
        return "degraded" if unwell or any(self.problems.values()) else "healthy"

    def document(self) -> dict[str, Any]:
        return {
            "error": "; ".join(problem for problem in self.problems.values() if problem),
            "leading": self.leading,
            "versions": [voice.document() for _, voice in sorted(self.voices.items())],
        }
