"""A live market as a feed: what an exchange's connections tell, cell by cell.

Everything but `batches`, `snapshot` and `candles`, which are the pump's and the candle desk's,
happens on the loop of a `LoopThread`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Any

import structlog

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.clock import LiveClock
from market.feed_state import FeedState
from market.feeds import Batch
from market.feeds.live.anchoring import Anchoring
from market.feeds.live.cells import Cells
from market.feeds.live.clock_offset import ClockOffset
from market.feeds.live.counting import LastMinute
from market.feeds.live.hearing import Hearing
from market.feeds.live.klines import ask_candles, candle_subscriptions
from market.feeds.live.knocking import Knocking
from market.feeds.live.link import Link, LinkError, Stream, Subscription
from market.feeds.live.loop import LoopThread
from market.feeds.live.markets import Markets, keep_refreshing
from market.feeds.live.silence import Silence
from market.feeds.live.supervision import Carrier

SYMBOLS_A_CONNECTION = 12
"""What one broken connection silences; 34 symbols are three."""

OPENING_SECONDS = 10.0
CLOSING_SECONDS = 5.0
_AFTER_CELL_SECONDS = 0.0003
log = structlog.get_logger(__name__)


class LiveFeed:
    """One exchange's market. `batches` starts it; `close` ends it, its link and its thread."""

    preroll_ms = 0

    def __init__(
        self,
        make_link: Callable[[Callable[[], int]], Link],
        symbols: Sequence[str],
        candle_symbols: Sequence[str],
        markets: Markets,
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        """make_link: gets the clock to stamp frames with, and runs on the feed's loop.

        markets: what is listed of the symbols; kept fresh here. now_ns: another clock than UTC.
        """
        self.symbols = tuple(symbols)
        self.anchored_in_stream = frozenset(self.symbols)
        self.faults: Counter[str] = Counter()
        self.counters: Counter[str] = Counter()
        self._clock = LiveClock()
        self._now_ns = now_ns or self._clock.now_ns
        self._thread = LoopThread()
        self.link = self._thread.call(_made(make_link, self._now_ns), OPENING_SECONDS)
        self.name = self.link.name
        self._markets = markets
        self._candle_symbols = tuple(candle_symbols)
        self._cells = Cells(self._now_ns(), self.symbols, self.counters)
        self._hearing = Hearing(
            self.symbols,
            self._cells,
            self.counters,
            self.faults,
            sequenced=not self.link.whole_books,
        )
        self._anchoring = Anchoring(self.link, self._hearing)
        self._offset = ClockOffset(self.link, self._now_ns)
        self._serving: set[str] = set()
        self._knocking: Knocking | None = None
        self._carriers: list[Carrier] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_minute = LastMinute()
        self._state = FeedState(self.name)
        self._told_ns = 0
        self._started = self._closed = False

    def batches(self) -> Iterator[Batch]:
        """Yield every cell from now on, as soon as its time has passed, until `close`."""
        self._thread.call(self._start(), OPENING_SECONDS)
        yield from self._cells.batches()

    def snapshot(self, symbol: str) -> None:
        """Have the book asked for: it comes as an event of a later batch."""
        self._anchoring.want(symbol)

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> CandleSeries:
        """Ask the exchange, page by page. Raises FeedError where it does not answer now."""
        now_ms = self._now_ns() / 1e6
        return ask_candles(self._thread.loop, self.link, symbol, timeframe, since_ms, now_ms)

    def state(self) -> FeedState:
        """Return what the heartbeat says of it, as of the last second; from any thread."""
        return self._state

    def close(self) -> None:
        """End it; from any thread but the loop's."""
        if self._closed:
            return
        self._closed = True
        self._cells.close()
        with suppress(TimeoutError):
            self._thread.call(self._stop(), CLOSING_SECONDS)
        self._thread.close()

    async def _start(self) -> None:
        if self._started:
            return
        self._started = True
        self._knocking = Knocking()
        self._cells.pass_to(self._now_ns())
        self._cells.before_tick = self._beat
        self._serve()
        if self.link.candle_streams:
            trading = set(self._markets.trading)
            streams = candle_subscriptions(self.symbols, self._candle_symbols)
            listed = [each for each in streams if each.symbol in trading]
            if listed:
                self._begin(self._carrier("candles", listed, speaks=False))
        self._spawn(
            keep_refreshing(self.link, self._markets, lambda: self._now_ns() / 1e6, self._serve)
        )
        self._spawn(self._offset.run(lambda: self._anchoring.left_alone))
        silence = Silence(
            self.link, self._hearing, self._anchoring, self._carriers, self._markets.suspect
        )
        self._spawn(silence.run())
        self._spawn(self._pass_time())

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(LinkError):
            await self.link.close()

    def _serve(self) -> None:
        """Let those speak that trade now: the exchange halts symbols, and lists them again."""
        now_ns = self._now_ns()
        trading = set(self._markets.trading)
        new = [each for each in self.symbols if each in trading and each not in self._serving]
        left = [each for each in self._serving if each not in trading]
        self._serving = trading & set(self.symbols)
        for carrier in self._carriers:
            if not carrier.speaks:
                continue
            carrier.muted = frozenset(carrier.symbols) - self._serving
            if carrier.up:
                self._hearing.silence([each for each in left if each in carrier.muted], now_ns)
                self._hearing.speak([each for each in new if each in carrier.symbols], now_ns)
        carried = {each for carrier in self._carriers if carrier.speaks for each in carrier.symbols}
        self._carry([each for each in new if each not in carried])

    def _carry(self, symbols: Sequence[str]) -> None:
        for start in range(0, len(symbols), SYMBOLS_A_CONNECTION):
            group = symbols[start : start + SYMBOLS_A_CONNECTION]
            streams = [
                Subscription(symbol, stream)
                for symbol in group
                for stream in (Stream.DEPTH, Stream.TOP, Stream.TRADES)
            ]
            self._begin(self._carrier(f"market-{len(self._carriers) + 1}", streams, speaks=True))

    def _carrier(self, name: str, streams: Sequence[Subscription], *, speaks: bool) -> Carrier:
        if self._knocking is None:
            raise RuntimeError("the feed was not started")
        return Carrier(
            name, self.link, streams, self._hearing, self._knocking, self._now_ns, speaks=speaks
        )

    def _begin(self, carrier: Carrier) -> None:
        self._carriers.append(carrier)
        self._spawn(carrier.run())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of the house: the market is opened anew from the beginning.
            log.error("live_feed_broken", exc_info=error)
            self._cells.close()

    async def _pass_time(self) -> None:
        cells = self._cells
        while True:
            now_ns = self._now_ns()
            cells.pass_to(now_ns)
            if now_ns - self._told_ns >= 1_000_000_000 or now_ns < self._told_ns:
                self._told_ns = now_ns
                self._tell()
            self._anchoring.look()
            wait = (cells.until_ns - self._now_ns()) / 1e9 + _AFTER_CELL_SECONDS
            await asyncio.sleep(max(wait, 0.001))

    def _beat(self, until_ns: int) -> None:
        for carrier in self._carriers:
            proof_ns = carrier.proof_ns
            if proof_ns is not None and carrier.speaks:
                self._hearing.beat(carrier.symbols, min(proof_ns, until_ns))

    def _tell(self) -> None:
        step_ms = self._clock.resync()
        if step_ms is not None:
            self.counters["clock_steps"] += 1
            log.warning("system_clock_stepped", step_ms=round(step_ms, 1))
        counters = {"frames": self._hearing.frames, **self.counters}
        self._state = FeedState(
            self.name,
            tuple(carrier.state() for carrier in self._carriers),
            {"cells_waiting": self._cells.waiting, **counters},
            self._last_minute.grown(counters),
            self._offset.offset_ms,
            self._offset.uncertainty_ms,
        )


async def _made(make_link: Callable[[Callable[[], int]], Link], now_ns: Callable[[], int]) -> Link:
    return make_link(now_ns)
