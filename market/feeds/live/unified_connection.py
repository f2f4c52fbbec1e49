"""One connection to an exchange that ccxt keeps the books of: its subscriptions and its taps.

It is as many sockets as ccxt makes of it. A symbol whose book broke is subscribed to anew, alone.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from market.backoff import Backoff
from market.candles.timeframes import Timeframe
from market.feeds.live.client import stamping
from market.feeds.live.dialects import DIALECTS, Dialect
from market.feeds.live.link import ConnectionLost, LinkError, Sink, Stream, Subscription
from market.feeds.live.quiet_books import QuietBooks
from market.feeds.live.refusals import refusals
from market.feeds.live.taps import BookTap, TappedClient, TradeTap, symbol_in
from market.feeds.live.telling import Teller

if TYPE_CHECKING:
    from market.feeds.live.unified import UnifiedLink

HEALTHY_NS = 60_000_000_000
BROKEN_AGAIN_SECONDS, LONGEST_SECONDS = 1.0, 10.0
"""A book that breaks is asked for at once; one that breaks again within a minute, less and less."""

ItemT = TypeVar("ItemT")

log = structlog.get_logger(__name__)


class UnifiedConnection:
    """Some streams of one exchange."""

    def __init__(
        self, link: "UnifiedLink", subscriptions: Sequence[Subscription], sink: Sink
    ) -> None:
        self.subscriptions = tuple(subscriptions)
        self._link = link
        self._sink = sink
        self._now_ns = link.now_ns
        self._exchange: Any = None
        self._dialect: Dialect
        self._clients: list[TappedClient] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()
        self._ours: dict[str, str] = {}
        self._renewals: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._broken: dict[str, tuple[int, Backoff]] = {}
        self._teller = Teller(sink, link.numbers, link.now_ns, self._on_broken)

    @property
    def proof_ns(self) -> int | None:
        if not self._clients:
            return None
        proofs = [client.proof_ns for client in self._clients]
        return None if None in proofs else min(each for each in proofs if each is not None)

    @property
    def pinged_ns(self) -> int | None:
        pinged = [client.pinged_ns for client in self._clients if client.pinged_ns is not None]
        return min(pinged, default=None)

    @property
    def round_trip_ns(self) -> int | None:
        trips = [each.round_trip_ns for each in self._clients if each.round_trip_ns is not None]
        return max(trips, default=None)

    async def run(self) -> None:
        """Connect, subscribe and hear until it breaks. Raises LinkError."""
        symbols = dict.fromkeys(each.symbol for each in self.subscriptions)
        self._ours = {await self._link.market_of(symbol): symbol for symbol in symbols}
        if self._end.done():
            raise self._end.result()
        with refusals(self._exchange):
            self._begin()
        try:
            raise await asyncio.shield(self._end)
        finally:
            for task in self._tasks:
                task.cancel()

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        """Unsubscribe and subscribe again, for streams that went silent. Raises LinkError."""
        if self._end.done() or self._exchange is None:
            raise ConnectionLost("the connection is gone")
        wanted = {each.symbol for each in subscriptions if each.stream is not Stream.CANDLES}
        markets = [market for market, ours in self._ours.items() if ours in wanted]
        if not markets:
            raise ConnectionLost("candles are subscribed to anew with their connection")
        streams = {_kind(each.stream) for each in subscriptions}
        if Stream.DEPTH in streams:
            await self._renew_books(markets)
        if Stream.TRADES in streams:
            await self._renew_trades(markets)

    async def renew_market(self, market: str) -> None:
        """Leave one market's streams (ccxt's name of it) and subscribe again. Raises LinkError."""
        await self._renew_books([market])
        if market in self._markets(Stream.TRADES):
            await self._renew_trades([market])

    async def close(self) -> None:
        self._ends(ConnectionLost("closed"))
        self._teller.close()
        for client in self._clients:
            await client.close()
        if self._exchange is not None:
            await self._exchange.close()

    def _begin(self) -> None:
        exchange = self._exchange = self._link.tapping(self._tapped_class())
        told = self._link.told
        self._dialect = dialect = DIALECTS[told.ccxt_id](exchange, told)
        exchange.trades = {
            market: TradeTap(partial(self._on_trade, ours)) for market, ours in self._ours.items()
        }
        books, trades = self._markets(Stream.DEPTH), self._markets(Stream.TRADES)
        for market in books:
            tap = self._teller.books[market] = BookTap(self._ours[market])
            tap.asked_ns = self._now_ns()
        for some in _parts(books, told.streams_at_once):
            self._watch(exchange.watch_order_book_for_symbols(some, told.book_levels))
        for some in _parts(trades, told.streams_at_once):
            self._watch(dialect.watch_trades(some))
        for timeframe, markets in self._candles().items() if told.candle_streams else ():
            for some in _parts(markets, told.streams_at_once):
                self._watch(dialect.watch_candles([(market, timeframe) for market in some]))
        self._watch(dialect.keep_open())
        quiet = QuietBooks(self._teller.books, self._link.best, self.renew_market, self._now_ns)
        self._watch(quiet.run())

    def _tapped_class(self) -> type:
        made = self._link.ccxt_class

        def client(exchange: Any, url: str) -> TappedClient:
            known = made.client(exchange, url)  # type: ignore[attr-defined]  # ccxt is untyped
            return known if isinstance(known, TappedClient) else self._tap(known)

        return type(f"tapped_{made.__name__}", (made,), {"client": client})

    def _tap(self, made: Any) -> TappedClient:
        made.__class__ = TappedClient
        tapped: TappedClient = made
        stamping(tapped, self._now_ns, partial(self._hear, tapped), self._malformed)
        tapped.on_book, tapped.on_candles = partial(self._on_book, tapped), self._on_candles
        tapped.on_broken = self._on_broken
        tapped.ended.add_done_callback(self._closed)
        self._clients.append(tapped)
        return tapped

    def _hear(self, client: TappedClient, text: str, recv_ns: int) -> bool:
        if text == "pong":
            return False
        message = msgspec.json.decode(text)
        try:
            message = self._dialect.heard(message)
        except ConnectionLost as lost:
            self._sink.fault("gap")
            self._ends(lost)
            return True
        if message is None:
            return True
        if refused := self._dialect.refusal(message):
            self._sink.fault("refused")
            log.warning("subscription_refused", exchange=self._link.name, error=refused)
            return True
        tap = self._teller.books.get(self._dialect.whole_book(message))
        if tap is not None:
            self._teller.whole(tap)
        self._exchange.handle_message(client, message)
        if broken := self._dialect.broken(message):
            self._on_broken(broken)
        return True

    def _malformed(self) -> None:
        # What it held is lost, and most exchanges number nothing by which that would be seen.
        self._sink.fault("malformed")
        for market in self._markets(Stream.DEPTH):
            self._on_broken(market)

    def _on_trade(self, symbol: str, trade: dict[str, Any]) -> None:
        by_makers = self._dialect.sides_of_makers
        self._teller.trade(symbol, trade, self._recv_ns(), by_makers=by_makers)

    def _on_book(self, client: TappedClient, book: Any) -> None:
        tap = self._teller.books.get(book["symbol"])
        if tap is not None and tap.whole:
            self._teller.book(tap, book, client.recv_ns)

    def _on_broken(self, market: str) -> None:
        tap = self._teller.books.get(market)
        if tap is None or not tap.whole:
            return  # it is being asked for
        self._sink.fault("book_broken", tap.symbol)
        self._teller.lose(tap, self._recv_ns())
        tap.asked_ns = self._now_ns()
        self._watch(self._renew_broken(market))

    async def _renew_broken(self, market: str) -> None:
        now_ns = self._now_ns()
        broken_ns, backoff = self._broken.get(market, (0, Backoff()))
        if now_ns - broken_ns > HEALTHY_NS:
            self._broken[market] = now_ns, Backoff(BROKEN_AGAIN_SECONDS, LONGEST_SECONDS)
        else:
            self._broken[market] = now_ns, backoff
            await asyncio.sleep(backoff.next_seconds())
        await self._renew_books([market])

    async def _renew_books(self, markets: Sequence[str]) -> None:
        for market in markets:
            tap = self._teller.books[market]
            tap.asked_ns = self._now_ns()
            if tap.whole:
                self._teller.lose(tap, self._recv_ns())
        await self._leave(Stream.DEPTH, markets)
        levels = self._link.told.book_levels
        again = self._exchange.watch_order_book_for_symbols(list(markets), levels)
        self._watch(again, (Stream.DEPTH, *markets))

    async def _renew_trades(self, markets: Sequence[str]) -> None:
        await self._leave(Stream.TRADES, markets)
        self._watch(self._dialect.watch_trades(markets), (Stream.TRADES, *markets))

    async def _leave(self, stream: Stream, markets: Sequence[str]) -> None:
        name = self._dialect.book_hash if stream is Stream.DEPTH else self._dialect.trades_hash
        hashes = [name(market) for market in markets]
        for client in self._clients:
            if any(each in client.subscriptions for each in hashes):
                with refusals(self._exchange):
                    for message in self._dialect.leaving(stream, markets):
                        await client.send(message)
                for each in hashes:
                    client.subscriptions.pop(each, None)

    def _on_candles(
        self, named: str, timeframe: str | None, candles: Sequence[Sequence[Any]]
    ) -> None:
        market = symbol_in(named)
        if timeframe is None:
            stores = self._exchange.ohlcvs.get(market, {})
            timeframe = next((each for each, store in stores.items() if store is candles), None)
        symbol = self._ours.get(market)
        if symbol is None or timeframe is None or not len(candles):
            return
        self._teller.candle(symbol, timeframe, candles[-1], self._recv_ns())

    def _markets(self, stream: Stream) -> list[str]:
        wanted = {each.symbol for each in self.subscriptions if _kind(each.stream) is stream}
        return [market for market, ours in self._ours.items() if ours in wanted]

    def _candles(self) -> dict[Timeframe, list[str]]:
        markets = {ours: market for market, ours in self._ours.items()}
        found: dict[Timeframe, list[str]] = {}
        for each in self.subscriptions:
            if each.timeframe is not None:
                found.setdefault(each.timeframe, []).append(markets[each.symbol])
        return found

    def _recv_ns(self) -> int:
        return max(client.recv_ns for client in self._clients)

    def _watch(self, watching: Coroutine[Any, Any, Any], renewed: tuple[str, ...] = ()) -> None:
        # As nothing resolves, ccxt's watching ends with an error, or for another in its place.
        async def watch() -> None:
            with refusals(self._exchange):
                await watching

        task = asyncio.get_running_loop().create_task(watch())
        self._tasks.add(task)
        task.add_done_callback(self._watched)
        if renewed:
            if (before := self._renewals.get(renewed)) is not None:
                before.cancel()
            self._renewals[renewed] = task

    def _watched(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LinkError):
            self._ends(error)
        elif error is not None:
            self._ends(ConnectionLost(f"{type(error).__name__}: {error}"))

    def _closed(self, ended: "asyncio.Future[str]") -> None:
        self._ends(ConnectionLost(ended.result()))

    def _ends(self, error: LinkError) -> None:
        if not self._end.done():
            self._end.set_result(error)


def _kind(stream: Stream) -> Stream:
    # A top comes with its book.
    return Stream.DEPTH if stream is Stream.TOP else stream


def _parts(items: Sequence[ItemT], most: int) -> list[list[ItemT]]:
    return [list(items[start : start + most]) for start in range(0, len(items), most)]
