"""Where a running market's candles come together: told, rolled up, asked for; all stored.

The pump hands it every batch; the rest happens in threads of its own, so that no disk and no
exchange's answer delays a cell.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from market.candles.arriving import Arrivals
from market.candles.asking import MissingCandles
from market.candles.rollup import RolledUp, RollUp
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, venues_of
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe, parse_timeframe
from market.candles.writing import CandleWriter, Delivery
from market.events import CandleClosed
from market.exchanges import is_exchange
from market.feeds import Batch
from market.feeds.opening import OpenedFeed
from market.hot.vector import CELL_MS
from market.listings import SymbolStatus
from market.redis_cluster import AnyClient

_ALL = tuple(Timeframe)


@dataclass(frozen=True, slots=True)
class CandlePlan:
    """root: the store. exchange: whose candles a replay continues. symbols: of which candles are
    asked for where they do not arrive, in each timeframe that signals need; of an exchange 1m,
    too, along which signals are graded.
    """

    root: Path
    exchange: str
    symbols: tuple[str, ...]


class CandleDesk:
    """Takes a feed's batches in order. `counters` are shown in the market's heartbeat."""

    def __init__(self, opened: OpenedFeed, client: AnyClient, plan: CandlePlan) -> None:
        self.counters: Counter[str] = Counter()
        self.venue = venues_of(opened.venue, plan.exchange)[-1]
        store = CandleStore(plan.root)
        self._feed_symbols = opened.feed.symbols
        self._writer = CandleWriter(store, self.venue, client, self.counters)
        self._missing = MissingCandles(
            opened.feed,
            store,
            self.venue,
            plan.symbols,
            (*SIGNAL_TIMEFRAMES, *((Timeframe.M1,) if is_exchange(opened.venue) else ())),
            lambda deliveries: self._writer.put(deliveries, patient=True),
            self.counters,
            partial(_traded, opened),
        )
        self._arrivals = Arrivals()
        self._rollups: dict[str, RollUp] = {}
        self._next_look_ms = 0
        self._started = False

    def start(self, now_ms: int) -> None:
        """Begin to store, and to ask for what is missing at `now_ms` (market time)."""
        self._started = True
        self._writer.start()
        self._missing.start(now_ms)

    def close(self) -> None:
        """Stop asking; store what has arrived."""
        self._missing.close()
        self._writer.close()

    def take(self, batch: Batch) -> None:
        """Take in one cell: its trades and the candles told in it."""
        now_ms = batch.until_ms
        rollups = self._rollups
        if not rollups:
            rollups |= {symbol: RollUp(now_ms - CELL_MS) for symbol in self._feed_symbols}
        for event in batch.events:
            rollup = rollups.get(event.symbol)
            if rollup is not None:
                rollup.apply(event)
        # A pre-roll is history: it must not restate what the store has of it. What the store
        # lacks is asked for at the start.
        arrivals = self._arrivals
        for candle in batch.candles if self._started else ():
            arrivals.tell(_told(candle, now_ms))
        if now_ms >= self._next_look_ms:
            self._next_look_ms = now_ms // 1_000 * 1_000 + 1_000
            for symbol, rollup in rollups.items():
                for each in rollup.pass_to(now_ms):
                    arrivals.roll_up(_rolled(symbol, each, now_ms))
            self.counters["late_trades"] = sum(each.late_trades for each in rollups.values())
        deliveries = list(arrivals.due(now_ms))
        if deliveries:
            self._writer.put(deliveries)
        self._missing.pass_to(now_ms)


def _traded(opened: OpenedFeed, symbol: str) -> bool:
    told = opened.listings() if opened.listings is not None else {}
    listing = told.get(symbol)
    return listing is None or listing.status is SymbolStatus.TRADING


def _told(candle: CandleClosed, now_ms: int) -> Delivery:
    timeframe = parse_timeframe(candle.timeframe, _ALL)
    return Delivery(candle.symbol, timeframe, _one(candle, provisional=False), now_ms)


def _rolled(symbol: str, candle: RolledUp, now_ms: int) -> Delivery:
    return Delivery(symbol, candle.timeframe, _one(candle, provisional=True), now_ms)


def _one(candle: CandleClosed | RolledUp, *, provisional: bool) -> CandleSeries:
    prices: Sequence[float] = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    opened, high, low, close, volume = (np.array([each]) for each in prices)
    opens = np.array([candle.open_ms], np.int64)
    return CandleSeries(opens, opened, high, low, close, volume, np.array([provisional]))
