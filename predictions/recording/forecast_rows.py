"""From a log entry to the ledger's rows: what one tick said about each symbol.

Read by the recorder. A packed entry that cannot become rows is refused as a whole here, so
that nothing the database would refuse, or silently ignore, reaches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from inference.forecasts.entry import COLUMNS, Floats, TickEntry
from inference.forecasts.outcomes import target_mids
from inference.handover.chain import GENESIS, EntryFormatError
from inference.vocabulary import FORECASTS, Source, spoken_version
from predictions.models import Forecast
from predictions.transparency.appending import NewEntry

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRICES = frozenset({"mid_price", "current_price", "predicted_price", "lower", "upper"})
TIMES = {
    "feature_ts_ms": "feature_ts",
    "event_ts_ms": "event_ts",
    "exchange_ts_ms": "exchange_ts",
}
"""Columns that the ledger holds as whole ms, and the fields' names there."""

WHOLE = {"tick", "tick_ms", "horizon_ms", "missed", "shard", "token"}
TEXTS = {
    "venue": "venue",
    "base_version": "base_version",
    "role": "role",
    "digest": "model_digest",
}
TEXT_LISTS = {"symbols": "symbol", "sources": "source", "reasons": "reason"}
MAX_INTEGER = 2**63 - 1
LENGTHS = {field.name: getattr(field, "max_length", None) or 0 for field in Forecast._meta.fields}


@dataclass(frozen=True, slots=True)
class TickRows:
    """One tick, ready for the ledger. mids: the usable prices of its symbols."""

    entry_id: str
    venue: str
    tick_ms: int
    target_ms: int
    mids: Mapping[str, float]
    forecasts: list[Forecast]
    logged: NewEntry


def tick_rows(entry_id: str, packed: bytes) -> TickRows:
    """Unpack one log entry into rows. Unknown numbers become None.

    Raises EntryFormatError where it is no entry, or holds what no row can.
    """
    entry = TickEntry.unpack(packed)
    try:
        _check(entry)
        logged = _logged(entry, entry_id, packed)
        return TickRows(
            entry_id=entry_id,
            venue=entry.venue,
            tick_ms=entry.tick_ms,
            target_ms=entry.target_ms,
            mids=_usable_mids(entry),
            forecasts=_forecasts(entry, logged),
            logged=logged,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise EntryFormatError(f"not to be stored: {error}") from error


def _logged(entry: TickEntry, entry_id: str, packed: bytes) -> NewEntry:
    return NewEntry(
        engine=FORECASTS,
        venue=entry.venue,
        shard=entry.shard,
        number=entry.tick,
        stream_id=entry_id,
        # Floor: at or after the target stays at or after it.
        made_ts=int(np.floor(entry.made_ms)),
        prev=entry.prev,
        packed=packed,
    )


def _forecasts(entry: TickEntry, logged: NewEntry) -> list[Forecast]:
    predicted_at = EPOCH + timedelta(milliseconds=entry.tick_ms)
    columns = {name: _nullable(name, entry.column(name)) for name in COLUMNS}
    # Only a live market's time is Redis' own.
    late = logged.made_ts >= entry.target_ms or (entry.live and logged.stream_ms >= entry.target_ms)
    return [
        Forecast(
            venue=entry.venue,
            live=entry.live,
            tick=entry.tick,
            symbol=symbol,
            model_version=spoken_version(entry.model_version, Source(entry.sources[index])),
            base_version=entry.base_version,
            role=entry.role,
            model_digest=entry.digest,
            predicted_at=predicted_at,
            prediction_ts=entry.tick_ms,
            target_ts=entry.target_ms,
            made_ts=logged.made_ts,
            source=entry.sources[index],
            reason=entry.reasons[index],
            latency_ms=_finite(entry.latency_ms),
            late=late,
            **{TIMES.get(name, name): column[index] for name, column in columns.items()},
        )
        for index, symbol in enumerate(entry.symbols)
    ]


def _nullable(name: str, column: Floats) -> list[float | int | None]:
    known = np.isfinite(column)
    if name in PRICES:
        known &= np.where(known, column, 0.0) > 0
    if name in TIMES:
        return [
            int(value) if good and abs(value) < MAX_INTEGER else None
            for value, good in zip(column.tolist(), known.tolist(), strict=True)
        ]
    return [
        value if good else None for value, good in zip(column.tolist(), known.tolist(), strict=True)
    ]


def _usable_mids(entry: TickEntry) -> dict[str, float]:
    mids = target_mids(entry).tolist()
    return {
        symbol: mid
        for symbol, mid in zip(entry.symbols, mids, strict=True)
        if _finite(mid) is not None
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _check(entry: TickEntry) -> None:
    for name in WHOLE:
        value = getattr(entry, name)
        if type(value) is not int or abs(value) > MAX_INTEGER:
            raise ValueError(f"{name} must be a whole number, not {value!r:.40}")
    if not isinstance(entry.prev, bytes) or len(entry.prev) != len(GENESIS):
        raise ValueError(f"prev must be {len(GENESIS)} bytes")
    if type(entry.live) is not bool:
        raise ValueError("live must be true or false")
    if not np.isfinite(entry.made_ms):
        raise ValueError("made_ms must be finite")
    for name, field in TEXTS.items():
        _check_text(field, getattr(entry, name))
    for source in Source:
        _check_text("model_version", spoken_version(entry.model_version, source))
    count = len(entry.symbols)
    for name, field in TEXT_LISTS.items():
        values = getattr(entry, name)
        if len(values) != count:
            raise ValueError(f"{name} must be one a symbol")
        for value in values:
            _check_text(field, value)


def _check_text(field: str, value: object) -> None:
    limit = LENGTHS[field]
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        raise ValueError(f"{field} must be text of at most {limit} characters")
