"""A ledger whose accuracy is worth looking at: hours of forecasts, weeks of signals, graded.

Made by the same numbers each time, for tests of the accuracy page and of its API.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.vocabulary import Direction, OutcomeStatus, Role, SignalResult, Source
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.rollups import store_hour
from predictions.models import (
    Forecast,
    ForecastOutcome,
    LedgerEntry,
    Signal,
    SignalOutcome,
)
from predictions.moments import moment
from tests.integration.ledger import FIRST_TICK_MS, stored_leaf

VENUE = "simulated/1"
TICK_MS = 2_000
STEP_MS = 20_000
CANDLES = {"15m": 400, "1h": 200, "4h": 60, "1d": 24}
"""A timeframe of 24 has too few for any figure of one coin."""


def fill_forecasts(
    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT"),
    *,
    hours: int = 26,
    first_ms: int = FIRST_TICK_MS,
    venue: str = VENUE,
) -> None:
    """Store graded forecasts every 20 s, all whole hours but the last two added up."""
    leaf = stored_leaf(venue=venue)
    random = np.random.default_rng(7)
    made = [
        _forecast(leaf, random, symbol, at_ms, venue)
        for at_ms in range(first_ms, first_ms + hours * HOUR_MS, STEP_MS)
        for symbol in symbols
    ]
    Forecast.objects.bulk_create([forecast for forecast, _ in made], batch_size=500)
    ForecastOutcome.objects.bulk_create([outcome for _, outcome in made], batch_size=500)
    for hour in range(hours - 2):
        store_hour(venue, first_ms + hour * HOUR_MS)


def fill_signals(
    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
    *,
    last_ms: int = FIRST_TICK_MS,
    venue: str = VENUE,
    candles: dict[str, int] | None = None,
) -> None:
    """Store graded signals of every timeframe, the newest of each closing at last_ms."""
    leaf = stored_leaf(venue=venue)
    random = np.random.default_rng(11)
    made = [
        _signal(leaf, random, symbol, timeframe, last_ms - index * timeframe.ms, venue)
        for timeframe in SIGNAL_TIMEFRAMES
        for index in range((candles or CANDLES)[timeframe])
        for symbol in symbols
    ]
    made.sort(key=lambda pair: pair[0].predicted_at)
    Signal.objects.bulk_create([signal for signal, _ in made], batch_size=500)
    SignalOutcome.objects.bulk_create([outcome for _, outcome in made], batch_size=500)


def _forecast(
    leaf: LedgerEntry, random: np.random.Generator, symbol: str, at_ms: int, venue: str
) -> tuple[Forecast, ForecastOutcome]:
    sure, said_up = random.beta(2, 6) / 2, random.random() < 0.5
    moved = float(random.standard_t(4)) * 1.5
    if random.random() < 0.08:
        moved = 0.0
    # A little is known: the surer, the more.
    if random.random() < sure * 0.4:
        moved = abs(moved) if said_up else -abs(moved)
    up = (0.5 + sure) * 0.9 if said_up else (0.5 - sure) * 0.9
    said = 0.2 if said_up else -0.2
    stale = random.random() < 0.03
    forecast = Forecast(
        venue=venue, live=False, tick=at_ms // TICK_MS, symbol=symbol,
        model_version="v1-fallback" if stale else "v1", base_version="v1", role=Role.BASELINE,
        source=Source.STALE if stale else Source.REDIS,
        p_up=up, p_flat=0.1, p_down=0.9 - up, mid_price=100.0, predicted_price=100 + said / 100,
        predicted_at=moment(at_ms), prediction_ts=at_ms, target_ts=at_ms + 10_000, made_ts=at_ms,
        confidence=0.9, completeness=1.0, leaf=leaf,
    )  # fmt: skip
    outcome = ForecastOutcome(
        forecast=forecast, status=OutcomeStatus.GRADED, target_mid=100.0 * (1 + moved / 1e4),
        return_bp=moved, error_bp=said - moved, no_change_error_bp=-moved,
        direction_hit=None if moved == 0 else (moved > 0) == said_up, covered=abs(moved) < 3.2,
    )  # fmt: skip
    return forecast, outcome


def _signal(
    leaf: LedgerEntry,
    random: np.random.Generator,
    symbol: str,
    timeframe: Timeframe,
    close_ms: int,
    venue: str,
) -> tuple[Signal, SignalOutcome]:
    shares = random.dirichlet((3, 4, 3))
    way = (Direction.SHORT, Direction.NO_TRADE, Direction.LONG)[int(shares.argmax())]
    touched = (Direction.SHORT, Direction.NO_TRADE, Direction.LONG)[
        int(random.choice(3, p=0.8 * np.array((0.4, 0.2, 0.4)) + 0.2 * shares))
    ]
    signal = Signal(
        venue=venue, live=False, symbol=symbol, timeframe=timeframe,
        candle_open=close_ms - timeframe.ms, candle_close=close_ms, revision=0, batch=close_ms,
        direction=way, confidence=float(shares.max()), p_short=float(shares[0]),
        p_no_trade=float(shares[1]), p_long=float(shares[2]), entry=100.0, risk=1.0,
        provisional=False, model_version=f"{timeframe}-v1", role=Role.BASELINE,
        model_digest="", predicted_at=moment(close_ms), prediction_ts=close_ms,
        valid_until_ts=close_ms + timeframe.ms // 10, made_ts=close_ms, leaf=leaf,
    )  # fmt: skip
    return signal, SignalOutcome(signal=signal, **_came(random, signal, way, touched))


def _came(
    random: np.random.Generator, signal: Signal, way: Direction, touched: Direction
) -> dict[str, Any]:
    horizon_ms = 12 * (signal.candle_close - signal.candle_open)
    found: dict[str, Any] = {
        "status": OutcomeStatus.GRADED,
        "touched": touched,
        "known_ts": signal.candle_close + horizon_ms,
        "ended_ts": signal.candle_close + horizon_ms,
        "path_timeframe": "1m",
    }
    if way == Direction.NO_TRADE:
        return found | {"result": SignalResult.NO_TRADE}
    if touched == Direction.NO_TRADE:
        result, r = SignalResult.TIMED_OUT, float(random.uniform(-0.8, 0.8))
    elif touched == way:
        result, r = SignalResult.TAKE_PROFIT, 1.0
    else:
        result, r = SignalResult.STOP_LOSS, -1.0 - float(random.exponential(0.05))
    side = 1 if way == Direction.LONG else -1
    won = result == SignalResult.TAKE_PROFIT
    return found | {
        "result": result,
        "exit_price": 100.0 + side * r,
        "r_multiple": r,
        "r_after_fees": r - 0.2,
        "fee_bp": 10.0,
        "eta_covered": bool(random.random() < 0.8) if won else None,
        "entry_opens": [[minute * 60_000, 100.0] for minute in range(3)],
    }
