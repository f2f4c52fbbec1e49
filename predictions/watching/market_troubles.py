"""What is wrong with a live market, in words: no exchange, lost connections, coins not traded.

Read by the alerts. What is counted is judged by the last minute, so that an alert ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from market.feed_state import FeedState, Outage, Tried, tried_of
from market.listings import SymbolStatus
from predictions.watching.alert import Alert, Severity, names
from predictions.watching.heartbeats import Process, detail_of
from predictions.watching.market_facts import feed_state, outage

MOST_CLOCK_OFFSET_MS = 1_000.0
"""Features from so far ahead are refused, and data ages by as much."""

MOST_GAPS_A_MINUTE = 6

_WORDS = {
    SymbolStatus.HALTED: "has halted trading in",
    SymbolStatus.DELISTED: "does not list",
}
_ACTIONS = {
    SymbolStatus.HALTED: "Nothing: forecasts and signals go on when trading does.",
    SymbolStatus.DELISTED: (
        "Take it out of FORECAST_SYMBOLS and SIGNAL_SYMBOLS, or name the coin as it is listed now."
    ),
}


def market_troubles(process: Process, listings: Mapping[str, Any] | None) -> Iterator[Alert]:
    """Yield what is wrong with the live market; listings: as `listing_facts` has them."""
    down = outage(process)
    feed = feed_state(process)
    if down is None and feed is None:
        yield from _simulated_instead(detail_of(process))
    if down is not None:
        yield _feed_down(down)
    elif feed is not None:
        yield from _connections(feed)
    if feed is not None:
        yield from _clock(feed)
        yield from _counted(feed)
    if listings is not None:
        yield from _not_traded(listings)


def _simulated_instead(detail: Mapping[str, Any]) -> Iterator[Alert]:
    asked = tried_of(detail)
    if asked:
        yield Alert(
            "simulated_instead",
            Severity.INFO,
            "market",
            "No exchange answered when the market opened, so it is simulated; "
            f"tried {_said(asked)}.",
            "Start again once an exchange can be reached; or set MARKET_SOURCE=live, which waits.",
        )


def _said(asked: Sequence[Tried]) -> str:
    return ", ".join(f"{each.exchange} ({each.error})" for each in asked)


def _feed_down(down: Outage) -> Alert:
    since = datetime.fromtimestamp(down.since_ms / 1e3, UTC)
    tried = _said(down.tried)
    return Alert(
        "feed_down",
        Severity.CRITICAL,
        "market",
        f"No exchange answers since {since:%Y-%m-%d %H:%M:%S} UTC"
        f"{f'; tried {tried}' if tried else ''}.",
        "See this machine's network, and EXCHANGE; it is tried again by itself.",
    )


def _connections(feed: FeedState) -> Iterator[Alert]:
    lost = [each for each in feed.connections if not each.up]
    if not lost:
        return
    named = "; ".join(
        f"{each.name}: {names(each.symbols)}{f' ({each.error})' if each.error else ''}"
        for each in lost
    )
    yield Alert(
        "connection_lost",
        Severity.WARNING,
        "market",
        f"{len(lost)} of {len(feed.connections)} connections to {feed.exchange} are down: {named}.",
        "They are made anew by themselves; their coins get no model forecast meanwhile.",
    )


def _clock(feed: FeedState) -> Iterator[Alert]:
    offset_ms, doubt_ms = feed.clock_offset_ms, feed.clock_uncertainty_ms or 0.0
    if offset_ms is None or abs(offset_ms) - doubt_ms <= MOST_CLOCK_OFFSET_MS:
        return
    where = "ahead of" if offset_ms > 0 else "behind"
    yield Alert(
        "clock_offset",
        Severity.WARNING,
        "market",
        f"The clock of {feed.exchange} is {abs(offset_ms) / 1e3:.2f} s {where} this machine's.",
        "Have this machine's clock set by NTP.",
    )


def _counted(feed: FeedState) -> Iterator[Alert]:
    gaps = feed.last_minute.get("gaps", 0)
    if gaps > MOST_GAPS_A_MINUTE:
        yield Alert(
            "sequence_gaps",
            Severity.WARNING,
            "market",
            f"{gaps} books of {feed.exchange} broke in the last minute: updates were missing.",
            "Each is asked for anew; see whether this machine or its network keeps up.",
        )
    if conflated := feed.last_minute.get("conflated", 0):
        yield Alert(
            "feed_conflated",
            Severity.WARNING,
            "market",
            f"More came of {feed.exchange} than was taken in: {conflated} updates of the last "
            "minute were put together with newer ones. No trade is lost.",
            "See whether Redis hung; else follow fewer symbols, or give the market process more "
            "of a core.",
        )


def _not_traded(listings: Mapping[str, Any]) -> Iterator[Alert]:
    for status, words in _WORDS.items():
        found = [each for each in listings["symbols"] if each["status"] == status]
        if not found:
            continue
        renamed = [each["renamed_to"] for each in found if each["renamed_to"]]
        also = f" It lists {names(renamed)} now." if renamed else ""
        yield Alert(
            status.value,
            Severity.WARNING,
            "market",
            f"{listings['venue']} {words} {names([each['symbol'] for each in found])}.{also}",
            _ACTIONS[status],
        )
