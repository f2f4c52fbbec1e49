"""Outcomes of signals, graded again along the stored candles.

Candles are not in the tree: a difference means that the row was altered, or candles were. Where
they are kept no more, what an outcome holds is compared with itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.db.models import Exists, Max, OuterRef

from inference.signals.judging import NOT_TRADED
from inference.vocabulary import SIGNALS, Ungradable
from market.candles.old_runs import is_numbered
from market.candles.store import CandleStore, venues_of
from market.candles.timeframes import Timeframe
from predictions.grading.candle_paths import StoredBars
from predictions.grading.not_traded import ToldNotTraded
from predictions.grading.signals import Grade, SaidSignal, grade_signal
from predictions.models import LedgerEntry, Signal, SignalOutcome
from predictions.rows.signal_rows import BatchRows
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.leaves import Leaf

WHY = "graded again along the stored candles"
_MINUTE_MS = 60_000
PATIENCE_MS = 24 * 3_600_000
"""So long after its candles were waited for no more, a signal must have been graded."""


@dataclass(slots=True)
class SignalOutcomeCheck:
    """Grades again what the signals of some leaves came to."""

    findings: Findings
    store: CandleStore
    exchange: str
    _newest: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        rows = LedgerEntry.objects.filter(engine=SIGNALS).order_by().values_list("venue")
        self._newest = dict(rows.annotate(newest=Max("made_ts")))

    def check(self, leaves: Sequence[Leaf]) -> None:
        """Compare the outcomes of all signals under consecutive leaves."""
        made = {leaf.index: leaf.made for leaf in leaves if isinstance(leaf.made, BatchRows)}
        if not made:
            return
        signals = Signal.objects.filter(leaf_id__in=made).select_related("outcome")
        for signal in signals.order_by():
            said = _said(signal, made[signal.leaf_id])
            outcome: SignalOutcome | None = getattr(signal, "outcome", None)
            if said is None:
                continue
            if outcome is None:
                self._ungraded(said, signal.venue)
            else:
                self.findings.checked["SignalOutcome"] += 1
                self._check_one(said, outcome)

    def find_orphans(self) -> None:
        """Name outcomes of signals that are not there."""
        signals = Signal.objects.filter(pk=OuterRef("signal_id"))
        for row in SignalOutcome.objects.filter(~Exists(signals)).order_by().only("pk"):
            told = "its signal is not there"
            self.findings.add(Finding(Kind.INSERTED, "SignalOutcome", str(row.pk), message=told))

    def _ungraded(self, said: SaidSignal, venue: str) -> None:
        # A numbered run's time may go faster than grading looks; no live record is of one.
        due_ms = said.given_up_ms + PATIENCE_MS
        if is_numbered(venue) or self._newest.get(venue, 0) < due_ms:
            return
        if not Signal.objects.filter(pk=said.id, outcome__isnull=True).exists():
            return  # graded meanwhile
        name, told = f"of signal {said.id}", "its horizon has long passed"
        self.findings.add(Finding(Kind.REMOVED, "SignalOutcome", name, message=told))

    def _check_one(self, said: SaidSignal, outcome: SignalOutcome) -> None:
        stored = Grade.of(outcome)
        again = self._again(said, stored, outcome.signal.venue)
        if again is None:
            # Candles are missing that were there, or have come since they were missed.
            self.findings.count(Kind.UNCHECKED)
            self._check_alone(said, outcome, stored)
            return
        for each in fields(Grade):
            is_, expected = getattr(stored, each.name), getattr(again, each.name)
            if is_ != expected:
                self.findings.altered("SignalOutcome", outcome.pk, each.name, is_, expected, WHY)

    def _again(self, said: SaidSignal, stored: Grade, venue: str) -> Grade | None:
        try:
            along = Timeframe(stored.path_timeframe) if stored.path_timeframe else None
        except ValueError:
            along = None
        if stored.reason == Ungradable.PATH_MISSING:
            return None
        bars = StoredBars(
            self.store,
            venues_of(venue, self.exchange),
            said.symbol,
            since_ms=said.candle_close,
            until_ms=said.end_ms,
        )
        fee_bp = stored.fee_bp or 0.0
        not_traded = ToldNotTraded(venue)
        grade = grade_signal(
            said,
            bars,
            known_ms=math.inf,
            fee_bp=fee_bp,
            along=along,
            not_traded=not_traded,
        )
        without_path = grade is not None and grade.reason in (Ungradable.PATH_MISSING, *NOT_TRADED)
        if stored.reason not in NOT_TRADED:
            return None if without_path else grade
        # Who says that the coin was not traded must have told so; some exchanges fill such time
        # with candles afterwards.
        told = not_traded(said) == stored.reason
        return None if told and not without_path else grade

    def _check_alone(self, said: SaidSignal, outcome: SignalOutcome, stored: Grade) -> None:
        expected: dict[str, Any] = dict.fromkeys(("r_multiple", "r_after_fees", "tp_minutes"))
        if stored.exit_price is not None:
            earned = said.side * (stored.exit_price - said.entry)
            fees = (stored.fee_bp or 0.0) / 1e4 * (said.entry + stored.exit_price)
            expected["r_multiple"] = earned / said.risk
            expected["r_after_fees"] = (earned - fees) / said.risk
        if stored.take_profit_1_ts is not None:
            reached_ms = stored.take_profit_1_ts - said.candle_close
            expected["tp_minutes"] = reached_ms / _MINUTE_MS
        given_up = stored.reason == Ungradable.PATH_MISSING
        expected["known_ts"] = said.given_up_ms if given_up else said.end_ms
        for name, value in expected.items():
            if getattr(stored, name) != value:
                self.findings.altered(
                    "SignalOutcome", outcome.pk, name, getattr(stored, name), value
                )


def _said(row: Signal, made: BatchRows) -> SaidSignal | None:
    # What the entry says, under the row's id.
    for signal in made.signals:
        if (signal.symbol, signal.revision) == (row.symbol, row.revision):
            named: Mapping[str, Any] = {
                name: getattr(signal, name) for name in SaidSignal._fields if name != "id"
            }
            return SaidSignal(id=row.pk, **named)
    return None
