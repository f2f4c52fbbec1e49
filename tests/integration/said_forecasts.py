"""Forecasts and their outcomes as rows, and hours that are added up from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.vocabulary import OutcomeStatus, Role, Source
from predictions.accuracy.forecasts import risk_coverage, summary
from predictions.accuracy.hours import Hour, add_up
from predictions.accuracy.questions import ForecastQuestion
from predictions.accuracy.rollups import forecast_rows
from predictions.models import Forecast, ForecastOutcome, LedgerEntry
from predictions.moments import moment
from tests.integration.ledger import FIRST_TICK_MS

TICK_MS = 2_000
VENUE = "test"


def said(leaf: LedgerEntry, index: int, **changes: Any) -> Forecast:
    """Store the forecast of the index-th tick, by default of a rise."""
    prediction_ts = changes.pop("prediction_ts", FIRST_TICK_MS + index * TICK_MS)
    fields = {
        "venue": VENUE,
        "live": False,
        "tick": prediction_ts // TICK_MS,
        "symbol": "BTCUSDT",
        "model_version": "v1",
        "base_version": "v1",
        "role": Role.CHAMPION,
        "source": Source.REDIS,
        "p_up": 0.5,
        "p_flat": 0.1,
        "p_down": 0.4,
    } | changes
    return Forecast(
        predicted_at=moment(prediction_ts),
        prediction_ts=prediction_ts,
        target_ts=prediction_ts + 10_000,
        made_ts=prediction_ts,
        leaf=leaf,
        **fields,
    )


def came(forecast: Forecast, return_bp: float, **changes: Any) -> ForecastOutcome:
    """Return the outcome of a forecast of one bp up."""
    fields = {
        "status": OutcomeStatus.GRADED,
        "return_bp": return_bp,
        "error_bp": 1.0 - return_bp,
        "no_change_error_bp": -return_bp,
        "direction_hit": None if return_bp == 0 else return_bp > 0,
        "covered": abs(return_bp) < 2,
    } | changes
    return ForecastOutcome(forecast=forecast, **fields)


def store(pairs: Sequence[tuple[Forecast, ForecastOutcome | None]]) -> None:
    Forecast.objects.bulk_create([forecast for forecast, _ in pairs])
    ForecastOutcome.objects.bulk_create([outcome for _, outcome in pairs if outcome is not None])


def from_rows(**question: Any) -> list[Hour]:
    asked = ForecastQuestion(venue=VENUE, **question)
    rows = forecast_rows(from_ms=asked.from_ms, to_ms=asked.to_ms, **asked.chosen())
    return sorted(add_up(rows), key=lambda hour: hour.key.hour_ts)


def assert_same(found: Sequence[Hour], expected: Sequence[Hour]) -> None:
    assert [(hour.key, hour.said, hour.late, hour.graded, hour.ungradable) for hour in found] == [
        (hour.key, hour.said, hour.late, hour.graded, hour.ungradable) for hour in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.blocks, other.blocks)
        np.testing.assert_array_equal(one.bins, other.bins)
    assert summary(found) == summary(expected)
    assert risk_coverage(found) == risk_coverage(expected)
