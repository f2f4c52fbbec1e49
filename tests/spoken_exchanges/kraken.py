"""A small server that speaks the documented protocol of Kraken.

Written by hand from its documentation: it is no proof of what the real one does.
"""

from typing import Any

from tests.spoken_exchanges.exchange import NOW_MS, Spoken


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
