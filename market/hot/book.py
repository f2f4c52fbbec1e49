"""One symbol's order book: sequence checks, re-anchoring, the top, the depth near the mid.

Two streams tell of it: diffs (every 100 ms, all levels) and book tickers (every change of the
top). The newer update id wins for the top, so forecasts go on from tickers alone while the
levels are being re-anchored.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from enum import StrEnum
from typing import NamedTuple

from market.events import BookTicker, DepthDiff, DepthSnapshot, Level

BUFFERED_DIFFS = 2_000
"""Diffs kept while waiting for a snapshot; beyond it the oldest go, and the snapshot that
fits the rest must be newer."""

BAND_BP = 5
LEVELS = 20


class BookState(StrEnum):
    EMPTY = "empty"
    SYNCED = "synced"
    RESYNCING = "resyncing"


class Top(NamedTuple):
    """Best bid and ask with sizes, integers in 1e-8."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Side:
    """Price levels of one side, and the size within a price bound, kept as they change."""

    __slots__ = ("_bound", "_highest_first", "band", "prices", "sizes")

    def __init__(self, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        self.clear()

    def clear(self) -> None:
        self.prices: list[int] = []
        self.sizes: dict[int, int] = {}
        # An empty band: nothing is at or beyond a bound outside the range of prices.
        self._bound = 1 << 80 if self._highest_first else -1
        self.band = 0

    def update(self, levels: list[Level]) -> None:
        """Set absolute sizes; 0 removes a level. O(log n) a level, plus the list's shift."""
        prices, sizes, bound = self.prices, self.sizes, self._bound
        bids = self._highest_first
        for price, size in levels:
            old = sizes.get(price, 0)
            if size == old:
                continue
            if not old:
                insort(prices, price)
                sizes[price] = size
            elif size:
                sizes[price] = size
            else:
                del sizes[price]
                del prices[bisect_left(prices, price)]
            if (price >= bound) if bids else (price <= bound):
                self.band += size - old

    def move_bound(self, bound: int) -> int:
        """Return the size at prices at or better than `bound`; amortised O(levels crossed)."""
        prices, sizes, old = self.prices, self.sizes, self._bound
        if self._highest_first:
            if bound < old:
                self.band += sum(
                    sizes[p] for p in prices[bisect_left(prices, bound) : bisect_left(prices, old)]
                )
            elif bound > old:
                self.band -= sum(
                    sizes[p] for p in prices[bisect_left(prices, old) : bisect_left(prices, bound)]
                )
        elif bound > old:
            self.band += sum(
                sizes[p] for p in prices[bisect_right(prices, old) : bisect_right(prices, bound)]
            )
        elif bound < old:
            self.band -= sum(
                sizes[p] for p in prices[bisect_right(prices, bound) : bisect_right(prices, old)]
            )
        self._bound = bound
        return self.band

    def best(self) -> Level | None:
        if not self.prices:
            return None
        price = self.prices[-1] if self._highest_first else self.prices[0]
        return price, self.sizes[price]

    def drop_better_than(self, price: int) -> None:
        """Remove levels better than the known best: they are gone, whoever missed it."""
        if self._highest_first:
            gone = self.prices[bisect_right(self.prices, price) :]
        else:
            gone = self.prices[: bisect_left(self.prices, price)]
        self.update([(level, 0) for level in gone])

    def nearest(self, limit: int, best: Level) -> list[Level]:
        """Return up to `limit` levels from `best` outward; better (outdated) ones left out."""
        sizes = self.sizes
        if self._highest_first:
            end = bisect_left(self.prices, best[0])
            behind = self.prices[max(0, end - limit + 1) : end][::-1]
        else:
            start = bisect_right(self.prices, best[0])
            behind = self.prices[start : start + limit - 1]
        return [best, *((price, sizes[price]) for price in behind)]


class OrderBook:
    """The book of one symbol. Counters: gaps, crossed, reanchors."""

    def __init__(self) -> None:
        self.bids = Side(highest_first=True)
        self.asks = Side(highest_first=False)
        self.state = BookState.EMPTY
        self.last_id = 0
        self.gaps = self.crossed = self.reanchors = 0
        self._unconfirmed = False  # anchored without a snapshot: old levels may be wrong
        self._ticker: BookTicker | None = None
        self._waiting: deque[DepthDiff] = deque(maxlen=BUFFERED_DIFFS)

    @property
    def synced(self) -> bool:
        return self.state is BookState.SYNCED

    @property
    def confirmed(self) -> bool:
        """Whether it is in sequence and every level is known to be right."""
        return self.synced and not self._unconfirmed

    @property
    def ticker(self) -> BookTicker | None:
        """The newest book ticker since the connection began."""
        return self._ticker

    def apply_diff(self, diff: DepthDiff) -> None:
        """Apply in sequence; on a gap go to RESYNCING and keep diffs for the snapshot."""
        if self.state is not BookState.SYNCED:
            self._waiting.append(diff)
            return
        if diff.last_id <= self.last_id:
            return
        expected = self.last_id + 1
        in_order = (
            diff.prev_id == self.last_id if diff.prev_id is not None else diff.first_id <= expected
        )
        if not in_order:
            self._begin_resync(diff)
            return
        self._apply_levels(diff)
        if self._levels_crossed():
            if self._unconfirmed:
                self._drop_contradicted(diff)
            if self._levels_crossed():
                self.crossed += 1
                self._begin_resync(diff)

    def apply_snapshot(self, snapshot: DepthSnapshot) -> bool:
        """Anchor on a snapshot and replay the diffs that follow it.

        Returns whether the book is in sequence now; a snapshot older than the diffs kept
        leaves it waiting for another, and one older than a book in sequence changes nothing.
        """
        if self.synced and snapshot.last_id < self.last_id:
            return True
        follow = [diff for diff in self._waiting if diff.last_id > snapshot.last_id]
        # A diff's range may straddle the snapshot; its absolute sizes are right either way.
        if (
            follow
            and follow[0].first_id > snapshot.last_id + 1
            and not (follow[0].prev_id is not None and follow[0].prev_id <= snapshot.last_id)
        ):
            return False
        self.bids.clear()
        self.asks.clear()
        self.bids.update(snapshot.bids)
        self.asks.update(snapshot.asks)
        self.last_id = snapshot.last_id
        self._unconfirmed = False
        self._waiting.clear()
        if self.state is BookState.RESYNCING:
            self.reanchors += 1
        self.state = BookState.SYNCED
        for position, diff in enumerate(follow):
            if position == 0:
                self._apply_levels(diff)
            else:
                self.apply_diff(diff)
        return self.synced

    def apply_ticker(self, ticker: BookTicker) -> None:
        if self._ticker is None or ticker.update_id >= self._ticker.update_id:
            self._ticker = ticker

    def reset(self) -> None:
        """Forget everything: the connection broke and a new one starts."""
        self.state = BookState.RESYNCING if self.state is not BookState.EMPTY else BookState.EMPTY
        self._ticker = None
        self._waiting.clear()

    def anchor_on_what_is_known(self) -> None:
        """Take up the sequence again without a snapshot, where the source has none to give.

        Levels seen before the gap stay, later diffs are applied, and what the newest ticker
        contradicts is removed. Sizes that changed only within the gap stay wrong until the
        next change, so whoever calls this keeps the depth features void for a while.
        """
        for diff in self._waiting:
            self._apply_levels(diff)
        self._waiting.clear()
        if self._ticker is not None:
            self.bids.drop_better_than(self._ticker.bid)
            self.asks.drop_better_than(self._ticker.ask)
        if self._levels_crossed():
            return
        self._unconfirmed = True
        self.reanchors += 1
        self.state = BookState.SYNCED

    def top(self) -> Top | None:
        """Return the newest known top; None where there is none or it is crossed."""
        ticker = self._ticker
        if self.synced and (ticker is None or ticker.update_id <= self.last_id):
            bid, ask = self.bids.best(), self.asks.best()
            if bid is None or ask is None or bid[0] >= ask[0]:
                return None
            return Top(*bid, *ask)
        if ticker is None or ticker.bid >= ticker.ask or ticker.bid <= 0:
            return None
        return Top(ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size)

    def depth_near_mid(self, top: Top) -> tuple[int, int] | None:
        """Return bid and ask size within 5 bp of the mid (1e-8); None while not in sequence."""
        if not self.synced:
            return None
        twice_mid = top.bid + top.ask
        # Exact in integers: p >= m·(1 − 5e-4) and p <= m·(1 + 5e-4), with m = twice_mid / 2.
        low = -(-twice_mid * (10_000 - BAND_BP) // 20_000)
        high = twice_mid * (10_000 + BAND_BP) // 20_000
        return self.bids.move_bound(low), self.asks.move_bound(high)

    def levels(self, top: Top) -> tuple[list[Level], list[Level]]:
        """Return up to 20 levels a side, the given top first; only the top while resyncing."""
        bid, ask = (top.bid, top.bid_size), (top.ask, top.ask_size)
        if not self.synced:
            return [bid], [ask]
        return self.bids.nearest(LEVELS, bid), self.asks.nearest(LEVELS, ask)

    def _apply_levels(self, diff: DepthDiff) -> None:
        self.bids.update(diff.bids)
        self.asks.update(diff.asks)
        self.last_id = diff.last_id

    def _drop_contradicted(self, diff: DepthDiff) -> None:
        # What the exchange just said stands; older levels that cross it went unseen.
        new_bid = max((price for price, size in diff.bids if size), default=None)
        new_ask = min((price for price, size in diff.asks if size), default=None)
        if new_bid is not None:
            self.asks.drop_better_than(new_bid + 1)
        if new_ask is not None:
            self.bids.drop_better_than(new_ask - 1)

    def _begin_resync(self, diff: DepthDiff) -> None:
        self.gaps += 1
        self.state = BookState.RESYNCING
        self._waiting.clear()
        self._waiting.append(diff)

    def _levels_crossed(self) -> bool:
        bids, asks = self.bids.prices, self.asks.prices
        return bool(bids) and bool(asks) and bids[-1] >= asks[0]
