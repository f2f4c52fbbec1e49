"""A small server that speaks the documented protocol of Coinbase.

Written by hand from its documentation: it is no proof of what the real one does.
"""

from typing import Any

from tests.spoken_exchanges.exchange import NOW_MS, Spoken


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
