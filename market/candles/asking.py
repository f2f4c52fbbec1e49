"""The thread that asks a feed for candles that did not arrive, and for history at the start.

After each close it looks into the store what the newest candles lack there, and asks the feed
for it, one dataset after the other, so that no exchange sees a burst; a feed without a way to
ask is never asked again. Market time drives it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import structlog

from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from market.candles.writing import Delivery
from market.feeds import Feed, FeedError

HISTORY = 300
"""Candles of each dataset that the store is to hold: those that indicators need, and some."""

HISTORY_MINUTES = 1_000
"""The same of 1m: what grading lacks of a night is mostly had in one answer."""

MOST_FAILURES = 3
"""In a row; then an exchange is left alone until the timeframe's next look."""

PATIENCE_MS = 10_000
"""So long after its close (market time) a candle may still arrive by itself."""

LONGEST_WAIT_MS = 300_000

_CLOSING_SECONDS = 2.0

log = structlog.get_logger(__name__)


class MissingCandles:
    """Start it once the market's time runs; tell it the time; close it."""

    def __init__(
        self,
        feed: Feed,
        store: CandleStore,
        venue: str,
        symbols: Iterable[str],
        timeframes: Iterable[Timeframe],
        deliver: Callable[[Sequence[Delivery]], None],
        counters: Counter[str],
        traded: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """traded: whether a symbol trades now; one that does not has no newest candle."""
        self._feed = feed
        self._store = store
        self._venue = venue
        self._symbols = list(symbols)
        self._deliver = deliver
        self._counters = counters
        self._traded = traded
        self._waits: dict[Timeframe, int] = dict.fromkeys(timeframes, 0)
        self._due_ms: dict[Timeframe, float] = dict.fromkeys(self._waits, 0.0)
        self._next_ms = 0.0
        self._left_alone_ms = 0.0
        self._now_ms = 0.0
        self._given_up: dict[tuple[str, Timeframe], set[int]] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="missing-candles", daemon=True)

    def start(self, now_ms: float) -> None:
        self._now_ms = now_ms
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def pass_to(self, now_ms: float) -> None:
        """Tell the market's time; costs nothing where nothing is due."""
        self._now_ms = now_ms
        if now_ms >= self._next_ms:
            self._wake.set()

    def step(self, now_ms: float) -> None:
        """Ask for what is missing in each timeframe that is due."""
        for timeframe, due_ms in self._due_ms.items():
            if now_ms >= max(due_ms, self._left_alone_ms) and not self._closing.is_set():
                late = self._ask_all(timeframe, now_ms)
                next_close_ms = _newest_due(timeframe, now_ms) + 2 * timeframe.ms + PATIENCE_MS
                wait_ms = self._waits[timeframe] * 2 or PATIENCE_MS
                self._waits[timeframe] = min(wait_ms, LONGEST_WAIT_MS) if late else 0
                again_ms = now_ms + self._waits[timeframe] if late else next_close_ms
                self._due_ms[timeframe] = min(again_ms, next_close_ms)
        self._next_ms = max(min(self._due_ms.values(), default=np.inf), self._left_alone_ms)

    def _run(self) -> None:
        while not self._closing.is_set() and self._symbols:
            try:
                self.step(self._now_ms)
            except Exception:
                self._counters["failures"] += 1
                log.exception("asking_for_candles_failed")
                self._next_ms = self._now_ms + PATIENCE_MS
            self._wake.wait()
            self._wake.clear()

    def _ask_all(self, timeframe: Timeframe, now_ms: float) -> bool:
        late, failures = False, 0
        for symbol in tuple(self._symbols):
            if self._closing.is_set() or failures >= MOST_FAILURES:
                break
            if not self._traded(symbol):
                continue
            try:
                late |= self._ask(symbol, timeframe, now_ms)
                failures = 0
            except (CandleStoreError, FeedError) as error:
                late = True
                self._counters["not_asked"] += 1
                if isinstance(error, FeedError):
                    failures += 1
                    failures = MOST_FAILURES if self._told_to_wait(error, now_ms) else failures
                log.warning(
                    "candles_not_complete",
                    symbol=symbol,
                    timeframe=str(timeframe),
                    error=str(error),
                )
        return late

    def _told_to_wait(self, error: FeedError, now_ms: float) -> bool:
        if error.wait_seconds is None:
            return False
        self._left_alone_ms = now_ms + error.wait_seconds * 1e3
        return True

    def _ask(self, symbol: str, timeframe: Timeframe, now_ms: float) -> bool:
        lacking = self._lacking(symbol, timeframe, now_ms)
        if not len(lacking):
            return False
        told = self._feed.candles(symbol, timeframe, int(lacking[0]))
        if told is None:
            self._symbols.remove(symbol)
            return False
        wanted = told[np.isin(told.open_ms, lacking)]
        if len(wanted):
            self._counters["asked"] += len(wanted)
            self._deliver([Delivery(symbol, timeframe, wanted, now_ms, history=True)])
        missing = np.setdiff1d(lacking, wanted.open_ms).tolist()
        newest = _newest_due(timeframe, now_ms)
        # What the exchange has not got will not come; but the newest may only be late.
        self._given_up[symbol, timeframe] = set(missing) - {newest}
        return newest in missing

    def _lacking(
        self, symbol: str, timeframe: Timeframe, now_ms: float
    ) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        newest = _newest_due(timeframe, now_ms)
        first = newest - (history_of(timeframe) - 1) * timeframe.ms
        wanted = np.arange(first, newest + 1, timeframe.ms)
        stored: CandleSeries = self._store.read(
            (self._venue,), symbol, timeframe, since_ms=int(wanted[0])
        )
        known = stored.open_ms[~stored.provisional]
        given_up = self._given_up.get((symbol, timeframe), set())
        return np.setdiff1d(wanted, [*known.tolist(), *given_up])


def history_of(timeframe: Timeframe) -> int:
    """Return how many of the newest candles the store is to hold of a dataset."""
    return HISTORY_MINUTES if timeframe is Timeframe.M1 else HISTORY


def _newest_due(timeframe: Timeframe, now_ms: float) -> int:
    return timeframe.last_closed(now_ms - PATIENCE_MS)
