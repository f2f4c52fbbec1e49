"""Records a running market: the pump hands each cell over, a thread of its own spools it.

The pump pays a few microseconds a cell; encoding and disk belong to the thread, Parquet to a
process of its own (`market.recording.upkeep`). What cannot be kept up with is dropped, counted
and told; the recording then goes on as another segment, so that no reader takes it for whole.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from market.events import AnyEvent, DepthSnapshot
from market.feeds import Batch
from market.hot.features import FeatureRow
from market.hot.tracking import MarketTracker
from market.recording.spooling import Spooling, Taken
from market.recording.upkeep import Upkeep

MOST_WAITING = 1_200
"""Cells: two minutes at the market's own pace. Beyond it the newest are dropped."""

FLUSH_SECONDS = 1.0
MOST_PENDING = 200
"""Cells of one flush, where a market is played faster than its own pace."""

ANCHOR_EVERY_MS = 600_000
"""How often a symbol's book is written down: a reader replays no more than this and 6 minutes."""

RETRY_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_CLOSING_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """root: of all venues. retention_days: 0 records nothing."""

    root: Path
    retention_days: int


class MarketRecorder:
    """Start it, `take` every cell, close it. `state()` is shown in the market's heartbeat."""

    def __init__(self, plan: RecordingPlan, venue: str, tracker: MarketTracker) -> None:
        self.counters: Counter[str] = Counter()
        self.problem = ""
        self._venue = venue
        self._tracker = tracker
        tracker.on_answer = self._answered
        self._answers: list[DepthSnapshot] = []
        self._anchored_ms: dict[str, int] = dict.fromkeys(tracker.symbols, 0)
        self._taken = self._losses = 0
        self._waiting: queue.Queue[Taken] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._spooling = Spooling(plan.root, venue, tuple(tracker.symbols), self.counters)
        self._upkeep = Upkeep(plan.root, plan.retention_days)
        self._thread = threading.Thread(target=self._run, name="market-recorder", daemon=True)

    def start(self) -> None:
        """Begin; what an earlier process left is turned into Parquet meanwhile."""
        self._thread.start()

    def close(self) -> None:
        """Spool what waits, for a few seconds at most."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def take(
        self, batch: Batch, rows: Mapping[str, FeatureRow] | None, *, patient: bool = False
    ) -> None:
        """Take in one cell, after the tracker has; rows: where they were written to `feat:`.

        patient: a market that is not played at its own pace can wait for the disk a while.
        """
        self._taken += 1
        answers, self._answers = self._answers, []
        anchors = self._anchors(batch.until_ms)
        taken = Taken(self._taken, batch.until_ms, batch.events, answers, rows, anchors)
        try:
            self._waiting.put(taken, block=patient, timeout=PATIENCE_SECONDS)
        except queue.Full:
            self.counters["cells_dropped"] += 1

    def state(self) -> dict[str, object]:
        """Return what the heartbeat says of recording."""
        return {
            "status": "failing" if self.problem else "active",
            "problem": self.problem,
            "waiting": self._waiting.qsize(),
            **self.counters,
            **self._upkeep.counters,
        }

    def _answered(self, snapshot: DepthSnapshot) -> None:
        self._answers.append(snapshot)

    def _anchors(self, until_ms: int) -> dict[str, list[AnyEvent]]:
        if self._spooling.losses != self._losses:
            self._losses = self._spooling.losses
            self._anchored_ms = dict.fromkeys(self._anchored_ms, 0)
        # One symbol a cell: copying a deep book takes up to a millisecond.
        for symbol, anchored_ms in self._anchored_ms.items():
            if until_ms - anchored_ms < ANCHOR_EVERY_MS:
                continue
            events = self._tracker.symbols[symbol].anchor()
            if events is not None:
                self._anchored_ms[symbol] = until_ms
                return {symbol: events}
        return {}

    def _run(self) -> None:
        pending: list[Taken] = []
        flushed = time.monotonic()
        while True:
            try:
                pending.append(self._waiting.get(timeout=_LOOK_SECONDS))
                ended = False
            except queue.Empty:
                ended = self._closing.is_set()
            due = time.monotonic() - flushed >= FLUSH_SECONDS or len(pending) >= MOST_PENDING
            if pending and (due or ended):
                self._flush(pending)
                pending = []
                flushed = time.monotonic()
            if ended:
                self._spooling.close()
                return

    def _flush(self, pending: list[Taken]) -> None:
        # The outermost handler of this thread: the market goes on whatever the disk does.
        try:
            hour_ended = self._spooling.write(pending)
            self._upkeep.look(again=hour_ended)
            if self.problem:
                log.info("recording_again", venue=self._venue)
            self.problem = ""
        except Exception as error:
            self.counters["cells_lost"] += len(pending)
            self.counters["failures"] += 1
            if not self.problem:
                log.exception("recording_failed", venue=self._venue)
            self.problem = f"{type(error).__name__}: {error}"
            self._spooling.abandon()
            self._closing.wait(RETRY_SECONDS)
