"""What a market process would have recorded of a made-up market: feature rows alone, as Parquet."""

from pathlib import Path

import numpy as np
import polars as pl

from market.hot.vector import FEATURE_NAMES, TICK_MS
from market.recording.places import EVENTS, FEATURES, SymbolFolder, hour_name
from market.recording.tables import EVENT_SCHEMA, FEATURE_SCHEMA
from training.decisions import READ_DELAY_MS
from training.synthetic import synthetic_cells


def write_recording(
    root: Path,
    *,
    minutes: float,
    venue: str = "binance",
    symbol: str = "BTCUSDT",
    seed: int = 1,
    signal: float = 0.3,
    start: float = 0.0,
) -> Path:
    """Record a market with a planted signal, from minute `start` on; return its folder."""
    cells = synthetic_cells(minutes=start + minutes, seed=seed, signal=signal)
    ticks = (cells.times_ms + READ_DELAY_MS) % TICK_MS == 0
    ticks &= cells.times_ms >= cells.times_ms[0] + round(start * 60_000)
    times, values = cells.times_ms[ticks], cells.values[ticks]
    table = pl.DataFrame(
        {
            "segment": np.full(len(times), times[0]),
            "cell_ms": times,
            **{name: values[:, index] for index, name in enumerate(FEATURE_NAMES)},
            "completeness": np.ones(len(times)),
            "feature_ts_ms": times.astype(np.float64),
            "event_ts_ms": times.astype(np.float64),
            "exchange_ts_ms": times,
        },
        schema=FEATURE_SCHEMA,
    )
    folder = SymbolFolder.of(root, venue, symbol)
    hours = [hour_name(float(each)) for each in times]
    for (hour,), rows in table.with_columns(pl.Series("hour", hours)).group_by("hour"):
        for kind, content in ((EVENTS, pl.DataFrame(schema=EVENT_SCHEMA)), (FEATURES, rows)):
            path = folder.parquet(kind, str(hour))
            path.parent.mkdir(parents=True, exist_ok=True)
            content.select(list(EVENT_SCHEMA if kind == EVENTS else FEATURE_SCHEMA)).write_parquet(
                path
            )
    return folder.path
