"""`/signals`: every coin's signals of every timeframe, live.

The page's address holds what is shown (filters, order, choice); the browser alone reads it.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard.shell import render_page
from inference.vocabulary import SIGNAL_REASON_TEXTS
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.accuracy.quality import SIGNAL_CANDLES

QUOTE = "USDT"


@require_safe
def signals(request: HttpRequest) -> HttpResponse:
    """Show every coin's signals of every timeframe, live."""
    page = {
        "rows": [_named(symbol) for symbol in settings.SIGNAL_SYMBOLS],
        "timeframes": SIGNAL_TIMEFRAMES,
        "page": _page(),
    }
    return render_page(request, "dashboard/signals.html", page, here="signals")


def _named(symbol: str) -> tuple[str, str, str]:
    # A narrow screen has no room for the currency that nearly all are quoted in.
    base = symbol.removesuffix(QUOTE)
    return symbol, base, symbol[len(base) :]


def _page() -> dict[str, Any]:
    prediction = settings.INFERENCE.prediction
    return {
        "symbols": settings.SIGNAL_SYMBOLS,
        "forecastSymbols": settings.FORECAST_SYMBOLS,
        "timeframes": [{"name": each, "ms": each.ms} for each in SIGNAL_TIMEFRAMES],
        "maxFeatureAgeMs": round(prediction.max_feature_age_seconds * 1000),
        "reasons": {str(code): text for code, text in SIGNAL_REASON_TEXTS.items() if code},
        "recordLast": SIGNAL_CANDLES,
        "urls": {
            "rows": reverse("signals"),
            "record": reverse("accuracy"),
            # The reader's choice takes the place of 0.
            "signal": reverse("dashboard:signal", args=(0,)),
            "accuracy": reverse("dashboard:accuracy"),
        },
    }
