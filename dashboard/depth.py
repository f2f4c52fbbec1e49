"""The order book and the newest trades of one symbol, as frames carry them.

Read by the watching of markets. Any feed may fill `ob:`, so what stands there is checked: a level
without a price and a size is left out, and a side that cannot be read is the best price alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

BOOK_FIELDS = ("ts", "bids", "asks", "bid", "bid_size", "ask", "ask_size")
LEVELS = 20
TRADES = 50
"""Of what a feed wrote, no more is told."""

Sides = tuple[list[list[float]], list[list[float]]]
Raw = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Depth:
    """raw: what Redis held. book: encoded, `null` where there is none; trades newest first."""

    raw: tuple[str | None, ...] = ()
    raw_tape: str | None = None
    sides: Sides | None = None
    book: str = "null"
    trades: tuple[str, ...] | None = None

    def followed_by(self, raw: Raw, raw_tape: str | None) -> "Depth":
        """Return what Redis holds now; what did not change is not read again."""
        levels, trades = tuple(raw[1:]), self.trades
        sides, book = self.sides, self.book
        if levels != self.raw:
            sides = _sides(dict(zip(BOOK_FIELDS, raw, strict=True)))
            book = encoded_book(_number(raw[0]), sides)
        if raw_tape != self.raw_tape:
            trades = _trades(raw_tape)
        return Depth(levels, raw_tape, sides, book, trades)

    def newer_trades(self, earlier: "Depth") -> list[str]:
        """Return the trades that `earlier` did not hold, oldest first."""
        if self.trades is None or self.trades is earlier.trades:
            return []
        known = frozenset(earlier.trades or ())
        return [trade for trade in reversed(self.trades) if trade not in known]


def encoded_book(ts: float | None, sides: Sides | None) -> str:
    """Encode a book; `null` where there is none."""
    if sides is None:
        return "null"
    return orjson.dumps({"ts": ts, "bids": sides[0], "asks": sides[1]}).decode()


def _sides(book: Mapping[str, str | None]) -> Sides | None:
    bids = _levels(book["bids"]) or _best(book["bid"], book["bid_size"])
    asks = _levels(book["asks"]) or _best(book["ask"], book["ask_size"])
    return (bids, asks) if bids or asks else None


def _levels(text: str | None) -> list[list[float]]:
    found = _parsed(text)
    if not isinstance(found, list):
        return []
    return [[each[0], each[1]] for each in found if _is_level(each)][:LEVELS]


def _is_level(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and all(map(_is_number, found))


def _best(price: str | None, size: str | None) -> list[list[float]]:
    found, known = _number(price), _number(size)
    return [] if found is None or known is None else [[found, known]]


def _trades(text: str | None) -> tuple[str, ...] | None:
    found = _parsed(text)
    if not isinstance(found, list):
        return None
    return tuple(orjson.dumps(each).decode() for each in found[:TRADES] if _is_trade(each))


def _is_trade(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and all(_is_number(found.get(name)) for name in ("ts", "price", "size"))
        and found.get("side") in ("buy", "sell")
    )


def _parsed(text: str | None) -> Any:
    try:
        return orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return None


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
