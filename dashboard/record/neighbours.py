"""What was said before and after, and of the same candle. Read by the record's pages."""

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet

from inference.vocabulary import Role
from predictions.models import Forecast, Signal

RowT = TypeVar("RowT", Forecast, Signal)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Ids of the predictions just before and after in the same market; None where there is none."""

    before: int | None
    after: int | None


def signal_neighbours(signal: Signal) -> Neighbours:
    """Find the newest revisions of the candles before and after."""
    same = _said(
        Signal.objects.filter(venue=signal.venue, symbol=signal.symbol, timeframe=signal.timeframe),
        signal,
    )
    before = same.filter(predicted_at__lt=signal.predicted_at)
    after = same.filter(predicted_at__gt=signal.predicted_at)
    return Neighbours(
        _first(before.order_by("-predicted_at", "-revision")),
        _first(after.order_by("predicted_at", "-revision")),
    )


def signal_revisions(signal: Signal) -> list[Signal]:
    """Return all that was said of the same candle, in order."""
    same = Signal.objects.filter(
        venue=signal.venue,
        symbol=signal.symbol,
        timeframe=signal.timeframe,
        predicted_at=signal.predicted_at,
        candle_open=signal.candle_open,
    )
    return list(_said(same, signal).order_by("revision"))


def forecast_neighbours(forecast: Forecast) -> Neighbours:
    """Find the forecasts of the ticks before and after."""
    same = _said(Forecast.objects.filter(venue=forecast.venue, symbol=forecast.symbol), forecast)
    before = same.filter(predicted_at__lt=forecast.predicted_at)
    after = same.filter(predicted_at__gt=forecast.predicted_at)
    return Neighbours(
        _first(before.order_by("-predicted_at")), _first(after.order_by("predicted_at"))
    )


def _said(rows: "QuerySet[RowT]", own: RowT) -> "QuerySet[RowT]":
    # What a model on trial said stands beside the published predictions, not between them.
    if own.role == Role.SHADOW:
        return rows.filter(role=Role.SHADOW, model_version=own.model_version)
    return rows.exclude(role=Role.SHADOW)


def _first(rows: "QuerySet[Forecast] | QuerySet[Signal]") -> int | None:
    return rows.values_list("pk", flat=True).first()
