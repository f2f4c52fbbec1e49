"""Signals as accuracy counts them: one a candle, with what came of it.

A candle may have several revisions; the first that was not late is the one that could be acted
on, so it alone counts. Read by `predictions.accuracy.signals`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.models import Exists, Max, OuterRef, QuerySet

from inference.vocabulary import OutcomeStatus, Role
from predictions.models import Signal
from predictions.moments import moment

MOST_ROWS = 300_000
ROWS_A_CHUNK = 10_000


class SignalRow(NamedTuple):
    """A signal with its outcome, by the names of the columns; None = unknown."""

    symbol: str
    timeframe: str
    candle_open: int
    candle_close: int
    model_version: str
    role: str
    direction: str
    confidence: float
    p_short: float
    p_no_trade: float
    p_long: float
    late: bool
    outcome__status: str | None
    outcome__reason: str | None
    outcome__result: str | None
    outcome__touched: str | None
    outcome__r_multiple: float | None
    outcome__r_after_fees: float | None
    outcome__fee_bp: float | None
    outcome__eta_covered: bool | None

    @property
    def graded(self) -> bool:
        return self.outcome__status == OutcomeStatus.GRADED


@dataclass(frozen=True, slots=True)
class SignalQuestion:
    """Which signals. None = any; times are market time in ms of the candle's close.

    A venue is always one. Shadows are left out unless their role is asked for. last: only so
    many of the newest graded ones.
    """

    venue: str
    symbol: str | None = None
    timeframe: str | None = None
    model_version: str | None = None
    role: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    last: int | None = None

    def queryset(self) -> QuerySet[Signal]:
        """Return the signals that are asked about, all revisions of them."""
        named: dict[str, Any] = {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "model_version": self.model_version,
            "role": self.role,
        }
        found = {name: value for name, value in named.items() if value is not None}
        if self.from_ms is not None:
            found["predicted_at__gte"] = moment(self.from_ms)
        if self.to_ms is not None:
            found["predicted_at__lt"] = moment(self.to_ms)
        rows = Signal.objects.filter(venue=self.venue, **found)
        return rows if self.role else rows.exclude(role=Role.SHADOW.value)

    def newest_graded(self) -> QuerySet[Signal]:
        """Return the signals of which `last` takes so many, newest first."""
        rows = self.queryset().filter(late=False, outcome__status=OutcomeStatus.GRADED.value)
        return rows.order_by("-predicted_at", "-id")

    def counted(self) -> QuerySet[Signal]:
        """Return the one signal a candle that counts: the first that was not late."""
        # Revisions of a candle have its time, so without the window they are the same: by the
        # unique index then, and not by time.
        earlier = (
            replace(self, from_ms=None, to_ms=None)
            .queryset()
            .filter(
                symbol=OuterRef("symbol"),
                timeframe=OuterRef("timeframe"),
                candle_open=OuterRef("candle_open"),
                late=False,
                id__lt=OuterRef("id"),
            )
        )
        if self.role == Role.SHADOW.value:
            earlier = earlier.filter(model_version=OuterRef("model_version"))
        rows = self.queryset().filter(~Exists(earlier), late=False)
        if self.last is None:
            return rows
        return rows.filter(pk__in=self.newest_graded()[: self.last].values("pk"))


@dataclass(frozen=True, slots=True)
class FoundSignals:
    """What answers a question. rows: one a candle, in order of time; revisions: left out."""

    rows: list[SignalRow]
    said: int
    late: int
    revisions: int
    limited: bool


def find_signals(asked: SignalQuestion) -> FoundSignals:
    """Return the signals of a question, the newest MOST_ROWS of them."""
    newest_first = asked.queryset().order_by("-predicted_at", "-id")
    if asked.last is not None:
        newest_first = asked.newest_graded()
    most = MOST_ROWS if asked.last is None else min(asked.last, MOST_ROWS)
    listed = newest_first.values_list(*SignalRow._fields)[: most + 1]
    rows = [SignalRow(*row) for row in listed.iterator(ROWS_A_CHUNK)]
    limited = len(rows) > most and asked.last is None
    del rows[most:]
    rows.reverse()
    late = sum(row.late for row in rows)
    kept = first_timely(rows)
    return FoundSignals(kept, len(rows), late, len(rows) - late - len(kept), limited)


def first_timely(rows: Iterable[SignalRow]) -> list[SignalRow]:
    """Return the first of each candle that was not late, of rows in the order they were said."""
    first: dict[tuple[str, str, int, str], SignalRow] = {}
    for row in rows:
        if not row.late:
            # A model on trial says its own beside the one that is published.
            spoken = row.model_version if row.role == Role.SHADOW else ""
            first.setdefault((row.symbol, row.timeframe, row.candle_open, spoken), row)
    return list(first.values())


def newest_signal_ms(venue: str) -> int | None:
    """Return the market time of the venue's newest signal, None where it has none."""
    found = Signal.objects.filter(venue=venue).aggregate(at=Max("predicted_at"))["at"]
    return None if found is None else round(found.timestamp() * 1000)
