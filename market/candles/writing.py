"""The thread that puts a running market's candles into the store, and says so in Redis.

Disks stall; the market's cells must not. What arrives waits in a bounded queue; beyond that it
is dropped and counted, and asked for again where the feed can be asked.
"""

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from market.candles.announcing import StoredCandle, announce
from market.candles.merging import Upserted
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from market.redis_cluster import AWAY, AnyClient

MOST_WAITING = 2_000
"""Deliveries. A full minute's close of 34 coins is one."""

MOST_UNSENT = 1_000
"""Announcements kept while Redis is away; the oldest go first, as newer ones supersede them."""

AT_ONCE = 4
"""Datasets written at the same time: most of a write is waiting for the disk."""

TELL_SECONDS = 1.0
_PATIENCE_SECONDS = 0.2
_CLOSING_SECONDS = 5.0

log = structlog.get_logger(__name__)

_Result = Upserted | Exception


@dataclass(frozen=True, slots=True)
class Delivery:
    """Candles of one dataset on their way into the store.

    now_ms: market time at which they arrived. history: only the newest is announced.
    """

    symbol: str
    timeframe: Timeframe
    candles: CandleSeries
    now_ms: float
    history: bool = False


class CandleWriter:
    """Start it, `put` deliveries, close it. `counters` may be read at any time."""

    def __init__(
        self, store: CandleStore, venue: str, client: AnyClient, counters: Counter[str]
    ) -> None:
        self._store = store
        self._venue = venue
        self._client = client
        self._counters = counters
        self._waiting: queue.Queue[Sequence[Delivery]] = queue.Queue(MOST_WAITING)
        self._unsent: deque[StoredCandle] = deque(maxlen=MOST_UNSENT)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="candle-writer")
        self._closing = threading.Event()
        self._told: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="candle-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Store what waits, for a few seconds at most."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def put(self, deliveries: Sequence[Delivery], *, patient: bool = False) -> None:
        """Hand deliveries over. Patient callers wait for room; others drop and count."""
        while True:
            try:
                self._waiting.put(deliveries, block=patient, timeout=_PATIENCE_SECONDS)
                return
            except queue.Full:
                if patient and not self._closing.is_set():
                    continue
                self._counters["dropped"] += len(deliveries)
                return

    def step(self) -> bool:
        """Store and announce all that waits; return whether there was anything."""
        deliveries = self._taken()
        # Those first that signals wait for.
        timeframes = sorted({each.timeframe for each in deliveries}, key=_urgency)
        for timeframe in timeframes:
            by_symbol: dict[str, list[Delivery]] = {}
            for each in deliveries:
                if each.timeframe is timeframe:
                    by_symbol.setdefault(each.symbol, []).append(each)
            for results in self._pool.map(self._upsert_all, by_symbol.values()):
                for delivery, result in results:
                    self._account(delivery, result)
            self._announce()
        return bool(deliveries)

    def _run(self) -> None:
        while True:
            try:
                if not self.step():
                    if self._closing.is_set():
                        return
                    self._announce()
            except Exception:
                self._counters["failures"] += 1
                log.exception("candle_writer_failed")
                time.sleep(_PATIENCE_SECONDS)

    def _taken(self) -> list[Delivery]:
        taken: list[Delivery] = []
        try:
            taken += self._waiting.get(timeout=_PATIENCE_SECONDS)
            while len(taken) < MOST_WAITING:
                taken += self._waiting.get_nowait()
        except queue.Empty:
            pass
        return taken

    def _upsert_all(self, deliveries: Sequence[Delivery]) -> list[tuple[Delivery, _Result]]:
        return [(each, self._upsert(each)) for each in deliveries]

    def _upsert(self, delivery: Delivery) -> _Result:
        symbol, timeframe, candles = delivery.symbol, delivery.timeframe, delivery.candles
        try:
            return self._store.upsert(
                self._venue, symbol, timeframe, candles, closed_by_ms=delivery.now_ms
            )
        except (CandleStoreError, OSError, ValueError) as error:
            return error

    def _account(self, delivery: Delivery, result: _Result) -> None:
        symbol, timeframe = delivery.symbol, delivery.timeframe
        if isinstance(result, Exception):
            self._counters["not_stored"] += len(delivery.candles)
            self._tell("candle_not_stored", symbol, timeframe, error=str(result))
            return
        self._count(result, delivery)
        stored = result.stored.tolist()
        if not stored:
            return
        marks = dict(
            zip(delivery.candles.open_ms.tolist(), delivery.candles.provisional, strict=True)
        )
        self._unsent.extend(
            StoredCandle(self._venue, symbol, timeframe, open_ms, bool(marks[open_ms]))
            for open_ms in (stored[-1:] if delivery.history else stored)
        )

    def _count(self, done: Upserted, delivery: Delivery) -> None:
        counters = self._counters
        counters["stored"] += len(done.stored)
        counters["restated"] += len(done.restated)
        for fault, count in done.refused.items():
            counters["refused"] += count
            self._tell("candle_refused", delivery.symbol, delivery.timeframe, reason=str(fault))
        if len(done.mismatched):
            counters["mismatched"] += len(done.mismatched)
            opens = done.mismatched[:5].tolist()
            self._tell("candle_mismatch", delivery.symbol, delivery.timeframe, open_ms=opens)

    def _announce(self) -> None:
        candles = list(self._unsent)
        if not candles:
            return
        try:
            self._counters["announced"] += announce(self._client, candles)
            self._unsent.clear()
        except AWAY as error:
            if self._may_tell("candles_not_announced"):
                log.warning("candles_not_announced", count=len(candles), error=str(error))

    def _tell(self, event: str, symbol: str, timeframe: Timeframe, **facts: object) -> None:
        if self._may_tell(event):
            log.warning(event, symbol=symbol, timeframe=str(timeframe), **facts)

    def _may_tell(self, event: str) -> bool:
        now = time.monotonic()
        if now - self._told.get(event, -TELL_SECONDS) < TELL_SECONDS:
            return False
        self._told[event] = now
        return True


def _urgency(timeframe: Timeframe) -> tuple[bool, int]:
    return timeframe.ms < Timeframe.M15.ms, timeframe.ms
