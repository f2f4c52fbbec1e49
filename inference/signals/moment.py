"""Which market a signal is about, and what time it is there.

A feed of ours says so in Redis (`clock:market`); without one it is what MARKET_SOURCE names, as
far as candles of it are stored. Read by the service, the `predict` command and `make_prediction`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import redis
import structlog

from market import keys
from market.clock import MarketTime
from market.redis_cluster import AWAY, connect

SIMULATED = "simulated"
LIVE = "live"
REPLAY = "replay"
_SOCKET_SECONDS = 0.5

log = structlog.get_logger(__name__)


class UnreadableClockError(Exception):
    """`clock:market` makes no sense: nothing is predicted until a feed has mended it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A market, and its time (UTC ms of the market: a replay's is that of its recording)."""

    venue: str
    live: bool
    now_ms: float

    @classmethod
    def of(cls, market: MarketTime, wall_ms: float | None = None) -> Self:
        """Return a market's moment at `wall_ms` (UTC), default now."""
        wall_ms = time.time() * 1e3 if wall_ms is None else wall_ms
        return cls(market.venue, market.live, market.market_at(wall_ms))

    def at(self, text: str) -> "Moment":
        """Return this market's moment at an ISO 8601 time, UTC unless it says otherwise.

        What is said of the past after the fact is not live. Raises ValueError.
        """
        try:
            time_of = datetime.fromisoformat(text)
        except ValueError as error:
            message = f"{text!r} is not a time; write it like 2024-09-01T12:00:00+00:00"
            raise ValueError(message) from error
        if time_of.tzinfo is None:
            time_of = time_of.replace(tzinfo=UTC)
        return Moment(self.venue, False, time_of.timestamp() * 1e3)


class MarketWatch:
    """Tells the moment, out of Redis while it answers.

    source, exchange: what the settings say of the market, for when no feed runs. stored: tells
    of which venues there are candles.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        cluster: bool = False,
        source: str = "auto",
        exchange: str = "binance",
        stored: Callable[[str], bool] = bool,
    ) -> None:
        self._url = redis_url
        self._cluster = cluster
        self._source = source
        self._exchange = exchange
        self._stored = stored
        self._client: Any = None

    def __call__(self) -> Moment:
        """Return the running market's moment.

        Raises UnreadableClockError where the clock is there and cannot be understood: to take
        a market of unknown kind for a live one would be the worst of mistakes.
        """
        try:
            fields = self._read()
        except redis.ResponseError as error:
            raise UnreadableClockError(f"{keys.clock()} cannot be read: {error}") from error
        except AWAY as error:
            log.debug("market_clock_unread", key=keys.clock(), error=str(error))
            fields = {}
        if not fields:
            return unwatched(self._source, self._exchange, self._stored)
        market = MarketTime.from_hash(fields)
        if market is None:
            raise UnreadableClockError(f"{keys.clock()} holds no market's time: {fields}")
        return Moment.of(market)

    def _read(self) -> Mapping[str, str]:
        if self._client is None:
            self._client = connect(
                self._url,
                cluster=self._cluster,
                decode_responses=True,
                encoding_errors="replace",
                socket_timeout=_SOCKET_SECONDS,
                socket_connect_timeout=_SOCKET_SECONDS,
                retry=None,
            )
        fields: Mapping[str, str] = self._client.hgetall(keys.clock())
        return fields


def unwatched(source: str, exchange: str, stored: Callable[[str], bool]) -> Moment:
    """Return the moment where nobody runs a market; the arguments are a MarketWatch's.

    It is the last simulation's candles, or the exchange's. A replay's own time is over; what it
    continued is there still.
    """
    now_ms = time.time() * 1e3
    if source == LIVE:
        return Moment(exchange, True, now_ms)
    imported = stored(exchange) and not stored(SIMULATED)
    if source == REPLAY or imported:
        return Moment(exchange, False, now_ms)
    return Moment(SIMULATED, False, now_ms)
