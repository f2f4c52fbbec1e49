"""The words that ledger fields may hold: called, not listed, so that a new one is no migration."""

from inference.vocabulary import (
    ENGINES,
    Direction,
    OutcomeStatus,
    Reason,
    Role,
    SignalReason,
    SignalResult,
    Source,
    Ungradable,
)
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe

NO_REASON = "–"
"""How "" reads in the admin: a link must have a text."""


def sources() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Source]


def reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value or NO_REASON) for word in Reason]


def roles() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Role]


def outcome_statuses() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in OutcomeStatus]


def ungradable_reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value or NO_REASON) for word in Ungradable]


def directions() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Direction]


def signal_reasons() -> list[tuple[str, str]]:
    return [(word.value, word.value or NO_REASON) for word in SignalReason]


def timeframes() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in SIGNAL_TIMEFRAMES]


def signal_results() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in SignalResult]


def path_timeframes() -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in Timeframe]


def engines() -> list[tuple[str, str]]:
    return [(word, word) for word in ENGINES]
