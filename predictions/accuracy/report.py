"""The record of one engine in one venue: what `/api/accuracy` and `accuracy_report` tell.

Plain values, ready for JSON; unknown is None, times are market time.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from django.conf import settings

from inference.signals.signal import iso
from inference.vocabulary import FORECASTS
from predictions.accuracy import forecasts, signal_views, signals
from predictions.accuracy.costs import Bill, Costs, told_costs
from predictions.accuracy.forecast_costs import forecast_costs
from predictions.accuracy.graded_signals import MINIMUM, GradedSignals
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.questions import ForecastQuestion, find_hours, newest_ms
from predictions.accuracy.signal_costs import signal_costs
from predictions.accuracy.signal_rows import SignalQuestion, find_signals, newest_signal_ms
from predictions.models import Forecast, Signal

DAY_MS = 86_400_000
FORECAST_DAYS = 7
SIGNAL_DAYS = 30
"""Back from the newest prediction, where no window is asked for. Of 34 coins and 4 timeframes
these are 130,000 signals, under the most that are read."""

FORECAST_GROUPINGS = (*forecasts.GROUPINGS, "band")
SIGNAL_GROUPINGS = tuple(signals.GROUPINGS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what is to be told beside the whole.

    by: one or two groupings of its engine, with a comma between. series: of ROLLINGS. days:
    instead of a window, so many back from the venue's newest prediction.
    """

    question: ForecastQuestion | SignalQuestion
    by: str | None = None
    series: str | None = None
    days: int | None = None
    costs: Costs | None = None


def report(asked: Asked) -> dict[str, Any]:
    """Return the record. Raises TooMuchAskedError."""
    if isinstance(asked.question, ForecastQuestion):
        return _of_forecasts(asked, asked.question)
    return _of_signals(asked, asked.question)


def said_live(engine: str, venue: str) -> bool | None:
    """Return whether a venue's predictions claim a real market, None where it has none."""
    model: Any = Forecast if engine == FORECASTS else Signal
    newest = model.objects.filter(venue=venue).order_by("-predicted_at").values_list("live")[:1]
    return newest[0][0] if newest else None


def _of_forecasts(asked: Asked, question: ForecastQuestion) -> dict[str, Any]:
    if question.from_ms is question.to_ms is question.last is None:
        newest = newest_ms(question.venue)
        if newest is not None:
            # Whole hours, so that the answer comes from roll-ups.
            begin = (newest // DAY_MS - FORECAST_DAYS + 1) * DAY_MS
            if asked.days is not None:
                begin = (newest // HOUR_MS + 1) * HOUR_MS - asked.days * DAY_MS
            question = replace(question, from_ms=begin)
    found = find_hours(question)
    bill = None
    if asked.costs is not None:
        tick_ms = settings.INFERENCE.prediction.tick_ms
        bill = forecast_costs(question.scored(), asked.costs, tick_ms=tick_ms)
    return _told(
        asked,
        question,
        window=(found.from_ms, found.to_ms),
        minimum=forecasts.MINIMUM,
        overall=forecasts.summary(found.hours),
        groups=asked.by and forecasts.grouped(found.hours, asked.by),
        views={
            "bands": forecasts.bands(found.hours),
            "risk_coverage": forecasts.risk_coverage(found.hours),
            "series": asked.series and forecasts.over_time(found.hours, asked.series),
            "r_distribution": None,
        },
        bill=bill,
    )


def _of_signals(asked: Asked, question: SignalQuestion) -> dict[str, Any]:
    if question.from_ms is question.to_ms is question.last is None:
        newest = newest_signal_ms(question.venue)
        if newest is not None:
            question = replace(question, from_ms=newest - (asked.days or SIGNAL_DAYS) * DAY_MS)
    found = find_signals(question)
    graded = GradedSignals(found.rows)
    bill = None if asked.costs is None else signal_costs(question.counted(), asked.costs)
    return _told(
        asked,
        question,
        window=(question.from_ms, question.to_ms),
        minimum=MINIMUM,
        overall=signals.summary(found),
        groups=asked.by and signals.grouped(found, asked.by),
        views={
            "bands": signal_views.bands(graded),
            "risk_coverage": signal_views.risk_coverage(graded),
            "series": asked.series and signal_views.over_time(graded, asked.series),
            "r_distribution": signal_views.spread(graded),
        },
        bill=bill,
    )


def _told(
    asked: Asked,
    question: ForecastQuestion | SignalQuestion,
    *,
    window: tuple[int | None, int | None],
    minimum: int,
    overall: dict[str, Any],
    groups: Any,
    views: dict[str, Any],
    bill: Bill | None,
) -> dict[str, Any]:
    begin, end = (None if edge is None else iso(edge) for edge in window)
    chosen = asdict(question)
    del chosen["from_ms"], chosen["to_ms"]
    return chosen | {
        "from": begin,
        "to": end,
        "by": asked.by,
        "minimum_n": minimum,
        "overall": overall,
        "groups": groups,
        **views,
        "costs": bill and asked.costs and told_costs(asked.costs, bill, minimum),
    }
