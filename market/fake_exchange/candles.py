"""Candles of the trades that were served, as `/klines` and the kline streams tell them.

Driven by the exchange. A candle without trades repeats the last close, as Binance has it.
Intervals are multiples of a minute that divide a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from market.events import SCALE, to_units
from market.fake_exchange.frames import decimal_text

_MINUTE_MS = 60_000
INTERVALS_MS = {
    name: minutes * _MINUTE_MS
    for name, minutes in {
        "1m": 1,
        "3m": 3,
        "5m": 5,
        "15m": 15,
        "30m": 30,
        "1h": 60,
        "2h": 120,
        "4h": 240,
        "6h": 360,
        "8h": 480,
        "12h": 720,
        "1d": 1_440,
    }.items()
}
KEPT = 20_000
"""Candles of served trades kept for each symbol and interval; the oldest go."""


@dataclass(slots=True)
class Kline:
    """One candle. Prices and sizes in 1e-8; taker_*: what buyers took; ids: -1 without trades."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    taker_volume: int = 0
    taker_quote: int = 0
    first_id: int = -1
    last_id: int = -1
    trades: int = 0

    def add(self, price: int, size: int, trade_id: int, *, buyer_took: bool) -> None:
        worth = price * size // SCALE
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += size
        self.quote += worth
        if buyer_took:
            self.taker_volume += size
            self.taker_quote += worth
        if not self.trades:
            self.first_id = trade_id
        self.last_id = trade_id
        self.trades += 1

    def extend(self, later: "Kline") -> None:
        """Take in a candle that follows within the same, longer one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote += later.quote
        self.taker_volume += later.taker_volume
        self.taker_quote += later.taker_quote
        if later.trades:
            if not self.trades:
                self.first_id = later.first_id
            self.last_id = later.last_id
        self.trades += later.trades

    def row(self, interval: str) -> bytes:
        """Return it as `/klines` has it."""
        return b'[%d,"%b","%b","%b","%b","%b",%d,"%b",%d,"%b","%b","0"]' % (
            self.open_ms,
            decimal_text(self.open),
            decimal_text(self.high),
            decimal_text(self.low),
            decimal_text(self.close),
            decimal_text(self.volume),
            self.open_ms + INTERVALS_MS[interval] - 1,
            decimal_text(self.quote),
            self.trades,
            decimal_text(self.taker_volume),
            decimal_text(self.taker_quote),
        )

    def event(self, symbol: str, interval: str, event_ms: int, *, closed: bool) -> bytes:
        """Return it as a kline stream's data object."""
        return (
            b'{"e":"kline","E":%d,"s":"%b","k":{"t":%d,"T":%d,"s":"%b","i":"%b","f":%d,"L":%d,'
            b'"o":"%b","c":"%b","h":"%b","l":"%b","v":"%b","n":%d,"x":%b,"q":"%b","V":"%b",'
            b'"Q":"%b","B":"0"}}'
            % (
                event_ms,
                symbol.encode(),
                self.open_ms,
                self.open_ms + INTERVALS_MS[interval] - 1,
                symbol.encode(),
                interval.encode(),
                self.first_id,
                self.last_id,
                decimal_text(self.open),
                decimal_text(self.close),
                decimal_text(self.high),
                decimal_text(self.low),
                decimal_text(self.volume),
                self.trades,
                b"true" if closed else b"false",
                decimal_text(self.quote),
                decimal_text(self.taker_volume),
                decimal_text(self.taker_quote),
            )
        )


class CandleBook:
    """The candles of one reel's trades."""

    def __init__(self) -> None:
        self._minutes: list[Kline] = []
        self._close: int | None = None

    def trade(
        self, price: str, size: str, trade_id: int, traded_ms: int, *, buyer_took: bool
    ) -> None:
        """Take in one trade, in the candle of its own time."""
        units = to_units(float(price))
        self.advance(traded_ms)
        minutes = self._minutes
        if not minutes:
            minutes.append(Kline(traded_ms - traded_ms % _MINUTE_MS, units, units, units, units))
        behind = (minutes[-1].open_ms + _MINUTE_MS - 1 - traded_ms) // _MINUTE_MS
        candle = minutes[max(0, len(minutes) - 1 - behind)]
        if not candle.trades:
            candle.open = candle.high = candle.low = units
        candle.add(units, to_units(float(size)), trade_id, buyer_took=buyer_took)
        self._close = units

    def advance(self, now_ms: float) -> None:
        """Open the candles that have begun by now, of the last close, where trades came before."""
        minutes, close = self._minutes, self._close
        if not minutes or close is None:
            return
        while minutes[-1].open_ms + _MINUTE_MS <= now_ms:
            minutes.append(Kline(minutes[-1].open_ms + _MINUTE_MS, close, close, close, close))
        del minutes[:-KEPT]

    def newest(self, interval: str) -> Kline | None:
        """Return the candle that is forming; None before the first trade."""
        if not self._minutes:
            return None
        length = INTERVALS_MS[interval]
        last_ms = self._minutes[-1].open_ms
        return self.candle(interval, last_ms - last_ms % length)

    def candle(self, interval: str, open_ms: int) -> Kline | None:
        """Return one candle as far as it has come; None where nothing of it is known."""
        count = INTERVALS_MS[interval] // _MINUTE_MS
        first = self._minutes[0].open_ms if self._minutes else 0
        start = (open_ms - first) // _MINUTE_MS
        return _merged(self._minutes[max(0, start) : max(0, start + count)], open_ms)

    def all(self, interval: str) -> list[Kline]:
        """Return every candle of an interval, the forming one last."""
        length = INTERVALS_MS[interval]
        if length == _MINUTE_MS:
            return self._minutes
        if not self._minutes:
            return []
        first = self._minutes[0].open_ms // length * length
        opens = range(first, self._minutes[-1].open_ms + 1, length)
        candles = (self.candle(interval, open_ms) for open_ms in opens)
        return [each for each in candles if each is not None]


def _merged(parts: Iterable[Kline], open_ms: int) -> Kline | None:
    whole: Kline | None = None
    for part in parts:
        if whole is None:
            whole = Kline(open_ms, part.open, part.high, part.low, part.close)
        whole.extend(part)
    return whole
