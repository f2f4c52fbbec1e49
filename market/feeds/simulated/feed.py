"""The simulated feed: several symbols' exchanges, cell by cell, at the pump's own pace."""

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import AnyEvent, CandleClosed, DepthSnapshot
from market.feeds import Batch, FeedError
from market.feeds.grid import cell_end_ms
from market.feeds.simulated.arrivals import FLOWS, Flow
from market.feeds.simulated.exchange import MAX_DELAY_MS, SimulatedExchange
from market.feeds.simulated.fundamental import MINUTE_MS
from market.feeds.simulated.klines import HistoricKlines
from market.hot.vector import CELL_MS

PREROLL_MS = 360_000

_RECV_NS = attrgetter("recv_ns")


class SimulatedFeed:
    """A market that does not exist. The same seed and start give the same events.

    A symbol's events do not depend on which others are simulated with it. The value around
    which its price wanders depends on the seed and the time alone, so a market started again
    goes on near the price that it had. candle_symbols: coins without a book, of which it tells
    candles alone; those are a function of seed, symbol and time, so a restart tells the same.
    Raises FeedError for no symbols, one named twice, an unknown flow, a negative seed, or a
    start before the epoch.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        start_ms: int,
        flow: Flow = "hawkes",
        preroll_ms: int = PREROLL_MS,
        candle_symbols: Sequence[str] = (),
    ) -> None:
        if not symbols or len(set(symbols)) < len(symbols):
            raise FeedError(f"a simulated market needs symbols, each once; got {list(symbols)}")
        if flow not in FLOWS:
            raise FeedError(f"flow {flow!r} is unknown; one of {', '.join(FLOWS)} is allowed")
        if seed < 0:
            raise FeedError(f"seed {seed} is negative; 0 or more is allowed")
        if preroll_ms < 0 or start_ms - preroll_ms < 2 * CELL_MS:
            raise FeedError(
                f"start_ms {start_ms} less preroll_ms {preroll_ms} is before the epoch, "
                "or the pre-roll is negative"
            )
        self.symbols = tuple(symbols)
        self.name = "simulated"
        self.preroll_ms = preroll_ms
        self.anchored_in_stream: frozenset[str] = frozenset()
        self.faults: Counter[str] = Counter()
        self._seed = seed
        self._flow = flow
        self._opens_ms = cell_end_ms((start_ms - preroll_ms) * 1_000_000) - CELL_MS
        self._exchanges: dict[str, SimulatedExchange] = {}
        self._klines = {
            symbol: HistoricKlines(symbol, seed) for symbol in (*self.symbols, *candle_symbols)
        }
        self._told_ms = self._opens_ms - MAX_DELAY_MS

    def batches(self) -> Iterator[Batch]:
        """Yield every cell from the beginning of the pre-roll on, without end.

        Called again, it begins again.
        """
        exchanges = [
            SimulatedExchange(symbol, seed=self._seed, opens_ms=self._opens_ms, flow=self._flow)
            for symbol in self.symbols
        ]
        self._exchanges = dict(zip(self.symbols, exchanges, strict=True))
        self._klines |= {symbol: each.klines for symbol, each in self._exchanges.items()}
        until_ms = self._opens_ms
        minute = (until_ms - MAX_DELAY_MS) // MINUTE_MS
        while True:
            until_ms += CELL_MS
            events: list[AnyEvent] = []
            for exchange in exchanges:
                events += exchange.advance(until_ms)
            if len(exchanges) > 1:
                # Stable, so each symbol's own order stays.
                events.sort(key=_RECV_NS)
            self._told_ms = until_ms - MAX_DELAY_MS
            batch = Batch(until_ms, events)
            if self._told_ms // MINUTE_MS > minute:
                minute = self._told_ms // MINUTE_MS
                batch = Batch(until_ms, events, self._closed(minute * MINUTE_MS, until_ms))
            yield batch

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        """Return the true book as of all events yielded; None before the first batch."""
        exchange = self._exchanges.get(symbol)
        return exchange.snapshot() if exchange is not None else None

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> CandleSeries | None:
        """Return what has closed by the newest batch; None for symbols that it knows not."""
        klines = self._klines.get(symbol)
        return None if klines is None else klines.candles(timeframe, since_ms, self._told_ms)

    def state(self) -> None:
        """There is nothing to say but its faults."""

    def close(self) -> None:
        """It holds nothing."""

    def _closed(self, boundary_ms: int, until_ms: int) -> list[CandleClosed]:
        closed: list[CandleClosed] = []
        for timeframe in Timeframe:
            if boundary_ms % timeframe.ms:
                continue
            symbols = self.symbols if timeframe is Timeframe.M1 else tuple(self._klines)
            for symbol in symbols:
                open_ms = boundary_ms - timeframe.ms
                candle = self._klines[symbol].candles(timeframe, open_ms, boundary_ms)
                closed.append(
                    CandleClosed(
                        symbol,
                        until_ms * 1_000_000,
                        boundary_ms,
                        str(timeframe),
                        open_ms,
                        candle.open.item(),
                        candle.high.item(),
                        candle.low.item(),
                        candle.close.item(),
                        candle.volume.item(),
                    )
                )
        return closed
