"""What the live feed asks of an exchange, whichever it is.

A link speaks one exchange's protocol through ccxt; a connection carries streams of it until it
breaks. All of it runs on the live feed's event loop, and nothing of it blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import AnyEvent, CandleClosed, DepthSnapshot
from market.listings import Listing


class Stream(StrEnum):
    """What one subscription tells."""

    DEPTH = "depth"
    TOP = "top"
    TRADES = "trades"
    CANDLES = "candles"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One stream of one symbol; timeframe: of candles, else None."""

    symbol: str
    stream: Stream
    timeframe: Timeframe | None = None


class LinkError(Exception):
    """The exchange does not answer now, or refuses; worth another try later.

    wait_seconds: how long it asked to be left alone (HTTP 418, 429), else None.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ConnectionLost(LinkError):
    """A connection ended, or proved dead."""


class Sink(Protocol):
    """Where a connection puts what it hears, in the order in which it was heard."""

    def event(self, event: AnyEvent, stream: Stream) -> None:
        """One event, its recv_ns stamped when its frame arrived."""
        ...

    def candle(self, candle: CandleClosed) -> None:
        """One candle that the exchange says has closed."""
        ...

    def newest_trade(self, symbol: str, trade_id: int, recv_ns: int) -> None:
        """What another stream says the newest trade is: one that was missed shows by it."""
        ...

    def fault(self, kind: str, symbol: str = "") -> None:
        """A frame that could not be understood; counted by kind."""
        ...


class Connection(Protocol):
    """One WebSocket (or some, where the exchange wants that) and its subscriptions."""

    subscriptions: tuple[Subscription, ...]

    @property
    def proof_ns(self) -> int | None:
        """When any frame or pong last arrived, on the feed's clock; None until all is subscribed.

        Where there are several sockets: of the one that has been silent for longest.
        """
        ...

    @property
    def pinged_ns(self) -> int | None:
        """When the ping was sent that is not answered yet; None where all are, or none are sent.

        What comes before the answer is at least as old.
        """
        ...

    @property
    def round_trip_ns(self) -> int | None:
        """How long the last answer to a ping took; None where that is not known."""
        ...

    async def run(self) -> None:
        """Connect, subscribe and hear until it breaks. Raises LinkError."""
        ...

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        """Unsubscribe and subscribe again, for streams that went silent. Raises LinkError."""
        ...

    async def close(self) -> None: ...


class Link(Protocol):
    """One exchange. name: what the venue and candles are called after.

    whole_books: it tells books as snapshots of its own keeping, so none need be asked for.
    lifetime_seconds: after so long the exchange itself cuts a connection; None if it does not.
    candle_streams: it tells candles by WebSocket; else they are asked for.
    clock_step_ms: in which steps it tells its clock.
    """

    name: str
    whole_books: bool
    lifetime_seconds: float | None
    candle_streams: bool
    clock_step_ms: float

    async def listings(self, symbols: Sequence[str] = ()) -> Mapping[str, Listing]:
        """Return every market of the exchange by our symbol; some only, where some are named and
        the exchange can be asked for them. Raises LinkError.
        """
        ...

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> Connection: ...

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        """Ask for the book by REST; recv_ns is when the answer came. Raises LinkError."""
        ...

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        """Return up to `limit` candles that opened at or after since_ms, closed ones only.

        `market.feeds.live.klines.fetch_candles` is how. Raises LinkError.
        """
        ...

    def candle_page(self, timeframe: Timeframe) -> int:
        """Return how many candles one question may ask for. Raises LinkError where none."""
        ...

    async def server_time_ms(self) -> float:
        """Return the exchange's clock. Raises LinkError."""
        ...

    async def close(self) -> None: ...
