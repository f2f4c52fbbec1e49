"""What the market process says of a live feed in its heartbeat, `health:market`.

Written by the live feed and by whoever chooses the exchange; read by the loops, the pages, the
API and the alerts. `detail.feed` is a FeedState, `detail.outage` an Outage while the heartbeat's
status is FEED_DOWN. A reader takes what it can understand: a heartbeat is another process's text.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

ReadT = TypeVar("ReadT")

FEED_DOWN = "feed_down"
"""The heartbeat's status while no exchange answers."""

DOWN_AFTER_MS = 30_000.0
"""So long is a lost exchange reconnected to; forecasts go on meanwhile as of stale features."""


class Tried(msgspec.Struct, frozen=True):
    """One exchange that was asked, and what came of it."""

    exchange: str
    error: str


class Outage(msgspec.Struct, frozen=True):
    """No exchange answers. Times are UTC ms.

    since_ms: from when on none has answered. tried: in the order in which they were last asked.
    again_ms: when they are asked again, None where that is not known.
    """

    since_ms: float
    tried: tuple[Tried, ...] = ()
    again_ms: float | None = None


class ConnectionState(msgspec.Struct, frozen=True):
    """One connection of a live feed.

    age_ms: since it was made, None while it is not there. proof_age_ms: since anything came over
    it. round_trip_ms: of the last ping that was answered. attempts: in vain since it was last
    there. error: why it was lost, or cannot be made.
    """

    name: str
    up: bool
    age_ms: float | None = None
    proof_age_ms: float | None = None
    round_trip_ms: float | None = None
    attempts: int = 0
    error: str = ""
    symbols: tuple[str, ...] = ()


class FeedState(msgspec.Struct, frozen=True):
    """A live feed as a whole.

    counters: since its start, by name, such as frames, reconnects, gaps, conflated; last_minute:
    by how much they grew in it, where they did.
    clock_offset_ms: the exchange's clock minus ours; None while it is not known.
    clock_uncertainty_ms: by how much that may be wrong, to either side.
    """

    exchange: str
    connections: tuple[ConnectionState, ...] = ()
    counters: dict[str, int] = {}
    last_minute: dict[str, int] = {}
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


def feed_of(detail: Mapping[str, Any]) -> FeedState | None:
    """Return the live feed that a heartbeat's detail tells of; None where it tells of none."""
    return _read(detail.get("feed"), FeedState)


def outage_of(detail: Mapping[str, Any]) -> Outage | None:
    """Return what a heartbeat's detail says of an outage; None where it says nothing."""
    return _read(detail.get("outage"), Outage)


def tried_of(detail: Mapping[str, Any]) -> tuple[Tried, ...]:
    """Return who was asked before the market that runs was opened; empty where nobody was."""
    return _read(detail.get("tried"), tuple[Tried, ...]) or ()


def lost_exchange(feed: FeedState, now_ms: float) -> Outage | None:
    """Return the outage of a feed that has lost all of its connections; None where it has not.

    now_ms: when the feed said so, UTC.
    """
    if not feed.connections or any(each.up for each in feed.connections):
        return None
    silences = [each.proof_age_ms for each in feed.connections if each.proof_age_ms is not None]
    if silences and min(silences) < DOWN_AFTER_MS:
        return None
    if not silences and not any(each.attempts for each in feed.connections):
        return None  # being made for the first time
    errors = [each.error for each in feed.connections if each.error]
    tried = (Tried(feed.exchange, errors[0]),) if errors else ()
    return Outage(now_ms - min(silences, default=0.0), tried)


def _read(told: object, kind: type[ReadT]) -> ReadT | None:
    try:
        return None if told is None else msgspec.convert(told, kind)
    except (msgspec.ValidationError, ValueError):
        return None
