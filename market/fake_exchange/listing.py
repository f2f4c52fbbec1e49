"""What the exchange says of its markets: `/exchangeInfo`.

Called by the REST handlers. Steps of price and size are those that the recording shows.
"""

from typing import Any

from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.player import decimal_text

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")
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
                "limit": 6_000,
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


def split(symbol: str) -> tuple[str, str]:
    """Return base and quote of a symbol; what ends in no known quote is quoted in its last 4."""
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    return symbol[:-4], symbol[-4:]


def _symbol(exchange: FakeExchange, symbol: str) -> dict[str, Any]:
    base, quote = split(symbol)
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
