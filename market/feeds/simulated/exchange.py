"""One symbol's exchange and the wire to it: runs the order flow, tells of it as events."""

import math
from collections.abc import Iterable

from market.events import AnyEvent, BookTicker, DepthDiff, DepthSnapshot, Level, Trade
from market.feeds.simulated.arrivals import Flow
from market.feeds.simulated.book import Fill, LimitOrderBook, Side
from market.feeds.simulated.draws import Draws
from market.feeds.simulated.flow import OrderFlow
from market.feeds.simulated.fundamental import FundamentalValue
from market.feeds.simulated.instruments import instrument
from market.feeds.simulated.klines import TradedKlines
from market.hot.vector import CELL_MS

MIN_DELAY_MS = 2.0
MEAN_EXTRA_DELAY_MS = 3.0
MAX_DELAY_MS = 20
"""Network delay. The exchange runs this far behind each cell's end, so that all it has done
has arrived by then, and a snapshot holds nothing that was not told."""

_SECOND_NS = 1_000_000_000
_MS_NS = 1_000_000


class SimulatedExchange:
    """One market. Each `advance` returns the events of one cell, in order."""

    def __init__(self, symbol: str, *, seed: int, opens_ms: int, flow: Flow) -> None:
        """opens_ms: local time at which its first event can arrive (the end of a cell)."""
        self.symbol = symbol
        self._instrument = instrument(symbol)
        key = self._instrument.key
        self._fundamental = FundamentalValue((seed, key), self._instrument.volatility_bp)
        self._delays = Draws(seed, key, opens_ms, 1)
        self._recv_ns = 0
        self._told_ms = opens_ms - MAX_DELAY_MS
        self._opened_ns = self._told_ms * _MS_NS
        self._book = LimitOrderBook()
        self._flow = OrderFlow(
            self._instrument,
            self._book,
            Draws(seed, key, opens_ms, 0),
            flow,
            self._value(self._told_ms),
        )
        self.klines = TradedKlines(symbol, seed, self._told_ms)
        self._told_id = 0
        self._trade_id = 0
        self._top = self._book.top()

    def advance(self, until_ms: int) -> list[AnyEvent]:
        """Return the events of the cell that ends at until_ms. Call it for every cell in order."""
        # What happened before the last cell's end may arrive only after it.
        self._recv_ns = max(self._recv_ns, (until_ms - CELL_MS) * _MS_NS + 1)
        events: list[AnyEvent] = []
        if not self._told_id:
            events.append(self.snapshot())
            self._settle_changes()
        end_ms = self._told_ms = until_ms - MAX_DELAY_MS
        self._flow.value = self._value(end_ms)
        book, opened_ns = self._book, self._opened_ns
        end_seconds = (end_ms * _MS_NS - opened_ns) / _SECOND_NS
        for seconds, buys, fills in self._flow.orders_until(end_seconds):
            at_ns = opened_ns + int(seconds * _SECOND_NS)
            if fills:
                trades = self._trades(at_ns, buys, fills)
                for trade in trades:
                    self.klines.trade(trade)
                events += trades
            top = book.top()
            if top != self._top:
                self._top = top
                events.append(self._ticker(at_ns))
        self.klines.pass_to(end_ms)
        if book.update_id > self._told_id:
            events.append(self._diff(end_ms * _MS_NS))
            self._settle_changes()
        return events

    def snapshot(self) -> DepthSnapshot:
        """Return the whole book as it is after all events told so far."""
        return DepthSnapshot(
            self.symbol,
            self._recv_ns,
            self._told_ms,
            self._book.update_id,
            self._levels(self._book.bids, reversed(self._book.bids.ticks)),
            self._levels(self._book.asks, self._book.asks.ticks),
        )

    def _value(self, time_ms: int) -> float:
        start = self._instrument.price * 1e8 / self._instrument.tick
        return start * math.exp(self._fundamental.at(time_ms))

    def _trades(self, at_ns: int, buys: bool, fills: list[Fill]) -> list[Trade]:
        recv_ns, exchange_ms, tick = self._arrive(at_ns), at_ns // _MS_NS, self._instrument.tick
        first = self._trade_id + 1
        self._trade_id += len(fills)
        return [
            Trade(self.symbol, recv_ns, exchange_ms, number, fill.tick * tick, fill.size, buys)
            for number, fill in enumerate(fills, first)
        ]

    def _ticker(self, at_ns: int) -> BookTicker:
        bid, bid_size, ask, ask_size = self._top
        tick = self._instrument.tick
        return BookTicker(
            self.symbol,
            self._arrive(at_ns),
            at_ns // _MS_NS,
            self._book.update_id,
            bid * tick,
            bid_size,
            ask * tick,
            ask_size,
        )

    def _diff(self, at_ns: int) -> DepthDiff:
        bids, asks = self._book.bids, self._book.asks
        return DepthDiff(
            self.symbol,
            self._arrive(at_ns),
            at_ns // _MS_NS,
            self._told_id + 1,
            self._book.update_id,
            None,
            self._levels(bids, sorted(bids.changed, reverse=True)),
            self._levels(asks, sorted(asks.changed)),
        )

    def _levels(self, side: Side, ticks: Iterable[int]) -> list[Level]:
        tick_size, sizes = self._instrument.tick, side.sizes
        return [(tick * tick_size, sizes.get(tick, 0)) for tick in ticks]

    def _settle_changes(self) -> None:
        self._told_id = self._book.update_id
        self._book.bids.changed.clear()
        self._book.asks.changed.clear()

    def _arrive(self, at_ns: int) -> int:
        extra_ms = MEAN_EXTRA_DELAY_MS * self._delays.exponential()
        delay_ms = min(MIN_DELAY_MS + extra_ms, MAX_DELAY_MS)
        # One connection: nothing overtakes.
        self._recv_ns = max(self._recv_ns, at_ns + int(delay_ms * _MS_NS))
        return self._recv_ns
