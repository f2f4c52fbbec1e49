"""Graded forecasts scored again with the asker's costs, along the mids of later ticks.

Read by `/api/accuracy`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from django.db.models import QuerySet

from inference.forecasts.outcomes import usable_mids
from inference.vocabulary import OutcomeStatus
from predictions.accuracy.costs import Bill, Costs, bill
from predictions.models import Forecast
from predictions.moments import moment

MOST_FORECASTS = 20_000
"""The newest rows that one question scores again."""

HORIZONS_A_BLOCK = 6
_TICKS_A_QUERY = 400


class _ForecastRow(NamedTuple):
    venue: str
    symbol: str
    prediction_ts: int
    target_ts: int
    mid_price: float
    predicted_price: float
    outcome__target_mid: float
    features_age_ms: float | None
    reason: str


class _Tick(NamedTuple):
    venue: str
    symbol: str
    prediction_ts: int


def forecast_costs(forecasts: QuerySet[Forecast], costs: Costs, *, tick_ms: int) -> Bill:
    """Score graded forecasts of a queryset again, in bp of the entry's mid.

    Entered at the mid of the first tick at or after the decision and the latency, towards the
    predicted price, and left at the target's mid. tick_ms: how far ticks lie apart. Missed:
    `past_target` (that tick is not before the target). Unknown: `no_price` (it has no mid).
    """
    found = [
        _ForecastRow(*row)
        for row in forecasts.filter(
            late=False,
            outcome__status=OutcomeStatus.GRADED.value,
            mid_price__gt=0,
            predicted_price__gt=0,
        )
        .order_by("-predicted_at", "-id")
        .values_list(*_ForecastRow._fields)[: MOST_FORECASTS + 1]
    ]
    limited = len(found) > MOST_FORECASTS
    rows = [row for row in found[:MOST_FORECASTS] if row.predicted_price != row.mid_price]
    ticks = [_entry_tick(row, costs.latency_ms, tick_ms) for row in rows]
    mids = _mids(rows, ticks) if costs.latency_ms else {}
    refused: Counter[str] = Counter()
    taken: list[_ForecastRow] = []
    entries: list[float] = []
    for row, tick in zip(rows, ticks, strict=True):
        mid = row.mid_price if tick.prediction_ts == row.prediction_ts else mids.get(tick)
        if tick.prediction_ts >= row.target_ts:
            refused["past_target"] += 1
        elif mid is None:
            refused["no_price"] += 1
        else:
            taken.append(row)
            entries.append(mid)
    said = np.array([row.predicted_price - row.mid_price for row in taken])
    left = np.array([row.outcome__target_mid for row in taken])
    before = np.sign(said) * 1e4 * np.log(left / np.array(entries))
    horizon_ms = max((row.target_ts - row.prediction_ts for row in taken), default=tick_ms)
    return bill(
        "bp",
        before,
        before - 2 * costs.side_bp,
        decided_ms=[row.prediction_ts for row in taken],
        block_ms=HORIZONS_A_BLOCK * horizon_ms,
        overlap=horizon_ms / tick_ms,
        refused=refused,
        limited=limited,
        most=MOST_FORECASTS,
    )


def _entry_tick(row: _ForecastRow, latency_ms: int, tick_ms: int) -> _Tick:
    entered_ms = -(-(row.prediction_ts + latency_ms) // tick_ms) * tick_ms
    return _Tick(row.venue, row.symbol, entered_ms)


def _mids(rows: Sequence[_ForecastRow], ticks: Sequence[_Tick]) -> dict[_Tick, float]:
    # Of the rows themselves where they follow each other, the rest from the ledger.
    known = _usable(
        (
            _Tick(row.venue, row.symbol, row.prediction_ts),
            row.mid_price,
            row.features_age_ms,
            row.reason,
        )
        for row in rows
    )
    missing = sorted(
        {
            tick
            for row, tick in zip(rows, ticks, strict=True)
            if tick not in known and tick.prediction_ts < row.target_ts
        }
    )
    for start in range(0, len(missing), _TICKS_A_QUERY):
        chunk = missing[start : start + _TICKS_A_QUERY]
        found = Forecast.objects.filter(
            venue__in={tick.venue for tick in chunk},
            symbol__in={tick.symbol for tick in chunk},
            # Not by prediction_ts: this one has the index, and that holds the same.
            predicted_at__in={moment(tick.prediction_ts) for tick in chunk},
            mid_price__isnull=False,
        ).values_list(*_Tick._fields, "mid_price", "features_age_ms", "reason")
        known |= _usable((_Tick(*row[:3]), *row[3:]) for row in found)
    return known


def _usable(rows: Iterable[tuple[_Tick, float, float | None, str]]) -> dict[_Tick, float]:
    listed = list(rows)
    mids = usable_mids(
        [mid for _, mid, _, _ in listed],
        [math.nan if age is None else age for _, _, age, _ in listed],
        [reason for _, _, _, reason in listed],
    )
    return {
        tick: mid
        for (tick, *_), mid in zip(listed, mids.tolist(), strict=True)
        if math.isfinite(mid)
    }
