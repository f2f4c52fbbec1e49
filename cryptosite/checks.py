"""Settings that contradict each other, as Django system checks: `manage.py check` names each.

Registered by the dashboard's app. A single bad value is refused where it is read.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from cryptosite.processes.redis_layout import locate, memory_bytes, was_located
from market.addresses import is_loopback
from predictions.alerting.addresses import ALLOWED, unreadable_addresses
from predictions.transparency.signing import trouble_of

SHORTEST_TOKEN = 16
SPARE = 1.25
"""Redis holds more than the log."""


def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Return every contradiction among the settings."""
    return [
        *_market(),
        *_reach(),
        *_ports(),
        *_redis(),
        *_forecasts(),
        *_ledger_key(),
        *_addresses(),
    ]


def _market() -> list[CheckMessage]:
    if settings.MARKET_SOURCE == "replay" and not settings.MARKET_REPLAY:
        return [
            Error(
                "MARKET_SOURCE is replay, but MARKET_REPLAY names no recording.",
                hint="Set MARKET_REPLAY to a folder of recorded frames.",
                id="cryptosite.E001",
            )
        ]
    for path in settings.MARKET_REPLAY if settings.MARKET_SOURCE == "replay" else ():
        if not path.is_file() and not any(path.glob("*.gz")):
            return [
                Error(
                    f"MARKET_REPLAY names {path}, which is no recording.",
                    hint="Name a file of recorded frames (.gz), or a folder of them.",
                    id="cryptosite.E011",
                )
            ]
    if settings.MARKET_SOURCE == "simulated" and settings.MARKET_REPLAY:
        return [
            Warning(
                f"MARKET_REPLAY is set and MARKET_SOURCE is {settings.MARKET_SOURCE}: "
                "nothing is replayed.",
                hint="Set MARKET_SOURCE=replay, or unset MARKET_REPLAY.",
                id="cryptosite.W002",
            )
        ]
    if settings.EXCHANGE_URL and settings.MARKET_SOURCE not in ("live", "auto"):
        return [
            Warning(
                f"EXCHANGE_URL is set and MARKET_SOURCE is {settings.MARKET_SOURCE}: "
                "it is not asked.",
                hint="Set MARKET_SOURCE=live, or unset EXCHANGE_URL.",
                id="cryptosite.W015",
            )
        ]
    if settings.MARKET_SOURCE in ("live", "auto") and settings.MARKET_SPEED != 1.0:
        return [
            Warning(
                f"MARKET_SPEED is {settings.MARKET_SPEED:g}, and a live market runs at 1.",
                hint="Unset MARKET_SPEED; it is for simulated and replayed markets.",
                id="cryptosite.W016",
            )
        ]
    return []


def _reach() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    reachable = not is_loopback(settings.BIND_HOST)
    if settings.API_TOKEN and len(settings.API_TOKEN) < SHORTEST_TOKEN:
        found.append(
            Warning(
                f"API_TOKEN has fewer than {SHORTEST_TOKEN} characters and can be guessed.",
                hint="Use a random one: python -c 'import secrets; print(secrets.token_urlsafe())'",
                id="cryptosite.W003",
            )
        )
    if reachable and settings.DEBUG:
        found.append(
            Error(
                f"DEBUG is on and BIND_HOST={settings.BIND_HOST} is reachable from other machines.",
                hint="Debug pages show settings and source: unset DEBUG.",
                id="cryptosite.E004",
            )
        )
    if reachable and all(is_loopback(host.strip("[]")) for host in settings.ALLOWED_HOSTS):
        found.append(
            Warning(
                f"BIND_HOST={settings.BIND_HOST} is reachable from other machines, but "
                "ALLOWED_HOSTS answers only to loopback names.",
                hint="Add the name that browsers use to ALLOWED_HOSTS.",
                id="cryptosite.W005",
            )
        )
    return found


def _ports() -> list[CheckMessage]:
    service = settings.INFERENCE
    ports = {"WEB_PORT": settings.WEB_PORT, "health.port": service.health.port}
    if service.metrics.enable_prometheus:
        ports["metrics.prometheus_port"] = service.metrics.prometheus_port
    names: dict[int, list[str]] = {}
    for name, port in ports.items():
        names.setdefault(port, []).append(name)
    return [
        Error(
            f"{' and '.join(sharing)} are all {port}.",
            hint="Give each its own port.",
            id="cryptosite.E006",
        )
        for port, sharing in names.items()
        if len(sharing) > 1
    ]


def _redis() -> list[CheckMessage]:
    if settings.INFERENCE.redis.cluster_mode and settings.REDIS_URL.startswith("unix:"):
        return [
            Error(
                "redis.cluster_mode is true, but the Redis in use is a single server on a socket.",
                hint="Set REDIS_URL to a node of the cluster, or cluster_mode to false.",
                id="cryptosite.E007",
            )
        ]
    if not was_located(settings.VAR_DIR) or settings.REDIS_URL != locate(settings.VAR_DIR).url:
        return []
    needed = _day_of_entries()
    if needed * SPARE > memory_bytes(settings.REDIS_MAXMEMORY):
        return [
            Warning(
                f"REDIS_MAXMEMORY={settings.REDIS_MAXMEMORY} is little for "
                f"{len(settings.FORECAST_SYMBOLS)} symbols: the log of forecasts takes "
                f"{needed / 1e6:,.0f} MB a day, and holds one while the database is away.",
                hint=f"Set REDIS_MAXMEMORY={needed * SPARE / 1e6:.0f}m or more.",
                id="cryptosite.W012",
            )
        ]
    return []


def _day_of_entries() -> int:
    # As measured: docs/operations.md, Redis sizing.
    ticks = 86_400_000 // settings.INFERENCE.prediction.tick_ms
    return int(ticks * (320 + 370 * len(settings.FORECAST_SYMBOLS)))


def _forecasts() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    prediction = settings.INFERENCE.prediction
    if prediction.horizon_ms % prediction.tick_ms:
        found.append(
            Warning(
                "prediction.target_horizon_seconds is no multiple of frequency_seconds: outcomes "
                "are graded from the price stream, not from the tick that falls on them.",
                hint="Choose a horizon that is a multiple of the frequency.",
                id="cryptosite.W008",
            )
        )
    if prediction.max_feature_age_seconds >= prediction.target_horizon_seconds:
        found.append(
            Warning(
                "prediction.max_feature_age_seconds is not below target_horizon_seconds: a "
                "forecast could rest on features older than the time it looks ahead.",
                hint="Lower max_feature_age_seconds.",
                id="cryptosite.W009",
            )
        )
    return found


def _ledger_key() -> list[CheckMessage]:
    # Warnings: what is said is recorded without a checkpoint too, and must not be lost.
    path = settings.LEDGER_KEY_FILE
    if trouble := trouble_of(path, settings.LEDGER_ORIGIN):
        return [
            Warning(
                f"No checkpoint of the ledger can be signed: {trouble}.",
                hint="See Checking the ledger in docs/operations.md.",
                id="cryptosite.W013",
            )
        ]
    if path.exists() and path.stat().st_mode & 0o077:
        return [
            Warning(
                f"Other users of this machine may read or change the ledger's key {path}, and "
                "sign in its name.",
                hint=f"Run chmod 600 {path}; where others did read it, make a new key.",
                id="cryptosite.W014",
            )
        ]
    return []


def _addresses() -> list[CheckMessage]:
    return [
        Error(f"{each}.", hint=f"Allowed is {ALLOWED}.", id="cryptosite.E017")
        for each in unreadable_addresses()
    ]
