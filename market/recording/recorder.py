"""Records a running market: the pump hands each cell over, a thread of its own spools it.

The pump pays a few microseconds a cell; encoding and disk belong to the thread, Parquet to a
process of its own (`market.recording.upkeep`). What cannot be kept up with is dropped, counted
and told; the recording then goes on as another segment, so that no reader takes it for whole.
"""

import threading
from collections import Counter, deque
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
        self._played = False
        self._waiting: deque[Taken] = deque()
        # The thread is woken once a second, not once a cell: each waking costs the pump, too.
        self._wake = threading.Event()
        self._room = threading.Event()
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
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def take(
        self,
        batch: Batch,
        rows: Mapping[str, FeatureRow] | None,
        *,
        tick: bool = False,
        patient: bool = False,
    ) -> None:
        """Take in one cell, after the tracker has; rows: None in a pre-roll, which nobody reads.

        tick: a tick reads this cell, so its rows are kept; those of the first cell too.
        patient: a market that is not played at its own pace can wait for the disk a while.
        """
        self._taken += 1
        answers, self._answers = self._answers, []
        anchors = self._anchors(batch.until_ms)
        kept = rows if tick or not self._played else None
        self._played = self._played or rows is not None
        taken = Taken(self._taken, batch.until_ms, batch.events, answers, kept, anchors)
        if len(self._waiting) >= MOST_WAITING and not (patient and self._wait_for_room()):
            self.counters["cells_dropped"] += 1
            return
        self._waiting.append(taken)
        if len(self._waiting) == MOST_PENDING:
            self._wake.set()

    def state(self) -> dict[str, object]:
        """Return what the heartbeat says of recording."""
        return {
            "status": "failing" if self.problem else "active",
            "problem": self.problem,
            "waiting": len(self._waiting),
            **self.counters,
            **self._upkeep.counters,
        }

    def _wait_for_room(self) -> bool:
        self._room.clear()
        self._wake.set()
        self._room.wait(PATIENCE_SECONDS)
        return len(self._waiting) < MOST_WAITING

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
        ended = False
        while not ended:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            ended = self._closing.is_set()
            while self._waiting:
                self._flush(self._taken_out())
                self._room.set()
        self._spooling.close()

    def _taken_out(self) -> list[Taken]:
        count = min(len(self._waiting), MOST_PENDING)
        return [self._waiting.popleft() for _ in range(count)]

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
