"""Looks ahead? The candle indicators, the windows and the signal networks, on candles that end at
sampled moments."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_loading import SignalModel
from inference.artefacts.signal_registry import ModelRegistry, reason_of
from inference.signals.windows import CoinWindow, WindowError, window_of
from inference.vocabulary import SIGNALS
from market.candles.indicators import CANDLES_NEEDED, INDICATOR_NAMES, indicators
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from predictions.audit.lookahead import (
    Floats,
    Inputs,
    Model,
    Subject,
    Table,
    compare_outputs,
    compare_tables,
    sampled,
)
from predictions.audit.report import AuditReport

TAIL_CANDLES = 60
PROBABILITIES = ("p_short", "p_no_trade", "p_long")

Indicators = Callable[[CandleSeries], Floats]
"""Candles [n] to indicators [n, 14]."""


def check_candles(
    report: AuditReport,
    store: CandleStore,
    venues: Sequence[str],
    symbol: str,
    timeframe: Timeframe,
    registry: ModelRegistry | None,
    *,
    moments: int,
    seed: int,
    compute: Indicators = indicators,
    model: Model | None = None,
) -> None:
    """Compare indicators, windows and outputs of one coin at sampled closes; tell the report.

    venues: whose candles, the truest first, told by the last. A moment needs CANDLES_NEEDED
    candles up to it. compute, model: in place of the served ones; the windows are always those
    that are served.
    """
    name, venue = f"{symbol} {timeframe}", venues[-1]
    try:
        candles = store.read(venues, symbol, timeframe)
    except CandleStoreError as error:
        report.unchecked[f"features_{error.code}"] += moments
        return
    if len(candles) < CANDLES_NEEDED:
        report.unchecked["features_not_enough_history"] += moments
        report.notes.append(
            f"{name}: {len(candles)} candles of {' and '.join(venues)} are stored, "
            f"{CANDLES_NEEDED} are needed"
        )
        return
    chosen = sampled(CANDLES_NEEDED - 1, len(candles) - 1, moments, seed)
    closes = candles.open_ms + timeframe.ms
    subject = Subject(SIGNALS, venue, name, INDICATOR_NAMES)
    _check_indicators(report, subject, candles, closes, chosen, compute)
    windows = _check_windows(report, subject, store, venues, symbol, timeframe, candles, chosen)
    if not windows:
        return
    run = model or _served(report, registry, symbol, timeframe, len(windows))
    if run is None:
        return
    compare_outputs(
        report,
        Subject(SIGNALS, venue, name, PROBABILITIES),
        run,
        np.array([window.open_ms + timeframe.ms for window in windows], np.int64),
        np.stack([window.window for window in windows]),
        [int(closes[each]) for each in chosen],
    )


def _check_indicators(
    report: AuditReport,
    subject: Subject,
    candles: CandleSeries,
    closes: npt.NDArray[np.int64],
    chosen: Sequence[int],
    compute: Indicators,
) -> None:
    whole = Table(closes, compute(candles))
    for newest in chosen:
        known = slice(0, newest + 1)
        rows = Table(closes[known], compute(candles[known]))
        compare_tables(report, subject, "features", whole, rows.take(slice(-TAIL_CANDLES, None)))


def _check_windows(
    report: AuditReport,
    subject: Subject,
    store: CandleStore,
    venues: Sequence[str],
    symbol: str,
    timeframe: Timeframe,
    candles: CandleSeries,
    chosen: Sequence[int],
) -> list[CoinWindow]:
    # What the service reads as of a moment, from a store that holds the future too.
    found: list[CoinWindow] = []
    for newest in chosen:
        close_ms = int(candles.open_ms[newest]) + timeframe.ms
        known = candles[max(0, newest + 1 - CANDLES_NEEDED) : newest + 1]
        try:
            expected = window_of(known, timeframe)
            read = store.read(
                venues, symbol, timeframe, closed_by_ms=close_ms, count=CANDLES_NEEDED
            )
            window = window_of(read, timeframe)
        except WindowError as error:
            report.unchecked[f"windows_{error.code}"] += 1
            continue
        times = expected.open_ms + timeframe.ms * np.arange(1 - len(expected.window), 1)
        compare_tables(
            report,
            subject,
            "windows",
            _window_table(window, timeframe),
            Table(times + timeframe.ms, expected.window.astype(np.float64)),
        )
        found.append(window)
    return found


def _window_table(window: CoinWindow, timeframe: Timeframe) -> Table:
    times = window.open_ms + timeframe.ms * np.arange(1 - len(window.window), 1)
    return Table(times + timeframe.ms, window.window.astype(np.float64))


def _served(
    report: AuditReport,
    registry: ModelRegistry | None,
    symbol: str,
    timeframe: Timeframe,
    moments: int,
) -> Model | None:
    if registry is None:
        report.unchecked["outputs_model_missing"] += moments
        return None
    try:
        model: SignalModel = registry.model(symbol, timeframe)
    except ArtefactError as error:
        report.unchecked[f"outputs_{reason_of(error)}"] += moments
        return None

    def run(windows: Inputs) -> Floats:
        return model.network.run(windows, np.full(len(windows), model.index, np.int64))

    return run
