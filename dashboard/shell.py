"""What every page is given: where it can go, the reader's theme, each coin's decimals.

Read by the views in `dashboard.pages` and `dashboard.views`. Numbers of the market never stand in
a page: they come over the WebSocket and from REST.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from market.candles.tick_sizes import price_decimals
from market.listings import Listing
from predictions.api.running_market import listings_of, running_market

THEMES = ("light", "dark")
"""What the cookie `theme` may ask for; anything else is the system's choice."""

PAGES = (
    ("live", "dashboard:live", "Live"),
    ("signals", "dashboard:signals", "Signals"),
    ("accuracy", "dashboard:accuracy", "Accuracy"),
    ("models", "dashboard:models", "Models"),
    ("system", "dashboard:system", "System"),
    ("docs", "docs", "API"),
    ("admin", "admin:index", "Admin"),
)
"""Name of a page (`here` in its context), its URL's name, its word in the navigation."""

SIMULATED_VENUE = "simulated"


def page_context(
    request: HttpRequest, here: str, *, decimals: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return what the shell's template needs. here: the page's name in PAGES, or empty.

    decimals: of each symbol's prices, where they are not to be read from candles.
    """
    theme = request.COOKIES.get("theme", "")
    return {
        "here": here,
        "pages": PAGES,
        "theme": theme if theme in THEMES else "",
        "shell": {
            "forecastSymbols": settings.FORECAST_SYMBOLS,
            "signalSymbols": settings.SIGNAL_SYMBOLS,
            "priceDecimals": decimals_of_prices() if decimals is None else decimals,
        },
    }


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    here: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render a page in the shell; the page's own context wins."""
    return render(request, template, page_context(request, here) | dict(context), status=status)


def decimals_of_prices() -> dict[str, int]:
    """Return the decimals of each symbol's tick size, without those that nothing tells.

    Slow where it is asked first: it reads candles. Not for an event loop.
    """
    symbols = dict.fromkeys((*settings.FORECAST_SYMBOLS, *settings.SIGNAL_SYMBOLS))
    known: dict[str, int] = {}
    running, listings = _running()
    for venue in _venues(running):
        missing = [symbol for symbol in symbols if symbol not in known]
        found = price_decimals(
            settings.CANDLES_DIR,
            settings.CANDLE_EXCHANGE,
            venue,
            missing,
            listings if venue == running else {},
        )
        known |= {symbol: digits for symbol, digits in found.items() if digits is not None}
    return known


def _running() -> tuple[str | None, Mapping[str, Listing]]:
    try:
        return async_to_sync(_asked)()
    except (redis.RedisError, OSError):
        return None, {}


async def _asked() -> tuple[str, Mapping[str, Listing]]:
    venue = (await running_market()).venue
    return venue, await listings_of(venue)


def _venues(running: str | None) -> Iterable[str]:
    # Where the running market has no candles of a coin, another's are the best guess.
    guesses = (SIMULATED_VENUE, settings.CANDLE_EXCHANGE)
    if settings.MARKET_SOURCE in ("live", "replay"):
        guesses = guesses[::-1]
    return guesses if running is None else dict.fromkeys((running, *guesses))
