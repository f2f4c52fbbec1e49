"""The names of the 20 hot features, in the order of the specification's `FeatureVector`.

Read by the feed, the forecast loop, training and the pages; nobody else lists them.
"""

FEATURE_NAMES: tuple[str, ...] = (
    "price",
    "mid_price",
    "ret_1s",
    "ret_5s",
    "ret_10s",
    "volume_1s",
    "volume_5s",
    "vol_imbalance_1s",
    "vol_imbalance_5s",
    "spread_bp",
    "ob_imbalance",
    "bid_strength",
    "ask_strength",
    "trade_intensity_1s",
    "avg_trade_size_1s",
    "dollar_volume_1s",
    "vwap_dev_1s",
    "vwap_dev_5s",
    "price_volatility",
    "momentum",
)

FEATURE_COUNT = len(FEATURE_NAMES)
INDEX = {name: index for index, name in enumerate(FEATURE_NAMES)}

REQUIRED_FEATURES = ("price", "mid_price", "spread_bp", "ob_imbalance", "price_volatility")
"""Without any one of these there is no model forecast; the others may be void."""

META_FIELDS = ("feature_ts", "event_ts_ms", "exchange_ts_ms", "completeness", "venue")
"""The rest of a `feat:` hash."""

TICK_MS = 2_000
"""The default decision grid: UTC times divisible by this."""

CELL_MS = 100
"""Features are evaluated at most once a cell and symbol."""

CELL_PHASE_MS = 90
"""Cells end 10 ms before each multiple of CELL_MS (`t % CELL_MS == CELL_PHASE_MS`), so that
the features a tick reads are about 10 ms old and not a whole cell."""

HORIZON_MS = 10_000
"""How far ahead the shipped forecaster looks."""
