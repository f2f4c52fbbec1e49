"""What may be asked of the record of forecasts, and the hours that answer it.

Whole hours come from roll-ups; what is not added up yet, and hours that the window cuts, from
rows. Read by the summaries of `predictions.accuracy.forecasts`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Max, QuerySet

from inference.vocabulary import FORECASTS, OutcomeStatus, Role
from predictions.accuracy.hours import HOUR_MS, ForecastRow, Hour, add_up
from predictions.accuracy.rollups import (
    ROW_FIELDS,
    forecast_rows,
    stored_hours,
    stored_times,
)
from predictions.models import Forecast, ForecastRollup, Pruning
from predictions.moments import moment

MOST_HOURS = 10_000
"""Roll-ups a question may need, of 9 kB each, which are held twice."""
MOST_ROWS = 500_000
"""Rows beside them, of a kB each."""


class TooMuchAskedError(ValueError):
    """The window holds more than one answer can be made of; whoever asks narrows it."""


@dataclass(frozen=True, slots=True)
class ForecastQuestion:
    """Which forecasts. None = any; times are market time in ms, `to_ms` exclusive.

    A venue is always one: markets are never mixed. Shadows were published to nobody and are
    left out unless their role is asked for. last: only so many of the newest graded ones.
    """

    venue: str
    symbol: str | None = None
    model_version: str | None = None
    role: str | None = None
    source: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    last: int | None = None

    def chosen(self) -> dict[str, Any]:
        """Return the field lookups of rows and roll-ups alike."""
        named = {
            "symbol": self.symbol,
            "model_version": self.model_version,
            "role": self.role,
            "source": self.source,
        }
        found: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if self.role is None:
            found["role__in"] = [each.value for each in Role if each is not Role.SHADOW]
        return {"venue": self.venue} | found

    def queryset(self) -> QuerySet[Forecast]:
        """Return the rows that are asked about, as far as they were not pruned."""
        rows = Forecast.objects.filter(**self.chosen())
        if self.from_ms is not None:
            rows = rows.filter(predicted_at__gte=moment(self.from_ms))
        if self.to_ms is not None:
            rows = rows.filter(predicted_at__lt=moment(self.to_ms))
        return rows

    def newest_graded(self) -> QuerySet[Forecast]:
        """Return the rows that `last` takes, newest first."""
        rows = self.queryset().filter(late=False, outcome__status=OutcomeStatus.GRADED.value)
        return rows.order_by("-predicted_at", "-id")[: self.last]

    def scored(self) -> QuerySet[Forecast]:
        """Return the rows that costs are reckoned of: those that the figures are of."""
        if self.last is None:
            return self.queryset()
        return Forecast.objects.filter(pk__in=self.newest_graded().values("pk"))


@dataclass(frozen=True, slots=True)
class Found:
    """Hours that answer a question, and the window they really cover."""

    hours: list[Hour]
    from_ms: int | None
    to_ms: int | None


def find_hours(asked: ForecastQuestion) -> Found:
    """Return the hours of a question. Raises TooMuchAskedError."""
    if asked.last is not None:
        return Found(add_up(_last_rows(asked)), None, None)
    from_ms, to_ms = _unpruned(asked)
    chosen = asked.chosen()
    hours = stored_hours(from_ms=from_ms, to_ms=to_ms, most=MOST_HOURS, **chosen)
    if len(hours) > MOST_HOURS:
        raise TooMuchAskedError(
            f"the window holds more than {MOST_HOURS} hours of symbols and model versions; "
            "name a symbol, or ask for a shorter window"
        )
    left = MOST_ROWS
    for begin, end in _between(stored_times(asked.venue, from_ms, to_ms), from_ms, to_ms):
        rows = list(islice(forecast_rows(from_ms=begin, to_ms=end, **chosen), left + 1))
        left -= len(rows)
        if left < 0:
            raise TooMuchAskedError(
                f"the window holds more than {MOST_ROWS} forecasts outside of hours that are "
                "added up; name a symbol, or ask for a shorter window"
            )
        hours.extend(add_up(rows))
    hours.sort(key=lambda hour: hour.key.hour_ts)
    return Found(hours, from_ms, to_ms)


def newest_ms(venue: str) -> int | None:
    """Return the market time of the venue's newest forecast, None where it has none."""
    at: datetime | None = Forecast.objects.filter(venue=venue).aggregate(at=Max("predicted_at"))[
        "at"
    ]
    if at is not None:
        return round(at.timestamp() * 1000)
    hour = ForecastRollup.objects.filter(venue=venue).aggregate(newest=Max("hour_ts"))["newest"]
    return None if hour is None else int(hour) + HOUR_MS - 1


def _last_rows(asked: ForecastQuestion) -> Iterator[ForecastRow]:
    rows = asked.newest_graded().values_list(*ROW_FIELDS)
    return (ForecastRow(*row) for row in reversed(rows))


def _unpruned(asked: ForecastQuestion) -> tuple[int | None, int | None]:
    # Where rows were pruned only whole hours are left: the window shrinks to them.
    from_ms, to_ms = asked.from_ms, asked.to_ms
    prunings = Pruning.objects.filter(engine=FORECASTS, venue=asked.venue)
    pruned = prunings.aggregate(before=Max("before_ts"))["before"]
    if pruned is not None:
        if from_ms is not None and from_ms < pruned:
            from_ms = -(-from_ms // HOUR_MS) * HOUR_MS
        if to_ms is not None and to_ms < pruned:
            to_ms = to_ms // HOUR_MS * HOUR_MS
    return from_ms, to_ms


def _between(
    stored: list[int], from_ms: int | None, to_ms: int | None
) -> Iterator[tuple[int | None, int | None]]:
    # The stretches of the window that no stored hour covers.
    begin = from_ms
    for hour_ts in stored:
        if begin is None or begin < hour_ts:
            yield begin, hour_ts
        begin = hour_ts + HOUR_MS
    if begin is None or to_ms is None or begin < to_ms:
        yield begin, to_ms
