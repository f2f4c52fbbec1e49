"""A ledger of many days of a market that moves on, cheap enough for tests of drift.

Entries alone, one every ten minutes: what was fed to the models lies in them. Hours of graded
forecasts are added up already.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from market.hot.vector import FEATURE_COUNT, INDEX, TICK_MS
from predictions.accuracy.hours import (
    BIN_COLUMN,
    BINS_SHAPE,
    BLOCKS_SHAPE,
    COLUMN,
    HOUR_MS,
)
from predictions.models import ForecastRollup, LedgerEntry
from tests.integration.ledger import FIRST_TICK_MS, tick_entry

Floats = npt.NDArray[np.float64]
VENUE = "drifting"
STEP = 301
"""Ticks between two entries: those that a sample of a week takes."""
A_DAY = 86_400_000 // (STEP * TICK_MS)
MID = 100.0


def features(rng: np.random.Generator, count: int) -> Floats:
    """Return raw features [count, 20] of a market that stays as it is."""
    found = rng.normal(size=(count, FEATURE_COUNT))
    for name in ("price", "mid_price"):
        found[:, INDEX[name]] = MID * np.exp(found[:, INDEX[name]] * 1e-5)
    for name in ("spread_bp", "price_volatility", "dollar_volume_1s", "volume_1s", "volume_5s"):
        found[:, INDEX[name]] = np.exp(found[:, INDEX[name]] / 4)
    return found


def feed(
    days: float,
    *,
    symbols: tuple[str, ...] = ("BTCUSDT",),
    change: Callable[[Floats, Floats], None] = lambda days, features: None,
    venue: str = VENUE,
    seed: int = 0,
) -> int:
    """Store entries of so many days; return the market time of the last, ms.

    change(days since the first entry [n], features [n, 20]) alters the first symbol's in place.
    """
    rng = np.random.default_rng(seed)
    first = -(-(FIRST_TICK_MS // TICK_MS) // STEP) * STEP
    count = round(days * A_DAY)
    held = [features(rng, count) for _ in symbols]
    change(np.arange(count) / A_DAY, held[0])
    begin = first - FIRST_TICK_MS // TICK_MS
    leaf = LedgerEntry.objects.count()
    rows = []
    for index in range(count):
        entry = tick_entry(
            begin + index * STEP,
            dict.fromkeys(symbols, MID),
            venue=venue,
            features=np.array([each[index] for each in held]),
        )
        rows.append(_leaf(leaf + index, entry.pack(), venue, entry.tick, entry.tick_ms))
    LedgerEntry.objects.bulk_create(rows)
    return int(entry.tick_ms)


def _leaf(index: int, packed: bytes, venue: str, tick: int, tick_ms: int) -> LedgerEntry:
    digest = hashlib.sha256(packed).digest()
    return LedgerEntry(
        index=index,
        engine="forecasts",
        venue=venue,
        shard=0,
        number=tick,
        stream_id=f"{tick_ms}-{index}",
        stream_ms=tick_ms,
        made_ts=tick_ms,
        entry_hash=digest,
        prev_hash=bytes(32),
        leaf_hash=digest,
        packed=packed,
    )


def rollups(hours: int, squared_error: Floats, *, version: str, venue: str = VENUE) -> None:
    """Store graded hours up to the newest entry: squared error of each [hours], no change's is 1.

    P(up) is 0.3 and comes true.
    """
    newest = LedgerEntry.objects.order_by("-number").values_list("made_ts", flat=True)[0]
    begin = (newest // HOUR_MS - hours) * HOUR_MS
    rows = []
    for index in range(hours):
        blocks, bins = np.zeros(BLOCKS_SHAPE), np.zeros(BINS_SHAPE)
        sums = {"compared": 1800, "sq_error": 1800 * squared_error[index], "sq_return": 1800}
        sums |= {"ups": 540, "flats": 720, "downs": 540, "log_loss": 1900}
        for name, value in sums.items():
            blocks[0, COLUMN[name]] = value
        for name, value in {"asked": 1800, "p_up": 540, "ups": 540}.items():
            bins[60, BIN_COLUMN[name]] = value
        rows.append(
            ForecastRollup(
                venue=venue,
                live=False,
                symbol="BTCUSDT",
                model_version=version,
                base_version=version,
                role="champion",
                source="redis",
                hour_ts=begin + index * HOUR_MS,
                said=1800,
                late=0,
                graded=1800,
                ungradable={},
                blocks=blocks.astype("<f4").tobytes(),
                histogram=bins.astype("<f4").tobytes(),
            )
        )
    ForecastRollup.objects.bulk_create(rows)
