"""What Redis holds of models: heartbeats, quality, drift and watches, in one question.

Read by `/api/models`. While Redis is away all of it is unknown, and the files and rows are told.
"""

import time
from dataclasses import dataclass
from typing import Any

import redis

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from predictions.accuracy.quality import decode_forecast_quality, decode_signal_quality
from predictions.api.redis_client import web_redis
from predictions.api.running_market import market_of
from predictions.cards.report import NOTHING_TOLD, Told
from predictions.cards.schedule import retraining_report
from predictions.cards.slots import Said
from predictions.cards.trials import Now
from predictions.promotion.told import DRIFT_FIELD, fresh_drift
from predictions.promotion.told_watches import ROLLBACK_FIELD, fresh_watches
from predictions.watching.heartbeats import answers, detail_of, told

PROCESSES = ("inference", "signals", "shadow", "retrain")


@dataclass(frozen=True, slots=True)
class SaidOfModels:
    """files: what stands beside the files; slots: beside the rows; document: told as it is."""

    files: Told
    slots: Said
    document: dict[str, Any]


async def said_of_models() -> SaidOfModels:
    """Return what Redis holds, or that it is away."""
    wall_ms = time.time() * 1_000
    try:
        pipeline = web_redis().pipeline(transaction=False)
        pipeline.hgetall(keys.clock())
        for process in PROCESSES:
            pipeline.hgetall(keys.health(process))
        for engine in (FORECASTS, SIGNALS):
            pipeline.get(keys.quality(engine))
        for name in (DRIFT_FIELD, ROLLBACK_FIELD):
            pipeline.hget(keys.retraining(), name)
        clock, *beats, forecasts, signals, drift, watches = await answers(pipeline)
    except (redis.RedisError, OSError):
        return _away(wall_ms)
    market = market_of(clock)
    processes = dict(zip(PROCESSES, (told(beat or {}) for beat in beats), strict=True))
    inference, signal_loop, shadow, retrain = map(detail_of, processes.values())
    quality = decode_forecast_quality(forecasts), decode_signal_quality(signals)
    status = str(processes["retrain"]["status"])
    return SaidOfModels(
        Told(inference, signal_loop, *quality),
        Said(
            Now(wall_ms, market),
            shadow,
            fresh_drift(drift, int(wall_ms)),
            fresh_watches(watches, int(wall_ms)),
        ),
        {"redis": "connected", "venue": market.venue, "live": market.live}
        | {"retraining": retraining_report(status, retrain)},
    )


def _away(wall_ms: float) -> SaidOfModels:
    document = {"redis": "unavailable", "venue": None, "live": None}
    return SaidOfModels(
        NOTHING_TOLD,
        Said(Now(wall_ms, None)),
        document | {"retraining": retraining_report(None, {})},
    )
