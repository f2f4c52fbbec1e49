"""One connection to an exchange that ccxt keeps the books of: its subscriptions and its taps.

It is as many sockets as ccxt makes of it. A symbol whose book broke is subscribed to anew, alone.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from market.candles.timeframes import Timeframe
from market.events import SCALE, BookTicker, CandleClosed, DepthSnapshot, Trade
from market.feeds.grid import cell_end_ms
from market.feeds.live.client import stamping
from market.feeds.live.dialects import DIALECTS, Dialect
from market.feeds.live.link import ConnectionLost, Sink, Stream, Subscription
from market.feeds.live.refusals import refusals
from market.feeds.live.taps import BookTap, TappedClient, TradeTap, symbol_in

if TYPE_CHECKING:
    from market.feeds.live.unified import UnifiedLink

BEFORE_CUT_SECONDS = 0.005
"""Books are told so long before their cell ends."""

TOLD_AGAIN_SECONDS = 1.0
"""Whoever listens may have begun to later than the first books came."""

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
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._books: dict[str, BookTap] = {}
        self._opens: dict[tuple[str, Timeframe], list[float]] = {}
        self._ours: dict[str, str] = {}
        self._flush: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None

    @property
    def proof_ns(self) -> int | None:
        if not self._clients:
            return None
        proofs = [client.proof_ns for client in self._clients]
        return None if None in proofs else min(each for each in proofs if each is not None)

    async def run(self) -> None:
        """Connect, subscribe and hear until it breaks. Raises LinkError."""
        symbols = dict.fromkeys(each.symbol for each in self.subscriptions)
        self._ours = {await self._link.market_of(symbol): symbol for symbol in symbols}
        if self._end.done():
            raise ConnectionLost(self._end.result())
        with refusals(self._exchange):
            self._begin()
        try:
            reason = await asyncio.shield(self._end)
        finally:
            for task in self._tasks:
                task.cancel()
        raise ConnectionLost(reason)

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
            await self._leave(Stream.TRADES, markets)
            self._watch(self._dialect.watch_trades(markets))

    async def close(self) -> None:
        self._ends("closed")
        for timer in (self._flush, self._again):
            if timer is not None:
                timer.cancel()
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
        for some in _parts(books, told.streams_at_once):
            self._watch(exchange.watch_order_book_for_symbols(some, told.book_levels))
        for some in _parts(trades, told.streams_at_once):
            self._watch(dialect.watch_trades(some))
        for timeframe, markets in self._candles().items() if told.candle_streams else ():
            for some in _parts(markets, told.streams_at_once):
                self._watch(dialect.watch_candles([(market, timeframe) for market in some]))
        self._watch(dialect.keep_open())
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(TOLD_AGAIN_SECONDS, self._tell_again)

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
        tapped.ended.add_done_callback(lambda ended: self._ends(ended.result()))
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
            self._ends(str(lost))
            return True
        if message is None:
            return True
        if refused := self._dialect.refusal(message):
            self._sink.fault("refused")
            log.warning("subscription_refused", exchange=self._link.name, error=refused)
            return True
        if (market := self._dialect.whole_book(message)) in self._ours:
            self._book(market).whole = True
        self._exchange.handle_message(client, message)
        return True

    def _malformed(self) -> None:
        # What it held is lost, and most exchanges number nothing by which that would be seen.
        self._sink.fault("malformed")
        for market in self._markets(Stream.DEPTH):
            self._on_broken(market)

    def _on_trade(self, symbol: str, trade: dict[str, Any]) -> None:
        number = self._link.numbers.next_trade(symbol, trade["id"])
        if number is None:
            return
        buyer_initiated = (trade["side"] == "buy") is not self._dialect.sides_of_makers
        self._sink.event(
            Trade(
                symbol,
                self._recv_ns(),
                trade["timestamp"],
                number,
                round(trade["price"] * SCALE),
                round(trade["amount"] * SCALE),
                buyer_initiated,
            ),
            Stream.TRADES,
        )

    def _on_book(self, client: TappedClient, book: Any) -> None:
        market = book["symbol"]
        if market not in self._ours:
            return
        tap = self._book(market)
        if not tap.whole:
            return
        tap.book, tap.changed = book, True
        top = tap.top()
        if top is not None:
            number = self._link.numbers.next_book(tap.symbol)
            self._sink.event(
                BookTicker(tap.symbol, client.recv_ns, book["timestamp"], number, *top),
                Stream.TOP,
            )
        self._flush_later()

    def _on_broken(self, market: str) -> None:
        tap = self._books.get(market)
        if tap is None or not tap.whole:
            return  # it is being asked for
        self._sink.fault("book_broken", tap.symbol)
        self._lose(tap)
        self._watch(self._renew_books([market]))

    def _lose(self, tap: BookTap) -> None:
        # Nothing is known of the book now: not its top either.
        tap.lose()
        number = self._link.numbers.next_book(tap.symbol)
        self._sink.event(
            DepthSnapshot(tap.symbol, self._recv_ns(), None, number, [], []), Stream.DEPTH
        )

    async def _renew_books(self, markets: Sequence[str]) -> None:
        for market in markets:
            tap = self._book(market)
            if tap.whole:
                self._lose(tap)
        await self._leave(Stream.DEPTH, markets)
        levels = self._link.told.book_levels
        self._watch(self._exchange.watch_order_book_for_symbols(list(markets), levels))

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
        newest = list(candles[-1])
        key = symbol, Timeframe(timeframe)
        before = self._opens.get(key)
        if newest[0] % key[1].ms:
            self._sink.fault("candle_off_grid", symbol)
            return
        if before is not None and newest[0] < before[0]:
            return
        self._opens[key] = newest
        if before is not None and newest[0] > before[0]:
            # It is closed as the next one has begun.
            open_ms, *prices = before
            self._sink.candle(
                CandleClosed(symbol, self._recv_ns(), None, timeframe, int(open_ms), *prices[:5])
            )

    def _tell_again(self) -> None:
        for tap in self._books.values():
            tap.changed = tap.book is not None
        self._flush_later()

    def _flush_later(self) -> None:
        if self._flush is not None:
            return
        now_ns = self._now_ns()
        seconds = cell_end_ms(now_ns) / 1e3 - now_ns / 1e9 - BEFORE_CUT_SECONDS
        self._flush = asyncio.get_running_loop().call_later(max(0.0, seconds), self._tell_books)

    def _tell_books(self) -> None:
        self._flush = None
        for market, tap in self._books.items():
            if not tap.changed:
                continue
            tap.changed = False
            if tap.crossed():
                self._on_broken(market)
                continue
            number = self._link.numbers.book(tap.symbol)
            self._sink.event(tap.snapshot(self._now_ns(), number), Stream.DEPTH)

    def _book(self, market: str) -> BookTap:
        if market not in self._books:
            self._books[market] = BookTap(self._ours[market])
        return self._books[market]

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

    def _watch(self, watching: Coroutine[Any, Any, Any]) -> None:
        async def watch() -> None:
            try:
                with refusals(self._exchange):
                    await watching
            except (ConnectionLost, ConnectionError) as error:
                self._ends(str(error))

        task = asyncio.get_running_loop().create_task(watch())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ends(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(reason)


def _kind(stream: Stream) -> Stream:
    # A top comes with its book.
    return Stream.DEPTH if stream is Stream.TOP else stream


def _parts(items: Sequence[ItemT], most: int) -> list[list[ItemT]]:
    return [list(items[start : start + most]) for start in range(0, len(items), most)]
