"""The loopback paths by which a person or a script begins faults and looks at what goes on."""

import json
import time
from typing import Any

import msgspec
from aiohttp import web

from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.faults import Fault, read_fault


class Control:
    """`GET /fake/state`, `POST /fake/faults`, `DELETE /fake/faults/NUMBER` (or `all`)."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/fake/state", self.state),
            web.post("/fake/faults", self.begin),
            web.delete("/fake/faults/{number}", self.end),
        ]

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(state(self._exchange))

    async def begin(self, request: web.Request) -> web.Response:
        try:
            fields = json.loads(await request.text())
            if not isinstance(fields, dict):
                raise ValueError('a fault is a JSON object: {"kind": "silent", "seconds": 5}')
            fault = read_fault(fields)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(_told(self._exchange.begin(fault)), status=201)

    async def end(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        ended = [
            fault
            for fault in list(self._exchange.faults.going_on)
            if number in ("all", str(fault.number))
        ]
        for fault in ended:
            self._exchange.end(fault)
        if not ended and number != "all":
            return web.json_response({"error": f"no fault {number} is going on"}, status=404)
        return web.json_response([_told(fault) for fault in ended])


def state(exchange: FakeExchange) -> dict[str, Any]:
    """Return what goes on: times, connections, faults that hold and those that are over."""
    return {
        "now_ms": round(time.time() * 1e3, 3),
        "exchange_ms": round(exchange.clock_ms(), 3),
        "symbols": list(exchange.symbols),
        "frames": exchange.frames,
        "books": {symbol: exchange.player(symbol).book.last_id for symbol in exchange.symbols},
        "rounds": {symbol: exchange.player(symbol).rounds for symbol in exchange.symbols},
        "connections": [
            {
                "streams": list(session.streams),
                "combined": session.combined,
                "sent": session.sent,
                "unread_bytes": session.unread_bytes,
                "age_seconds": round(time.monotonic() - session.since, 3),
            }
            for session in exchange.delivery.sessions
        ],
        "faults": [_told(fault) for fault in exchange.faults.going_on],
        "over": [_told(fault) for fault in exchange.faults.over],
    }


def _told(fault: Fault) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(fault)
    return told
