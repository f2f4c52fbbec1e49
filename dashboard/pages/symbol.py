"""`/symbols/SYMBOL`: one coin's candles with the signals that were given on them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from dashboard.pages.words import SIGNAL_UNGRADABLE_TEXTS
from dashboard.shell import render_page
from inference.vocabulary import DIRECTIONS, SIGNAL_REASON_TEXTS
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.symbols import UnknownSymbolError, parse_symbol


@require_safe
def symbol(request: HttpRequest, asked: str) -> HttpResponse:
    """Show one coin; its other spellings lead to its own address."""
    served = tuple(dict.fromkeys((*settings.SIGNAL_SYMBOLS, *settings.FORECAST_SYMBOLS)))
    try:
        name = parse_symbol(asked)
    except UnknownSymbolError:
        name = ""
    if name not in served:
        context = {"asked": asked, "symbols": served}
        return render_page(request, "dashboard/unknown_symbol.html", context, status=404)
    if name != asked:
        response = redirect("dashboard:symbol", asked=name)
        response["Location"] += f"?{request.GET.urlencode()}" if request.GET else ""
        return response
    page = {
        "symbol": name,
        "symbols": served,
        "timeframes": SIGNAL_TIMEFRAMES,
        "directions": DIRECTIONS,
        "forecast": name in settings.FORECAST_SYMBOLS,
        "page": _page(name),
    }
    return render_page(request, "dashboard/symbol.html", page, here="signals")


def _page(name: str) -> dict[str, Any]:
    prediction = settings.INFERENCE.prediction
    return {
        "symbol": name,
        "timeframes": [{"name": each, "ms": each.ms} for each in SIGNAL_TIMEFRAMES],
        "forecast": name in settings.FORECAST_SYMBOLS,
        "signals": name in settings.SIGNAL_SYMBOLS,
        "maxFeatureAgeMs": round(prediction.max_feature_age_seconds * 1000),
        "reasons": {str(code): text for code, text in SIGNAL_REASON_TEXTS.items() if code},
        "ungradable": {str(code): text for code, text in SIGNAL_UNGRADABLE_TEXTS.items()},
    }
