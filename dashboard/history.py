"""The last minutes of the ledger for a snapshot: forecasts, each with its outcome if graded.

Read by snapshots and by the watching of markets, in a database thread.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError, InterfaceError

from inference.vocabulary import Role
from predictions.models import Forecast

MAX_ROWS = 600
"""Rows that one snapshot carries, over all its symbols; with many symbols the span shrinks."""

LEDGER_SECONDS = 2.0
"""How long a frame waits for a database that says nothing at all."""

FIELDS = (
    "id",
    "symbol",
    "tick",
    "prediction_ts",
    "target_ts",
    "current_price",
    "mid_price",
    "predicted_price",
    "lower",
    "upper",
    "p_up",
    "confidence",
    "source",
    "reason",
    "latency_ms",
    "outcome__status",
    "outcome__reason",
    "outcome__target_mid",
    "outcome__direction_hit",
    "outcome__covered",
    "outcome__error_bp",
    "outcome__no_change_error_bp",
)

_WRITTEN = {"tick": "seq", "prediction_ts": "timestamp"}


log = structlog.get_logger(__name__)


async def ledger_forecasts(
    venue: str, symbols: Sequence[str], moments: Sequence[float], span_ms: int
) -> dict[str, list[dict[str, Any]]] | None:
    """Return each symbol's forecasts of the `span_ms` before the newest of `moments`.

    None where the database does not answer, or not in time.
    """
    if not moments:
        return {symbol: [] for symbol in symbols}
    read = database_sync_to_async(recent_forecasts)
    try:
        async with asyncio.timeout(LEDGER_SECONDS):
            found: dict[str, list[dict[str, Any]]] = await read(
                venue=venue, symbols=symbols, since_ms=int(max(moments)) - span_ms
            )
        return found
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        log.warning("frame_without_ledger", error=str(error) or type(error).__name__)
        return None


def recent_forecasts(
    *, venue: str, symbols: Sequence[str], since_ms: int
) -> dict[str, list[dict[str, Any]]]:
    """Return forecasts made after `since_ms` (market time) by symbol, oldest first.

    What was made by a shadow is left out. `outcome` is null until it is graded.
    """
    newest: dict[str, list[dict[str, Any]]] = {}
    since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=since_ms)
    for symbol in symbols:
        rows = (
            Forecast.objects.filter(venue=venue, symbol=symbol, predicted_at__gt=since)
            .exclude(role=Role.SHADOW)
            .order_by("-predicted_at")
            .values(*FIELDS)[: max(1, MAX_ROWS // len(symbols))]
        )
        newest[symbol] = [_shaped(row) for row in rows][::-1]
    return newest


def _shaped(row: dict[str, Any]) -> dict[str, Any]:
    forecast: dict[str, Any] = {}
    outcome: dict[str, Any] = {}
    for name, value in row.items():
        owner, _, rest = name.partition("outcome__")
        if rest:
            outcome[rest] = value
        else:
            forecast[_WRITTEN.get(owner, owner)] = value
    forecast["outcome"] = outcome if outcome["status"] is not None else None
    return forecast
