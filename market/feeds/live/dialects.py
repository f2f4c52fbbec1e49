"""What ccxt's unified methods leave out of an exchange's protocol: how a stream is left, which
message holds a whole book, what keeps a connection open, what must not be believed.

One class an exchange. Symbols are ccxt's (`BTC/USD`). Read by the unified connection.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from market.candles.timeframes import Timeframe
from market.exchanges import Exchange
from market.feeds.live.link import ConnectionLost, Stream

Message = dict[str, Any]
Pair = tuple[str, Timeframe]

log = structlog.get_logger(__name__)


class Dialect:
    """Binds one connection's protocol. exchange: ccxt's, with its markets loaded."""

    sides_of_makers = False
    """Whether a trade's side is that of the order that lay in the book."""

    def __init__(self, exchange: Any, told: Exchange) -> None:
        self._exchange = exchange
        self._told = told

    def heard(self, message: Message) -> Message | None:
        """Return what ccxt shall parse of a message; None for nothing. Raises ConnectionLost."""
        return message

    def refusal(self, message: Message) -> str:
        """Return what the exchange refused by this message, "" where it is no refusal."""
        raise NotImplementedError

    def whole_book(self, message: Message) -> str:
        """Return the symbol whose whole book this message holds, "" for none."""
        raise NotImplementedError

    def broken(self, message: Message) -> str:
        """Return the symbol whose book is wrong now that ccxt took the message in, "" for none."""
        return ""

    def leaving(self, stream: Stream, symbols: Sequence[str]) -> list[Message]:
        """Return the messages that end subscriptions to books (DEPTH) or trades (TRADES)."""
        raise NotImplementedError

    def book_hash(self, symbol: str) -> str:
        """Return the name under which ccxt keeps the subscription to a book."""
        raise NotImplementedError

    def trades_hash(self, symbol: str) -> str:
        raise NotImplementedError

    async def keep_open(self) -> None:
        """Subscribe to whatever keeps a quiet connection open; runs as long as it lives."""

    async def watch_trades(self, symbols: Sequence[str]) -> None:
        await self._exchange.watch_trades_for_symbols(list(symbols))

    async def watch_candles(self, pairs: Sequence[Pair]) -> None:
        await self._exchange.watch_ohlcv_for_symbols([[symbol, str(tf)] for symbol, tf in pairs])

    def _ids(self, symbols: Sequence[str]) -> list[str]:
        return [self._exchange.market_id(symbol) for symbol in symbols]

    def _symbol(self, market_id: object) -> str:
        symbol: str = self._exchange.safe_symbol(market_id)
        return symbol


class Coinbase(Dialect):
    """Advanced Trade. Every message of a connection carries the next number."""

    sides_of_makers = True

    def __init__(self, exchange: Any, told: Exchange) -> None:
        super().__init__(exchange, told)
        self._last_number: int | None = None

    def heard(self, message: Message) -> Message | None:
        number = message.get("sequence_num")
        if isinstance(number, int):
            last, self._last_number = self._last_number, number
            if last is not None and number != last + 1:
                raise ConnectionLost(f"message {last + 1} did not come, {number} did")
        channel = message.get("channel")
        if channel == "market_trades":
            # On subscribing, trades of the last minutes are told: they did not happen now.
            events = [each for each in message["events"] if each.get("type") != "snapshot"]
            return message | {"events": events} if events else None
        return None if channel in ("subscriptions", "heartbeats") else message

    def refusal(self, message: Message) -> str:
        return str(message.get("message", "refused")) if message.get("type") == "error" else ""

    def whole_book(self, message: Message) -> str:
        if message.get("channel") != "l2_data":
            return ""
        for event in message["events"]:
            if event.get("type") == "snapshot":
                return self._symbol(event.get("product_id"))
        return ""

    def leaving(self, stream: Stream, symbols: Sequence[str]) -> list[Message]:
        channel = "level2" if stream is Stream.DEPTH else "market_trades"
        ids = self._ids(symbols)
        return [{"type": "unsubscribe", "product_ids": ids, "channel": channel}]

    def book_hash(self, symbol: str) -> str:
        return f"level2::{symbol}"

    def trades_hash(self, symbol: str) -> str:
        return f"market_trades::{symbol}"

    async def keep_open(self) -> None:
        # Without it a channel that is quiet for a minute is closed.
        await self._exchange.subscribe("heartbeats", False)


class Kraken(Dialect):
    """WebSocket API v2. Checksums are checked here: ccxt does not, and has books of floats."""

    def __init__(self, exchange: Any, told: Exchange) -> None:
        super().__init__(exchange, told)
        self._unchecked: set[str] = set()
        self._decimals: dict[str, tuple[int, int]] = {}

    def broken(self, message: Message) -> str:
        if message.get("channel") != "book":
            return ""
        told = message["data"][0]
        symbol = str(told["symbol"])
        book = self._exchange.orderbooks.get(symbol)
        if symbol in self._unchecked or book is None or "checksum" not in told:
            return ""
        if self._checksum(symbol, book) == told["checksum"]:
            return ""
        if message.get("type") == "snapshot":
            # Nothing was missed yet: its decimals are others than listed, and nothing can be told.
            self._unchecked.add(symbol)
            log.warning("book_cannot_be_checked", symbol=symbol)
            return ""
        return symbol

    def _checksum(self, symbol: str, book: Mapping[str, Sequence[Sequence[float]]]) -> int:
        # Source: docs.kraken.com, book checksum (WebSocket v2). The best ten of asks, then bids.
        if symbol not in self._decimals:
            info = self._exchange.market(symbol)["info"]
            self._decimals[symbol] = int(info["pair_decimals"]), int(info["lot_decimals"])
        price_decimals, size_decimals = self._decimals[symbol]
        texts = (
            text.replace(".", "").lstrip("0")
            for price, size in (*book["asks"][:10], *book["bids"][:10])
            for text in (f"{price:.{price_decimals}f}", f"{size:.{size_decimals}f}")
        )
        return zlib.crc32("".join(texts).encode())

    def refusal(self, message: Message) -> str:
        refused = message.get("success") is False
        return f"{message.get('error')} {message.get('symbol', '')}".strip() if refused else ""

    def whole_book(self, message: Message) -> str:
        if message.get("channel") == "book" and message.get("type") == "snapshot":
            return str(message["data"][0]["symbol"])
        return ""

    def leaving(self, stream: Stream, symbols: Sequence[str]) -> list[Message]:
        asked: Message = {"channel": "trade", "symbol": list(symbols)}
        if stream is Stream.DEPTH:
            asked |= {"channel": "book", "depth": self._told.book_levels}
        return [{"method": "unsubscribe", "params": asked, "req_id": self._exchange.request_id()}]

    def book_hash(self, symbol: str) -> str:
        return f"orderbook@{symbol}"

    def trades_hash(self, symbol: str) -> str:
        return f"trade@{symbol}"

    async def watch_trades(self, symbols: Sequence[str]) -> None:
        # Trades from before the subscription did not happen now.
        await self._exchange.watch_trades_for_symbols(list(symbols), params={"snapshot": False})

    async def watch_candles(self, pairs: Sequence[Pair]) -> None:
        # ccxt knows subscriptions to candles by the symbol alone, and would take one of them.
        (timeframe,) = {timeframe for _, timeframe in pairs}
        exchange, symbols = self._exchange, [symbol for symbol, _ in pairs]
        hashes = [f"ohlcv@{symbol}" for symbol in symbols]
        params = {
            "channel": "ohlc",
            "symbol": symbols,
            "interval": exchange.timeframes[str(timeframe)],
        }
        request = {"method": "subscribe", "params": params, "req_id": exchange.request_id()}
        url = exchange.urls["api"]["ws"]["publicV2"]
        subscribed = [f"{each}#{timeframe}" for each in hashes]
        await exchange.watch_multiple(url, hashes, request, subscribed)


class Okx(Dialect):
    """Updates of a book name the one before; ccxt refuses a gap, and asks for the whole again."""

    def __init__(self, exchange: Any, told: Exchange) -> None:
        super().__init__(exchange, told)
        # Its day begins in Hong Kong unless UTC is asked for.
        exchange.timeframes = exchange.timeframes | {"1d": "1Dutc"}

    def heard(self, message: Message) -> Message | None:
        # ccxt would take the answer for the end of the subscription that follows.
        return None if message.get("event") == "unsubscribe" else message

    def refusal(self, message: Message) -> str:
        return str(message.get("msg", "refused")) if message.get("event") == "error" else ""

    def whole_book(self, message: Message) -> str:
        if message.get("action") == "snapshot":
            return self._symbol(message["arg"]["instId"])
        return ""

    def leaving(self, stream: Stream, symbols: Sequence[str]) -> list[Message]:
        channel = "books" if stream is Stream.DEPTH else "trades"
        args = [{"channel": channel, "instId": each} for each in self._ids(symbols)]
        return [{"op": "unsubscribe", "args": args}]

    def book_hash(self, symbol: str) -> str:
        return f"books:{symbol}"

    def trades_hash(self, symbol: str) -> str:
        return f"trades:{symbol}"


class Bybit(Dialect):
    """Spot, v5."""

    def heard(self, message: Message) -> Message | None:
        # ccxt would take the answer for the end of the subscription that follows.
        return None if message.get("op") == "unsubscribe" else message

    def refusal(self, message: Message) -> str:
        return str(message.get("ret_msg", "refused")) if message.get("success") is False else ""

    def whole_book(self, message: Message) -> str:
        topic = str(message.get("topic", ""))
        if message.get("type") == "snapshot" and topic.startswith("orderbook"):
            return str(self._exchange.safe_symbol(message["data"]["s"], None, None, "spot"))
        return ""

    def leaving(self, stream: Stream, symbols: Sequence[str]) -> list[Message]:
        kind = f"orderbook.{self._told.book_levels}" if stream is Stream.DEPTH else "publicTrade"
        topics = [f"{kind}.{each}" for each in self._ids(symbols)]
        most = self._told.streams_at_once
        return [
            {"op": "unsubscribe", "req_id": self._exchange.request_id(), "args": some}
            for some in (topics[start : start + most] for start in range(0, len(topics), most))
        ]

    def book_hash(self, symbol: str) -> str:
        return f"orderbook:{symbol}"

    def trades_hash(self, symbol: str) -> str:
        return f"trade:{symbol}"


DIALECTS: dict[str, type[Dialect]] = {
    "coinbase": Coinbase,
    "kraken": Kraken,
    "okx": Okx,
    "bybit": Bybit,
}
"""By ccxt's name of the exchange."""
