"""Candles of the time before the exchange opened, from candle files, for `/klines`.

Asked by the REST handlers. Files are read when they are first asked for. Where the exchange runs in
the present they are moved by whole candles, and their prices by one factor, so that the last one
closes as it opens, at the price that it opens with.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from market.candles.importing.files import CandleFile, candle_files, identify
from market.candles.importing.tables import read_rows
from market.candles.series import CandleSeries
from market.events import to_units
from market.fake_exchange.candles import INTERVALS_MS, Kline


class History:
    """The files below one path, None for none. opened_ms: when the exchange opened, its time;
    opening_price: at what price a symbol did then.

    Raises ImportFileError where the path, a file's name or a file cannot be understood.
    """

    def __init__(
        self,
        path: Path | None,
        opened_ms: float,
        opening_price: Callable[[str], float],
        *,
        as_recorded: bool,
    ) -> None:
        files = [] if path is None else [identify(each, None, None) for each in candle_files(path)]
        self._files = {(each.symbol, each.timeframe.value): each for each in files}
        self._read: dict[tuple[str, str], CandleSeries] = {}
        self._opened_ms = opened_ms
        self._opening_price = opening_price
        self._as_recorded = as_recorded

    def candles(
        self, symbol: str, interval: str, span: tuple[int, int], limit: int, *, newest: bool
    ) -> list[Kline]:
        """Return those that opened within `span` (both ends meant), `limit` at most.

        newest: the last ones of them rather than the first.
        """
        series = self._series(symbol, interval)
        first, last = np.searchsorted(series.open_ms, [span[0], span[1] + 1]).tolist()
        if newest:
            first = max(first, last - limit)
        rows = series[first : min(last, first + limit)]
        columns = (rows.open_ms, rows.open, rows.high, rows.low, rows.close, rows.volume)
        return [_kline(*row) for row in zip(*(each.tolist() for each in columns), strict=True)]

    def _series(self, symbol: str, interval: str) -> CandleSeries:
        key = (symbol, interval)
        if key not in self._read:
            file = self._files.get(key)
            self._read[key] = CandleSeries.empty() if file is None else self._load(file, symbol)
        return self._read[key]

    def _load(self, file: CandleFile, symbol: str) -> CandleSeries:
        series = read_rows(file.path, ZoneInfo(str(UTC)))
        series = series[: max(0, len(series) - 1)]  # the last row may be a candle that was forming
        length = INTERVALS_MS[file.timeframe.value]
        opening = int(self._opened_ms // length) * length
        if not self._as_recorded and len(series):
            moved_ms = opening - length - int(series.open_ms[-1])
            factor = self._opening_price(symbol) / float(series.close[-1])
            series = replace(
                series,
                open_ms=series.open_ms + moved_ms,
                open=series.open * factor,
                high=series.high * factor,
                low=series.low * factor,
                close=series.close * factor,
            )
        return series[series.open_ms < opening]


def _kline(
    open_ms: int, opened: float, high: float, low: float, close: float, volume: float
) -> Kline:
    return Kline(
        open_ms,
        to_units(opened),
        to_units(high),
        to_units(low),
        to_units(close),
        volume=to_units(volume),
        quote=to_units(volume * close),
    )
