"""Codes of the ledger in words. Read by the record's pages."""

from dashboard.pages.words import SIGNAL_UNGRADABLE_TEXTS, SOURCE_TEXTS, UNGRADABLE_TEXTS
from inference.vocabulary import (
    REASON_TEXTS,
    SIGNAL_REASON_TEXTS,
    Direction,
    Reason,
    Role,
    SignalReason,
    Source,
    Ungradable,
)

ROLE_TEXTS: dict[Role, str] = {
    Role.CHAMPION: "a trained model that passed the gate",
    Role.BASELINE: "no trained model was shown to be better",
    Role.SHADOW: "on trial: recorded, not published",
}
_WAYS = {Direction.LONG: "up", Direction.SHORT: "down", Direction.NO_TRADE: "flat"}


def way(direction: str) -> str:
    """Return up, down or flat, as the styles call them."""
    return _WAYS[Direction(direction)]


def direction_word(direction: str) -> str:
    """Return a direction as people read it; "" for none."""
    return direction.replace("_", " ")


def signal_reason(code: str) -> str:
    """Return why a signal is NO_TRADE; "" where there is no reason to give."""
    return SIGNAL_REASON_TEXTS[SignalReason(code)]


def forecast_reason(code: str) -> str:
    """Return why a forecast is a fallback or marked; "" where there is no reason to give."""
    return REASON_TEXTS[Reason(code)]


def source_text(code: str) -> str:
    """Return where a forecast came from."""
    return SOURCE_TEXTS[Source(code)]


def ungradable_text(code: str) -> str:
    """Return why a forecast has no outcome to be judged by."""
    return UNGRADABLE_TEXTS.get(Ungradable(code), "")


def ungradable_signal_text(code: str) -> str:
    """Return why a signal has no outcome to be judged by."""
    return SIGNAL_UNGRADABLE_TEXTS.get(Ungradable(code), "")


def role_text(code: str) -> str:
    """Return what a model version was when it spoke."""
    return ROLE_TEXTS[Role(code)]


def venue_tag(venue: str, *, live: bool) -> str:
    """Return what a market that is not a live one is to be called; "" for a live one."""
    if live:
        return ""
    return "SIMULATED" if venue.startswith("simulated") else "REPLAY"
