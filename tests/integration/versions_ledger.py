"""A ledger in which several versions of a model answered the same decisions, graded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import transaction

from inference.forecasts.outcomes import grade
from inference.signals.entry import BatchEntry, Said
from inference.vocabulary import (
    DIRECTIONS,
    Direction,
    OutcomeStatus,
    Role,
    SignalReason,
    SignalResult,
)
from market.candles.timeframes import Timeframe
from market.hot.vector import FEATURE_COUNT, INDEX, TICK_MS
from predictions.models import Forecast, ForecastOutcome, Signal, SignalOutcome
from predictions.rows.forecast_rows import tick_rows
from predictions.rows.insertion import insert_new
from predictions.rows.signal_rows import BatchRows, batch_rows
from predictions.transparency.appending import append_entries
from tests.integration.ledger import FIRST_TICK_MS, tick_entry
from tests.signals import signal

Floats = npt.NDArray[np.float64]
VENUE = "test"
MID = 100.0
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def say_forecasts(
    answers: Mapping[str, Floats],
    returns_bp: Floats,
    *,
    symbols: Sequence[str] = SYMBOLS,
    champion: str = "v1",
    first: int = 0,
    ticks: Sequence[int] | None = None,
    venue: str = VENUE,
    sigma_bp: float = 1.0,
    **changes: Any,
) -> None:
    """Store what versions said, [ticks, symbols] bp each, of what came, `returns_bp`.

    first: the first tick's number since FIRST_TICK_MS; ticks: all of them, where there are gaps.
    All but the champion are shadows.
    """
    numbers = [first + index for index in range(len(returns_bp))] if ticks is None else ticks
    mids = dict.fromkeys(symbols, MID)
    features = np.ones((len(symbols), FEATURE_COUNT))
    features[:, INDEX["price_volatility"]] = sigma_bp
    rows = []
    for shard, (version, said) in enumerate(answers.items()):
        for number, moves in zip(numbers, said, strict=True):
            prices = MID * np.exp(np.array([moves, moves - 3, moves + 3]) / 1e4)
            up = 1 / (1 + np.exp(-moves))
            columns = dict(zip(("predicted_price", "lower", "upper"), prices, strict=True)) | {
                "p_up": 0.8 * up,
                "p_flat": 0.2,
                "p_down": 0.8 * (1 - up),
            }
            entry = tick_entry(
                number,
                mids,
                venue=venue,
                shard=shard,
                model_version=version,
                base_version=version,
                role=Role.CHAMPION if version == champion else Role.SHADOW,
                columns=columns,
                features=features,
                **changes,
            )
            rows.append(tick_rows(f"{entry.tick_ms + 2}-{shard}", entry.pack()))
    with transaction.atomic():
        leaves = append_entries([tick.logged for tick in rows]).leaves
        insert_new(Forecast, [tick.batch(leaves[tick.logged.hash]) for tick in rows])
        came = dict(zip(numbers, returns_bp, strict=True))
        _grade(came, symbols, venue)


def _grade(returns_bp: Mapping[int, Floats], symbols: Sequence[str], venue: str) -> None:
    begin = FIRST_TICK_MS // TICK_MS
    open_rows = Forecast.objects.filter(venue=venue, outcome__isnull=True)
    outcomes = []
    for row in open_rows:
        came = MID * np.exp(returns_bp[row.tick - begin][symbols.index(row.symbol)] / 1e4)
        grades = grade(
            mid=MID,
            predicted=row.predicted_price or np.nan,
            lower=row.lower or np.nan,
            upper=row.upper or np.nan,
            target_mid=came,
        )
        hit, covered = float(grades.direction_hit), float(grades.covered)
        outcomes.append(
            ForecastOutcome(
                forecast=row,
                status=OutcomeStatus.GRADED,
                target_mid=came,
                return_bp=float(grades.return_bp),
                error_bp=float(grades.error_bp),
                no_change_error_bp=float(grades.no_change_error_bp),
                direction_hit=None if np.isnan(hit) else bool(hit),
                covered=None if np.isnan(covered) else bool(covered),
            )
        )
    ForecastOutcome.objects.bulk_create(outcomes, batch_size=500)


def say_signals(
    answers: Mapping[str, Floats],
    labels: npt.NDArray[np.int64],
    *,
    symbols: Sequence[str] = SYMBOLS,
    timeframe: Timeframe = Timeframe.H1,
    champion: str = "v1",
    closes: Sequence[int] | None = None,
    venue: str = VENUE,
    atr_ratio: float = 0.01,
) -> None:
    """Store what versions said, [candles, symbols, 3] each, of what was touched, `labels`.

    closes: the candles' numbers since FIRST_TICK_MS, by default without a gap.
    """
    numbers = range(len(labels)) if closes is None else closes
    features = [0.5] * 14
    features[3] = atr_ratio
    made = []
    for shard, (version, said) in enumerate(answers.items()):
        for number, shares in zip(numbers, said, strict=True):
            at_ms = FIRST_TICK_MS + number * timeframe.ms
            batch = BatchEntry(
                venue=venue, live=False, batch=number + 1, timeframe=timeframe,
                made_ms=at_ms + 5, missed=0, shard=shard, token=1, gaps=[],
                signals=[
                    Said(
                        signal(
                            symbol, timeframe, at_ms=at_ms, venue=venue, model_version=version,
                            direction=Direction.NO_TRADE, features=tuple(features),
                            confidence=float(shares[place].max()),
                            probabilities=tuple(shares[place].tolist()),
                            reason=SignalReason.BELOW_THRESHOLD,
                            role=Role.CHAMPION if version == champion else Role.SHADOW,
                        )
                    )
                    for place, symbol in enumerate(symbols)
                ],
            )  # fmt: skip
            made.append(batch_rows(f"{at_ms + 6}-{shard}", batch.pack()))
    _store(made)
    came = dict(zip(numbers, labels, strict=True))
    outcomes = []
    for row in Signal.objects.filter(venue=venue, outcome__isnull=True):
        number = (row.candle_close - FIRST_TICK_MS) // timeframe.ms
        label = came[number][symbols.index(row.symbol)]
        outcomes.append(
            SignalOutcome(
                signal=row,
                status=OutcomeStatus.GRADED,
                result=SignalResult.NO_TRADE,
                touched=DIRECTIONS[label],
                known_ts=row.candle_close + 12 * timeframe.ms,
            )
        )
    SignalOutcome.objects.bulk_create(outcomes, batch_size=500)


def _store(made: Sequence[BatchRows]) -> None:
    with transaction.atomic():
        leaves = append_entries([rows.logged for rows in made]).leaves
        for rows in made:
            for row in rows.signals:
                row.leaf_id = leaves[rows.logged.hash]
        Signal.objects.bulk_create([row for rows in made for row in rows.signals])
