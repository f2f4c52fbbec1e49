"""The 20 hot features of one symbol, kept up to date event by event.

Readers: the pump (hot state), training and the parity tests, all through `HotFeatures`.
Source of the formulae: the features table in docs/reference.md.
"""

import math
from collections import deque
from typing import NamedTuple

from market.events import (
    SCALE,
    AnyEvent,
    BookTicker,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Heartbeat,
    Trade,
)
from market.hot.book import OrderBook, Top
from market.hot.vector import FEATURE_COUNT
from market.hot.windows import CELLS_1S, CELLS_5S, CELLS_10S, DepthWindow, MidWindow, TradeWindow

FRESH_MS = 5_000
"""Beyond this without a sign of life the connection may be dead, and the book with it."""

SETTLING_MS = 5_000
"""After anchoring without a snapshot the depth features stay void this long."""

CLOCK_TOLERANCE_MS = 100
"""An exchange's clock further ahead of ours than this is skewed: its events seem to come from
the future. Nothing is decided by exchange time, so it is counted and shown, no more."""

WARM_UP_MS = 360_000
"""The longest window is of five minutes; with this much history every one of them is full."""

TAPE_TRADES = 50
"""Single trades that are kept until somebody takes them."""

SECOND_PHASE_MS = 990
"""Depth is sampled once a second, in the cell that a tick reads."""

VOID = math.nan
_SQRT_10 = math.sqrt(10.0)


class FeatureRow(NamedTuple):
    """What is known at the end of one cell.

    values: 20 floats in FEATURE_NAMES order, NaN = void. Times in ms: feature_ts_ms is the
    last proof that the connection lives, event_ts_ms the newest market event (both local),
    exchange_ts_ms the exchange's own time of it; None where there was none yet.
    """

    values: list[float]
    completeness: float
    feature_ts_ms: float | None
    event_ts_ms: float | None
    exchange_ts_ms: int | None


class HotFeatures:
    """Features of one symbol. Feed events in order, close each cell in order.

    Counters: trade_gaps, from_future (events that the exchange dates after their arrival);
    exchange_offset_ms: the newest event's exchange time less its receive time.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.book = OrderBook()
        self.trades = TradeWindow()
        self.tape: deque[Trade] = deque(maxlen=TAPE_TRADES)
        self._mids = MidWindow()
        self._bid_depth = DepthWindow()
        self._ask_depth = DepthWindow()
        self._last_trade: int | None = None
        self._last_trade_id: int | None = None
        self.trade_gaps = 0
        self.from_future = 0
        self.exchange_offset_ms: float | None = None
        self._proof_ns: int | None = None
        self._event_ns: int | None = None
        self._exchange_ms: int | None = None
        self._depth_void_until_ms = 0.0

    def apply(self, event: AnyEvent) -> None:
        """Take one event in. Events of a symbol come in order of recv_ns."""
        self._proof_ns = event.recv_ns
        kind = type(event)
        if kind is BookTicker:
            self.book.apply_ticker(event)  # type: ignore[arg-type]  # narrowed by `kind`, faster
        elif kind is Trade:
            self._apply_trade(event)  # type: ignore[arg-type]
        elif kind is DepthDiff:
            self.book.apply_diff(event)  # type: ignore[arg-type]
        elif kind is DepthSnapshot:
            self.book.apply_snapshot(event)  # type: ignore[arg-type]
        elif kind is Disconnected:
            self._disconnect()
            return
        else:
            return
        self._event_ns = event.recv_ns
        if event.exchange_ms is not None:
            self._exchange_ms = event.exchange_ms
            self.exchange_offset_ms = event.exchange_ms - event.recv_ns / 1e6
            if self.exchange_offset_ms > CLOCK_TOLERANCE_MS:
                self.from_future += 1

    def anchor_without_snapshot(self, now_ms: float) -> None:
        """Go on where the source has no snapshot; depth features stay void for a while."""
        self.book.anchor_on_what_is_known()
        self._depth_void_until_ms = now_ms + SETTLING_MS

    def anchor(self) -> list[AnyEvent] | None:
        """Return events that put new features into this state, but for their windows.

        WARM_UP_MS after them a feature is bit for bit what it would have been. None where the
        state is not to be told in events: without a book in sequence, or between connections.
        """
        book, proof_ns, event_ns = self.book, self._proof_ns, self._event_ns
        traded = self._last_trade is not None
        if not book.confirmed or proof_ns is None or event_ns is None:
            return None
        if traded and self._last_trade_id is None:
            return None  # the first trade after a break follows no other
        events: list[AnyEvent] = []
        if self._last_trade is not None and self._last_trade_id is not None:
            events.append(
                Trade(self.symbol, event_ns, None, self._last_trade_id, self._last_trade, 1, True)
            )
        if book.ticker is not None:
            events.append(book.ticker)
        bids, asks = list(book.bids.sizes.items()), list(book.asks.sizes.items())
        # Last, as the newest event's times are those of the last one applied.
        events.append(
            DepthSnapshot(self.symbol, event_ns, self._exchange_ms, book.last_id, bids, asks)
        )
        events.append(Heartbeat(self.symbol, proof_ns, None))
        return events

    def top(self, now_ms: float) -> Top | None:
        """Return the top of the book, None where it is unknown, crossed or not fresh."""
        if self._proof_ns is None or now_ms - self._proof_ns / 1e6 > FRESH_MS:
            return None
        return self.book.top()

    def evaluate(self, now_ms: int) -> FeatureRow:
        """Close the cell that ends at now_ms and return the features known then.

        Call it once for every cell, in order; all events applied have recv_ns ≤ now_ms·1e6.
        """
        self.trades.close_cell()
        top = self.top(now_ms)
        self._mids.close_cell(None if top is None else top.bid + top.ask)
        bid_strength, ask_strength = self._strengths(top, now_ms)
        if top is None:
            mid, spread_bp, imbalance = VOID, VOID, VOID
        else:
            twice_mid = top.bid + top.ask
            mid = twice_mid / (2 * SCALE)
            spread_bp = 2e4 * (top.ask - top.bid) / twice_mid
            both = top.bid_size + top.ask_size
            imbalance = (top.bid_size - top.ask_size) / both if both > 0 else VOID
        price = VOID if self._last_trade is None else self._last_trade / SCALE
        volatility = self._mids.volatility_bp()
        ret_10s = self._mids.return_bp(CELLS_10S)
        volume_1s, imbalance_1s, vwap_dev_1s, count_1s, notional_1s = self._flow(1, top)
        volume_5s, imbalance_5s, vwap_dev_5s, _, _ = self._flow(5, top)
        values = [
            price,
            mid,
            self._mids.return_bp(CELLS_1S),
            self._mids.return_bp(CELLS_5S),
            ret_10s,
            volume_1s,
            volume_5s,
            imbalance_1s,
            imbalance_5s,
            spread_bp,
            imbalance,
            bid_strength,
            ask_strength,
            count_1s,
            volume_1s / count_1s if count_1s > 0 else volume_1s,  # 0 or void without a trade
            notional_1s,
            vwap_dev_1s,
            vwap_dev_5s,
            volatility,
            _momentum(ret_10s, volatility),
        ]
        void = sum(1 for value in values if value != value)
        return FeatureRow(
            values,
            (FEATURE_COUNT - void) / FEATURE_COUNT,
            None if self._proof_ns is None else self._proof_ns / 1e6,
            None if self._event_ns is None else self._event_ns / 1e6,
            self._exchange_ms,
        )

    def _apply_trade(self, trade: Trade) -> None:
        last = self._last_trade_id
        if last is not None:
            if trade.trade_id <= last:
                return  # a duplicate
            if trade.trade_id != last + 1:
                # Trades are missing: the sums would be too small, so the windows fill anew.
                self.trade_gaps += 1
                self.trades.clear()
            # The first one after a break may be an anchor's, which tells a price and no trade.
            self.tape.append(trade)
        self._last_trade_id = trade.trade_id
        self._last_trade = trade.price
        self.trades.add(trade.price, trade.size, trade.buyer_initiated)

    def _disconnect(self) -> None:
        self.book.reset()
        self.trades.clear()
        self._last_trade_id = None
        self._proof_ns = None

    def _strengths(self, top: Top | None, now_ms: int) -> tuple[float, float]:
        depth = None
        if top is not None and now_ms >= self._depth_void_until_ms:
            depth = self.book.depth_near_mid(top)
        if now_ms % 1_000 == SECOND_PHASE_MS:
            self._bid_depth.add(None if depth is None else depth[0])
            self._ask_depth.add(None if depth is None else depth[1])
        if depth is None:
            return VOID, VOID
        return self._bid_depth.strength(depth[0]), self._ask_depth.strength(depth[1])

    def _flow(self, seconds: int, top: Top | None) -> tuple[float, float, float, float, float]:
        window = self.trades
        if not (window.full_1s if seconds == 1 else window.full_5s):
            return VOID, VOID, VOID, VOID, VOID
        sums = window.last_1s if seconds == 1 else window.last_5s
        if sums.trades == 0:
            return 0.0, 0.0, 0.0, 0.0, 0.0
        if top is None:
            vwap_dev = VOID
        else:
            vwap_dev = 1e4 * math.log((top.bid + top.ask) * sums.size / (2 * sums.notional))
        return (
            sums.size / SCALE,
            sums.signed / sums.size,
            vwap_dev,
            float(sums.trades),
            sums.notional / (SCALE * SCALE),
        )


def _momentum(ret_10s: float, volatility: float) -> float:
    if volatility == 0.0:
        return 0.0 if ret_10s == ret_10s else VOID
    return ret_10s / (volatility * _SQRT_10)
