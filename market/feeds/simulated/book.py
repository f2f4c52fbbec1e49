"""The simulated exchange's limit order book: queues of orders by price, first come first served.

Prices are integers in ticks, sizes in 1e-8. Every change of a level has an update id, as on a
real exchange. This is the truth that `market.hot.book` rebuilds from what the exchange tells.
"""

from bisect import bisect_left, insort
from typing import NamedTuple


class Fill(NamedTuple):
    """One resting order met by a market order."""

    tick: int
    size: int


class Side:
    """Resting orders of one side.

    ticks: prices with orders, ascending. sizes: their total by price. orders: (order, tick) of
    all ever placed and not yet looked up since they went, so that one can be picked at random.
    changed: prices changed since the last diff.
    """

    __slots__ = ("_buys", "_queues", "changed", "orders", "sizes", "ticks")

    def __init__(self, *, buys: bool) -> None:
        self._buys = buys
        self.ticks: list[int] = []
        self.sizes: dict[int, int] = {}
        self.orders: list[tuple[int, int]] = []
        self.changed: set[int] = set()
        self._queues: dict[int, dict[int, int]] = {}

    @property
    def best(self) -> int:
        """The best price in ticks. The flow never lets a side run empty."""
        return self.ticks[-1] if self._buys else self.ticks[0]

    @property
    def worst(self) -> int:
        return self.ticks[0] if self._buys else self.ticks[-1]

    def add(self, order: int, tick: int, size: int) -> None:
        queue = self._queues.get(tick)
        if queue is None:
            insort(self.ticks, tick)
            self._queues[tick] = {order: size}
            self.sizes[tick] = size
        else:
            queue[order] = size
            self.sizes[tick] += size
        self.orders.append((order, tick))
        self.changed.add(tick)

    def cancel(self, position: int) -> bool:
        """Cancel the order at this position of `orders`; False where it was gone already."""
        orders = self.orders
        order, tick = orders[position]
        orders[position] = orders[-1]
        orders.pop()
        queue = self._queues.get(tick)
        size = queue.pop(order, 0) if queue is not None else 0
        if not size:
            return False
        self._reduce(tick, size)
        return True

    def withdraw(self, tick: int) -> None:
        """Cancel every order at this price."""
        self._reduce(tick, self.sizes[tick])

    def match(self, size: int) -> Fill:
        """Fill the first order of the best price up to `size`."""
        tick = self.best
        queue = self._queues[tick]
        order, resting = next(iter(queue.items()))
        filled = min(size, resting)
        if filled == resting:
            del queue[order]
        else:
            queue[order] = resting - filled
        self._reduce(tick, filled)
        return Fill(tick, filled)

    def _reduce(self, tick: int, size: int) -> None:
        self.changed.add(tick)
        left = self.sizes[tick] - size
        if left:
            self.sizes[tick] = left
            return
        del self.sizes[tick]
        del self._queues[tick]
        del self.ticks[bisect_left(self.ticks, tick)]


class LimitOrderBook:
    """Both sides. update_id: of the last change."""

    def __init__(self) -> None:
        self.bids = Side(buys=True)
        self.asks = Side(buys=False)
        self.update_id = 0
        self._orders = 0

    def place(self, side: Side, tick: int, size: int) -> None:
        """Let a limit order rest. Whoever places it keeps it from crossing."""
        self._orders += 1
        self.update_id += 1
        side.add(self._orders, tick, size)

    def cancel(self, side: Side, position: int) -> bool:
        """Cancel one of `side.orders`; False where it was gone already."""
        gone = side.cancel(position)
        self.update_id += gone
        return gone

    def withdraw(self, side: Side, tick: int) -> None:
        self.update_id += 1
        side.withdraw(tick)

    def take(self, side: Side, size: int, *, keep_levels: int) -> list[Fill]:
        """Execute a market order against `side`; what is left of it at `keep_levels` expires."""
        fills: list[Fill] = []
        while size and (len(side.ticks) > keep_levels):
            fill = side.match(size)
            self.update_id += 1
            size -= fill.size
            fills.append(fill)
        return fills

    def top(self) -> tuple[int, int, int, int]:
        """Return best bid and its size, best ask and its size; prices in ticks."""
        bid, ask = self.bids.best, self.asks.best
        return bid, self.bids.sizes[bid], ask, self.asks.sizes[ask]
