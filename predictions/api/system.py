"""`/api/system`: how the instance is and what is wrong now, in words.

Answers while Redis or the database is away, and says which parts are unknown.
"""

import asyncio
from typing import Any

import orjson
import redis
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from predictions.api.errors import read_only
from predictions.api.health import database_state, overall, redis_state
from predictions.api.running_market import running_market
from predictions.api.schema.describing import described_by
from predictions.api.schema.system_operations import SystemDescription
from predictions.api.throttling import throttled
from predictions.watching.report import market_facts, system_report


@described_by(SystemDescription)
@read_only
@throttled
async def system(request: HttpRequest) -> HttpResponse:
    """Answer with processes, streams, stores, ledger, instance and alerts."""
    (redis_told, processes), database_told, market = await asyncio.gather(
        redis_state(), database_state(), _market()
    )
    parts = await system_report(redis_told, database_told, processes, market)
    document = {
        "status": "success",
        "timestamp": timezone.now().isoformat(),
        "health": overall(parts["redis"], parts["database"], processes),
        "venue": None if market is None else market["venue"],
        "live": None if market is None else market["live"],
    }
    response = HttpResponse(orjson.dumps(document | parts), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


async def _market() -> dict[str, Any] | None:
    try:
        return market_facts(await running_market())
    except (redis.RedisError, OSError):
        return None
