"""Readings of drift as rows, and how long they are kept.

Of a slot as a whole they make a history of a season, which causes of runs and the pages read; of
single symbols, of which there are many more, those of the last two days are there to look at.
"""

from datetime import datetime, timedelta

from django.db import transaction

from inference.artefacts.versions import parse_slot
from predictions.models import DriftReading
from predictions.promotion.told import DriftFigure, SlotDrift
from training.drift.features import FeatureDrift

KEPT = timedelta(days=90)
KEPT_OF_SYMBOLS = timedelta(days=2)
LEAST_APART = timedelta(minutes=30)
"""A slot gets no row more often, however often it is measured."""
WRITTEN_AT_ONCE = 500


def store_readings(
    venue: str, drift: SlotDrift, by_symbol: FeatureDrift | None, now: datetime
) -> bool:
    """Write a slot's figures as rows; False where the last are so young that they stand.

    Signals get rows once a candle, at most.
    """
    timeframe = parse_slot(drift.slot).timeframe
    period = LEAST_APART if timeframe is None else timedelta(milliseconds=timeframe.ms)
    since = now - max(LEAST_APART, min(period, timedelta(hours=4)))
    named = {"slot": drift.slot, "venue": venue, "version": drift.version}
    rows = [DriftReading(**named, **_columns(each, now)) for each in drift.figures]
    for symbol, figures in (by_symbol.by_symbol if by_symbol is not None else {}).items():
        rows += [DriftReading(**named, symbol=symbol, **_columns(each, now)) for each in figures]
    with transaction.atomic():
        if not rows or DriftReading.objects.filter(**named, measured_at__gt=since).exists():
            return False
        DriftReading.objects.bulk_create(rows, batch_size=WRITTEN_AT_ONCE)
    return True


def prune_readings(now: datetime) -> int:
    """Delete the rows that are kept no longer; return how many."""
    old = DriftReading.objects.filter(measured_at__lt=now - KEPT)
    of_symbols = DriftReading.objects.exclude(symbol="").filter(
        measured_at__lt=now - KEPT_OF_SYMBOLS
    )
    return old.delete()[0] + of_symbols.delete()[0]


def _columns(each: DriftFigure, now: datetime) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "name": each.name,
        "value": each.value,
        "effect": each.effect,
        "reference": each.reference,
        "bound": each.bound,
        "effect_bound": each.effect_bound,
        "against": each.against,
        "drifted": each.drifted,
        "n": each.n,
        "n_eff": each.n_eff,
        "measured_at": now,
    }
