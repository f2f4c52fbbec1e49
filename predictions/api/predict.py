"""`/predict`: the newest forecast of one symbol, in the specification's fields.

For bots and notebooks; served from Redis, without the database.
"""

from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from inference.forecasts.prediction_cache import from_hash
from inference.vocabulary import REASON_TEXTS, Reason
from market import keys
from market.feed_state import FEED_DOWN
from market.symbols import UnknownSymbolError, parse_symbol
from predictions.api.errors import UnservedSymbolError, error_response, read_only
from predictions.api.redis_client import web_redis
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import PredictDescription
from predictions.api.signal_queries import refuse_others
from predictions.api.throttling import throttled
from predictions.watching.heartbeats import told


@described_by(PredictDescription)
@read_only
@throttled
async def predict(request: HttpRequest) -> HttpResponse:
    """Answer `?symbol=` (default: the first served) with the forecast, or say why not."""
    refuse_others(request.GET, ("symbol",))
    symbol = forecast_symbol(request.GET.get("symbol", settings.FORECAST_SYMBOLS[0]))
    try:
        forecast = from_hash(symbol, await _hash(keys.pred(symbol)))
        if forecast is not None:
            return JsonResponse(forecast)
        market = told(await _hash(keys.health("market")))
    except (redis.RedisError, OSError):
        return error_response(503, "redis_unavailable", "Redis does not answer; try again soon")
    if market["status"] == FEED_DOWN:
        return error_response(503, "feed_down", REASON_TEXTS[Reason.FEED_DOWN])
    return error_response(
        503, "no_forecast", f"there is no forecast of {symbol} from the last minute"
    )


async def _hash(key: str) -> dict[str, str]:
    try:
        fields: Any = await web_redis().hgetall(key)
    except redis.ResponseError:
        return {}  # the key holds another type; its writer replaces it
    return dict(fields)


def forecast_symbol(text: str) -> str:
    """Return the stored form of a symbol. Raises UnservedSymbolError where none is forecast."""
    try:
        symbol = parse_symbol(text)
    except UnknownSymbolError as error:
        raise UnservedSymbolError(str(error)) from error
    if symbol not in settings.FORECAST_SYMBOLS:
        served = ", ".join(settings.FORECAST_SYMBOLS)
        raise UnservedSymbolError(f"{symbol} is not forecast here; served are {served}")
    return symbol
