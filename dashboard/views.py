"""The pages. They carry words and limits; every number comes over the WebSocket."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from inference.vocabulary import REASON_TEXTS, SIGNAL_REASON_TEXTS, Source, Ungradable
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.symbols import UnknownSymbolError, parse_symbol

QUOTE = "USDT"

SOURCE_TEXTS: dict[Source, str] = {
    Source.REDIS: "model, on fresh features",
    Source.STALE: "extrapolated from the last model forecast",
    Source.ERROR: "no forecast",
    Source.TREND: "linear trend in place of the model",
    Source.EMERGENCY: "emergency, no forecast",
}

UNGRADABLE_TEXTS: dict[Ungradable, str] = {
    Ungradable.NO_FORECAST: "there was no forecast",
    Ungradable.NO_PRICE_AT_TARGET: "no price was seen at the target time",
    Ungradable.MADE_TOO_LATE: "it was made after its target time",
    Ungradable.PATH_MISSING: "the candles that followed it are not all there",
}


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon those browsers that ask for it where icons used to be."""
    return redirect(static("dashboard/icon.svg"))


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Show one symbol's market and forecasts, live."""
    symbols = settings.FORECAST_SYMBOLS
    asked = request.GET.get("symbol", symbols[0])
    try:
        symbol = parse_symbol(asked)
    except UnknownSymbolError:
        symbol = ""
    if symbol not in symbols:
        context = {"asked": asked, "symbols": symbols}
        return render(request, "dashboard/unknown_symbol.html", context, status=404)
    page = {"symbol": symbol, "symbols": symbols, "page": _live(symbol), "here": "live"}
    return render(request, "dashboard/live.html", page)


@require_safe
def signals(request: HttpRequest) -> HttpResponse:
    """Show every coin's signals of every timeframe, live."""
    page = {
        "rows": [_named(symbol) for symbol in settings.SIGNAL_SYMBOLS],
        "timeframes": SIGNAL_TIMEFRAMES,
        "page": _signals(),
        "here": "signals",
    }
    return render(request, "dashboard/signals.html", page)


def _named(symbol: str) -> tuple[str, str, str]:
    # A narrow screen has no room for the currency that nearly all are quoted in.
    base = symbol.removesuffix(QUOTE)
    return symbol, base, symbol[len(base) :]


def _signals() -> dict[str, Any]:
    prediction = settings.INFERENCE.prediction
    return {
        "socketPath": "/ws/predictions/",
        "symbols": settings.SIGNAL_SYMBOLS,
        "forecastSymbols": settings.FORECAST_SYMBOLS,
        "timeframes": [{"name": each, "ms": each.ms} for each in SIGNAL_TIMEFRAMES],
        "maxFeatureAgeMs": round(prediction.max_feature_age_seconds * 1000),
        "reasons": {str(code): text for code, text in SIGNAL_REASON_TEXTS.items() if code},
    }


def _live(symbol: str) -> dict[str, Any]:
    prediction = settings.INFERENCE.prediction
    return {
        "symbol": symbol,
        "socketPath": f"/ws/predictions/{symbol}/",
        "tickMs": prediction.tick_ms,
        "horizonMs": prediction.horizon_ms,
        "maxFeatureAgeMs": round(prediction.max_feature_age_seconds * 1000),
        "reasons": {str(code): text for code, text in REASON_TEXTS.items() if code},
        "sources": {str(code): text for code, text in SOURCE_TEXTS.items()},
        "ungradable": {str(code): text for code, text in UNGRADABLE_TEXTS.items()},
    }
