"""Recorded candles to try a signal network on: windows as served, and what came of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import DIRECTIONS, Direction
from market.candles.importing.files import ImportFileError
from market.candles.importing.tables import read_rows
from market.candles.indicators import ATR_RATIO, CANDLES_NEEDED, INDICATOR_COUNT, WINDOW, indicators
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from predictions.grading.touching import Barriers, touches
from predictions.grading.touching import Path as PricePath
from predictions.importing.findings import ImportRefusedError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Windows = npt.NDArray[np.float32]

MOST_COINS = 5
MOST_CANDLES = 3_000
STRIDE = 4
"""Every so manieth candle: labels of twelve overlap, little is lost."""
LEAST_ROWS = 60

Read = Callable[[str], CandleSeries]
"""A symbol's closed candles, oldest first; none where there are none."""


@dataclass(frozen=True, slots=True)
class SignalRows:
    """windows: float32 [n, 60, 14]; symbols: [n], indices of the manifest's; labels: [n], -1 where
    the path is not over; decided_ms: closes."""

    windows: Windows
    symbols: Integers
    labels: Integers
    decided_ms: Integers
    source: str


def stored(candles: Path, venue: str, timeframe: Timeframe) -> Read:
    """Return how the candle store is read."""

    def read(symbol: str) -> CandleSeries:
        try:
            return CandleStore(candles).read((venue,), symbol, timeframe)
        except CandleStoreError:
            return CandleSeries.empty()

    return read


def shared(root: Path, timeframe: Timeframe) -> Read:
    """Return how the shared feather files are read."""

    def read(symbol: str) -> CandleSeries:
        name = f"{symbol.removesuffix('USDT')}_USDT-{timeframe}.feather"
        path = root / "data" / "candles" / timeframe / name
        if not path.is_file():
            return CandleSeries.empty()
        try:
            # Nothing in the file says when it was written: its last candle may not have closed.
            return read_rows(path, ZoneInfo("UTC"))[:-1]
        except ImportFileError:
            return CandleSeries.empty()

    return read


def candle_rows(
    sources: Sequence[tuple[str, Read]], coins: Sequence[str], timeframe: Timeframe, risk_atr: float
) -> SignalRows:
    """Read windows of the first source that has candles of the coins.

    risk_atr: barriers in ATR. Raises ImportRefusedError where there are too few.
    """
    for name, read in sources:
        found: dict[str, tuple[Windows, Integers, Integers]] = {}
        for symbol in coins:
            part = _coin(read(symbol)[-MOST_CANDLES:], timeframe, risk_atr)
            if part is not None and len(found) < MOST_COINS:
                found[symbol] = part
        counts = [len(labels) for _, labels, _ in found.values()]
        if sum(counts) >= LEAST_ROWS:
            return SignalRows(
                np.concatenate([windows for windows, _, _ in found.values()]),
                np.repeat([coins.index(symbol) for symbol in found], counts),
                np.concatenate([labels for _, labels, _ in found.values()]),
                np.concatenate([closes for _, _, closes in found.values()]),
                f"{name} ({', '.join(found)} {timeframe})",
            )
    asked = ", ".join(name for name, _ in sources)
    raise ImportRefusedError(
        f"no {LEAST_ROWS} windows of {timeframe} of {', '.join(coins[:8])} are in {asked}: a model "
        "is checked on recorded candles (manage.py import_candles, or backfill_candles)"
    )


def _coin(
    candles: CandleSeries, timeframe: Timeframe, risk_atr: float
) -> tuple[Windows, Integers, Integers] | None:
    if len(candles) < CANDLES_NEEDED:
        return None
    values = indicators(candles)
    ends = np.arange(CANDLES_NEEDED - 1, len(candles), STRIDE)
    # Without a gap in all that the indicators look back at.
    span = candles.open_ms[ends] - candles.open_ms[ends - CANDLES_NEEDED + 1]
    ends = ends[span == (CANDLES_NEEDED - 1) * timeframe.ms]
    windows = np.array([values[end - WINDOW + 1 : end + 1] for end in ends], dtype=np.float32)
    windows = windows.reshape(-1, WINDOW, INDICATOR_COUNT)
    finite = np.isfinite(windows).all(axis=(1, 2)) & (windows[:, -1, ATR_RATIO] > 0)
    ends = ends[finite]
    labels = [
        _label(candles, end, float(values[end, ATR_RATIO]), timeframe, risk_atr)
        for end in ends.tolist()
    ]
    closes = candles.open_ms[ends] + timeframe.ms
    return windows[finite], np.array(labels, dtype=np.int64), closes


def _label(
    candles: CandleSeries, end: int, ratio: float, timeframe: Timeframe, risk_atr: float
) -> int:
    path = candles[end + 1 : end + 1 + HORIZON_CANDLES]
    start = int(candles.open_ms[end]) + timeframe.ms
    if (
        len(path) < HORIZON_CANDLES
        or path.open_ms[-1] - start != (HORIZON_CANDLES - 1) * timeframe.ms
    ):
        return -1
    entry = float(candles.close[end])
    risk = risk_atr * ratio * entry
    found = touches(
        PricePath(path, start, timeframe.ms), Barriers(1, entry - risk, (entry + risk,))
    )
    if found.target_ts[0] is not None:
        return DIRECTIONS.index(Direction.LONG)
    if found.stop_ts is None or found.tied:
        return DIRECTIONS.index(Direction.NO_TRADE)
    return DIRECTIONS.index(Direction.SHORT)
