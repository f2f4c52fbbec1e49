"""An exchange that speaks as documented, and a link of unmodified ccxt that listens to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pytest

from market.events import SCALE, AnyEvent, BookTicker, CandleClosed, DepthSnapshot, Trade
from market.exchanges import SUPPORTED
from market.feeds.live.link import LinkError, Stream, Subscription
from market.feeds.live.unified import UnifiedLink
from market.feeds.live.unified_connection import UnifiedConnection
from tests.spoken_exchanges.bybit import SpokenBybit
from tests.spoken_exchanges.coinbase import SpokenCoinbase
from tests.spoken_exchanges.exchange import MINUTE_MS, NOW_MS, Spoken, speaking
from tests.spoken_exchanges.kraken import SpokenKraken
from tests.spoken_exchanges.okx import SpokenOkx
from tests.waiting import PATIENCE_SECONDS, eventually

ExchangeT = TypeVar("ExchangeT", bound=Spoken)

OPEN_MS = NOW_MS - NOW_MS % MINUTE_MS


class Heard:
    """A sink that keeps all."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.candles: list[CandleClosed] = []
        self.faults: list[tuple[str, str]] = []

    def event(self, event: AnyEvent, stream: Stream) -> None:
        kinds = {Trade: Stream.TRADES, BookTicker: Stream.TOP, DepthSnapshot: Stream.DEPTH}
        assert kinds[type(event)] is stream
        self.events.append(event)

    def candle(self, candle: CandleClosed) -> None:
        self.candles.append(candle)

    def newest_trade(self, symbol: str, trade_id: int, recv_ns: int) -> None:
        raise NotImplementedError("no stream of these exchanges tells")

    def fault(self, kind: str, symbol: str = "") -> None:
        self.faults.append((kind, symbol))

    @property
    def trades(self) -> list[Trade]:
        return [each for each in self.events if isinstance(each, Trade)]

    @property
    def tops(self) -> list[BookTicker]:
        return [each for each in self.events if isinstance(each, BookTicker)]

    @property
    def books(self) -> list[DepthSnapshot]:
        return [each for each in self.events if isinstance(each, DepthSnapshot)]


class Listener:
    """A connection that runs, and what it heard."""

    def __init__(self, connection: UnifiedConnection, heard: Heard) -> None:
        self.connection = connection
        self.heard = heard
        self.task = asyncio.create_task(connection.run())

    async def lost(self) -> str:
        """Wait for the end of the connection, and return why it ended."""
        with pytest.raises(LinkError) as caught:
            await asyncio.wait_for(self.task, PATIENCE_SECONDS)
        return str(caught.value)


def streams(*symbols: str) -> list[Subscription]:
    kinds = (Stream.DEPTH, Stream.TOP, Stream.TRADES)
    return [Subscription(symbol, kind) for symbol in symbols for kind in kinds]


@asynccontextmanager
async def linked(exchange: Spoken) -> AsyncIterator[UnifiedLink]:
    async with speaking(exchange):
        hasty = replace(SUPPORTED[exchange.name], subscribe_ms=1)
        link = UnifiedLink(hasty, exchange.url)
        try:
            yield link
        finally:
            await link.close()


@asynccontextmanager
async def listening(
    link: UnifiedLink, subscriptions: Sequence[Subscription]
) -> AsyncIterator[Listener]:
    heard = Heard()
    listener = Listener(link.connection(subscriptions, heard), heard)
    try:
        yield listener
    finally:
        await listener.connection.close()
        await asyncio.wait({listener.task}, timeout=PATIENCE_SECONDS)
        if listener.task.done() and not listener.task.cancelled():
            listener.task.exception()


def units(*values: float) -> tuple[int, ...]:
    return tuple(round(value * SCALE) for value in values)


def top_of(ticker: BookTicker) -> tuple[int, int, int, int]:
    return ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size


def coinbase(*symbols: str) -> AbstractAsyncContextManager[tuple[SpokenCoinbase, Listener]]:
    return _spoken(SpokenCoinbase(), ("heartbeats", "market_trades", "level2"), symbols)


def kraken(*symbols: str) -> AbstractAsyncContextManager[tuple[SpokenKraken, Listener]]:
    return _spoken(SpokenKraken(), ("trade", "book"), symbols)


def okx(*symbols: str) -> AbstractAsyncContextManager[tuple[SpokenOkx, Listener]]:
    return _spoken(SpokenOkx(), ("trades", "books"), symbols)


def bybit(*symbols: str) -> AbstractAsyncContextManager[tuple[SpokenBybit, Listener]]:
    return _spoken(SpokenBybit(), ("publicTrade", "orderbook.50"), symbols)


@asynccontextmanager
async def _spoken(
    exchange: ExchangeT, channels: Sequence[str], symbols: Sequence[str]
) -> AsyncIterator[tuple[ExchangeT, Listener]]:
    async with linked(exchange) as link, listening(link, streams(*symbols)) as listener:
        for channel in channels:
            await eventually(partial(exchange.subscriptions, channel))
        yield exchange, listener
