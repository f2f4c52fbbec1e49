"""Which recordings a fake exchange plays, under which names, and where each begins in time.

Read by the exchange.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from market.fake_exchange.candles import CandleBook
from market.fake_exchange.frames import Kind
from market.fake_exchange.player import Player
from market.fake_exchange.reel import Reel

TOGETHER_NS = 3_600_000_000_000
"""Recordings that begin within this time of each other keep their places in time."""


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """What to serve. symbols: served names, () for the recordings' own; extra ones take turns.

    speed: recorded seconds per second, 0 for as fast as clients read. as_recorded: leave the
    exchange's times as they are. lock_step: nothing goes out until it is told to.
    """

    recordings: tuple[Path, ...]
    symbols: tuple[str, ...] = ()
    speed: float = 1.0
    as_recorded: bool = False
    loop: bool = True
    lock_step: bool = False


@dataclass(slots=True)
class Stage:
    """A player with its candles and the names of its streams, by symbol."""

    player: Player
    candles: CandleBook = field(default_factory=CandleBook)
    names: dict[str, dict[Kind, str]] = field(default_factory=dict)


def stages_of(plan: ExchangePlan) -> list[Stage]:
    """Open what a plan names. Raises FeedError where a recording cannot be served."""
    reels = [Reel(path) for path in plan.recordings]
    names = _names(reels, plan.symbols)
    players = [
        Player(reel, served, loop=plan.loop)
        for reel, served in zip(reels, names, strict=True)
        if served
    ]
    for player in players:
        near = (other.reel.start_ns for other in players)
        player.origin_ns = min(
            start for start in near if abs(start - player.reel.start_ns) <= TOGETHER_NS
        )
    return [
        Stage(
            player,
            names={
                symbol: {kind: f"{symbol.lower()}@{kind}" for kind in Kind}
                for symbol in player.symbols
            },
        )
        for player in players
    ]


def _names(reels: Sequence[Reel], symbols: Sequence[str]) -> list[tuple[str, ...]]:
    """Return which symbols each reel is served as: its own first, the others in turn."""
    if not symbols:
        return [(reel.symbol,) for reel in reels]
    given: list[list[str]] = [[] for _ in reels]
    own = {reel.symbol: position for position, reel in enumerate(reels)}
    others = [symbol for symbol in symbols if symbol not in own]
    for symbol in symbols:
        if symbol in own:
            given[own[symbol]].append(symbol)
    for turn, symbol in enumerate(others):
        given[turn % len(reels)].append(symbol)
    return [tuple(each) for each in given]
