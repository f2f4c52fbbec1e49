"""Candles and signals made by hand for tests of grading; a bar is (open, high, low, close)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.vocabulary import Direction
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from predictions.grading.signals import SaidSignal
from predictions.grading.touching import Bars

Bar = tuple[float, float, float, float]
CLOSE_MS = 1_767_225_600_000
"""2026-01-01T00:00:00 UTC: a close of every timeframe, where paths begin."""


def series(bars: Sequence[Bar], step_ms: int, start_ms: int = CLOSE_MS) -> CandleSeries:
    """Return bars that follow each other from start_ms on."""
    table = np.array(bars, dtype=np.float64).reshape(-1, 4)
    opens = start_ms + step_ms * np.arange(len(table), dtype=np.int64)
    none = np.zeros(len(table), dtype=np.bool_)
    opened, high, low, close = table.T
    return CandleSeries(opens, opened, high, low, close, np.ones(len(table)), none)


def bars(given: Sequence[Bar], timeframe: Timeframe, start_ms: int = CLOSE_MS) -> Bars:
    return Bars(series(given, timeframe.ms, start_ms), timeframe.ms)


def merged(given: Sequence[Bar], count: int) -> list[Bar]:
    """Return longer bars, each made of `count` of the given ones."""
    return [
        (
            part[0][0],
            max(bar[1] for bar in part),
            min(bar[2] for bar in part),
            part[-1][3],
        )
        for part in (given[at : at + count] for at in range(0, len(given), count))
    ]


def said(timeframe: Timeframe = Timeframe.M15, **changes: Any) -> SaidSignal:
    """Return a LONG of entry 100 and risk 2 whose candle closed at CLOSE_MS, or as changed."""
    direction = changes.get("direction", Direction.LONG)
    entry, risk = changes.get("entry", 100.0), changes.get("risk", 2.0)
    close_ms = changes.get("candle_close", CLOSE_MS)
    side = -1 if direction == Direction.SHORT else 1
    trades = direction != Direction.NO_TRADE
    given: dict[str, Any] = {
        "id": 1,
        "symbol": "BTCUSDT",
        "timeframe": timeframe.value,
        "candle_close": close_ms,
        "valid_until_ts": close_ms + timeframe.ms * 2 // 15,
        "direction": direction,
        "entry": entry,
        "risk": risk,
        "stop_loss": entry - side * risk if trades else None,
        "tp_eta_low_minutes": 15 if trades else None,
        "tp_eta_high_minutes": 60 if trades else None,
        "late": False,
        "role": "champion",
    } | {
        f"take_profit_{level}": entry + side * level * risk if trades else None
        for level in (1, 2, 3)
    }
    return SaidSignal(**(given | changes))
