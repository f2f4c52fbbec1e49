"""What is wrong now, as the System page judges it, and what of it cannot be told at present.

Read by the alerts' process. While Redis or the database is away, what only it could tell is
unknown: neither new nor over.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import redis

from inference.vocabulary import SIGNALS
from market import keys
from predictions.alerting.incidents import Key
from predictions.api.health import database_state, redis_state
from predictions.api.redis_client import web_redis
from predictions.watching.alert import SETTINGS_TAG, Alert, Severity
from predictions.watching.process_troubles import PATIENT
from predictions.watching.report import system_report
from predictions.webhooks.measured import NOTHING_MEASURED, Measured, decode_measured

ALWAYS_KNOWN = frozenset({"redis_away", "database_away", "disk_low", "memory_low"})
PROCESS_DOWN = "process_down"
SAYS_NOTHING = frozenset({PROCESS_DOWN, *(f"process_{status}" for status in PATIENT)})
"""Alerts of processes that cannot say of themselves that they are well."""
FROM_DATABASE = frozenset({("not_signed", "recorder"), ("ledger_broken", "database")})
"""Everything else is read in Redis, mostly from heartbeats: what the recorder found, too."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """alerts: what is wrong and worth telling; is_unknown: of what this look cannot say."""

    alerts: list[Alert]
    is_unknown: Callable[[Key], bool]


async def judge() -> Judgement:
    """Look once. Settings that contradict each other are the System page's alone."""
    (redis_told, processes), database_told = await asyncio.gather(redis_state(), database_state())
    report = await system_report(redis_told, database_told, processes, market=None)
    alerts = [Alert(**told | {"severity": Severity(told["severity"])}) for told in report["alerts"]]
    codes = {alert.code for alert in alerts}
    silent = {alert.subject for alert in alerts if alert.code in SAYS_NOTHING}
    return Judgement(
        [
            alert
            for alert in alerts
            if alert.severity is not Severity.INFO and alert.subject != SETTINGS_TAG
        ],
        lambda key: _is_unknown(key, codes, silent),
    )


async def read_measured() -> Measured:
    """Return what is measured of signals; nothing where Redis does not tell."""
    try:
        return decode_measured(await web_redis().get(keys.quality(SIGNALS)))
    except (redis.RedisError, OSError):
        return NOTHING_MEASURED


def _is_unknown(key: Key, codes: set[str], silent: set[str]) -> bool:
    code, subject = key
    if subject in silent and code != PROCESS_DOWN:
        return True
    if code in ALWAYS_KNOWN:
        return False
    return ("database_away" if key in FROM_DATABASE else "redis_away") in codes
