"""What the running market says of its symbols: traded, halted or gone, and in which steps.

Written by the market feed for the symbols that it serves (`listing:market`); read by the forecast
loop, the signal loop, grading and pages. A symbol that is not told of is traded, as far as is
known: a replay and a feed of somebody else's tell nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

import msgspec


class SymbolStatus(StrEnum):
    """Whether a symbol can be predicted at all; the words are reason codes, too."""

    TRADING = "trading"
    HALTED = "symbol_halted"
    DELISTED = "symbol_delisted"


class Listing(msgspec.Struct, frozen=True):
    """One symbol on its exchange.

    tick_size, lot_size: steps of price (quote) and size (base), None where unknown. since_ms: UTC
    from which on this status is known. renamed_to: the symbol under which the exchange lists the
    coin now ("" if none); it is another market, and its history is another.
    """

    symbol: str
    status: SymbolStatus
    tick_size: float | None = None
    lot_size: float | None = None
    since_ms: int = 0
    renamed_to: str = ""

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self | None:
        """Read one field of `listing:market`; None where it is not to be understood."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, ValueError):
            return None


VENUE_FIELD = "venue"


def read_listings(fields: Mapping[str, str], venue: str | None) -> dict[str, Listing]:
    """Return `listing:market` by symbol; empty where it is another market's than `venue`."""
    if venue is not None and fields.get(VENUE_FIELD) != venue:
        return {}
    told = (Listing.from_json(text) for name, text in fields.items() if name != VENUE_FIELD)
    return {each.symbol: each for each in told if each is not None}
