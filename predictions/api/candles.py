"""`/api/candles`: the stored candles of one market, for charts, bots and notebooks.

Only what has closed by market time; read from the store's files in a thread.
"""

import asyncio
from typing import Any

import orjson
import redis
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from market import keys
from market.clock import MarketTime
from predictions.api.candle_queries import CandleQuestion, candle_question
from predictions.api.errors import RedisUnavailableError, error_response, read_only
from predictions.api.filters import refuse_unknown
from predictions.api.redis_client import web_redis
from predictions.api.running_market import market_of
from predictions.api.schema.candle_operations import CandlesDescription
from predictions.api.schema.describing import described_by
from predictions.api.throttling import throttled
from predictions.models import Signal


@described_by(CandlesDescription)
@read_only
@throttled
async def candles(request: HttpRequest) -> HttpResponse:
    """Answer `?symbol=&timeframe=&venue=&to=&limit=` with candles, the newest last."""
    asked = candle_question(request.GET)
    try:
        await sync_to_async(refuse_unknown)(Signal, (asked.symbol,))
        clock = await _clock()
    except (DatabaseError, InterfaceError):
        return error_response(503, "database_unavailable", "the database does not answer")
    except (redis.RedisError, OSError) as error:
        raise RedisUnavailableError from error
    return await asyncio.to_thread(_answer, asked, market_of(clock) if clock else None)


async def _clock() -> Any:
    try:
        return await web_redis().hgetall(keys.clock())
    except redis.ResponseError as error:
        return error


def _answer(asked: CandleQuestion, running: MarketTime | None) -> HttpResponse:
    # Loads Polars, which the web process does not start with.
    from predictions.api.candle_answers import CandleStoreError, answer

    try:
        told = answer(asked, running)
    except CandleStoreError as error:
        return error_response(503, "candles_unreadable", error.told)
    response = HttpResponse(orjson.dumps(told), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response
