"""Windows that roll over a record, for figures over time. Read by forecasts and signals.

A point tells of one window; the next window begins a quarter of it later, so that neighbours
share three quarters of what they rest on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.signals.signal import iso
from predictions.accuracy.hours import MINUTE_MS
from predictions.accuracy.questions import TooMuchAskedError

WINDOWS = {
    "20m": 20 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "1d": 1_440 * MINUTE_MS,
    "7d": 10_080 * MINUTE_MS,
    "30d": 43_200 * MINUTE_MS,
    "90d": 129_600 * MINUTE_MS,
}
AUTO = "auto"
"""The shortest window that gives at most AUTO_POINTS."""
ROLLINGS = (AUTO, *WINDOWS)
STEPS = 4
AUTO_POINTS = 120
MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class Rolling:
    """Windows over a record. name: of WINDOWS; first_ms, last_ms: what it spans, both inside."""

    name: str
    first_ms: int
    last_ms: int

    @property
    def length_ms(self) -> int:
        return WINDOWS[self.name]

    @property
    def step_ms(self) -> int:
        return self.length_ms // STEPS

    @property
    def points(self) -> int:
        """How many windows there are."""
        return self.last_ms // self.step_ms - self.first_ms // self.step_ms + 1

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each window, on a grid of steps; the last holds last_ms."""
        end = (self.first_ms // self.step_ms + 1) * self.step_ms
        for _ in range(self.points):
            yield end - self.length_ms, end
            end += self.step_ms

    def point(self, begin: int, end: int, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Return a window's figures as plain values; the last ends with the record."""
        last = (self.last_ms // MINUTE_MS + 1) * MINUTE_MS
        return {"from": iso(begin), "to": iso(min(end, last)), **figures}

    def told(self, points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return all points as plain values, ready for JSON."""
        return {
            "window": self.name,
            "window_ms": self.length_ms,
            "step_ms": self.step_ms,
            "points": points,
        }


def rolling(name: str, first_ms: int, last_ms: int, *, least_ms: int = 0) -> Rolling:
    """Return the windows over a record; least_ms: what `auto` takes at least, if it can.

    Raises TooMuchAskedError where there would be more than MOST_POINTS.
    """
    if name == AUTO:
        long_enough = [each for each in WINDOWS if WINDOWS[each] >= least_ms]
        found = [Rolling(each, first_ms, last_ms) for each in long_enough or [*WINDOWS][-1:]]
        few = [each for each in found if each.points <= AUTO_POINTS]
        return few[0] if few else found[-1]
    asked = Rolling(name, first_ms, last_ms)
    if asked.points > MOST_POINTS:
        raise TooMuchAskedError(
            f"series: windows of {name} give {asked.points} points here, at most {MOST_POINTS} "
            "are told; ask for longer windows, or for a shorter stretch"
        )
    return asked
