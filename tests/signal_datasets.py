"""Small made-up datasets of candle signals, with a planted rule or without one."""

import numpy as np

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import ATR_RATIO, INDICATOR_COUNT, INDICATOR_NAMES, WINDOW
from market.candles.timeframes import Timeframe
from training.signals.datasets import SignalDataset
from training.signals.labels import LONG, NO_TRADE, SHORT

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
START_MS = 1_704_067_200_000
RETURN_Z = INDICATOR_NAMES.index("return_z_96")


def made_up(*, candles: int, signal: float, seed: int = 1) -> SignalDataset:
    """Return decisions of three coins on noise.

    signal: 0 = labels know nothing of the indicators; 1 = the newest return's sign tells the
    direction wherever the return is large, and NO_TRADE elsewhere.
    """
    rng = np.random.default_rng(seed)
    rows = len(SYMBOLS) * candles
    indicators = rng.normal(size=(rows, INDICATOR_COUNT))
    indicators[:, ATR_RATIO] = 0.01 * np.exp(0.3 * indicators[:, ATR_RATIO])
    end_row = np.concatenate(
        [np.arange(WINDOW - 1, candles) + coin * candles for coin in range(len(SYMBOLS))]
    )
    newest = indicators[end_row, RETURN_Z]
    told = np.where(newest > 0.5, LONG, np.where(newest < -0.5, SHORT, NO_TRADE))
    drawn = rng.integers(3, size=len(end_row))
    label = np.where(rng.random(len(end_row)) < signal, told, drawn).astype(np.int64)
    step = Timeframe.H1.ms
    opened = START_MS + step * (end_row % candles).astype(np.int64)
    touched = label != NO_TRADE
    candle = np.where(touched, 3.0, np.nan)
    dataset = SignalDataset(
        timeframe=Timeframe.H1,
        symbols=SYMBOLS,
        indicators=indicators.astype(np.float32),
        end_row=end_row.astype(np.int64),
        symbol=(end_row // candles).astype(np.int64),
        candle_open_ms=opened,
        decided_ms=opened + step,
        label_end_ms=opened + (HORIZON_CANDLES + 1) * step,
        label=label,
        touch_candles=candle,
        touch_minutes=candle * 60,
        atr_ratio=indicators[end_row, ATR_RATIO],
        entry=np.full(len(end_row), 100.0),
        entry_gap_bp=np.zeros(len(end_row)),
        source="made up",
        digest=f"{seed:064x}",
    )
    return dataset.take(np.lexsort((dataset.symbol, dataset.decided_ms)).astype(np.int64))
