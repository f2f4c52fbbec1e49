"""What the exchange says of its markets: `/exchangeInfo`.

Called by the REST handlers. Steps of price and size are those that the recording shows.
"""

from typing import Any

from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.frames import decimal_text
from market.symbols import base_and_quote

WEIGHT_A_MINUTE = 6_000
_LARGEST = "9000000.00000000"


def exchange_info(exchange: FakeExchange, wanted: list[str] | None) -> dict[str, Any]:
    """Return the answer for the symbols wanted, None for all that are listed."""
    listed = [each for each in exchange.symbols if exchange.listed(each)]
    return {
        "timezone": "UTC",
        "serverTime": int(exchange.clock_ms()),
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": WEIGHT_A_MINUTE,
            },
            {
                "rateLimitType": "RAW_REQUESTS",
                "interval": "MINUTE",
                "intervalNum": 5,
                "limit": 61_000,
            },
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(exchange, each) for each in wanted or listed],
    }


def _symbol(exchange: FakeExchange, symbol: str) -> dict[str, Any]:
    base, quote = base_and_quote(symbol) or (symbol[:-4], symbol[-4:])
    reel = exchange.player(symbol).reel
    tick, lot = decimal_text(reel.tick).decode(), decimal_text(reel.lot).decode()
    return {
        "symbol": symbol,
        "status": "BREAK" if exchange.halted(symbol) else "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": _LARGEST,
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": _LARGEST, "stepSize": lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": _LARGEST,
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
