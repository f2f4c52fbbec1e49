"""One thing that is wrong, how bad it is, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST_NAMED = 8
"""Symbols that one alert names; how many more there are, it says."""

SETTINGS_TAG = "settings"
"""Under which our own checks of the settings are registered."""


class Severity(StrEnum):
    """How bad it is: something stands still; something is lacking; good to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong. code: for programs; subject: a process, a store or settings."""

    code: str
    severity: Severity
    subject: str
    message: str
    action: str


def names(symbols: Sequence[object]) -> str:
    """Return symbols as a sentence names them."""
    named = ", ".join(str(each) for each in symbols[:MOST_NAMED])
    more = len(symbols) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
