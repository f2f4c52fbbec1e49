"""One tick as it is handed over: packed by the loop, unpacked by recorders.

An entry holds all symbols of a tick as columns (float64, little endian; NaN = unknown), so
that packing costs the same few calls for one symbol as for five hundred. The hash chain runs
over the packed bytes.
"""

from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from inference.handover.chain import EntryFormatError
from market.hot.vector import FEATURE_COUNT

FORMAT = 1
Floats = npt.NDArray[np.float64]

COLUMNS: tuple[str, ...] = (
    "mid_price",
    "current_price",
    "predicted_price",
    "lower",
    "upper",
    "p_up",
    "p_flat",
    "p_down",
    "confidence",
    "completeness",
    "features_age_ms",
    "feature_ts_ms",
    "event_ts_ms",
    "exchange_ts_ms",
    "interval_low",  # online correction of the lower quantile, in units of sigma
    "interval_high",
)
"""Per symbol, in this order. Prices in quote currency, times in ms of market time."""

COLUMN = {name: index for index, name in enumerate(COLUMNS)}


@dataclass(slots=True)
class TickEntry:
    """All forecasts of one tick.

    numbers: [len(COLUMNS), n] float64; features: [n, 20] float64; sources, reasons: one a
    symbol. tick_ms is the tick's market time, made_ms the market time when it was packed,
    missed the ticks skipped just before this one, latency_ms read-to-packed.
    """

    venue: str
    live: bool
    tick: int
    tick_ms: int
    made_ms: float
    horizon_ms: int
    latency_ms: float
    missed: int
    shard: int
    token: int
    prev: bytes
    model_version: str
    base_version: str
    role: str
    digest: str
    symbols: list[str]
    sources: list[str]
    reasons: list[str]
    numbers: Floats
    features: Floats

    def column(self, name: str) -> Floats:
        row: Floats = self.numbers[COLUMN[name]]
        return row

    @property
    def target_ms(self) -> int:
        return self.tick_ms + self.horizon_ms

    def pack(self) -> bytes:
        packed: bytes = msgpack.packb(
            [
                FORMAT,
                self.venue,
                self.live,
                self.tick,
                self.tick_ms,
                self.made_ms,
                self.horizon_ms,
                self.latency_ms,
                self.missed,
                self.shard,
                self.token,
                self.prev,
                self.model_version,
                self.base_version,
                self.role,
                self.digest,
                self.symbols,
                self.sources,
                self.reasons,
                self.numbers.astype("<f8", copy=False).tobytes(),
                self.features.astype("<f8", copy=False).tobytes(),
            ]
        )
        return packed

    @classmethod
    def unpack(cls, packed: bytes) -> "TickEntry":
        """Read a packed entry. Raises EntryFormatError where it is not one."""
        try:
            fields: list[Any] = msgpack.unpackb(packed)
            if not isinstance(fields, list) or not fields or fields[0] != FORMAT:
                raise EntryFormatError(f"entry format is not {FORMAT}")
            *head, numbers, features = fields[1:]
            count = len(head[15])
            values = [
                *head,
                np.frombuffer(numbers, "<f8").reshape(len(COLUMNS), count),
                np.frombuffer(features, "<f8").reshape(count, FEATURE_COUNT),
            ]
            return cls(*values)
        except EntryFormatError:
            raise
        except Exception as error:
            raise EntryFormatError(f"not a tick entry: {error}") from error
