"""What the admin's cells show: marks of outcomes, times, prices, links.

A mark has a shape and a word beside its colour; classes only, since the pages allow no inline
style. Read by the tables of `predictions.admin`.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inference.vocabulary import OutcomeStatus, SignalResult
from predictions.models import ForecastOutcome, SignalOutcome
from predictions.moments import moment

GOOD, BAD, EVEN, UNKNOWN = "good", "bad", "even", "unknown"
_SHAPES = {GOOD: "\u25b2", BAD: "\u25bc", EVEN: "\u25a0", UNKNOWN: "?"}

_RESULTS = {
    SignalResult.TAKE_PROFIT: (GOOD, "target 1"),
    SignalResult.STOP_LOSS: (BAD, "stop-loss"),
    SignalResult.TIMED_OUT: (EVEN, "timed out"),
    SignalResult.NO_TRADE: (EVEN, "no trade"),
}


def mark(kind: str, word: str) -> SafeString:
    """Return a word with its kind's shape; kind is one of GOOD, BAD, EVEN, UNKNOWN."""
    return format_html(
        '<span class="mark mark-{}"><span aria-hidden="true">{}</span> {}</span>',
        kind,
        _SHAPES[kind],
        word,
    )


def forecast_mark(outcome: ForecastOutcome | None) -> SafeString | None:
    """Return a forecast's mark: hit, miss, no move, or why it cannot be graded."""
    if outcome is None:
        return None
    if outcome.status == OutcomeStatus.UNGRADABLE:
        return mark(UNKNOWN, outcome.reason.replace("_", " "))
    if outcome.direction_hit is None:
        return mark(EVEN, "no move")
    return mark(GOOD, "hit") if outcome.direction_hit else mark(BAD, "miss")


def signal_mark(outcome: SignalOutcome | None) -> SafeString | None:
    """Return a signal's mark: what ended it, or why it cannot be graded."""
    if outcome is None:
        return None
    if outcome.result in _RESULTS:
        return mark(*_RESULTS[SignalResult(outcome.result)])
    return mark(UNKNOWN, outcome.reason.replace("_", " "))


def late_mark(late: bool) -> SafeString | None:
    """Return the mark of what came too late to count; nothing where it did not."""
    return mark(UNKNOWN, "late") if late else None


def link(address: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def proof_link(leaf: int | None) -> SafeString | None:
    """Return a link to the proof that an entry is in the transparency log."""
    return None if leaf is None else link(reverse("ledger-proof", args=(leaf,)), f"leaf {leaf}")


def price(value: float | None, digits: int = 6) -> str | None:
    """Show a price by significant digits: coins cost from 1e-5 to 1e5."""
    return None if value is None else f"{value:.{digits}g}"


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def shown_moment(name: str) -> Callable[[Any], Any]:
    """Return a column that shows a field of milliseconds as a time in UTC."""

    @admin.display(description=name.removesuffix("_ts").replace("_", " "), ordering=name)
    def shown(row: Model) -> str | None:
        value: int | None = getattr(row, name)
        if value is None:
            return None
        at = moment(value).replace(tzinfo=None)
        return f"{at.isoformat(' ', 'milliseconds' if at.microsecond else 'seconds')} UTC"

    shown.__name__ = name
    return shown
