"""The candle that has not closed yet, as far as shorter ones tell of it. Read by `/api/candles`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.candles.series import CandleSeries
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe


@dataclass(frozen=True, slots=True)
class Forming:
    """Part of a candle, from its open to `until_ms`; prices in quote, volume in base currency."""

    open_ms: int
    until_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def forming(
    store: CandleStore, venues: Sequence[str], symbol: str, timeframe: Timeframe, now_ms: float
) -> Forming | None:
    """Return the candle that `now_ms` lies in, made of the shorter ones that have closed.

    They follow each other from its open without a gap, the longest first; None where there is
    none. Raises CandleStoreError naming a file that is damaged.
    """
    opens_ms = until_ms = timeframe.open_of(now_ms)
    parts: list[CandleSeries] = []
    shorter = [each for each in reversed(Timeframe) if each.ms < timeframe.ms]
    for each in shorter:
        closed = store.read(venues, symbol, each, closed_by_ms=now_ms, since_ms=until_ms)
        whole = closed[closed.open_ms == until_ms + each.ms * np.arange(len(closed))]
        if len(whole):
            parts.append(whole)
            until_ms = int(whole.open_ms[-1]) + each.ms
    if not parts:
        return None
    return Forming(
        open_ms=opens_ms,
        until_ms=until_ms,
        open=float(parts[0].open[0]),
        high=max(float(part.high.max()) for part in parts),
        low=min(float(part.low.min()) for part in parts),
        close=float(parts[-1].close[-1]),
        volume=sum(float(part.volume.sum()) for part in parts),
    )
