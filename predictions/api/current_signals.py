"""`/api/predictions`: the newest signals, of all coins, of one, or of one at every timeframe.

For bots and notebooks; served from Redis, without the database.
"""

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response

from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.api.errors import RedisUnavailableError, read_only
from predictions.api.schema.describing import described_by
from predictions.api.schema.signal_operations import (
    PredictionDescription,
    PredictionsDescription,
    SummaryDescription,
)
from predictions.api.signal_answers import Answer, list_answer, summary_answer
from predictions.api.signal_board import Reading, Slot, signal_board
from predictions.api.signal_queries import (
    asked_symbols,
    asked_timeframe,
    refuse_others,
    served_symbol,
)
from predictions.api.throttling import throttled


@described_by(PredictionsDescription)
@read_only
@throttled
async def predictions(request: HttpRequest) -> HttpResponse:
    """Answer `?timeframe=&symbols=` with the signals, and say which coins have none and why."""
    refuse_others(request.GET, ("timeframe", "symbols"))
    return await _listed(request, asked_symbols(request.GET))


@described_by(PredictionDescription)
@read_only
@throttled
async def prediction(request: HttpRequest, symbol: str) -> HttpResponse:
    """Answer `?timeframe=` with one coin's signal, in the list's envelope."""
    refuse_others(request.GET, ("timeframe",))
    return await _listed(request, (served_symbol(symbol),))


@described_by(SummaryDescription)
@read_only
@throttled
async def summary(request: HttpRequest, symbol: str) -> HttpResponse:
    """Answer with one coin's signals at every timeframe, and how far they agree."""
    refuse_others(request.GET, ())
    stored = served_symbol(symbol)
    reading = await _read(tuple((stored, timeframe) for timeframe in SIGNAL_TIMEFRAMES))
    now_ms = reading.now_ms()
    answer = summary_answer(reading.contents, stored, SIGNAL_TIMEFRAMES, now_ms)
    return _response(request, answer, now_ms)


async def _listed(request: HttpRequest, symbols: tuple[str, ...]) -> HttpResponse:
    timeframe = asked_timeframe(request.GET)
    # All coins are read whichever are asked for: one reading then serves every question.
    reading = await _read(tuple((symbol, timeframe) for symbol in settings.SIGNAL_SYMBOLS))
    now_ms = reading.now_ms()
    return _response(request, list_answer(reading.contents, timeframe, symbols, now_ms), now_ms)


async def _read(slots: tuple[Slot, ...]) -> Reading:
    try:
        return await signal_board().read(slots)
    except (redis.RedisError, OSError) as error:
        raise RedisUnavailableError from error


def _response(request: HttpRequest, answer: Answer, now_ms: float) -> HttpResponse:
    response = HttpResponse(answer.body(now_ms), content_type="application/json")
    response["ETag"] = answer.etag
    response["Cache-Control"] = "no-cache"
    conditional = get_conditional_response(request, etag=answer.etag, response=response)
    return response if conditional is None else conditional
