"""Names of markets: how users write them, how we store them."""

import re

_SEPARATORS = re.compile(r"[-/_]")
_STORED = re.compile(r"[A-Z0-9]{2,30}")

DEFAULT_SIGNAL_SYMBOLS: tuple[str, ...] = (
    "1000SATSUSDT",
    "APTUSDT",
    "ARBUSDT",
    "AVAXUSDT",
    "BONKUSDT",
    "BTCUSDT",
    "DOGEUSDT",
    "ETCUSDT",
    "ETHUSDT",
    "FETUSDT",
    "FLOKIUSDT",
    "FTMUSDT",
    "GALAUSDT",
    "ICPUSDT",
    "INJUSDT",
    "JTOUSDT",
    "LINKUSDT",
    "LTCUSDT",
    "MATICUSDT",
    "NEARUSDT",
    "OPUSDT",
    "ORDIUSDT",
    "PENDLEUSDT",
    "PEOPLEUSDT",
    "PEPEUSDT",
    "RUNEUSDT",
    "SEIUSDT",
    "SHIBUSDT",
    "SOLUSDT",
    "SUIUSDT",
    "TIAUSDT",
    "TRXUSDT",
    "WLDUSDT",
    "XRPUSDT",
)
"""The 34 coins that the shipped signal networks know. FTM and MATIC have since been renamed."""

QUOTES = (
    *("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD"),
    *("EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "BTC", "ETH", "BNB"),
)
"""Currencies that symbols end in, those first whose end is another's."""

_SHOWN = 40


class UnknownSymbolError(ValueError):
    """The text is no symbol, or none that this server serves. The caller tells the user."""


def parse_symbol(text: str) -> str:
    """Return the stored form (`BTCUSDT`) of `btcusdt`, `BTC-USDT` or `BTC/USDT`.

    Raises UnknownSymbolError where the text cannot name a market.
    """
    symbol = _SEPARATORS.sub("", text.strip()).upper()
    if not _STORED.fullmatch(symbol):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise UnknownSymbolError(f"{shown!r} is not a symbol; write it like BTCUSDT or BTC-USDT")
    return symbol


def base_and_quote(symbol: str) -> tuple[str, str] | None:
    """Return `BTC`, `USDT` of BTCUSDT; None where it ends in no quote currency that is known."""
    for quote in QUOTES:
        base = symbol.removesuffix(quote)
        if base and base != symbol:
            return base, quote
    return None
