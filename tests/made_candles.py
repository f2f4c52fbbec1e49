"""Made-up candles for tests of signal training: random walks, or with a pattern to find."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe

START_MS = 1_704_067_200_000  # 2024-01-01


def walk(
    count: int, *, seed: int, step_ms: int, momentum: float = 0.0, start_ms: int = START_MS
) -> CandleSeries:
    """Return candles of a random walk; momentum: how far a slow wave pushes each return."""
    draws = np.random.default_rng(seed)
    wave = np.sign(np.sin(np.arange(count) / 25 + seed))
    returns = 0.01 * (draws.standard_normal(count) + momentum * wave)
    close = 100 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    reach = 0.004 * np.abs(draws.standard_normal((2, count)))
    return CandleSeries(
        open_ms=start_ms + step_ms * np.arange(count, dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close) * (1 + reach[0]),
        low=np.minimum(open_, close) * (1 - reach[1]),
        close=close,
        volume=1_000 * np.exp(0.3 * draws.standard_normal(count)),
        provisional=np.zeros(count, dtype=np.bool_),
    )


@dataclass
class MadeSource:
    """A CandleSource of what it was given, by symbol and timeframe."""

    candles: dict[tuple[str, Timeframe], CandleSeries] = field(default_factory=dict)
    name: str = "made"

    def read(self, symbol: str, timeframe: Timeframe) -> CandleSeries:
        return self.candles.get((symbol, timeframe), CandleSeries.empty())


def market(
    symbols: tuple[str, ...], count: int, *, momentum: float = 0.0, timeframe: Timeframe
) -> MadeSource:
    """Return a source with a walk for each symbol."""
    return MadeSource(
        {
            (symbol, timeframe): walk(count, seed=n, step_ms=timeframe.ms, momentum=momentum)
            for n, symbol in enumerate(symbols)
        }
    )


def write_feathers(source: MadeSource, root: Path) -> None:
    """Write a source as feather folders; each file ends in one more, unclosed candle."""
    for (symbol, timeframe), candles in source.candles.items():
        coin = symbol.removesuffix("USDT")
        path = root / timeframe / f"{coin}_USDT-{timeframe}.feather"
        path.parent.mkdir(parents=True, exist_ok=True)
        opens = np.append(candles.open_ms, candles.open_ms[-1] + timeframe.ms)
        columns = {
            name: np.append(getattr(candles, name), getattr(candles, name)[-1])
            for name in ("open", "high", "low", "close", "volume")
        }
        for name in ("open", "high", "low"):
            columns[name][-1] = columns["close"][-1]
        dates = pl.Series("date", opens).cast(pl.Datetime("ms", "UTC"))
        pl.DataFrame([dates, *(pl.Series(n, v) for n, v in columns.items())]).write_ipc(path)
