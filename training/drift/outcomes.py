"""How a champion's loss and calibration stand: what the watches say of its record."""

from inference.artefacts.versions import Slot
from inference.signals.levels import HORIZON_CANDLES
from predictions.promotion.told import Against, DriftFigure, DriftKind
from training.drift.records import Series, record
from training.drift.samples import newest_ms
from training.drift.watches import Change, last_change

STANDS_MS = 7 * 86_400_000
"""Market time for which a change for the worse counts after it was seen: as long as a slot rests
after a run, so that one change begins one run."""


def outcome_drift(slot: Slot, venue: str, version: str) -> tuple[DriftFigure, ...]:
    """Return loss and calibration of a version in a venue; () where it has no graded record."""
    newest = newest_ms(slot, venue)
    if newest is None:
        return ()
    return tuple(_figure(slot, each, newest) for each in record(slot, venue, version, newest))


def _figure(slot: Slot, series: Series, newest: int) -> DriftFigure:
    found = last_change(series.values, series.times_ms)
    loss = series.kind is DriftKind.LOSS
    mean = float(series.values.mean()) if len(series.values) else None
    mean, before = (mean, None) if found is None else (found.mean, found.before)
    return DriftFigure(
        kind=series.kind,
        name=series.name,
        value=_ratio(mean) if loss else mean,
        reference=_ratio(before) if loss else before,
        against=Against.NOTHING.value if before is None else Against.LEDGER.value,
        drifted=None if found is None else _drifted(slot, found, newest, loss=loss),
        n=series.n,
        n_eff=None if found is None else float(found.blocks),
    )


def _drifted(slot: Slot, found: Change, newest: int, *, loss: bool) -> bool:
    if found.seen_ms is None or found.before is None:
        return False
    stands = STANDS_MS if slot.timeframe is None else _signals_stand_ms(slot.timeframe.ms)
    if newest - found.seen_ms > stands:
        return False
    worse = found.mean > found.before if loss else abs(found.mean) > abs(found.before)
    return worse


def _signals_stand_ms(candle_ms: int) -> int:
    # A block of signals is known a horizon after it ended.
    return max(STANDS_MS, 3 * HORIZON_CANDLES * candle_ms)


def _ratio(share: float | None) -> float | None:
    """Return loss ÷ the baseline's from its share of both."""
    return None if share is None or share >= 1 else share / (1 - share)
