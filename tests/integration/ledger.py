"""What the recorder's tests share: hand-made log entries, a fake layer, a recorder to step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import redis
from django.db import transaction

from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
from inference.vocabulary import FORECASTS, Source
from market import keys
from market.hot.vector import FEATURE_COUNT, TICK_MS
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.price_history import RedisPriceHistory
from predictions.models import LedgerEntry
from predictions.recording.forecast_recorder import Recorder
from predictions.recording.log_reader import LogReader
from predictions.transparency.appending import NewEntry, append_entries

FIRST_TICK_MS = 1_767_225_600_000
"""2026-01-01T00:00:00 UTC."""

NAN = math.nan


def tick_entry(
    index: int = 0, mids: Mapping[str, float] | None = None, **changes: Any
) -> TickEntry:
    """Return the entry of the index-th tick; by default it predicts a rise of one bp."""
    mids = {"BTCUSDT": 100.0} if mids is None else mids
    columns = changes.pop("columns", {})
    tick_ms = FIRST_TICK_MS + index * TICK_MS
    mid = np.array(list(mids.values()), dtype=np.float64)
    numbers = np.full((len(COLUMNS), len(mids)), NAN)
    shown = {
        "mid_price": mid,
        "current_price": mid,
        "predicted_price": mid * math.exp(1e-4),
        "lower": mid * math.exp(-5e-4),
        "upper": mid * math.exp(5e-4),
        "confidence": 0.8,
        "completeness": 1.0,
        "features_age_ms": 10.0,
        "feature_ts_ms": tick_ms - 10.0,
    } | columns
    for name, values in shown.items():
        numbers[COLUMN[name]] = values
    fields: dict[str, Any] = {
        "venue": "test",
        "live": False,
        "tick": tick_ms // TICK_MS,
        "tick_ms": tick_ms,
        "made_ms": tick_ms + 1.5,
        "horizon_ms": 10_000,
        "latency_ms": 1.25,
        "missed": 0,
        "shard": 0,
        "token": 1,
        "prev": bytes(32),
        "model_version": "v1",
        "base_version": "v1",
        "role": "champion",
        "digest": "ab" * 32,
        "symbols": list(mids),
        "sources": [Source.REDIS.value] * len(mids),
        "reasons": [""] * len(mids),
        "numbers": numbers,
        "features": np.arange(len(mids) * FEATURE_COUNT, dtype=np.float64).reshape(
            len(mids), FEATURE_COUNT
        ),
    }
    return TickEntry(**(fields | changes))


def stored_leaf(**changes: Any) -> LedgerEntry:
    """Store a packed entry as the log's next leaf and return it; for rows made by hand."""
    entry = tick_entry(LedgerEntry.objects.count(), **changes)
    packed = entry.pack()
    new = NewEntry(FORECASTS, entry.venue, 0, entry.tick, "1-0", entry.tick_ms, bytes(32), packed)
    with transaction.atomic():
        leaf = append_entries([new]).leaves[new.hash]
    return LedgerEntry.objects.get(index=leaf)


def publish(client: Any, *entries: TickEntry | bytes) -> list[bytes]:
    """Append entries to the log as the loop does; return their ids."""
    return [
        client.xadd(
            keys.log(FORECASTS),
            {"entry": entry if isinstance(entry, bytes) else entry.pack()},
        )
        for entry in entries
    ]


@dataclass
class FakeLayer:
    """Keeps what is sent to a group, or fails like a layer whose Redis is gone."""

    failing: bool = False
    sent: list[tuple[str, Any]] = field(default_factory=list)

    async def group_send(self, group: str, message: dict[str, object]) -> None:
        if self.failing:
            raise ConnectionError("gone")
        self.sent.append((group, message))


def new_recorder(
    client: redis.Redis, consumer: str = "one", layer: FakeLayer | None = None, **settings: Any
) -> Recorder:
    reader = settings.pop("reader", LogReader)(
        client=client,
        engine=FORECASTS,
        consumer=consumer,
        claim_idle_ms=settings.pop("claim_idle_ms", 30_000),
    )
    history = RedisPriceHistory(client)
    return Recorder(reader, history, OutcomeBroadcast(layer or FakeLayer()), **settings)


def drain(recorder: Recorder) -> None:
    while recorder.step():
        pass


def pending(client: redis.Redis) -> int:
    summary: Any = client.xpending(keys.log(FORECASTS), keys.RECORDER_GROUP)
    return int(summary["pending"])
