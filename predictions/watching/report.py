"""How the instance is, in one document: processes, streams, stores, ledger, and what is wrong.

Read by `/api/system`. Each store is asked on its own: where one is away, its part is null and the
alerts say so; nothing else is lost.
"""

import asyncio
import platform
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import DatabaseError, InterfaceError

from market.clock import MarketTime
from market.redis_cluster import AWAY
from predictions.downloads.slots import MOST_AT_A_TIME, slots
from predictions.watching.alert import SETTINGS_TAG
from predictions.watching.alerts import current_alerts
from predictions.watching.heartbeats import Process, detail_of
from predictions.watching.host_facts import host_facts
from predictions.watching.ledger_facts import ledger_facts
from predictions.watching.market_facts import live_market_facts
from predictions.watching.redis_facts import redis_facts

DATABASE_SECONDS = 2.0
CHECKS_SECONDS = 60.0
"""How long what Django's checks found is believed: they look at files, too."""

STARTED = time.time()

REDIS_AWAY = (*AWAY, OSError, TimeoutError)
DATABASE_AWAY = (DatabaseError, InterfaceError, TimeoutError)

Parts = dict[str, Any]


async def system_report(
    redis_told: Parts, database_told: Parts, processes: dict[str, Process], market: Parts | None
) -> Parts:
    """Return the document's parts. redis_told, database_told, processes: as `/health` has them."""
    cluster = settings.INFERENCE.redis.cluster_mode
    in_redis, ledger, checks = await asyncio.gather(
        _asked(redis_told, lambda: redis_facts(settings.REDIS_URL, cluster=cluster), REDIS_AWAY),
        _asked(
            database_told,
            lambda: ledger_facts(settings.VAR_DIR),
            DATABASE_AWAY,
            thread_sensitive=True,
        ),
        sync_to_async(_checks, thread_sensitive=False)(),
    )
    recorder = detail_of(processes["recorder"])
    facts: Parts = {
        "market": market,
        "redis": redis_told | ((in_redis or {}).get("redis") or {}),
        "database": database_told,
        "processes": processes,
        "streams": None if in_redis is None else in_redis["streams"],
        "listings": None if in_redis is None else in_redis["listings"],
        **live_market_facts(processes["market"]),
        "ledger": ledger,
        "host": host_facts(settings.VAR_DIR),
        "recorder": recorder_facts(recorder),
        "downloads": {"running": slots.running, "at_most": MOST_AT_A_TIME},
        "about": about_facts(),
    }
    rollbacks = None if in_redis is None else in_redis["rollbacks"]
    drift = None if in_redis is None else in_redis["drift"]
    return facts | {"alerts": current_alerts(facts, checks, rollbacks, drift)}


async def _asked(
    store: Parts,
    ask: Callable[[], Parts],
    away: tuple[type[Exception], ...],
    *,
    thread_sensitive: bool = False,
) -> Parts | None:
    if store["status"] != "connected":
        return None
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await sync_to_async(ask, thread_sensitive=thread_sensitive)()
    except away as error:
        # It went away in between: the document says so, and lacks that part alone.
        store.update({"status": "unavailable", "error": type(error).__name__})
        return None


def market_facts(market: MarketTime) -> Parts:
    """Return whose market runs and what time it is there, UTC ms; null where it stands."""
    standing = market.lock_step or market.venue == "unknown"
    return {
        "venue": market.venue,
        "live": market.live,
        "speed": market.speed,
        "market_ms": None if standing else market.market_at(time.time() * 1000),
    }


def recorder_facts(detail: Any) -> Parts:
    """Return what the recorder set aside and keeps; null where it does not tell."""
    pruning = detail.get("pruning")
    return {
        "refused": {
            engine: detail.get(f"{prefix}refused")
            for engine, prefix in (("forecasts", ""), ("signals", "signals_"))
        },
        "dead_letters": {
            engine: detail.get(f"{prefix}dead_letters")
            for engine, prefix in (("forecasts", ""), ("signals", "signals_"))
        },
        "retention_days": settings.FORECAST_RETENTION_DAYS,
        "pruned_forecasts": pruning.get("forecasts") if isinstance(pruning, dict) else None,
        "kept_hours": pruning.get("kept_hours") if isinstance(pruning, dict) else None,
    }


def about_facts() -> Parts:
    """Return the version and the settings that matter to an operator; no secret among them."""
    prediction = settings.INFERENCE.prediction
    return {
        "version": settings.SPECTACULAR_SETTINGS["VERSION"],
        "python": platform.python_version(),
        "web_started_ms": round(STARTED * 1000),
        "settings": {
            "MARKET_SOURCE": settings.MARKET_SOURCE,
            "FORECAST_SYMBOLS": list(settings.FORECAST_SYMBOLS),
            "SIGNAL_SYMBOLS": list(settings.SIGNAL_SYMBOLS),
            "CANDLE_EXCHANGE": settings.CANDLE_EXCHANGE,
            "FEE_BP": settings.FEE_BP,
            "FORECAST_RETENTION_DAYS": settings.FORECAST_RETENTION_DAYS,
            "BIND_HOST": settings.BIND_HOST,
            "WEB_PORT": settings.WEB_PORT,
            "API_RATE": settings.API_RATE,
            "API_TOKEN": "set" if settings.API_TOKEN else "not set",
            "BEHIND_TLS": settings.BEHIND_TLS,
            "MODEL_DEVICE": settings.MODEL_DEVICE,
            "prediction.frequency_seconds": prediction.frequency_seconds,
            "prediction.target_horizon_seconds": prediction.target_horizon_seconds,
            "prediction.max_feature_age_seconds": prediction.max_feature_age_seconds,
            "redis.cluster_mode": settings.INFERENCE.redis.cluster_mode,
        },
    }


_checked: tuple[float, list[CheckMessage]] = (float("-inf"), [])


def _checks() -> list[CheckMessage]:
    global _checked
    at, found = _checked
    now = time.monotonic()
    if now - at >= CHECKS_SECONDS:
        found = run_checks(tags=[SETTINGS_TAG])
        _checked = now, found
    return found
