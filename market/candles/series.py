"""Candles of one symbol and timeframe as arrays, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """Closed candles, all [n], `open_ms` strictly rising; gaps are allowed.

    open_ms: UTC ms at which a candle opened. Prices in quote, volume in base currency.
    provisional: rolled up from the feed, not yet confirmed by the exchange.
    """

    open_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    provisional: Flags

    def __len__(self) -> int:
        return len(self.open_ms)

    @classmethod
    def empty(cls) -> Self:
        floats = np.empty(0)
        return cls(
            np.empty(0, np.int64), floats, floats, floats, floats, floats, np.empty(0, np.bool_)
        )

    @classmethod
    def joined(cls, parts: Sequence["CandleSeries"]) -> "CandleSeries":
        """Return one series after the other, as it is; whether times rise is for the caller."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        return cls(
            *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls))
        )

    def __getitem__(self, rows: slice | Flags | Integers) -> "CandleSeries":
        """Return some of the candles, by a slice, a mask or row numbers (rising)."""
        return CandleSeries(*(getattr(self, field.name)[rows] for field in fields(self)))
