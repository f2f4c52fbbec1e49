"""A small server that speaks the documented protocol of OKX.

Written by hand from its documentation: it is no proof of what the real one does.
"""

from typing import Any

from tests.spoken_exchanges.exchange import NOW_MS, Spoken


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
