"""Adding up hours that are over and graded: what the recorder's process does beside its logs."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Max

from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.rollups import adding_up, said_hours
from predictions.models import Forecast

EVERY_SECONDS = 20.0
SETTLING_MS = 60_000
"""Market time after an hour's end before it is looked at: its last targets have come."""
QUIET_SECONDS = 120.0
"""A venue this long without a forecast is over, and so is its last hour."""
PIECE_SECONDS = 0.2
"""A run begins no further symbol or look after so long: recording comes first."""
RECOVERED_ROWS = 200_000
"""A start looks through so many of the newest forecasts for what came late to an hour that is
added up. Hours that are not are all found, whatever their age."""


Pieces = Generator[None, None, bool]


@dataclass(slots=True)
class _Venue:
    """Hours of a venue with rows that no roll-up holds yet, as far as is known."""

    hours: set[int] = field(default_factory=set)
    newest_ms: int = 0
    seen_at: float = 0.0


@dataclass(slots=True)
class RollupChore:
    """Writes an hour's roll-ups once it is over and wholly graded, some symbols a run."""

    every_seconds: float = EVERY_SECONDS
    quiet_seconds: float = QUIET_SECONDS
    name: str = "rollups"
    clock: Callable[[], float] = time.monotonic
    _seen_id: int | None = field(init=False, default=None)
    _venues: defaultdict[str, _Venue] = field(
        init=False, default_factory=lambda: defaultdict(_Venue)
    )
    _unsearched: Iterator[tuple[str, int, bool]] | None = field(init=False, default=None)
    _searched: bool = field(init=False, default=False)
    _adding: tuple[tuple[str, int], Pieces] | None = field(init=False, default=None)
    _due: list[tuple[str, int]] = field(init=False, default_factory=list)
    _written: int = field(init=False, default=0)

    def run(self) -> bool:
        """Add up some of an hour; return whether more is due."""
        until = self.clock() + PIECE_SECONDS
        self._look()
        while not self._searched:
            self._search()
            if self.clock() >= until:
                return True
        if self._adding is None and not self._due:
            self._due = self._over()
        while (hour := self._next()) is not None:
            if self._add(*hour) or self.clock() >= until:
                return True
        return False

    def detail(self) -> dict[str, Any]:
        """Return how many hours were added up, and how many are open, the running one too."""
        waiting = sum(len(venue.hours) for venue in self._venues.values())
        return {"hours": self._written, "open": waiting}

    def _next(self) -> tuple[tuple[str, int], Pieces] | None:
        # Where the database goes away nothing is kept: the hour begins anew.
        adding, self._adding = self._adding, None
        if adding is not None:
            return adding
        if not self._due:
            return None
        hour = self._due.pop(0)
        return hour, adding_up(*hour)

    def _add(self, hour: tuple[str, int], pieces: Pieces) -> bool:
        try:
            next(pieces)
        except StopIteration as ended:
            if not ended.value:
                return False
        else:
            self._adding = (hour, pieces)
            return False
        venue, hour_ts = hour
        self._written += 1
        self._venues[venue].hours.discard(hour_ts)
        if not self._venues[venue].hours:
            del self._venues[venue]
        return True

    def _search(self) -> None:
        # Once: what is never graded stays open, and what comes later is seen by its id.
        search, self._unsearched = self._unsearched or said_hours(), None
        try:
            name, hour_ts, added_up = next(search)
        except StopIteration:
            self._searched = True
            return
        self._unsearched = search
        if not added_up:
            venue = self._venues[name]
            venue.hours.add(hour_ts)
            venue.newest_ms = max(venue.newest_ms, hour_ts)
            venue.seen_at = self.clock()

    def _look(self) -> None:
        newest = Forecast.objects.aggregate(id=Max("id"))["id"] or 0
        seen = max(newest - RECOVERED_ROWS, 0) if self._seen_id is None else self._seen_id
        # Rows that are late to an hour that was added up open it again.
        found = (
            Forecast.objects.filter(id__gt=seen, id__lte=newest)
            .order_by()
            .values("venue", hour=F("prediction_ts") / HOUR_MS)
            .annotate(newest_ms=Max("prediction_ts"))
        )
        for row in found:
            venue = self._venues[row["venue"]]
            venue.hours.add(row["hour"] * HOUR_MS)
            venue.newest_ms = max(venue.newest_ms, row["newest_ms"])
            venue.seen_at = self.clock()
        self._seen_id = newest

    def _over(self) -> list[tuple[str, int]]:
        now = self.clock()
        return [
            (name, hour_ts)
            for name, venue in self._venues.items()
            for hour_ts in sorted(venue.hours)
            if venue.newest_ms >= hour_ts + HOUR_MS + SETTLING_MS
            or now - venue.seen_at >= self.quiet_seconds
        ]
