"""`/api/tradeable/<symbol>`: one boolean for bots that fails closed, with its reasons.

Whatever cannot be read makes it false, and is told with HTTP 200: a bot that looks at nothing
but the boolean is safe. Times are the web process's reading of Redis and the database now.
"""

import time
from dataclasses import asdict
from typing import Any

import msgspec
import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from inference.forecasts.prediction_cache import from_hash
from inference.signals.signal import Signal, decode_state, iso
from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from predictions.accuracy.quality import decode_forecast_quality, decode_signal_quality
from predictions.accuracy.tradeable import (
    Check,
    Refusal,
    failed,
    forecast_checks,
    reasons,
    signal_checks,
)
from predictions.api.errors import read_only
from predictions.api.health import database_state
from predictions.api.predict import forecast_symbol
from predictions.api.redis_client import web_redis
from predictions.api.running_market import UNREADABLE_TIME, market_of
from predictions.api.schema.describing import described_by
from predictions.api.schema.tradeable_operations import TradeableDescription
from predictions.api.signal_queries import asked_timeframe, refuse_others, served_symbol
from predictions.api.throttling import throttled


@described_by(TradeableDescription)
@read_only
@throttled
async def tradeable(request: HttpRequest, symbol: str) -> HttpResponse:
    """Answer for the 10-second forecast, or `?timeframe=` for the signal."""
    refuse_others(request.GET, ("timeframe",))
    timeframe = asked_timeframe(request.GET) if "timeframe" in request.GET else None
    stored = served_symbol(symbol) if timeframe else forecast_symbol(symbol)
    try:
        market, checks = await _checks(stored, timeframe)
    except (redis.RedisError, OSError):
        market, checks = UNREADABLE_TIME, [failed("redis", Refusal.REDIS_UNAVAILABLE)]
    database = (await database_state())["status"] == "connected"
    refused = "" if database else Refusal.DATABASE_UNAVAILABLE.value
    checks.append(Check("database", database, True, refused))
    why = reasons(checks)
    response = JsonResponse(
        {
            "status": "success",
            "timestamp": iso(time.time() * 1000),
            "symbol": stored,
            "engine": SIGNALS if timeframe else FORECASTS,
            "timeframe": timeframe and timeframe.value,
            "tradeable": not why,
            "reasons": why,
            "checks": [asdict(check) | {"ok": check.ok} for check in checks],
            "venue": market.venue,
            "live": market.live,
        }
    )
    response["Cache-Control"] = "no-store"
    return response


async def _checks(symbol: str, timeframe: Timeframe | None) -> tuple[MarketTime, list[Check]]:
    pipeline = web_redis().pipeline(transaction=False)
    pipeline.hgetall(keys.clock())
    pipeline.get(keys.quality(SIGNALS if timeframe else FORECASTS))
    if timeframe:
        pipeline.get(keys.sig(symbol, timeframe))
    else:
        pipeline.hgetall(keys.pred(symbol))
    clock, quality, said = await pipeline.execute(raise_on_error=False)
    for reply in (clock, quality, said):
        if isinstance(reply, Exception) and not isinstance(reply, redis.ResponseError):
            raise reply
    market, wall_ms = market_of(clock), time.time() * 1000
    if timeframe:
        measured = decode_signal_quality(quality)
        return market, signal_checks(_signal(said), market, measured, wall_ms=wall_ms)
    prediction = settings.INFERENCE.prediction
    return market, forecast_checks(
        from_hash(symbol, said) if isinstance(said, dict) else None,
        market,
        decode_forecast_quality(quality),
        wall_ms=wall_ms,
        # One tick may be missed, and a tick takes its time.
        age_limit_ms=2 * prediction.tick_ms + 1_000,
        features_limit_ms=prediction.max_feature_age_seconds * 1_000,
    )


def _signal(text: Any) -> Signal | None:
    if not isinstance(text, str):
        return None
    try:
        return decode_state(text).signal
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
