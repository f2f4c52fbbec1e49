"""The ledger as it stood at a moment: what was said by then, and what was known to be true.

Market time of the venue, which for a live one is UTC. There a row counts from when it reached
the log, too; a replay's log is written at another time than the market's, so that what was made
by then counts. Read by the lists and the downloads of REST.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from inference.vocabulary import Role
from predictions.models import Forecast, ForecastOutcome, LedgerEntry, Signal, SignalOutcome
from predictions.moments import moment

MOMENT = "as_of_ms"
"""The annotation that carries the moment to whoever shows the rows."""


def said_by(queryset: "QuerySet[Any]", as_of_ms: int) -> "QuerySet[Any]":
    """Keep what was said by then, and note the moment in each row."""
    # The first condition follows from the second; it is what the index on time can answer.
    at_most = moment(as_of_ms)
    said: QuerySet[Any] = queryset.filter(_was_said(as_of_ms), predicted_at__lte=at_most)
    said = said.annotate(**{MOMENT: Value(as_of_ms, output_field=BigIntegerField())})
    return said


def forecast_outcome_known(as_of_ms: int | None, **values: Any) -> Q:
    """Return the condition that a forecast's outcome was known by then, with these values."""
    known = Q(Exists(ForecastOutcome.objects.filter(forecast=OuterRef("pk"), **values)))
    return known if as_of_ms is None else known & Q(target_ts__lte=as_of_ms)


def signal_outcome_known(as_of_ms: int | None, **values: Any) -> Q:
    """Return the condition that a signal's outcome was known by then, with these values."""
    known = {} if as_of_ms is None else {"known_ts__lte": as_of_ms}
    return Q(Exists(SignalOutcome.objects.filter(signal=OuterRef("pk"), **values, **known)))


def attach_leaves(rows: Sequence[Forecast | Signal]) -> None:
    """Give rows the entries that they came in, without their bytes; rows by the thousand.

    Django's own prefetching asks SQLite for (index = 1 OR index = 2 …), too deep for a long page.
    """
    wanted = {row.leaf_id for row in rows}
    leaves = LedgerEntry.objects.defer("packed").in_bulk(list(wanted))
    for row in rows:
        row.leaf = leaves[row.leaf_id]


def from_leaf(field: str) -> Subquery:
    """Return a value of the entry that a row came in.

    Looked up row by row: given a join, SQLite may read the log first and sort the rows.
    """
    return Subquery(LedgerEntry.objects.filter(pk=OuterRef("leaf_id")).values(field))


def forecast_outcome(forecast: Forecast) -> ForecastOutcome | None:
    """Return a forecast's outcome; None where there is none, or none was known by then."""
    outcome: ForecastOutcome | None = getattr(forecast, "outcome", None)
    as_of_ms: int | None = getattr(forecast, MOMENT, None)
    return outcome if known_by(forecast.target_ts, as_of_ms) else None


def signal_outcome(signal: Signal) -> SignalOutcome | None:
    """Return a signal's outcome; None where there is none, or none was known by then."""
    outcome: SignalOutcome | None = getattr(signal, "outcome", None)
    as_of_ms: int | None = getattr(signal, MOMENT, None)
    return outcome if outcome is not None and known_by(outcome.known_ts, as_of_ms) else None


def known_by(at_ms: int | None, as_of_ms: int | None) -> bool:
    """Tell whether what came at `at_ms` (None: unknown) was there by a moment (None: now)."""
    return as_of_ms is None or (at_ms is not None and at_ms <= as_of_ms)


def with_superseded(queryset: "QuerySet[Signal]", as_of_ms: int | None) -> "QuerySet[Signal]":
    """Note in each signal whether a later revision of its candle had been said by then.

    A model on trial supersedes none but its own, and is superseded by none but its own.
    """
    later = Signal.objects.filter(
        venue=OuterRef("venue"),
        symbol=OuterRef("symbol"),
        timeframe=OuterRef("timeframe"),
        candle_open=OuterRef("candle_open"),
        revision__gt=OuterRef("revision"),
    )
    if as_of_ms is not None:
        later = later.filter(_was_said(as_of_ms))
    own = later.filter(role=Role.SHADOW, model_version=OuterRef("model_version"))
    return queryset.annotate(
        superseded=Case(
            When(role=Role.SHADOW, then=Exists(own)),
            default=Exists(later.exclude(role=Role.SHADOW)),
        )
    )


def _was_said(as_of_ms: int) -> Q:
    logged = LedgerEntry.objects.filter(pk=OuterRef("leaf_id"), stream_ms__lte=as_of_ms)
    return Q(made_ts__lte=as_of_ms) & (Q(live=False) | Q(Exists(logged)))
