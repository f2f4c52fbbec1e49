"""The recorder of forecasts: from `log:forecasts` to the ledger, graded as the market catches up.

Run by `manage.py run_recorder`.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import transaction

from predictions.broadcast import OutcomeBroadcast
from predictions.grading.forecast_outcomes import Frame
from predictions.grading.forecasts import Grader, Settlement
from predictions.grading.price_history import RedisPriceHistory
from predictions.models import Forecast
from predictions.recording.log_reader import LogEntry
from predictions.recording.log_recorder import LogRecorder, LogTally
from predictions.rows.forecast_rows import TickRows, tick_rows
from predictions.rows.insertion import insert_new
from predictions.transparency.appending import append_entries

log = structlog.get_logger(__name__)

QUIET_SECONDS = 30.0
"""A venue this long without an entry is graded by the market's clock instead of the log."""
LOOK_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Tally(LogTally):
    """What this process did since its start; part of its heartbeat.

    contradicted: forecasts whose name (venue, tick, symbol, version) the ledger held already, said
    in another entry; that one stays.
    """

    forecasts: int = 0
    contradicted: int = 0
    outcomes: int = 0
    last_tick_ms: int | None = None


@dataclass(slots=True)
class Recorder(LogRecorder[TickRows]):
    """Stores and grades forecasts, a batch a step."""

    history: RedisPriceHistory
    broadcast: OutcomeBroadcast
    quiet_seconds: float = QUIET_SECONDS
    grader: Grader = field(init=False)
    tally: Tally = field(init=False, default_factory=Tally)
    _seen_at: dict[str, float] = field(init=False, default_factory=dict)
    _recovered: bool = field(init=False, default=False)
    _looked_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        LogRecorder.__post_init__(self)
        self.grader = Grader(self.history, self.reader, self.admission.market_ms)

    def detail(self) -> dict[str, Any]:
        # No zero-argument super(): a class with slots is made anew, and that would miss it.
        return LogRecorder.detail(self) | {"broadcast_failures": self.broadcast.failures}

    def _recover(self) -> None:
        if not self._recovered:
            self.grader.recover()
            self._recovered = True

    def _nothing_new(self) -> None:
        for venue in self.grader.waiting:
            self._settle_alone(venue)
        self._settle_quiet_venues()

    def _rows(self, entry_id: str, packed: bytes) -> TickRows:
        return tick_rows(entry_id, packed)

    def _record(self, entries: list[LogEntry]) -> None:
        known = self.tally.duplicates
        LogRecorder._record(self, entries)
        # Whoever stored what came again may have died before it was graded.
        self._recovered &= self.tally.duplicates == known

    def _store(self, entries: list[TickRows]) -> None:
        by_venue: defaultdict[str, list[TickRows]] = defaultdict(list)
        for tick in entries:
            by_venue[tick.venue].append(tick)
        with transaction.atomic():
            appended = append_entries([tick.logged for tick in entries])
            new = [tick for tick in entries if tick.logged.hash in appended.new]
            stored = insert_new(
                Forecast, [tick.batch(appended.leaves[tick.logged.hash]) for tick in new]
            )
            settlements = [self.grader.settle(venue, of) for venue, of in by_venue.items()]
        self._committed(settlements)
        contradicted = sum(map(len, new)) - stored
        if contradicted:
            log.error("forecasts_contradicted", count=contradicted, entries=len(new))
        self.tally.contradicted += contradicted
        self.tally.forecasts += stored
        for tick in entries:
            self._seen_at[tick.venue] = time.monotonic()
            self.tally.last_tick_ms = tick.tick_ms

    def _settle_quiet_venues(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < min(LOOK_EVERY_SECONDS, self.quiet_seconds):
            return
        self._looked_at = now
        for venue, progress in list(self.grader.progress.items()):
            if now - self._seen_at.setdefault(venue, now) < self.quiet_seconds:
                continue
            now_ms = self._market_ms(venue)
            if now_ms is None:
                # Another market runs now: this one is over, its last targets never come.
                now_ms = progress.last_target_ms + self.grader.tolerance_ms
            if self._settle_alone(venue, now_ms).finished:
                self.grader.forget(venue)
                del self._seen_at[venue]

    def _settle_alone(self, venue: str, now_ms: int | None = None) -> Settlement:
        with transaction.atomic():
            settlement = self.grader.settle(venue, now_ms=now_ms)
        self._committed([settlement])
        return settlement

    def _market_ms(self, venue: str) -> int | None:
        market = self.history.market_time()
        wall_ms = time.time_ns() / 1e6
        if market is None:
            return int(wall_ms)
        if market.venue != venue:
            return None
        return int(market.market_ms if market.lock_step else market.market_at(wall_ms))

    def _committed(self, settlements: list[Settlement]) -> None:
        frames: list[Frame] = []
        for settlement in settlements:
            self.grader.confirm(settlement)
            frames.extend(settlement.frames)
            self.tally.outcomes += settlement.outcomes
        self.broadcast.send(frames)
