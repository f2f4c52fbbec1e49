"""Which feed the settings ask for, and the name under which its results are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from market.exchanges import SUPPORTED, Exchange, auto_order, venue_of
from market.feed_state import Tried
from market.feeds import Feed, FeedError
from market.feeds.choosing import Found, Independence, Waiting, find_exchange
from market.feeds.live.asking import ask_exchange
from market.feeds.live.links import make_link
from market.feeds.live.markets import Markets
from market.feeds.replay import ReplayFeed
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.arrivals import Flow
from market.listings import Listing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenedFeed:
    """A feed with its venue. in_utc: its market time is UTC, else it is a time of its own.

    listings: what a live exchange says of the symbols, asked for with each heartbeat. told: what
    the heartbeat's detail says besides of how this market was chosen.
    """

    feed: Feed
    venue: str
    live: bool
    speed: float
    in_utc: bool
    listings: Callable[[], Mapping[str, Listing]] | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """What the settings say of the market. candle_symbols: of which candles are wanted.

    exchange, exchange_url: EXCHANGE and EXCHANGE_URL. independence: whether `auto` may simulate;
    None where that is never asked.
    """

    source: str
    symbols: tuple[str, ...]
    replay: tuple[Path, ...]
    speed: float
    seed: int
    flow: Flow = "hawkes"
    candle_symbols: tuple[str, ...] = ()
    exchange: str = "binance"
    exchange_url: str = ""
    independence: Independence | None = None

    @property
    def asked(self) -> tuple[Exchange, ...]:
        """The exchanges that are asked, in turn. Another server is asked alone."""
        if self.source == "auto" and not self.exchange_url:
            return auto_order(self.exchange)
        return (SUPPORTED[self.exchange],)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every symbol that is wanted of an exchange, each once."""
        return tuple(dict.fromkeys((*self.symbols, *self.candle_symbols)))


def open_feed(
    choice: MarketChoice, now_ms: int, next_run: Callable[[], int], waiting: Waiting
) -> OpenedFeed | None:
    """Open the feed that the settings ask for; None once told to stop.

    next_run gives a new number to each run whose market time is not UTC: such runs repeat
    times, so their results are kept under a venue of their own.
    Raises FeedError where it cannot be opened, saying what to set. An exchange that does not
    answer is waited for.
    """
    if choice.source == "replay":
        return _open_replay(choice.replay, choice.speed, next_run)
    if choice.source == "simulated":
        return _open_simulated(choice, now_ms, next_run)
    return _open_exchange(choice, now_ms, next_run, waiting)


def _open_exchange(
    choice: MarketChoice, now_ms: int, next_run: Callable[[], int], waiting: Waiting
) -> OpenedFeed | None:
    def ask(exchange: Exchange, seconds: float) -> Markets:
        return ask_exchange(exchange, choice.exchange_url, choice.wanted, seconds, waiting.going_on)

    independence = choice.independence
    may_simulate = (
        choice.source == "auto" and independence is not None and independence.may_simulate
    )
    answer = find_exchange(choice.asked, ask, waiting, may_do_without=may_simulate)
    if answer is None:
        return None
    if isinstance(answer, Found):
        return _begin_live(choice, answer)
    log.warning("market_simulated", tried=_errors(answer.tried))
    opened = _open_simulated(choice, now_ms, next_run)
    return replace(opened, told=_told(choice, None, answer.tried))


def _begin_live(choice: MarketChoice, found: Found) -> OpenedFeed:
    from market.feeds.live.feed import LiveFeed  # with it comes ccxt

    exchange = found.exchange
    venue, live = venue_of(exchange, choice.exchange_url)
    if live and choice.independence is not None:
        choice.independence.mark_live()
    log.info("market_chosen", exchange=exchange.name, venue=venue, tried=_errors(found.tried))
    feed = LiveFeed(
        partial(make_link, exchange, choice.exchange_url),
        choice.symbols,
        choice.candle_symbols,
        found.markets,
    )
    return OpenedFeed(
        feed,
        venue,
        live=live,
        speed=1.0,
        in_utc=True,
        listings=lambda: found.markets.listings,
        told=_told(choice, exchange, found.tried),
    )


def _told(
    choice: MarketChoice, exchange: Exchange | None, tried: Sequence[Tried]
) -> dict[str, Any]:
    return {
        "source": choice.source,
        "exchange": None if exchange is None else exchange.name,
        "tried": msgspec.to_builtins(tried),
    }


def _errors(tried: Sequence[Tried]) -> dict[str, str]:
    return {each.exchange: each.error for each in tried}


def _open_replay(paths: Sequence[Path], speed: float, next_run: Callable[[], int]) -> OpenedFeed:
    if not paths:
        raise FeedError(
            "MARKET_SOURCE=replay: set MARKET_REPLAY to a folder of recorded frames (*.gz)"
        )
    feed = ReplayFeed(paths)
    return OpenedFeed(feed, f"{feed.name}/{next_run()}", live=False, speed=speed, in_utc=False)


def _open_simulated(choice: MarketChoice, now_ms: int, next_run: Callable[[], int]) -> OpenedFeed:
    feed = SimulatedFeed(
        choice.symbols,
        seed=choice.seed,
        start_ms=now_ms,
        flow=choice.flow,
        candle_symbols=choice.candle_symbols,
    )
    in_utc = choice.speed == 1.0
    venue = feed.name if in_utc else f"{feed.name}/{next_run()}"
    return OpenedFeed(feed, venue, live=False, speed=choice.speed, in_utc=in_utc)
