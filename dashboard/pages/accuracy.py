"""`/accuracy`: what predictions were worth. It carries choices; `/api/accuracy` the numbers."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.pages.words import SIGNAL_UNGRADABLE_TEXTS, SOURCE_TEXTS, UNGRADABLE_TEXTS
from dashboard.shell import render_page
from inference.vocabulary import ENGINES, FORECASTS, SIGNALS, Role
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.accuracy.venues import recorded_venues


@require_safe
def accuracy(request: HttpRequest) -> HttpResponse:
    """Show the record of one engine in one venue."""
    return render_page(request, "dashboard/accuracy.html", {"page": _page()}, here="accuracy")


def _page() -> dict[str, Any]:
    return {
        "symbols": {FORECASTS: settings.FORECAST_SYMBOLS, SIGNALS: settings.SIGNAL_SYMBOLS},
        "timeframes": [timeframe.value for timeframe in SIGNAL_TIMEFRAMES],
        "roles": [role.value for role in Role],
        "sources": {str(source): text for source, text in SOURCE_TEXTS.items()},
        "ungradable": {FORECASTS: UNGRADABLE_TEXTS, SIGNALS: SIGNAL_UNGRADABLE_TEXTS},
        "venues": {engine: _venues(engine) for engine in ENGINES},
        "feeBp": settings.FEE_BP,
    }


def _venues(engine: str) -> list[dict[str, Any]] | None:
    # Without them the page still asks for the running market's record, and says what it is told.
    try:
        return [asdict(venue) for venue in recorded_venues(engine)]
    except (DatabaseError, InterfaceError):
        return None
