"""`/models`: what is served for what. The page carries words, and what they mean; `/api/models` all
that is known."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.shell import render_page
from inference.vocabulary import SIGNAL_REASON_TEXTS
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.cards.glossary import Panel, words_of


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Show the map of what is served, and a card for each model in it."""
    words = {panel.value: words_of(panel) for panel in Panel}
    context = {"page": _page(), "words": words}
    return render_page(request, "dashboard/models.html", context, here="models")


def _page() -> dict[str, Any]:
    return {
        "timeframes": [timeframe.value for timeframe in SIGNAL_TIMEFRAMES],
        "reasons": {str(code): text for code, text in SIGNAL_REASON_TEXTS.items() if code},
    }
