"""The order flow of one symbol: limit orders, cancellations, market orders, makers' re-quotes.

Source: Cont, Stoikov and Talreja (2010), a Markovian book with rates that depend on the
distance from the opposite best price; market orders come from `arrivals` instead. To it come
makers who now and then move their quotes towards the fundamental value, so that the price
follows it.
"""

import math
from collections.abc import Iterator

from market.feeds.simulated.arrivals import (
    Flow,
    HawkesParameters,
    hawkes_arrivals,
    poisson_arrivals,
)
from market.feeds.simulated.book import Fill, LimitOrderBook, Side
from market.feeds.simulated.draws import Draws
from market.feeds.simulated.instruments import Instrument

# Rates per second at activity 1.
LIMIT_RATE = 30.0
REQUOTE_RATE = 8.0
CANCEL_RATE = 0.16
"""Per order; what the distance from the best makes of it is in `_cancel`."""

MARKET_ORDERS = HawkesParameters(baseline=0.4, own=0.6, other=0.15, decay=3.0)

REACH_BP = 12.0
LEAST_REACH_TICKS = 40
"""Limit orders rest up to this far from the opposite best price."""

FAR_CANCELS = 0.4
NEAR_SHARE = 0.1
"""Orders farther than this share of the reach are cancelled less often, until out of reach."""

INITIAL_ORDERS = 110
FEWEST_LEVELS = 25
"""A side with fewer is filled up: makers of last resort."""

KEPT_LEVELS = 5
"""A market order leaves these; no order is large enough in a book of usual depth."""

REQUOTE_STEP = 0.7
"""Share of the way to the value that a re-quoting maker goes."""

REQUOTE_NOISE_BP = 0.2
TILT = 0.35
TILT_BP = 1.5
"""A value this far above the mid gives bids about three quarters of their full advantage."""

LIMIT_NOTIONAL, LIMIT_SPREAD = 2_500.0, 0.9
MARKET_NOTIONAL, MARKET_SPREAD = 900.0, 1.3
"""Median value of an order in quote currency, and the standard deviation of its logarithm."""


class OrderFlow:
    """Runs one book forward. `value` is the fundamental value in ticks; set it as it moves."""

    def __init__(
        self, instrument: Instrument, book: LimitOrderBook, draws: Draws, flow: Flow, value: float
    ) -> None:
        self.value = value
        self._instrument = instrument
        self._book = book
        self._uniform = draws.uniform
        self._exponential = draws.exponential
        self._normal = draws.normal
        self._reach = max(LEAST_REACH_TICKS, round(REACH_BP / instrument.tick_bp))
        self._limit_rate = LIMIT_RATE * instrument.activity
        self._requote_rate = REQUOTE_RATE * max(0.5, instrument.activity)
        self._lots_per_unit_of_quote = 1e8 / (instrument.price * instrument.lot)
        self._now = 0.0
        self._arrivals = _arrivals(flow, instrument.activity, draws)
        self._market_at, self._market_buys = next(self._arrivals)
        self._open()

    def orders_until(self, end: float) -> Iterator[tuple[float, bool, list[Fill]]]:
        """Run to `end` (seconds since the beginning) and yield after each order.

        Yields its time, the side of a market order (True buys), and its fills, if any.
        """
        book = self._book
        quoting = self._limit_rate + self._requote_rate
        while True:
            resting = len(book.bids.orders) + len(book.asks.orders)
            rate = quoting + CANCEL_RATE * resting
            # Exponential waits have no memory, so one that is cut short is drawn anew.
            at = self._now + self._exponential() / rate
            if self._market_at <= min(at, end):
                self._now = self._market_at
                buys = self._market_buys
                fills = self._market_order(buys)
                self._market_at, self._market_buys = next(self._arrivals)
                yield self._now, buys, fills
            elif at > end:
                self._now = end
                return
            else:
                self._now = at
                self._act(self._uniform() * rate)
                yield at, False, []

    def _open(self) -> None:
        middle = math.floor(self.value)
        for side, away in ((self._book.bids, -1), (self._book.asks, 1)):
            best = middle + (away > 0)
            for distance in range(FEWEST_LEVELS):
                self._place(side, best + away * distance)
            for _ in range(INITIAL_ORDERS - FEWEST_LEVELS):
                self._place(side, best + away * (self._distance() - 1))

    def _act(self, pick: float) -> None:
        if pick < self._limit_rate:
            self._limit_order()
        elif pick < self._limit_rate + self._requote_rate:
            self._requote()
        else:
            self._cancel()
        for side, away in ((self._book.bids, -1), (self._book.asks, 1)):
            while len(side.ticks) < FEWEST_LEVELS:
                self._place(side, self._beyond(side, away))

    def _limit_order(self) -> None:
        bids, asks = self._book.bids, self._book.asks
        lead_bp = (self.value - (bids.best + asks.best) / 2) * self._instrument.tick_bp
        if self._uniform() < 0.5 + TILT * math.tanh(lead_bp / TILT_BP):
            self._place(bids, max(1, asks.best - self._distance()))
        else:
            self._place(asks, bids.best + self._distance())

    def _cancel(self) -> None:
        bids, asks = self._book.bids, self._book.asks
        position = int(self._uniform() * (len(bids.orders) + len(asks.orders)))
        side, opposite = bids, asks
        if position >= len(bids.orders):
            position -= len(bids.orders)
            side, opposite = asks, bids
        distance = abs(opposite.best - side.orders[position][1])
        middling = NEAR_SHARE * self._reach < distance <= self._reach
        if (not middling or self._uniform() < FAR_CANCELS) and len(side.ticks) > 1:
            self._book.cancel(side, position)

    def _requote(self) -> None:
        book, bids, asks = self._book, self._book.bids, self._book.asks
        middle = (bids.best + asks.best) / 2
        noise = REQUOTE_NOISE_BP / self._instrument.tick_bp * self._normal()
        target = middle + REQUOTE_STEP * (self.value - middle) + noise
        # Half a tick of patience: else quotes would flicker where a tick is large.
        while asks.best < target - 0.5 and len(asks.ticks) > 1:
            book.withdraw(asks, asks.best)
        while bids.best > target + 0.5 and len(bids.ticks) > 1:
            book.withdraw(bids, bids.best)
        bid = min(math.ceil(target) - 1, asks.best - 1)
        if bid > bids.best:
            self._place(bids, bid)
        ask = max(math.floor(target) + 1, bids.best + 1)
        if ask < asks.best:
            self._place(asks, ask)

    def _market_order(self, buys: bool) -> list[Fill]:
        side = self._book.asks if buys else self._book.bids
        size = self._size(MARKET_NOTIONAL, MARKET_SPREAD)
        return self._book.take(side, size, keep_levels=KEPT_LEVELS)

    def _place(self, side: Side, tick: int) -> None:
        self._book.place(side, tick, self._size(LIMIT_NOTIONAL, LIMIT_SPREAD))

    def _beyond(self, side: Side, away: int) -> int:
        return max(1, side.worst + away * math.ceil(self._distance() / FEWEST_LEVELS))

    def _distance(self) -> int:
        # Log-uniform: the rate falls as 1 ÷ distance.
        return int(self._reach ** self._uniform())

    def _size(self, median: float, spread: float) -> int:
        notional = median * math.exp(spread * max(-3.0, min(3.0, self._normal())))
        return max(1, round(notional * self._lots_per_unit_of_quote)) * self._instrument.lot


def _arrivals(flow: Flow, activity: float, draws: Draws) -> Iterator[tuple[float, bool]]:
    scaled = HawkesParameters(
        MARKET_ORDERS.baseline * activity,
        MARKET_ORDERS.own,
        MARKET_ORDERS.other,
        MARKET_ORDERS.decay,
    )
    if flow == "poisson":
        return poisson_arrivals(scaled.mean_rate, draws)
    return hawkes_arrivals(scaled, draws)
