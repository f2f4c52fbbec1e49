"""Small servers that speak the documented protocols of Coinbase, Kraken, OKX and Bybit.

A test says what they tell; their market lists and answers to subscriptions are here. Written by
hand from the exchanges' documentation: they are no proof of what the real ones do.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


class Spoken:
    """One exchange. heard: what clients sent over WebSocket, pings left out.

    url: for EXCHANGE_URL. on_subscribe: what is told at once to who subscribes, by channel.
    """

    name = ""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.at_once: dict[str, list[Any]] = {}

    async def tell(self, *messages: Any) -> None:
        """Send to every client; text as it is."""
        for message in messages:
            text = message if isinstance(message, str) else json.dumps(message)
            for socket in self.sockets:
                await socket.send_str(text)

    async def drop(self) -> None:
        """End every connection."""
        for socket in list(self.sockets):
            await socket.close()

    def subscriptions(self, channel: str) -> list[list[str]]:
        """Return the symbols of each subscription to a channel, in order."""
        return [symbols for name, symbols in map(self.asked, self.heard) if name == channel]

    def rest(self, path: str, query: dict[str, str]) -> Any:
        """Answer a REST question."""
        raise NotImplementedError

    def pong(self, message: Any) -> Any:
        """Return the answer to a ping, None where it is none."""
        raise NotImplementedError

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        """Return the channel and symbols that a message subscribes to, ("", []) for none."""
        raise NotImplementedError

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        return web.json_response(self.rest(request.path, dict(request.query)))

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            message = frame.data if frame.data == "ping" else json.loads(frame.data)
            answer = self.pong(message)
            if answer is not None:
                await socket.send_str(answer if isinstance(answer, str) else json.dumps(answer))
                continue
            self.heard.append(message)
            channel, _ = self.asked(message)
            for told in self.at_once.get(channel, []):
                await socket.send_str(json.dumps(told))
        self.sockets.remove(socket)
        return socket


@asynccontextmanager
async def speaking(exchange: Spoken) -> AsyncIterator[Spoken]:
    """Serve an exchange on a free port of this machine, on the running loop."""
    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", exchange._serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    exchange.url = f"http://127.0.0.1:{port}"
    try:
        yield exchange
    finally:
        await exchange.drop()
        await runner.cleanup()


class SpokenCoinbase(Spoken):
    """Advanced Trade: market_trades, l2_data, heartbeats; each message has the next number."""

    name = "coinbase"

    def __init__(self) -> None:
        super().__init__()
        self._number = -1

    def rest(self, path: str, query: dict[str, str]) -> Any:
        if path.endswith("/time"):
            return {
                "iso": "2026-09-21T14:13:20Z",
                "epochSeconds": str(NOW_MS // 1000),
                "epochMillis": str(NOW_MS),
            }
        if path.endswith("/candles"):
            opens = range(int(query["start"]), int(query["end"]), 3600)
            return {
                "candles": [
                    {
                        "start": str(open_s),
                        "low": "99",
                        "high": "103",
                        "open": "100",
                        "close": "101",
                        "volume": "2",
                    }
                    for open_s in reversed(opens)
                ]
            }
        if query.get("product_type") == "FUTURE":
            return {"products": [], "num_products": 0}
        products = [self._product("BTC", "USD"), self._product("ETH", "USD")]
        products.append(self._product("BTC", "USDC") | {"alias": "BTC-USD"})
        products.append(self._product("OLD", "USD") | {"trading_disabled": True})
        return {"products": products, "num_products": len(products)}

    def number(self, message: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        return {
            "client_id": "",
            "timestamp": "2026-09-21T14:13:20.123456Z",
            "sequence_num": self._number,
        } | message

    def book(self, kind: str, product: str, *levels: tuple[str, str, str]) -> dict[str, Any]:
        """levels: side (bid, offer), price, quantity."""
        updates = [
            {
                "side": side,
                "event_time": "2026-09-21T14:13:20Z",
                "price_level": price,
                "new_quantity": size,
            }
            for side, price, size in levels
        ]
        event = {"type": kind, "product_id": product, "updates": updates}
        return self.number({"channel": "l2_data", "events": [event]})

    def trades(self, kind: str, *trades: tuple[str, str, str, str, str]) -> dict[str, Any]:
        """trades: product, id, price, size, side, newest first."""
        told = [
            {
                "product_id": product,
                "trade_id": trade_id,
                "price": price,
                "size": size,
                "side": side,
                "time": "2026-09-21T14:13:20.100000Z",
            }
            for product, trade_id, price, size, side in trades
        ]
        return self.number({"channel": "market_trades", "events": [{"type": kind, "trades": told}]})

    def pong(self, message: Any) -> Any:
        return None  # by frames of the WebSocket protocol

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        if message["type"] != "subscribe":
            return "", []
        return message["channel"], message["product_ids"]

    def _product(self, base: str, quote: str) -> dict[str, Any]:
        return {
            "product_id": f"{base}-{quote}",
            "base_currency_id": base,
            "quote_currency_id": quote,
            "product_type": "SPOT",
            "status": "online",
            "trading_disabled": False,
            "base_increment": "0.00000001",
            "quote_increment": "0.01",
            "price_increment": "0.01",
            "base_min_size": "0.00000001",
            "base_max_size": "3400",
            "quote_min_size": "1",
            "quote_max_size": "150000000",
            "alias": "",
        }


class SpokenKraken(Spoken):
    """WebSocket v2: book, trade, ohlc, heartbeat."""

    name = "kraken"

    def rest(self, path: str, query: dict[str, str]) -> Any:
        if path.endswith("/Time"):
            return {"error": [], "result": {"unixtime": NOW_MS // 1000, "rfc1123": ""}}
        pairs = {"XXBTZUSD": ("XXBT", "ZUSD", "XBT/USD"), "SOLUSD": ("SOL", "ZUSD", "SOL/USD")}
        return {
            "error": [],
            "result": {
                name: {
                    "altname": wsname.replace("/", ""),
                    "wsname": wsname,
                    "base": base,
                    "quote": quote,
                    "pair_decimals": 1,
                    "lot_decimals": 8,
                    "leverage_buy": [],
                    "fees": [[0, 0.26]],
                    "fees_maker": [[0, 0.16]],
                    "ordermin": "0.0001",
                    "status": "online" if base == "XXBT" else "cancel_only",
                }
                for name, (base, quote, wsname) in pairs.items()
            },
        }

    def book(
        self,
        kind: str,
        symbol: str,
        bids: list[tuple[float, float]],
        asks: list[tuple[float, float]],
        checksum: int = 0,
    ) -> dict[str, Any]:
        data: dict[str, Any] = {
            "symbol": symbol,
            "bids": [{"price": price, "qty": size} for price, size in bids],
            "asks": [{"price": price, "qty": size} for price, size in asks],
            "checksum": checksum,
        }
        if kind == "update":
            data["timestamp"] = "2026-09-21T14:13:20.500000Z"
        return {"channel": "book", "type": kind, "data": [data]}

    def trade(self, symbol: str, number: int, price: float, size: float, side: str) -> Any:
        told = {
            "symbol": symbol,
            "side": side,
            "price": price,
            "qty": size,
            "ord_type": "market",
            "trade_id": number,
            "timestamp": "2026-09-21T14:13:20.400000Z",
        }
        return {"channel": "trade", "type": "update", "data": [told]}

    def candle(self, symbol: str, begin: str, close: float, interval: int = 1) -> Any:
        told = {
            "symbol": symbol,
            "open": 100.0,
            "high": 103.0,
            "low": 99.0,
            "close": close,
            "trades": 3,
            "volume": 2.0,
            "vwap": 100.5,
            "interval_begin": begin,
            "interval": interval,
            "timestamp": begin,
        }
        return {"channel": "ohlc", "type": "update", "data": [told]}

    def pong(self, message: Any) -> Any:
        return {"method": "pong"} if message.get("method") == "ping" else None

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        if message["method"] != "subscribe":
            return "", []
        return message["params"]["channel"], message["params"]["symbol"]


class SpokenOkx(Spoken):
    """v5: books with sequence ids, trades, candles on the business socket."""

    name = "okx"

    def rest(self, path: str, query: dict[str, str]) -> Any:
        if path.endswith("/time"):
            return {"code": "0", "msg": "", "data": [{"ts": str(NOW_MS)}]}
        instruments = [
            {
                "instId": f"{base}-USDT",
                "instType": "SPOT",
                "baseCcy": base,
                "quoteCcy": "USDT",
                "state": state,
                "tickSz": "0.1",
                "lotSz": "0.00000001",
                "minSz": "0.00001",
                "listTime": "1548133413000",
            }
            for base, state in (("BTC", "live"), ("ETH", "live"), ("SOL", "suspend"))
        ]
        return {"code": "0", "msg": "", "data": instruments}

    def book(
        self,
        action: str,
        market: str,
        bids: list[tuple[str, str]],
        asks: list[tuple[str, str]],
        seq: tuple[int, int],
    ) -> dict[str, Any]:
        """seq: the id before, and this one's."""
        data = {
            "asks": [[price, size, "0", "1"] for price, size in asks],
            "bids": [[price, size, "0", "1"] for price, size in bids],
            "ts": str(NOW_MS),
            "checksum": 0,
            "prevSeqId": seq[0],
            "seqId": seq[1],
        }
        arg = {"channel": "books", "instId": market}
        return {"arg": arg, "action": action, "data": [data]}

    def trade(self, market: str, number: str, price: str, size: str, side: str) -> Any:
        told = {
            "instId": market,
            "tradeId": number,
            "px": price,
            "sz": size,
            "side": side,
            "ts": str(NOW_MS),
            "count": "1",
        }
        return {"arg": {"channel": "trades", "instId": market}, "data": [told]}

    def candle(self, channel: str, market: str, open_ms: int, close: str) -> Any:
        row = [str(open_ms), "100", "103", "99", close, "2", "200", "200", "0"]
        return {"arg": {"channel": channel, "instId": market}, "data": [row]}

    def pong(self, message: Any) -> Any:
        return "pong" if message == "ping" else None

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        if message["op"] != "subscribe":
            return "", []
        args = message["args"]
        return args[0]["channel"], [each["instId"] for each in args]


class SpokenBybit(Spoken):
    """v5 spot: orderbook.50, publicTrade, kline."""

    name = "bybit"

    def __init__(self) -> None:
        super().__init__()
        self.bases = ["BTC", "ETH"]

    def rest(self, path: str, query: dict[str, str]) -> Any:
        if path.endswith("/time"):
            return {"retCode": 0, "retMsg": "OK", "result": {}, "time": NOW_MS}
        markets = [
            {
                "symbol": f"{base}USDT",
                "baseCoin": base,
                "quoteCoin": "USDT",
                "status": "Trading",
                "marginTrading": "none",
                "lotSizeFilter": {
                    "basePrecision": "0.000001",
                    "quotePrecision": "0.0000001",
                    "minOrderQty": "0.00004",
                    "maxOrderQty": "63",
                    "minOrderAmt": "1",
                    "maxOrderAmt": "100000",
                },
                "priceFilter": {"tickSize": "0.01"},
            }
            for base in self.bases
        ]
        result = {"category": "spot", "list": markets}
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": NOW_MS}

    def book(
        self, kind: str, market: str, bids: list[list[str]], asks: list[list[str]], update: int
    ) -> dict[str, Any]:
        data = {"s": market, "b": bids, "a": asks, "u": update, "seq": update}
        return {"topic": f"orderbook.50.{market}", "type": kind, "ts": NOW_MS, "data": data}

    def trades(self, market: str, *trades: tuple[str, str, str, str]) -> dict[str, Any]:
        """trades: id, price, size, side."""
        told = [
            {
                "T": NOW_MS,
                "s": market,
                "S": side,
                "v": size,
                "p": price,
                "L": "PlusTick",
                "i": trade_id,
                "BT": False,
            }
            for trade_id, price, size, side in trades
        ]
        return {"topic": f"publicTrade.{market}", "type": "snapshot", "ts": NOW_MS, "data": told}

    def candle(self, market: str, open_ms: int, close: str, *, confirm: bool) -> Any:
        row = {
            "start": open_ms,
            "end": open_ms + MINUTE_MS - 1,
            "interval": "1",
            "open": "100",
            "close": close,
            "high": "103",
            "low": "99",
            "volume": "2",
            "turnover": "200",
            "confirm": confirm,
            "timestamp": open_ms,
        }
        return {"topic": f"kline.1.{market}", "data": [row], "ts": open_ms, "type": "snapshot"}

    def pong(self, message: Any) -> Any:
        if message.get("op") != "ping":
            return None
        return {"success": True, "ret_msg": "pong", "conn_id": "1", "op": "ping"}

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        if message["op"] != "subscribe":
            return "", []
        topics = [topic.rpartition(".") for topic in message["args"]]
        return topics[0][0], [market for _, _, market in topics]
