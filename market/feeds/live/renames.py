"""Coins that exchanges list under another name now. The one table of them.

A renamed coin's market is a new market: its history begins where the exchange's begins, and
nothing joins it to the old one's. The new name is told beside the old symbol, no more.
"""

from dataclasses import dataclass
from datetime import date

from market.symbols import QUOTES


@dataclass(frozen=True, slots=True)
class Rename:
    """One coin. trading_since: the day from which Binance trades it under its new name."""

    old: str
    new: str
    trading_since: date


RENAMES = (
    Rename("MATIC", "POL", date(2024, 9, 13)),
    Rename("FTM", "S", date(2025, 1, 16)),
)


def renamed(symbol: str) -> str:
    """Return the symbol that a renamed coin's market has now (MATICUSDT: POLUSDT), else ""."""
    for rename in RENAMES:
        quote = symbol.removeprefix(rename.old)
        if quote != symbol and quote in QUOTES:
            return rename.new + quote
    return ""
