"""A small server that speaks the documented protocol of Bybit.

Written by hand from its documentation: it is no proof of what the real one does.
"""

from typing import Any

from tests.spoken_exchanges.exchange import MINUTE_MS, NOW_MS, Spoken


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
