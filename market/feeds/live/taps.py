"""Listens to ccxt's book-keeping where it happens: each trade as it is parsed, each book as it
changes. ccxt itself hands out the newest state only, to whoever asks in time.

Read by the unified connection; ccxt comes with it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import ccxt
from ccxt.async_support.base.ws.cache import ArrayCache, ArrayCacheByTimestamp
from ccxt.async_support.base.ws.order_book import OrderBook

from market.candles.timeframes import Timeframe
from market.events import SCALE, CandleClosed, DepthSnapshot, Level
from market.feeds.live.client import StampingClient

KEPT_BP = 10
"""Levels this near to the mid are told: twice as far as depth features look."""

KEPT_LEVELS = 20
"""At least so many, for the pages."""

MOST_LEVELS = 500

_BROKEN = (ccxt.InvalidNonce, ccxt.ChecksumError)


class TradeTap(ArrayCache):  # type: ignore[misc]  # ccxt is untyped
    """ccxt's store of one symbol's trades: hands each on at once, keeps one."""

    def __init__(self, taken: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(1)
        self._taken = taken

    def append(self, item: dict[str, Any]) -> None:
        self._taken(item)


class TappedClient(StampingClient):
    """A client whose books, trades and candles go to the taps; nobody is woken for them.

    on_book: the book, after each message. on_candles: symbol or hash, timeframe or None, and
    ccxt's store of candles. on_broken: the symbol whose book ccxt found out of sequence.
    """

    on_book: Callable[[Any], None]
    on_candles: Callable[[str, str | None, Sequence[Sequence[Any]]], None]
    on_broken: Callable[[str], None]

    def resolve(self, result: Any, message_hash: Any) -> Any:
        if isinstance(result, OrderBook):
            self.on_book(result)
        elif isinstance(result, ArrayCacheByTimestamp):
            self.on_candles(str(message_hash), None, result)
        elif isinstance(result, list) and len(result) == 3:
            if isinstance(result[2], ArrayCacheByTimestamp):
                self.on_candles(*result)
        elif not isinstance(result, ArrayCache):
            return super().resolve(result, message_hash)
        return result

    def reject(self, result: Any, message_hash: Any = None) -> Any:
        if message_hash is not None and isinstance(result, _BROKEN):
            # Whoever watches goes on waiting: the book is asked for again beside it.
            self.on_broken(symbol_in(str(message_hash)))
            return result
        return super().reject(result, message_hash)


def near_levels(side: Sequence[Sequence[float]], mid: float) -> list[Level]:
    """Return the best levels of one side, best first, as events have them."""
    reach = mid * KEPT_BP / 1e4
    found: list[Level] = []
    for level in side:
        price = level[0]
        if len(found) >= KEPT_LEVELS and (abs(price - mid) > reach or len(found) >= MOST_LEVELS):
            break
        found.append((round(price * SCALE), round(level[1] * SCALE)))
    return found


def symbol_in(message_hash: str) -> str:
    """Return the symbol that ccxt's name of a subscription ends with."""
    return message_hash.replace("@", ":").rpartition(":")[2]


class BookTap:
    """One symbol's book as ccxt keeps it.

    whole: whether a whole book came since it was lost. asked_ns: when it was last subscribed to;
    heard_ns: when it was last told of. changed: since it was last passed on.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.book: Any = None
        self.whole = self.changed = False
        self.asked_ns = self.heard_ns = 0
        self._top: tuple[float, float, float, float] | None = None

    def lose(self) -> None:
        self.book = self._top = None
        self.whole = self.changed = False

    def top(self) -> tuple[int, int, int, int] | None:
        """Return bid, its size, ask and its size where they changed; None else."""
        bids, asks = self.book["bids"], self.book["asks"]
        if not bids or not asks:
            return None
        top = bids[0][0], bids[0][1], asks[0][0], asks[0][1]
        if top == self._top or top[0] >= top[2]:
            return None
        self._top = top
        bid, bid_size, ask, ask_size = (round(each * SCALE) for each in top)
        return bid, bid_size, ask, ask_size

    def best(self) -> tuple[float, float] | None:
        """Return the best bid and ask; None where a side is empty."""
        bids, asks = self.book["bids"], self.book["asks"]
        return (bids[0][0], asks[0][0]) if bids and asks else None

    def crossed(self) -> bool:
        """Tell whether a best bid is no lower than the best ask: an update was missed."""
        bids, asks = self.book["bids"], self.book["asks"]
        return bool(bids) and bool(asks) and bids[0][0] >= asks[0][0]

    def snapshot(self, now_ns: int, number: int) -> DepthSnapshot:
        bids, asks = self.book["bids"], self.book["asks"]
        near = [side[0][0] for side in (bids, asks) if side]
        mid = sum(near) / len(near) if near else 0.0
        return DepthSnapshot(
            self.symbol,
            now_ns,
            self.book["timestamp"],
            number,
            near_levels(bids, mid),
            near_levels(asks, mid),
        )


class CandleTap:
    """Tells of candles as they close: one is closed when the next of its kind has begun."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], list[Any]] = {}

    def take(
        self, symbol: str, timeframe: str, row: Sequence[Any], recv_ns: int
    ) -> CandleClosed | None:
        """Take the newest candle (ccxt's row); return the one before where that has closed.

        Raises ValueError for a candle that does not open on UTC's grid.
        """
        open_ms = int(row[0])
        if open_ms % Timeframe(timeframe).ms:
            raise ValueError(f"a candle of {timeframe} cannot open at {open_ms}")
        before = self._newest.get((symbol, timeframe))
        if before is not None and open_ms < before[0]:
            return None
        self._newest[symbol, timeframe] = list(row)
        if before is None or open_ms == before[0]:
            return None
        opened, high, low, close, volume = (float(each) for each in before[1:6])
        return CandleClosed(
            symbol, recv_ns, None, timeframe, int(before[0]), opened, high, low, close, volume
        )
