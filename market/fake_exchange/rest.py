"""The REST paths of Binance's spot market that a client of public data asks for.

Routed by the server. Answers and errors are as Binance writes them; each request costs weight,
and who spends more than a minute holds gets 429.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import web

from market.events import Level
from market.fake_exchange.candles import INTERVALS_MS
from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.faults import Fault, FaultKind
from market.fake_exchange.frames import decimal_text, level_text
from market.fake_exchange.history import History
from market.fake_exchange.listing import WEIGHT_A_MINUTE, exchange_info

MOST_LEVELS, MOST_CANDLES = 5_000, 1_000
CONTROL = "/fake/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A request that Binance answers with 400; code as it numbers them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Weights:
    """What was spent in the last minute."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, int]] = deque()

    def spend(self, weight: int) -> int:
        """Spend, and return the minute's sum."""
        now = time.monotonic()
        while self._spent and now - self._spent[0][0] > 60:
            self._spent.popleft()
        self._spent.append((now, weight))
        return sum(each for _, each in self._spent)


class RestApi:
    """The handlers, and the middleware that counts weight and plays faults."""

    def __init__(self, exchange: FakeExchange, history: History) -> None:
        self._exchange = exchange
        self._history = history
        self._weights = Weights()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v3/ping", self.ping),
            web.get("/api/v3/time", self.time),
            web.get("/api/v3/exchangeInfo", self.exchange_info),
            web.get("/api/v3/depth", self.depth),
            web.get("/api/v3/klines", self.klines),
            web.get("/api/v3/ticker/bookTicker", self.book_ticker),
        ]

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Play the faults of REST and count weight; control paths are left alone."""
        if request.path.startswith(CONTROL):
            return await handler(request)
        faults = self._exchange.faults
        rest = request.path.startswith("/api/")
        if faults.holds(FaultKind.REFUSE):
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        status = faults.holds(FaultKind.STATUS)
        if status is not None and (rest or status.handshakes):
            return _refused(status)
        if not rest:
            return await handler(request)
        for fault in list(faults.of(FaultKind.SLOW)):
            await asyncio.sleep(fault.delay_seconds)
        used = self._weights.spend(_weight(request))
        headers = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
        if used > WEIGHT_A_MINUTE:
            return _refused(Fault(kind=FaultKind.STATUS, status=429, retry_after=10), headers)
        try:
            answer = await handler(request)
        except Refusal as error:
            answer = web.json_response({"code": error.code, "msg": str(error)}, status=400)
        answer.headers.update(headers)
        return answer

    async def ping(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def time(self, request: web.Request) -> web.Response:
        return web.json_response({"serverTime": int(self._exchange.clock_ms())})

    async def exchange_info(self, request: web.Request) -> web.Response:
        wanted = _wanted(request)
        for symbol in wanted or ():
            self._require(symbol)
        return web.json_response(exchange_info(self._exchange, wanted))

    async def depth(self, request: web.Request) -> web.Response:
        symbol = self._symbol(request)
        limit = min(_whole(request, "limit", 100), MOST_LEVELS)
        book = self._exchange.player(symbol).snapshot(symbol)
        body = b'{"lastUpdateId":%d,"bids":[%b],"asks":[%b]}' % (
            book.last_id,
            _levels(book.bids[:limit]),
            _levels(book.asks[:limit]),
        )
        return web.Response(body=body, content_type="application/json")

    async def klines(self, request: web.Request) -> web.Response:
        symbol = self._symbol(request)
        interval = request.query.get("interval", "")
        if interval not in INTERVALS_MS:
            raise Refusal(-1120, "Invalid interval.")
        since = request.query.get("startTime")
        span = (_whole(request, "startTime", 0), _whole(request, "endTime", 1 << 62))
        limit = max(1, min(_whole(request, "limit", 500), MOST_CANDLES))
        newest = since is None  # without a start the newest are meant, with one the oldest
        served = self._exchange.candles(symbol).all(interval)
        before = (span[0], min(span[1], served[0].open_ms - 1)) if served else span
        found = self._history.candles(symbol, interval, before, limit, newest=newest)
        found += [each for each in served if span[0] <= each.open_ms <= span[1]]
        chosen = found[-limit:] if newest else found[:limit]
        body = b"[%b]" % b",".join(each.row(interval) for each in chosen)
        return web.Response(body=body, content_type="application/json")

    async def book_ticker(self, request: web.Request) -> web.Response:
        wanted = _wanted(request)
        for symbol in wanted or ():
            self._require(symbol)
        listed = [each for each in self._exchange.symbols if self._exchange.listed(each)]
        tickers = [self._ticker(symbol) for symbol in wanted or listed]
        one = "symbol" in request.query
        return web.json_response(tickers[0] if one else tickers)

    def _ticker(self, symbol: str) -> dict[str, str]:
        book = self._exchange.player(symbol).snapshot(symbol)
        (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
        return {
            "symbol": symbol,
            "bidPrice": decimal_text(bid).decode(),
            "bidQty": decimal_text(bid_size).decode(),
            "askPrice": decimal_text(ask).decode(),
            "askQty": decimal_text(ask_size).decode(),
        }

    def _symbol(self, request: web.Request) -> str:
        symbol = request.query.get("symbol", "")
        if not symbol:
            raise Refusal(
                -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            )
        self._require(symbol)
        return symbol

    def _require(self, symbol: str) -> None:
        if not self._exchange.listed(symbol):
            raise Refusal(-1121, "Invalid symbol.")


def _refused(fault: Fault, headers: dict[str, str] | None = None) -> web.Response:
    if fault.status in (418, 429):
        until_ms = int((time.time() + (fault.retry_after or 60)) * 1e3)
        message = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        response = web.json_response({"code": -1003, "msg": message}, status=fault.status)
    else:
        text = f"<html><body><h1>{fault.status}</h1></body></html>"
        response = web.Response(text=text, status=fault.status, content_type="text/html")
    response.headers.update(headers or {})
    if fault.retry_after is not None:
        response.headers["Retry-After"] = f"{fault.retry_after:g}"
    return response


def _weight(request: web.Request) -> int:
    """Return what Binance charges for a request."""
    if request.path.endswith("/depth"):
        limit = request.query.get("limit", "100")
        levels = int(limit) if limit.isdigit() else 100
        return 5 if levels <= 100 else 25 if levels <= 500 else 50 if levels <= 1_000 else 250
    if request.path.endswith("/bookTicker"):
        return 2 if "symbol" in request.query else 4
    return {"exchangeInfo": 20, "klines": 2}.get(request.path.rpartition("/")[2], 1)


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or len(text) > 20:
        raise Refusal(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.",
        )
    return int(text)


def _wanted(request: web.Request) -> list[str] | None:
    """Return the symbols that `symbol` or `symbols` names; None where there is neither."""
    if "symbol" in request.query:
        return [request.query["symbol"]]
    if "symbols" not in request.query:
        return None
    try:
        symbols = json.loads(request.query["symbols"])
    except ValueError:
        symbols = None
    if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.")
    return symbols


def _levels(levels: list[Level]) -> bytes:
    return b",".join(level_text(price, size) for price, size in levels)
