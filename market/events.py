"""What a feed tells the house. Every feed, live, replayed or simulated, makes these.

Prices and sizes are integers in units of 1e-8, so that sums never depend on where they
started. `recv_ns` is local market time (UTC, ns) at which the frame arrived; `exchange_ms` is
the exchange's own time, None where the frame carries none.
"""

import msgspec

SCALE = 100_000_000
"""Integer units in one unit of quote or base currency."""

Level = tuple[int, int]
"""Price and size, each in 1e-8; size 0 removes the level."""


class Event(msgspec.Struct, gc=False, array_like=True):
    """What every event has. Encoded as an array: its kind, then its fields in order."""

    symbol: str
    recv_ns: int
    exchange_ms: int | None


class Trade(Event, tag=True, gc=False):
    """One trade; `buyer_initiated` is the taker's side."""

    trade_id: int
    price: int
    size: int
    buyer_initiated: bool


class BookTicker(Event, tag=True, gc=False):
    """Best bid and ask, with the book's update id at that moment."""

    update_id: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class DepthDiff(Event, tag=True, gc=False):
    """Levels changed by the updates first_id…last_id; sizes are absolute.

    prev_id: last_id of the diff before, where the exchange says so (futures), else None.
    """

    first_id: int
    last_id: int
    prev_id: int | None
    bids: list[Level]
    asks: list[Level]


class DepthSnapshot(Event, tag=True, gc=False):
    """A whole book as of update last_id."""

    last_id: int
    bids: list[Level]
    asks: list[Level]


class Heartbeat(Event, tag=True, gc=False):
    """Proof that the connection lives though the market is quiet (a pong, an empty poll)."""


class Disconnected(Event, tag=True, gc=False):
    """The connection broke: the book and the trade windows start anew."""


class CandleClosed(Event, tag=True, gc=False):
    """A candle as the exchange tells it at its close: the truth, where trades add up otherwise.

    timeframe: as exchanges write it (`15m`). Prices in quote, volume in base currency, both
    decimal numbers. Travels beside the events, in `Batch.candles`.
    """

    timeframe: str
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


AnyEvent = Trade | BookTicker | DepthDiff | DepthSnapshot | Heartbeat | Disconnected


def to_units(value: float) -> int:
    """Convert a decimal, as an exchange writes it, to 1e-8 units (to the nearest)."""
    return round(value * SCALE)
