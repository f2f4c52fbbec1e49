"""`/`: markets and their forecasts, live."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.first_forecast import first_forecast
from dashboard.pages.words import SOURCE_TEXTS, UNGRADABLE_TEXTS
from dashboard.shell import decimals_of_prices, page_context, render_page
from inference.vocabulary import REASON_TEXTS
from market.symbols import UnknownSymbolError, parse_symbol

PROCESSES = (
    ("market", "Market feed"),
    ("inference", "Forecasts"),
    ("signals", "Signals"),
    ("recorder", "Recorder"),
    ("web", "Web"),
    ("redis", "Redis"),
)
"""Name in a health frame, and in words."""


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Show one symbol's market and forecasts, and where several are forecast a list of all."""
    symbols = settings.FORECAST_SYMBOLS
    asked = request.GET.get("symbol", symbols[0])
    try:
        symbol = parse_symbol(asked)
    except UnknownSymbolError:
        symbol = ""
    if symbol not in symbols:
        unknown = {"asked": asked, "symbols": symbols, "forecast_alone": True}
        return render_page(request, "dashboard/unknown_symbol.html", unknown, status=404)
    decimals = decimals_of_prices()
    context = {
        "symbol": symbol,
        "first": first_forecast(symbol, decimals),
        "symbols": symbols,
        "processes": PROCESSES,
        "horizon_seconds": settings.INFERENCE.prediction.horizon_ms / 1000,
        "page": _page(symbol),
    }
    shell = page_context(request, "live", decimals=decimals)
    return render(request, "dashboard/live.html", shell | context)


def _page(symbol: str) -> dict[str, Any]:
    prediction = settings.INFERENCE.prediction
    return {
        "symbol": symbol,
        "tickMs": prediction.tick_ms,
        "horizonMs": prediction.horizon_ms,
        "maxFeatureAgeMs": round(prediction.max_feature_age_seconds * 1000),
        "reasons": {str(code): text for code, text in REASON_TEXTS.items() if code},
        "sources": {str(code): text for code, text in SOURCE_TEXTS.items()},
        "ungradable": {str(code): text for code, text in UNGRADABLE_TEXTS.items()},
    }
