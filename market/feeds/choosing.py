"""Which exchange a live market is of: who is asked, what is said while none answers, and when
`auto` may do without. Nothing here speaks to an exchange itself.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from market.backoff import Backoff
from market.exchanges import Exchange
from market.feed_state import Outage, Tried
from market.feeds import FeedError
from market.feeds.live.asking import StoppedError
from market.feeds.live.link import LinkError
from market.feeds.live.markets import Markets

ASK_SECONDS = 10.0
"""In so long some exchange must have answered, however many are asked."""

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0

log = structlog.get_logger(__name__)

Ask = Callable[[Exchange, float], Markets]
"""Asks one exchange for so many seconds. Raises LinkError, FeedError or StoppedError."""


class Waiting(Protocol):
    """What goes on while there is no feed: the heartbeat, and whether to go on at all."""

    def going_on(self) -> bool:
        """Tell whether to go on; asked some times a second."""
        ...

    def down(self, outage: Outage) -> None:
        """Say from now on that no exchange answers."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """The exchange that answered first, what it lists, and who was asked before it."""

    exchange: Exchange
    markets: Markets
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class NobodyAnswers:
    """What came of asking. wait_seconds: how long one asked to be left alone."""

    tried: tuple[Tried, ...]
    wait_seconds: float = 0.0


def ask_in_turn(
    exchanges: Sequence[Exchange], ask: Ask, seconds: float = ASK_SECONDS
) -> Found | NobodyAnswers:
    """Ask one after the other; each may take its share of the seconds that are left.

    Raises FeedError where the only one lists none of the wanted symbols; StoppedError.
    """
    tried: list[Tried] = []
    wait_seconds = 0.0
    ends_at = time.monotonic() + seconds
    for position, exchange in enumerate(exchanges):
        share = (ends_at - time.monotonic()) / (len(exchanges) - position)
        try:
            return Found(exchange, ask(exchange, max(share, 0.1)), tuple(tried))
        except LinkError as error:
            wait_seconds = max(wait_seconds, error.wait_seconds or 0.0)
            tried.append(Tried(exchange.name, str(error)))
        except FeedError as error:
            if len(exchanges) == 1:
                raise
            tried.append(Tried(exchange.name, str(error)))
    return NobodyAnswers(tuple(tried), wait_seconds)


def find_exchange(
    exchanges: Sequence[Exchange], ask: Ask, waiting: Waiting, *, may_do_without: bool
) -> Found | NobodyAnswers | None:
    """Ask until one answers, with growing waits between; None once told to stop.

    may_do_without: give up after the first time, and say who was asked.
    Raises FeedError where the only exchange lists none of the wanted symbols.
    """
    backoff = Backoff(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
    since_ms = time.time() * 1e3
    try:
        while waiting.going_on():
            answer = ask_in_turn(exchanges, ask)
            if isinstance(answer, Found) or may_do_without:
                return answer
            seconds = max(backoff.next_seconds(), answer.wait_seconds)
            log.warning(
                "feed_down",
                tried={each.exchange: each.error for each in answer.tried},
                again_in_seconds=round(seconds, 1),
            )
            waiting.down(Outage(since_ms, answer.tried, time.time() * 1e3 + seconds * 1e3))
            _sleep(seconds, waiting)
    except StoppedError:
        pass
    return None


@dataclass(frozen=True, slots=True)
class Independence:
    """Whether `auto` may simulate a market where no exchange answers.

    been_live: the file that says that this instance has had a live market. listeners: settings
    that hand predictions on to others, who would take a made-up market for a real one.
    """

    been_live: Path
    listeners: tuple[str, ...] = ()

    @property
    def may_simulate(self) -> bool:
        return not self.listeners and not self.been_live.exists()

    def mark_live(self) -> None:
        """Remember for good that this instance has had a live market. Raises OSError."""
        self.been_live.parent.mkdir(parents=True, exist_ok=True)
        self.been_live.touch()


def _sleep(seconds: float, waiting: Waiting) -> None:
    ends_at = time.monotonic() + seconds
    while waiting.going_on() and (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
