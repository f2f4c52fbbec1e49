"""Inputs of one market out of the ledger: of late, or the first that are known of a version.

What was fed to every model that spoke lies in the packed entries. A bounded number is read, spread
over a time that holds a market's days (forecasts: a week) or enough candles.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db.models import F, Max, Min, QuerySet

from inference.artefacts.versions import Slot
from inference.forecasts.entry import TickEntry
from inference.signals.entry import BatchEntry
from inference.vocabulary import FORECASTS, Role
from market.candles.timeframes import Timeframe
from predictions.models import LedgerEntry, Signal
from predictions.moments import milliseconds, moment
from predictions.promotion.spoken import packed_entries
from training.drift.inputs import forecast_inputs
from training.drift.references import POOLED
from training.drift.sketches import Floats, Integers

WEEK_MS = 7 * 86_400_000
SPACING_MS = 600_000
"""Between forecasts that are read: a thousand in a week."""
CANDLES = 500
"""Of signals the newest so many candles are read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Inputs [n, k] in order of time, NaN where void, and when they were decided on [n]."""

    times_ms: Integers
    inputs: Floats


Samples = dict[str, Sample]
"""By symbol, or POOLED."""


def window_ms(slot: Slot) -> int:
    """Return over how much market time a slot's sample is spread."""
    return WEEK_MS if slot.timeframe is None else CANDLES * slot.timeframe.ms


def newest_ms(slot: Slot, venue: str) -> int | None:
    """Return the market time of the slot's newest decision in a venue; None without any."""
    if slot.timeframe is None:
        newest = _entries(venue).order_by("-number").values_list("made_ts", flat=True).first()
        return None if newest is None else int(newest)
    at = _signals(venue, slot.timeframe).aggregate(at=Max("predicted_at"))["at"]
    return None if at is None else milliseconds(at)


def oldest_ms(slot: Slot, venue: str) -> int | None:
    """Return the market time of the oldest decision whose entry is kept; None without any."""
    if slot.timeframe is None:
        kept = _entries(venue).filter(packed__isnull=False).order_by("number")
        oldest = kept.values_list("made_ts", flat=True).first()
        return None if oldest is None else int(oldest)
    at = _signals(venue, slot.timeframe).aggregate(at=Min("predicted_at"))["at"]
    return None if at is None else milliseconds(at)


def samples(slot: Slot, venue: str, from_ms: int, to_ms: int) -> Samples:
    """Return the inputs of decisions in [from_ms, to_ms), market time in ms."""
    if slot.timeframe is None:
        return _forecast_samples(venue, from_ms, to_ms)
    return _signal_samples(venue, slot.timeframe, from_ms, to_ms)


def _forecast_samples(venue: str, from_ms: int, to_ms: int) -> Samples:
    times: defaultdict[str, list[int]] = defaultdict(list)
    rows: defaultdict[str, list[Floats]] = defaultdict(list)
    said: set[int] = set()
    for entry in _ticks(venue, from_ms, to_ms):
        if entry.tick in said:
            continue  # another shard's, of the same features
        said.add(entry.tick)
        for symbol, features in zip(entry.symbols, entry.features, strict=True):
            if np.isfinite(features).any():
                times[symbol].append(entry.tick_ms)
                rows[symbol].append(features)
    return {
        symbol: Sample(np.array(times[symbol], dtype=np.int64), forecast_inputs(np.array(found)))
        for symbol, found in rows.items()
    }


def _ticks(venue: str, from_ms: int, to_ms: int) -> Iterator[TickEntry]:
    newest = _entries(venue).order_by("-number").values_list("number", "made_ts").first()
    if newest is None or newest[0] < 1:
        return
    # Ticks are numbered by market time ÷ period, and found by that number alone. An odd step
    # walks over the seconds of the minute: nothing is sampled at full minutes only.
    period_ms = newest[1] / newest[0]
    step = max(1, round(SPACING_MS / period_ms)) | 1
    chosen = (
        _entries(venue)
        .filter(number__gte=from_ms // period_ms, number__lt=to_ms // period_ms)
        .annotate(place=F("number") % step)
        .filter(place=0)
    )
    for _, packed in packed_entries(chosen.values_list("index", flat=True)):
        entry = TickEntry.unpack(packed)
        if entry.role != Role.SHADOW and from_ms <= entry.tick_ms < to_ms:
            yield entry


def _signal_samples(venue: str, timeframe: Timeframe, from_ms: int, to_ms: int) -> Samples:
    rows = _signals(venue, timeframe).filter(
        predicted_at__gte=moment(from_ms), predicted_at__lt=moment(to_ms)
    )
    leaves = rows.order_by().values_list("leaf_id", flat=True).distinct()
    found: dict[tuple[int, str], tuple[float, ...]] = {}
    for _, packed in packed_entries(leaves):
        for said in BatchEntry.unpack(packed).signals:
            made = said.signal
            if made.timeframe == timeframe and made.role != Role.SHADOW:
                found.setdefault((made.candle_close_ms, made.symbol), tuple(made.features))
    if not found:
        return {}
    keys = sorted(found)
    times = np.array([time_ms for time_ms, _ in keys], dtype=np.int64)
    return {POOLED: Sample(times, np.array([found[key] for key in keys], dtype=np.float64))}


def _entries(venue: str) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(venue=venue, engine=FORECASTS)


def _signals(venue: str, timeframe: Timeframe) -> QuerySet[Signal]:
    rows = Signal.objects.filter(venue=venue, timeframe=timeframe.value)
    return rows.exclude(role=Role.SHADOW.value)
