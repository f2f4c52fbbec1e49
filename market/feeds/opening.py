"""Which feed the settings ask for, and the name under which its results are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from market.feeds import Feed, FeedError
from market.feeds.replay import ReplayFeed
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.arrivals import Flow


@dataclass(frozen=True, slots=True)
class OpenedFeed:
    """A feed with its venue. in_utc: its market time is UTC, else it is a time of its own."""

    feed: Feed
    venue: str
    live: bool
    speed: float
    in_utc: bool


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """What the settings say of the market. candle_symbols: of which candles are wanted."""

    source: str
    symbols: tuple[str, ...]
    replay: tuple[Path, ...]
    speed: float
    seed: int
    flow: Flow = "hawkes"
    candle_symbols: tuple[str, ...] = ()


def open_feed(choice: MarketChoice, now_ms: int, next_run: Callable[[], int]) -> OpenedFeed:
    """Open the feed that the settings ask for.

    next_run gives a new number to each run whose market time is not UTC: such runs repeat
    times, so their results are kept under a venue of their own.
    Raises FeedError where it cannot be opened, saying what to set.
    """
    if choice.source == "live":
        raise FeedError(
            "MARKET_SOURCE=live: the live feed is not part of this version; "
            "use replay, simulated or auto"
        )
    if choice.source == "replay":
        return _open_replay(choice.replay, choice.speed, next_run)
    return _open_simulated(choice, now_ms, next_run)


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
