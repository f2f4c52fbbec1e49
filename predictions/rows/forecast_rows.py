"""From a log entry to the ledger's rows: what one tick said about each symbol.

Read by the recorder, and by `verify_ledger`, which makes the rows again and compares. A packed
entry that cannot become rows is refused as a whole here, so that nothing the database would
refuse, or silently ignore, reaches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from inference.forecasts.entry import COLUMNS, Floats, TickEntry
from inference.forecasts.outcomes import target_mids
from inference.handover.chain import GENESIS, EntryFormatError
from inference.vocabulary import FORECASTS, Source, spoken_version
from predictions.models import Forecast
from predictions.moments import moment
from predictions.rows.claim import Claim
from predictions.rows.insertion import Batch
from predictions.transparency.appending import NewEntry

PRICES = ("mid_price", "current_price", "predicted_price", "lower", "upper")
TIMES = {
    "feature_ts_ms": "feature_ts",
    "event_ts_ms": "event_ts",
    "exchange_ts_ms": "exchange_ts",
}
"""Columns that the ledger holds as whole ms, and the fields' names there."""

WHOLE = ("tick", "tick_ms", "horizon_ms", "missed", "shard", "token")
TEXTS = {
    "venue": "venue",
    "base_version": "base_version",
    "role": "role",
    "digest": "model_digest",
}
TEXT_LISTS = {"symbols": "symbol", "sources": "source", "reasons": "reason"}
MAX_INTEGER = 2**63 - 1
MAX_SHARD = 2**31 - 1
LENGTHS = {field.name: getattr(field, "max_length", None) or 0 for field in Forecast._meta.fields}

FORECAST_FIELDS: tuple[str, ...] = tuple(
    field.attname
    for field in Forecast._meta.concrete_fields
    if field.attname not in {"id", "leaf_id"}
)
"""What an entry settles of a row; the order of `TickRows.values`."""

_PRICE = np.array([[name in PRICES] for name in COLUMNS])
_TIME = np.array([[name in TIMES] for name in COLUMNS])


@dataclass(frozen=True, slots=True)
class TickRows:
    """One tick, ready for the ledger.

    mids: the usable prices of its symbols. shared, own: the rows' fields but for the leaf, as
    one value for all of them or one a symbol.
    """

    entry_id: str
    venue: str
    tick_ms: int
    target_ms: int
    mids: Mapping[str, float]
    shared: Mapping[str, object]
    own: Mapping[str, Sequence[object]]
    logged: NewEntry

    def __len__(self) -> int:
        return len(self.own["symbol"])

    @property
    def claim(self) -> Claim:
        """What it says of its market and time."""
        live = self.shared["live"] is True
        return Claim(self.venue, live, said_ms=self.tick_ms, made_ms=self.logged.made_ts)

    def values(self) -> list[tuple[object, ...]]:
        """Return the rows, a symbol each, in the order of FORECAST_FIELDS."""
        return list(Batch(self.shared, self.own).rows(FORECAST_FIELDS))

    def batch(self, leaf: int) -> Batch:
        """Return the rows as they are inserted under their leaf."""
        return Batch({**self.shared, "leaf_id": leaf}, self.own)


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
            shared=_shared(entry, logged),
            own=_own(entry),
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


def _shared(entry: TickEntry, logged: NewEntry) -> dict[str, object]:
    return {
        "venue": entry.venue,
        "live": entry.live,
        "tick": entry.tick,
        "base_version": entry.base_version,
        "role": entry.role,
        "model_digest": entry.digest,
        "predicted_at": moment(entry.tick_ms),
        "prediction_ts": entry.tick_ms,
        "target_ts": entry.target_ms,
        "made_ts": logged.made_ts,
        "latency_ms": _finite(entry.latency_ms),
        # Only a live market's time is Redis' own.
        "late": logged.made_ts >= entry.target_ms
        or (entry.live and logged.stream_ms >= entry.target_ms),
    }


def _own(entry: TickEntry) -> dict[str, Sequence[object]]:
    spoken = {
        source: spoken_version(entry.model_version, Source(source)) for source in set(entry.sources)
    }
    own: dict[str, Sequence[object]] = {
        "symbol": entry.symbols,
        "model_version": [spoken[source] for source in entry.sources],
        "source": entry.sources,
        "reason": entry.reasons,
    }
    numbers = entry.numbers
    finite = np.isfinite(numbers)
    positive = np.where(_PRICE & finite, numbers, 1.0) > 0
    small = np.where(_TIME & finite, np.abs(numbers), 0.0) < MAX_INTEGER
    known: npt.NDArray[np.bool_] = np.logical_and.reduce((finite, positive, small))
    whole = cast("list[bool]", known.all(axis=1).tolist())
    for index, name in enumerate(COLUMNS):
        column = numbers[index]
        if name in TIMES:
            values: list[object] = np.where(known[index], column, 0.0).astype(np.int64).tolist()
        else:
            values = column.tolist()
        if not whole[index]:
            values = [
                value if good else None
                for value, good in zip(values, known[index].tolist(), strict=True)
            ]
        own[TIMES.get(name, name)] = values
    return own


def _usable_mids(entry: TickEntry) -> dict[str, float]:
    mids: Floats = target_mids(entry)
    # What is unknown is NaN, which alone differs from itself.
    return {
        symbol: mid for symbol, mid in zip(entry.symbols, mids.tolist(), strict=True) if mid == mid
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _check(entry: TickEntry) -> None:
    for name in WHOLE:
        value = getattr(entry, name)
        if type(value) is not int or abs(value) > MAX_INTEGER:
            raise ValueError(f"{name} must be a whole number, not {value!r:.40}")
    if abs(entry.shard) > MAX_SHARD:
        raise ValueError(f"shard must be at most {MAX_SHARD}, not {entry.shard}")
    if not isinstance(entry.prev, bytes) or len(entry.prev) != len(GENESIS):
        raise ValueError(f"prev must be {len(GENESIS)} bytes")
    if type(entry.live) is not bool:
        raise ValueError("live must be true or false")
    if not np.isfinite(entry.made_ms):
        raise ValueError("made_ms must be finite")
    for name, field in TEXTS.items():
        _check_texts(field, [getattr(entry, name)])
    _check_texts(
        "model_version", [spoken_version(entry.model_version, source) for source in Source]
    )
    count = len(entry.symbols)
    for name, field in TEXT_LISTS.items():
        values = getattr(entry, name)
        if len(values) != count:
            raise ValueError(f"{name} must be one a symbol")
        _check_texts(field, values)
    if len(set(entry.symbols)) != count:
        raise ValueError("symbols must differ from each other")


def _check_texts(field: str, values: Sequence[str]) -> None:
    # Joining refuses what is no text, at a hundredth of what a look at each value costs.
    longest = max(map(len, values), default=0)
    if "\0" in "".join(values) or longest > LENGTHS[field]:
        raise ValueError(f"{field} must be text of at most {LENGTHS[field]} characters")
