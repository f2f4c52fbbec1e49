"""Graded signals scored again with the asker's costs, along the opens that outcomes kept.

Read by `/api/accuracy`.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from django.db.models import QuerySet

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Direction, OutcomeStatus
from market.candles.timeframes import Timeframe
from predictions.accuracy.costs import Bill, Costs, bill
from predictions.accuracy.graded_signals import BLOCK_CANDLES
from predictions.models import Signal

MOST_SIGNALS = 20_000
"""The newest rows that one question scores again."""


class _SignalRow(NamedTuple):
    timeframe: str
    candle_close: int
    valid_until_ts: int
    direction: str
    risk: float
    outcome__path_timeframe: str
    outcome__ended_ts: int
    outcome__exit_price: float
    outcome__entry_opens: list[list[float]]


def signal_costs(signals: QuerySet[Signal], costs: Costs) -> Bill:
    """Score graded signals of a queryset again, in R.

    Entered at the first open of the path at or after the close and the latency, left where
    the outcome says. Missed: `expired` (that open is not before valid_until), `touched_before`
    (stop or first target was touched by then). Unknown: `path_too_coarse`, where the latency
    would have allowed it but the next candle of the path opens after valid_until.
    """
    rows = [
        _SignalRow(*row)
        for row in signals.filter(
            late=False,
            outcome__status=OutcomeStatus.GRADED.value,
            direction__in=(Direction.LONG.value, Direction.SHORT.value),
        )
        .order_by("-predicted_at", "-id")
        .values_list(*_SignalRow._fields)[: MOST_SIGNALS + 1]
    ]
    limited = len(rows) > MOST_SIGNALS
    rows = rows[:MOST_SIGNALS]
    entries = [_entered(row, costs.latency_ms) for row in rows]
    taken = [row for row, entry in zip(rows, entries, strict=True) if isinstance(entry, float)]
    entry = np.array([each for each in entries if isinstance(each, float)])
    left = np.array([row.outcome__exit_price for row in taken])
    risk = np.array([row.risk for row in taken])
    side = np.array([1.0 if row.direction == Direction.LONG else -1.0 for row in taken])
    before = side * (left - entry) / risk
    paid = costs.side_bp / 1e4 * (entry + left) / risk
    longest_ms = max((Timeframe(row.timeframe).ms for row in taken), default=1)
    return bill(
        "R",
        before,
        before - paid,
        decided_ms=[row.candle_close for row in taken],
        block_ms=BLOCK_CANDLES * longest_ms,
        overlap=HORIZON_CANDLES,
        refused=Counter(each for each in entries if isinstance(each, str)),
        limited=limited,
        most=MOST_SIGNALS,
    )


def _entered(row: _SignalRow, latency_ms: int) -> float | str:
    # The price at which it was entered, or why it was not.
    window_ms = row.valid_until_ts - row.candle_close
    lasted_ms = row.outcome__ended_ts - row.candle_close
    if latency_ms >= lasted_ms:
        return "touched_before"
    if latency_ms >= window_ms:
        return "expired"
    step_ms = Timeframe(row.outcome__path_timeframe).ms
    opens_ms = -(-latency_ms // step_ms) * step_ms
    if opens_ms >= window_ms:
        return "path_too_coarse" if step_ms > window_ms else "expired"
    if opens_ms >= lasted_ms:
        return "touched_before"
    return float(row.outcome__entry_opens[opens_ms // step_ms][1])
