"""The vector of a candle signal: 14 indicators in the order of a network's input.

Free of TA-Lib, so that whoever only shows or stores them can read it.
"""

INDICATOR_NAMES: tuple[str, ...] = (
    "rsi_14",
    "macd_histogram_atr",
    "macd_line_atr",
    "atr_14_ratio",
    "ema_12_atr",
    "ema_26_atr",
    "sma_100_atr",
    "bollinger_b",
    "bollinger_width",
    "adx_14",
    "stochastic_k",
    "mfi_14",
    "return_z_96",
    "log_volume_96",
)
"""In the order of a network's input."""

INDICATOR_COUNT = len(INDICATOR_NAMES)

WINDOW = 60
"""Candles that a network sees."""
