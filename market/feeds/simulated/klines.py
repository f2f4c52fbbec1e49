"""The simulated exchange's own candles: made of its trades, and before them of its history."""

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import SCALE, Trade
from market.feeds.simulated.fundamental import MINUTE_MS, MINUTES_A_DAY
from market.feeds.simulated.history import CLOSE, HIGH, LOW, OPEN, VOLUME, Minutes, aggregated
from market.feeds.simulated.history import minutes_of as told_of

TRADED_DAYS = 3
"""So many days of traded minutes are held; who asks later is told the history."""


class HistoricKlines:
    """Candles of a coin whose book is not simulated: nothing but its history."""

    def __init__(self, symbol: str, seed: int) -> None:
        self.symbol = symbol
        self._seed = seed

    def candles(self, timeframe: Timeframe, since_ms: int, until_ms: int) -> CandleSeries:
        """Return the candles that open at or after `since_ms` and close by `until_ms`."""
        return aggregated(self._minutes, timeframe, since_ms, until_ms)

    def _minutes(self, day: int) -> Minutes:
        return told_of(self._seed, self.symbol, day)


class TradedKlines(HistoricKlines):
    """Candles of a coin whose book is simulated: its history up to the opening, then its trades.

    The minute in which it opens is the history's, carried on by trades. One thread trades;
    others may ask for minutes that have closed.
    """

    def __init__(self, symbol: str, seed: int, opens_ms: int) -> None:
        super().__init__(symbol, seed)
        self._days: dict[int, Minutes] = {}
        self._minute = opens_ms // MINUTE_MS
        self._row = self._row_of(self._minute)
        self._volume = round(float(self._row[VOLUME]) * SCALE)
        self._has_open = True

    def trade(self, trade: Trade) -> None:
        """Take in a trade of the exchange; times never go back."""
        if trade.exchange_ms is not None:
            self.pass_to(trade.exchange_ms)
        row, price = self._row, trade.price / SCALE
        if not self._has_open:
            self._has_open = True
            row[OPEN] = row[HIGH] = row[LOW] = price
        row[HIGH] = max(row[HIGH], price)
        row[LOW] = min(row[LOW], price)
        row[CLOSE] = price
        self._volume += trade.size
        row[VOLUME] = self._volume / SCALE

    def pass_to(self, now_ms: int) -> None:
        """Let time pass: a minute without trades stays at the last price."""
        while self._minute < now_ms // MINUTE_MS:
            close = self._row[CLOSE]
            self._minute += 1
            self._row = self._row_of(self._minute)
            self._row[:VOLUME], self._row[VOLUME] = close, 0.0
            self._volume = 0
            self._has_open = False

    def _row_of(self, minute: int) -> Minutes:
        day, of_day = divmod(minute, MINUTES_A_DAY)
        if day not in self._days:
            self._days = {known: self._days[known] for known in sorted(self._days)[-TRADED_DAYS:]}
            self._days[day] = told_of(self._seed, self.symbol, day).copy()
        row: Minutes = self._days[day][of_day]
        return row

    def _minutes(self, day: int) -> Minutes:
        traded = self._days.get(day)
        return super()._minutes(day) if traded is None else traded
