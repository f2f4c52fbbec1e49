"""A champion's record in the ledger as series over time: its losses and its calibration.

A block is an hour of forecasts, as roll-ups hold it, or as many candles of signals as a label is
long: outcomes overlap within a block and hardly beyond it. All symbols of a time share a block. A
loss is a share of itself and the baseline's: 0.5 is no better than that, and no wild day counts
for more than a calm one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inference.artefacts.versions import Slot
from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import DIRECTIONS, Role, Source
from market.candles.timeframes import Timeframe
from predictions.accuracy.hours import (
    BIN_COLUMN,
    BINS,
    BINS_SHAPE,
    BLOCKS_SHAPE,
    COLUMN,
    HOUR_MS,
)
from predictions.accuracy.losses import log_losses
from predictions.accuracy.signal_rows import SignalQuestion, find_signals
from predictions.models import ForecastRollup
from predictions.promotion.told import DriftKind
from training.drift.sketches import Floats, Integers

DAYS = 28
BLOCKS = 168
"""Of signals so many blocks are read: 2,016 candles."""
COVERAGE = 0.9
ROWS_A_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Series:
    """One figure [m] by block in order of time; times_ms: the blocks' begins. n: predictions."""

    kind: DriftKind
    name: str
    values: Floats
    times_ms: Integers
    n: int


def record(slot: Slot, venue: str, version: str, newest_ms: int) -> list[Series]:
    """Return the series of a version's graded predictions in a venue, up to `newest_ms`."""
    if slot.timeframe is None:
        return _of_forecasts(*_hours(venue, version, newest_ms - DAYS * 24 * HOUR_MS))
    return _of_signals(venue, slot.timeframe, version, newest_ms)


def _hours(venue: str, version: str, from_ms: int) -> tuple[Integers, Floats, Floats]:
    """Return hours [m], the sums of each [m, columns] and of its bins [m, 200, columns]."""
    rows = ForecastRollup.objects.filter(
        venue=venue, hour_ts__gte=from_ms, model_version=version, source=Source.REDIS.value
    ).exclude(role=Role.SHADOW.value)
    sums: dict[int, Floats] = {}
    bins: dict[int, Floats] = {}
    found = rows.order_by().values_list("hour_ts", "blocks", "histogram")
    for hour, blocks, histogram in found.iterator(ROWS_A_CHUNK):
        held = np.frombuffer(blocks, "<f4").reshape(BLOCKS_SHAPE).sum(axis=0, dtype=np.float64)
        by_bin = np.frombuffer(histogram, "<f4").reshape(BINS_SHAPE).astype(np.float64)
        sums[hour] = sums[hour] + held if hour in sums else held
        bins[hour] = bins[hour] + by_bin if hour in bins else by_bin
    hours = sorted(sums)
    return (
        np.array(hours, dtype=np.int64),
        np.array([sums[hour] for hour in hours]).reshape(-1, BLOCKS_SHAPE[1]),
        np.array([bins[hour] for hour in hours]).reshape(-1, *BINS_SHAPE),
    )


def _of_forecasts(hours: Integers, sums: Floats, bins: Floats) -> list[Series]:
    def column(name: str) -> Floats:
        held: Floats = sums[:, COLUMN[name]]
        return held

    def binned(name: str) -> Floats:
        held: Floats = bins[:, :, BIN_COLUMN[name]]
        return held

    happened = np.column_stack([column(name) for name in ("ups", "flats", "downs")])
    surprise = binned("ups") - binned("p_up")  # [m, 200]
    asked = binned("asked").sum(axis=1)
    middle = binned("p_up").sum(axis=1) / np.where(asked > 0, asked, 1)
    sides = np.sign((np.arange(BINS) + 0.5) / BINS - middle[:, None])
    wanted: dict[tuple[DriftKind, str], tuple[Floats, Floats, Floats]] = {
        (DriftKind.LOSS, "squared_error"): (
            column("sq_error"), column("sq_error") + column("sq_return"), column("compared")
        ),
        (DriftKind.LOSS, "log_loss"): (
            column("log_loss"), column("log_loss") + _prior_loss(happened), happened.sum(axis=1)
        ),
        (DriftKind.CALIBRATION, "p_up"): (surprise.sum(axis=1), asked, asked),
        (DriftKind.CALIBRATION, "sureness"): ((sides * surprise).sum(axis=1), asked, asked),
        (DriftKind.CALIBRATION, "coverage"): (
            column("covered") - COVERAGE * column("bounded"), column("bounded"), column("bounded")
        ),
    }  # fmt: skip
    return [_series(*name, hours, *parts) for name, parts in wanted.items()]


def _prior_loss(happened: Floats) -> Floats:
    # What saying the record's own class shares would have lost in each block.
    total = happened.sum()
    shares = happened.sum(axis=0) / total if total else np.ones(happened.shape[1])
    loss: Floats = -(happened @ np.log(np.maximum(shares, 1e-9)))
    return loss


def _series(
    kind: DriftKind, name: str, times_ms: Integers, above: Floats, below: Floats, count: Floats
) -> Series:
    known = (below > 0) & np.isfinite(above)
    return Series(kind, name, above[known] / below[known], times_ms[known], int(count.sum()))


def _of_signals(venue: str, timeframe: Timeframe, version: str, newest_ms: int) -> list[Series]:
    block_ms = HORIZON_CANDLES * timeframe.ms
    asked = SignalQuestion(
        venue, timeframe=timeframe, model_version=version, from_ms=newest_ms - BLOCKS * block_ms
    )
    rows = [row for row in find_signals(asked).rows if row.graded and row.outcome__touched]
    if not rows:
        return []
    said = np.array([[row.p_short, row.p_no_trade, row.p_long] for row in rows])
    classes = np.array([_CLASSES[str(row.outcome__touched)] for row in rows], dtype=np.int64)
    begins, place = np.unique(
        np.array([row.candle_close for row in rows]) // block_ms, return_inverse=True
    )

    def summed(values: Floats) -> Floats:
        return np.bincount(place, values).astype(np.float64)

    happened = np.column_stack([summed((classes == each).astype(float)) for each in range(3)])
    count = summed(np.ones(len(rows)))
    loss = summed(log_losses(classes, said))
    touched = classes != _NO_TRADE
    either = np.maximum(1 - said[:, _NO_TRADE], 1e-9)
    direction = np.where(touched, (classes == _LONG) - said[:, _LONG] / either, 0.0)
    times = begins * block_ms
    return [
        _series(DriftKind.LOSS, "log_loss", times, loss, loss + _prior_loss(happened), count),
        _series(DriftKind.CALIBRATION, "touch", times, summed(touched - either), count, count),
        _series(
            DriftKind.CALIBRATION,
            "direction",
            times,
            summed(direction),
            summed(touched.astype(float)),
            summed(touched.astype(float)),
        ),
    ]


_CLASSES: Mapping[str, int] = {each.value: index for index, each in enumerate(DIRECTIONS)}
_NO_TRADE = _CLASSES["NO_TRADE"]
_LONG = _CLASSES["LONG"]
