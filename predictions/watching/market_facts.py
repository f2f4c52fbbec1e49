"""A live market as an operator asks of it: the feed's connections, an outage, who is not traded.

Read by `/api/system`, `/metrics`, the alerts and the pages' health frames; out of the market
process's heartbeat and `listing:market`. Replayed and simulated markets have neither.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from market.feed_state import FeedState, Outage, feed_of, lost_exchange, outage_of
from market.listings import VENUE_FIELD, SymbolStatus, read_listings
from predictions.watching.heartbeats import Process, detail_of

Facts = dict[str, Any]


def feed_state(process: Process) -> FeedState | None:
    """Return the live feed that the market process tells of; None where there is none."""
    return feed_of(detail_of(process))


def outage(process: Process) -> Outage | None:
    """Return since when no exchange has answered the market process; None where one does."""
    told = outage_of(detail_of(process))
    feed = feed_state(process)
    if told is not None or feed is None:
        return told
    heard_ms = process.get("ts")
    return lost_exchange(feed, heard_ms) if isinstance(heard_ms, int) else None


def live_market_facts(process: Process) -> Facts:
    """Return `feed` and `outage`; null where the market process tells of none."""
    return {
        "feed": msgspec.to_builtins(feed_state(process)),
        "outage": msgspec.to_builtins(outage(process)),
    }


def exchange_clock(process: Process) -> Facts:
    """Return the exchange's clock against ours, ms: `offset_ms` is exchange minus ours."""
    feed = feed_state(process)
    return {
        "offset_ms": None if feed is None else feed.clock_offset_ms,
        "uncertainty_ms": None if feed is None else feed.clock_uncertainty_ms,
    }


def listing_facts(fields: Mapping[str, str]) -> Facts | None:
    """Return `venue` and `symbols`, those that are not traded first; None where none is known."""
    if not fields:
        return None
    known = sorted(
        read_listings(fields, None).values(),
        key=lambda each: (each.status is SymbolStatus.TRADING, each.symbol),
    )
    return {
        "venue": fields.get(VENUE_FIELD),
        "symbols": [
            msgspec.to_builtins(each) | {"since_ms": each.since_ms or None} for each in known
        ],
    }
