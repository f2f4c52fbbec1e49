"""A link made by hand: connections that a test speaks through, breaks and counts."""

import asyncio
from collections.abc import Mapping, Sequence

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import AnyEvent, BookTicker, DepthDiff, DepthSnapshot, Trade
from market.feeds.live.link import ConnectionLost, LinkError, Sink, Stream, Subscription
from market.listings import Listing

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
BTC, ETH = "BTCUSDT", "ETHUSDT"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns

    def go_on(self, seconds: float) -> None:
        self.ns += round(seconds * NS)


class FakeConnection:
    """Subscribed at once where `works`; ends where `lose` says so."""

    def __init__(self, subscriptions: Sequence[Subscription], sink: Sink, clock: Clock) -> None:
        self.subscriptions = tuple(subscriptions)
        self.sink = sink
        self.proof_ns: int | None = None
        self.pinged_ns: int | None = None
        self.round_trip_ns: int | None = None
        self.renewed: list[Subscription] = []
        self.closed = False
        self.works = True
        self._clock = clock
        self._end: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        if self.works:
            self.proof_ns = self._clock()
        raise await self._end

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        self.renewed += subscriptions

    async def close(self) -> None:
        self.closed = True

    def lose(self, error: Exception | None = None) -> None:
        self._end.set_result(error or ConnectionLost("cut"))

    def tell(self, event: AnyEvent) -> None:
        stream = {Trade: Stream.TRADES, BookTicker: Stream.TOP}.get(type(event), Stream.DEPTH)
        self.proof_ns = event.recv_ns
        self.sink.event(event, stream)


class FakeLink:
    """Answers with `books`; `refusing`: what it raises instead."""

    name = "binance"
    whole_books = False
    candle_streams = True
    clock_step_ms = 1.0

    def __init__(self, clock: Clock, lifetime_seconds: float | None = None) -> None:
        self.clock = clock
        self.lifetime_seconds = lifetime_seconds
        self.connections: list[FakeConnection] = []
        self.working = True
        self.books: dict[str, DepthSnapshot] = {}
        self.asked: list[str] = []
        self.refusing: LinkError | None = None
        self.server_times: list[float] = []

    async def listings(self, symbols: Sequence[str] = ()) -> Mapping[str, Listing]:
        return {}

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> FakeConnection:
        made = FakeConnection(subscriptions, sink, self.clock)
        made.works = self.working
        self.connections.append(made)
        return made

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        self.asked.append(symbol)
        if self.refusing is not None:
            raise self.refusing
        return self.books[symbol]

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        return CandleSeries.empty()

    def candle_page(self, timeframe: Timeframe) -> int:
        return 1_000

    async def server_time_ms(self) -> float:
        if not self.server_times:
            raise LinkError("no time")
        return self.server_times.pop(0)

    async def close(self) -> None:
        pass


def diff(
    first: int, last: int, at_ns: int, symbol: str = BTC, bid: tuple[int, int] = (99, 5)
) -> DepthDiff:
    return DepthDiff(symbol, at_ns, None, first, last, None, [bid], [])


def ticker(update_id: int, at_ns: int, symbol: str = BTC, bid: int = 99) -> BookTicker:
    return BookTicker(symbol, at_ns, None, update_id, bid, 5, 101, 5)


def trade(trade_id: int, at_ns: int, symbol: str = BTC) -> Trade:
    return Trade(symbol, at_ns, None, trade_id, 100, 1, True)


def book(last_id: int, at_ns: int, symbol: str = BTC) -> DepthSnapshot:
    return DepthSnapshot(symbol, at_ns, None, last_id, [(99, 5), (98, 5)], [(101, 5), (102, 5)])
