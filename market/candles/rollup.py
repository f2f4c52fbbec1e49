"""Trades of one symbol rolled up into candles, for markets that tell none.

Such candles are provisional: a trade may have been missed. A candle is given only if the feed
covered it from its open to its close without a break. Read by the candle desk.
"""

from dataclasses import dataclass

from market.candles.timeframes import Timeframe
from market.events import SCALE, AnyEvent, Disconnected, Trade
from market.hot.features import FRESH_MS

GRACE_MS = 1_000
"""Trades of a minute are waited for this long beyond its end."""

AHEAD_MS = 2_000
"""An exchange's clock may run this far ahead of ours; further ahead, its first trade after a break
tells from when on a candle is whole."""

MOST_BEHIND_MS = 60_000
"""Trades of an exchange whose clock is behind ours come later, and are waited for longer; beyond
this its times are not to be believed."""

_MINUTE_MS = Timeframe.M1.ms
_NEVER_NS = -1


@dataclass(slots=True)
class _Sum:
    """A candle in the making, in 1e-8 units; minutes: how many of its minutes are in it."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    minutes: int = 1

    def add(self, later: "_Sum") -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.minutes += later.minutes


@dataclass(frozen=True, slots=True)
class RolledUp:
    """One candle made of trades; prices in quote, volume in base currency."""

    timeframe: Timeframe
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class RollUp:
    """Feed it every event of its symbol in order, and let time pass. Counts late trades."""

    def __init__(self, begins_ms: int) -> None:
        """begins_ms: from when on the feed tells everything."""
        self.late_trades = 0
        self._covered_ms = begins_ms + AHEAD_MS  # whole since then, by the exchange's clock
        self._heard_ns = _NEVER_NS
        self._last_id: int | None = None
        self._last_price: int | None = None
        self._begun = False  # whether a trade has come since the last break
        self._behind_ms = self._behind_next_ms = MOST_BEHIND_MS
        self._minute_ms = begins_ms // _MINUTE_MS * _MINUTE_MS  # the next to close
        self._minutes: dict[int, _Sum] = {}
        self._longer: dict[Timeframe, _Sum] = {}

    def apply(self, event: AnyEvent) -> None:
        """Take in one event, of whatever kind: silence is a break, too."""
        if self._heard_ns != _NEVER_NS and event.recv_ns - self._heard_ns > FRESH_MS * 1_000_000:
            self._break(event.recv_ns)
        self._heard_ns = event.recv_ns
        if type(event) is Trade:
            self._apply_trade(event)
        elif type(event) is Disconnected:
            self._break(event.recv_ns)
            self._last_id = None

    def pass_to(self, now_ms: int) -> list[RolledUp]:
        """Return the candles that have closed by `now_ms` and are whole, shorter ones first."""
        found: list[RolledUp] = []
        while self._minute_ms + _MINUTE_MS + GRACE_MS + self._late_by_ms() <= now_ms:
            found += self._close_minute()
        return found

    def _apply_trade(self, trade: Trade) -> None:
        if self._last_id is not None and trade.trade_id > self._last_id + 1:
            self._break(trade.recv_ns)
        self._last_id = trade.trade_id
        at_ms = trade.recv_ns // 1_000_000 if trade.exchange_ms is None else trade.exchange_ms
        self._note_clock(trade.recv_ns // 1_000_000, at_ms)
        open_ms = at_ms // _MINUTE_MS * _MINUTE_MS
        if open_ms < self._minute_ms:
            self.late_trades += 1
            self._longer.clear()
            return
        price = trade.price
        known = self._minutes.get(open_ms)
        if known is None:
            self._minutes[open_ms] = _Sum(open_ms, price, price, price, price, trade.size)
            return
        if price > known.high:
            known.high = price
        elif price < known.low:
            known.low = price
        known.close = price
        known.volume += trade.size

    def _note_clock(self, recv_ms: int, at_ms: int) -> None:
        if not self._begun:
            self._begun = True
            if at_ms - recv_ms > AHEAD_MS:
                self._covered_ms = max(self._covered_ms, at_ms + 1)
        self._behind_next_ms = min(self._behind_next_ms, max(0, recv_ms - at_ms))

    def _late_by_ms(self) -> int:
        # The quickest trade of the last minutes tells the clocks apart; half the grace is for
        # the way, which is never as long.
        behind_ms = min(self._behind_ms, self._behind_next_ms)
        return max(0, behind_ms - GRACE_MS // 2) if behind_ms < MOST_BEHIND_MS else 0

    def _break(self, recv_ns: int) -> None:
        self._begun = False
        self._covered_ms = max(self._covered_ms, recv_ns // 1_000_000 + AHEAD_MS)
        self._longer.clear()

    def _close_minute(self) -> list[RolledUp]:
        open_ms = self._minute_ms
        self._minute_ms = end_ms = open_ms + _MINUTE_MS
        self._behind_ms, self._behind_next_ms = self._behind_next_ms, MOST_BEHIND_MS
        minute = self._minutes.pop(open_ms, None)
        price = self._last_price
        if minute is not None:
            self._last_price = minute.close
        elif price is not None:
            minute = _Sum(open_ms, price, price, price, price, 0)
        silent_ns = end_ms * 1_000_000 - self._heard_ns
        if silent_ns > FRESH_MS * 1_000_000 or open_ms < self._covered_ms or minute is None:
            self._longer.clear()
            return []
        found = [_rolled_up(Timeframe.M1, minute)]
        for timeframe in list(Timeframe)[1:]:
            whole = self._fold(timeframe, minute)
            if whole is not None:
                found.append(_rolled_up(timeframe, whole))
        return found

    def _fold(self, timeframe: Timeframe, minute: _Sum) -> _Sum | None:
        begun = self._longer.get(timeframe)
        if minute.open_ms % timeframe.ms == 0:
            begun = self._longer[timeframe] = _Sum(
                minute.open_ms, minute.open, minute.high, minute.low, minute.close, minute.volume
            )
        elif begun is not None:
            begun.add(minute)
        if begun is None or (minute.open_ms + _MINUTE_MS) % timeframe.ms:
            return None
        del self._longer[timeframe]
        return begun


def _rolled_up(timeframe: Timeframe, whole: _Sum) -> RolledUp:
    return RolledUp(
        timeframe,
        whole.open_ms,
        whole.open / SCALE,
        whole.high / SCALE,
        whole.low / SCALE,
        whole.close / SCALE,
        whole.volume / SCALE,
    )
