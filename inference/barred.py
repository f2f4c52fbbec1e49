"""Which symbols cannot be predicted at all: no exchange answers, or it has halted or dropped them.

Read by both loops, from what the market process says in Redis. It changes seldom, so it is read
beside their work, never within a tick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.handover.link import Command
from market import keys
from market.clock import LIVE_TIME, MarketTime
from market.feed_state import FEED_DOWN
from market.listings import Listing, SymbolStatus, read_listings


@dataclass(frozen=True, slots=True)
class Barred:
    """feed_down: no exchange answers. symbols: those that their exchange does not trade now."""

    feed_down: bool = False
    symbols: Mapping[str, Listing] = field(default_factory=dict)


NOBODY = Barred()

COMMANDS: tuple[Command, ...] = (
    ("HGETALL", keys.listings()),
    ("HGET", keys.health("market"), "status"),
)
"""What to ask Redis for."""


def read_barred(replies: Sequence[Any], market: MarketTime) -> Barred:
    """Return what the replies to COMMANDS say of a market; what cannot be read says nothing.

    A hash may come as a mapping, or as a list of names and values by turns.
    """
    listed, status = replies
    if isinstance(listed, list):
        listed = dict(zip(listed[::2], listed[1::2], strict=False))
    fields = {_text(name): _text(value) for name, value in _items(listed)}
    known = read_listings(fields, None if market is LIVE_TIME else market.venue)
    return Barred(
        feed_down=isinstance(status, bytes | str) and _text(status) == FEED_DOWN,
        symbols={
            each.symbol: each for each in known.values() if each.status is not SymbolStatus.TRADING
        },
    )


def _items(reply: Any) -> Sequence[tuple[Any, Any]]:
    return list(reply.items()) if isinstance(reply, Mapping) else []


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
