"""Grades signals beside the recorder: looks at what is open, a little at a time.

Run in the recorder's process. What is open is found in the database, so a restart forgets
nothing; market time alone decides what is due.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from django.db.models import Max, Min

from inference.vocabulary import OutcomeStatus
from market.candles.old_runs import is_numbered
from market.candles.store import CandleStore, venues_of
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.grading.candle_paths import StoredBars
from predictions.grading.not_traded import ToldNotTraded
from predictions.grading.signals import Grade, SaidSignal, grade_signal
from predictions.models import Signal, SignalOutcome
from predictions.moments import moment

SETTLING_MS = 120_000
"""Market time after its close by which a candle has come, and has been confirmed."""

SETTLING_WALL_MS = 5_000
"""The same in wall time, where the market runs faster: files are written at their own pace."""

LOOKS_A_CANDLE = 15
"""A signal whose candles are missing is looked at so often within one of its timeframe."""

ROWS_A_LOOK = 1_000
BUDGET_SECONDS = 0.2
"""One run does not begin another look after this long: entries are waiting."""

NOTICE_SECONDS = 2.0
NOTICED_AGAIN = 2_000
"""Rows before the newest that are looked through again: another's may be committed later."""


class Clock(Protocol):
    """Whose time it is, as `clock:market` says."""

    def market_time(self) -> MarketTime | None: ...


class SignalBroadcast(Protocol):
    """Where outcomes are told."""

    def send_signals(self, frames: list[dict[str, object]]) -> None: ...


class Dataset(NamedTuple):
    """Signals that are graded together: along the same candles."""

    venue: str
    live: bool
    symbol: str
    timeframe: str


@dataclass(slots=True)
class Open:
    """From which candle's close on signals may be open, and from when on candles are looked for."""

    since_ms: int
    look_ms: float = -math.inf


@dataclass(slots=True)
class Tally:
    """What this process did since its start; part of its heartbeat."""

    graded: int = 0
    ungradable: int = 0
    unreadable: int = 0
    open: int = 0
    last_graded_ms: int | None = None


@dataclass(slots=True)
class SignalGrading:
    """A chore of the recorder's process."""

    clock: Clock
    store: CandleStore
    exchange: str
    fee_bp: float
    broadcast: SignalBroadcast | None = None
    wall_ms: Callable[[], float] = lambda: time.time() * 1e3
    monotonic: Callable[[], float] = time.monotonic
    tally: Tally = field(init=False, default_factory=Tally)
    _open: dict[Dataset, Open] = field(init=False, default_factory=dict)
    _seen_id: int = field(init=False, default=0)
    _notice_at: float = field(init=False, default=-math.inf)

    @property
    def name(self) -> str:
        return "signal_grading"

    @property
    def every_seconds(self) -> float:
        return 1.0

    def run(self) -> bool:
        """Look at the signals that are due, as many as fit; return whether more are."""
        began = self.monotonic()
        if began >= self._notice_at:
            self._notice()
            self._notice_at = began + NOTICE_SECONDS
        market, wall_ms = self.clock.market_time(), self.wall_ms()
        for dataset, state in list(self._open.items()):
            known_ms = settled_ms(dataset.venue, dataset.live, market, wall_ms)
            if known_ms is None or known_ms < state.look_ms:
                continue
            if self.monotonic() - began > BUDGET_SECONDS:
                return True
            self._look(dataset, state, known_ms)
        return False

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells of it; `open`: coins and timeframes with open signals."""
        tally = self.tally
        tally.open = len(self._open)
        return {each: getattr(tally, each) for each in Tally.__slots__}

    def _notice(self) -> None:
        newest: int = Signal.objects.aggregate(newest=Max("id"))["newest"] or 0
        found = (
            Signal.objects.filter(id__gt=self._seen_id - NOTICED_AGAIN, outcome__isnull=True)
            .order_by()
            .values_list(*Dataset._fields, "late")
            .annotate(since=Min("candle_close"))
        )
        for *names, late, since_ms in found:
            dataset = Dataset(*names)
            known = self._open.get(dataset)
            if known is None or late or since_ms < known.since_ms:
                since_ms = since_ms if known is None else min(since_ms, known.since_ms)
                self._open[dataset] = Open(since_ms)
        self._seen_id = newest

    def _look(self, dataset: Dataset, state: Open, known_ms: float) -> None:
        rows = _open_signals(dataset, state.since_ms)
        if not rows:
            del self._open[dataset]
            return
        due = [row for row in rows if row.end_ms <= known_ms or row.late]
        bars = StoredBars(
            self.store,
            venues_of(dataset.venue, self.exchange),
            dataset.symbol,
            since_ms=rows[0].candle_close,
            until_ms=max((row.end_ms for row in due), default=0),
        )
        asked = partial(grade_signal, bars=bars, known_ms=known_ms, fee_bp=self.fee_bp)
        not_traded = ToldNotTraded(dataset.venue)
        grades = [(row, asked(row, not_traded=not_traded)) for row in due]
        decided = {row.id: (row, grade) for row, grade in grades if grade is not None}
        self._write(dataset, list(decided.values()))
        self.tally.unreadable += len(bars.problems)
        still = [row for row in rows if row.id not in decided]
        if len(rows) == ROWS_A_LOOK and decided:
            # More lie behind these.
            state.since_ms = (still or rows[-1:])[0].candle_close
        elif still:
            state.since_ms = still[0].candle_close
            again_ms = known_ms + Timeframe(dataset.timeframe).ms / LOOKS_A_CANDLE
            state.look_ms = max(still[0].end_ms, again_ms)
        else:
            del self._open[dataset]

    def _write(self, dataset: Dataset, decided: list[tuple[SaidSignal, Grade]]) -> None:
        if not decided:
            return
        SignalOutcome.objects.bulk_create(
            [SignalOutcome(signal_id=row.id, **grade.columns()) for row, grade in decided],
            ignore_conflicts=True,
        )
        graded = sum(grade.status == OutcomeStatus.GRADED for _, grade in decided)
        self.tally.graded += graded
        self.tally.ungradable += len(decided) - graded
        self.tally.last_graded_ms = round(self.wall_ms())
        if self.broadcast is not None:
            shown = [(row, grade) for row, grade in decided if row.shown]
            self.broadcast.send_signals([_frame(dataset, row, grade) for row, grade in shown])


def settled_ms(venue: str, live: bool, market: MarketTime | None, wall_ms: float) -> float | None:
    """Return the market time up to which a venue's candles are there and confirmed.

    None where its time cannot be told yet; infinite where its market is over for good: a
    numbered run is once another market runs. All other venues go on in UTC, whether or not
    their feed runs.
    """
    if market is not None and market.venue == venue:
        now_ms = market.market_ms if market.lock_step else market.market_at(wall_ms)
        return now_ms - max(SETTLING_MS, market.speed * SETTLING_WALL_MS)
    if live or not is_numbered(venue):
        return wall_ms - SETTLING_MS
    return None if market is None else math.inf


def _open_signals(dataset: Dataset, since_ms: int) -> list[SaidSignal]:
    rows = (
        Signal.objects.filter(
            **dataset._asdict(),
            # Its candle's close, by the name that the index knows.
            predicted_at__gte=moment(since_ms),
            outcome__isnull=True,
        )
        .order_by("candle_close", "id")
        .values_list(*SaidSignal._fields)[:ROWS_A_LOOK]
    )
    return [SaidSignal(*row) for row in rows]


def _frame(dataset: Dataset, row: SaidSignal, grade: Grade) -> dict[str, object]:
    told = grade.columns()
    del told["entry_opens"]
    return {
        **dataset._asdict(),
        "signal_id": row.id,
        "prediction_ts": row.candle_close,
        "direction": row.direction,
        **told,
    }
