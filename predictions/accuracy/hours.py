"""Graded forecasts added up by hour, minute and probability: the one arithmetic of accuracy.

Rows are added up here whether they were just read or are about to be stored, so a figure from
roll-ups is the figure from rows. Written and read by `predictions.accuracy.rollups`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inference.vocabulary import OutcomeStatus
from predictions.accuracy.losses import brier_scores, log_losses

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
MINUTES = 60
BINS = 200

BLOCK_COLUMNS = (
    "compared", "abs_error", "abs_no_change", "abs_cross", "sq_error", "sq_return",
    "zero_moves", "moves", "hits", "rises",
    "bounded", "covered",
    "ups", "flats", "downs", "brier", "log_loss",
)  # fmt: skip
"""Sums of one minute. compared: error and no-change error known; moves: the mid moved and a
direction was given; bounded: an interval was given; ups, flats, downs: what happened where
probabilities were given, and their losses."""
COLUMN = {name: index for index, name in enumerate(BLOCK_COLUMNS)}

BIN_COLUMNS = ("asked", "p_up", "ups", "called", "moves", "hits")
"""Sums of one bin: the first three by P(up), for calibration; the others by the share of P(up)
in P(up) + P(down), for what sureness of direction was worth."""
BIN_COLUMN = {name: index for index, name in enumerate(BIN_COLUMNS)}

BLOCKS_SHAPE = (MINUTES, len(BLOCK_COLUMNS))
BINS_SHAPE = (BINS, len(BIN_COLUMNS))


class HourKey(NamedTuple):
    """What one roll-up is about. hour_ts: market time, ms, of the hour's begin."""

    venue: str
    live: bool
    symbol: str
    model_version: str
    base_version: str
    role: str
    source: str
    hour_ts: int


class ForecastRow(NamedTuple):
    """A forecast with its outcome, as far as accuracy goes; None = unknown."""

    venue: str
    live: bool
    symbol: str
    model_version: str
    base_version: str
    role: str
    source: str
    prediction_ts: int
    late: bool
    p_up: float | None
    p_flat: float | None
    p_down: float | None
    status: str | None
    reason: str | None
    return_bp: float | None
    error_bp: float | None
    no_change_error_bp: float | None
    direction_hit: bool | None
    covered: bool | None

    @property
    def hour(self) -> HourKey:
        return HourKey(*self[:7], hour_ts=self.prediction_ts - self.prediction_ts % HOUR_MS)


@dataclass(frozen=True, slots=True)
class Hour:
    """One roll-up. said: all rows, of which `late` count in nothing else.

    blocks: float32 [60, BLOCK_COLUMNS] by minute; bins: float32 [200, BIN_COLUMNS]. Rounded here
    once, so that what was stored is what was not.
    """

    key: HourKey
    said: int
    late: int
    graded: int
    ungradable: Mapping[str, int]
    blocks: Singles
    bins: Singles


def add_up(rows: Iterable[ForecastRow]) -> list[Hour]:
    """Return the roll-ups of rows; those of one key in the order of their times."""
    groups: defaultdict[HourKey, list[ForecastRow]] = defaultdict(list)
    for row in rows:
        groups[row.hour].append(row)
    return [_hour(key, group) for key, group in groups.items()]


def _hour(key: HourKey, rows: Sequence[ForecastRow]) -> Hour:
    timely = [row for row in rows if not row.late]
    graded = [row for row in timely if row.status == OutcomeStatus.GRADED]
    refused = Counter(row.reason or "" for row in timely if row.status == OutcomeStatus.UNGRADABLE)
    blocks = np.zeros(BLOCKS_SHAPE)
    bins = np.zeros(BINS_SHAPE)
    if graded:
        columns = {
            name: np.array([getattr(row, name) for row in graded], dtype=np.float64)
            for name in ForecastRow._fields[9:12] + ForecastRow._fields[14:]
        }
        minutes = (np.array([row.prediction_ts for row in graded]) - key.hour_ts) // MINUTE_MS
        _add_blocks(blocks, minutes, columns)
        _add_bins(bins, columns)
    return Hour(
        key=key,
        said=len(rows),
        late=len(rows) - len(timely),
        graded=len(graded),
        ungradable=dict(sorted(refused.items())),
        blocks=blocks.astype(np.float32),
        bins=bins.astype(np.float32),
    )


def _add_blocks(
    blocks: Floats, minutes: npt.NDArray[np.int64], columns: Mapping[str, Floats]
) -> None:
    error, base = columns["error_bp"], columns["no_change_error_bp"]
    hit, covered = columns["direction_hit"], columns["covered"]
    compared = ~np.isnan(error + base)
    moved = ~np.isnan(hit)
    known = _with_probabilities(columns)
    values = {
        "compared": compared,
        "abs_error": np.where(compared, np.abs(error), 0.0),
        "abs_no_change": np.where(compared, np.abs(base), 0.0),
        "abs_cross": np.where(compared, np.abs(error * base), 0.0),
        "sq_error": np.where(compared, error**2, 0.0),
        "sq_return": np.where(compared, base**2, 0.0),
        "zero_moves": columns["return_bp"] == 0,
        "moves": moved,
        "hits": moved & (hit == 1),
        "rises": moved & (columns["return_bp"] > 0),
        "bounded": ~np.isnan(covered),
        "covered": covered == 1,
    } | _losses(columns, known)
    for name, value in values.items():
        blocks[:, COLUMN[name]] = np.bincount(minutes, value.astype(np.float64), minlength=MINUTES)


def _with_probabilities(columns: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
    said = columns["p_up"] + columns["p_flat"] + columns["p_down"]
    known: npt.NDArray[np.bool_] = ~np.isnan(said + columns["return_bp"])
    return known


def _losses(
    columns: Mapping[str, Floats], known: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.generic]]:
    # Classes in the order up, flat, down, as models answer them.
    classes = 1 - np.sign(columns["return_bp"][known]).astype(np.int64)
    said = np.column_stack([columns[name][known] for name in ("p_up", "p_flat", "p_down")])
    brier, log_loss = np.zeros(len(known)), np.zeros(len(known))
    brier[known] = brier_scores(classes, said)
    log_loss[known] = log_losses(classes, said)
    happened = np.full(len(known), -1, dtype=np.int64)
    happened[known] = classes
    return {
        "ups": happened == 0,
        "flats": happened == 1,
        "downs": happened == 2,
        "brier": brier,
        "log_loss": log_loss,
    }


def _add_bins(bins: Floats, columns: Mapping[str, Floats]) -> None:
    known = _with_probabilities(columns)
    p_up, p_down = columns["p_up"][known], columns["p_down"][known]
    hit = columns["direction_hit"][known]
    either = p_up + p_down
    called = either > 0
    by_p_up = _bin(p_up)
    by_sureness = _bin(p_up[called] / either[called])
    hit = hit[called]
    values = {
        "asked": (by_p_up, np.ones(len(p_up))),
        "p_up": (by_p_up, p_up),
        "ups": (by_p_up, columns["return_bp"][known] > 0),
        "called": (by_sureness, np.ones(len(by_sureness))),
        "moves": (by_sureness, ~np.isnan(hit)),
        "hits": (by_sureness, hit == 1),
    }
    for name, (places, value) in values.items():
        bins[:, BIN_COLUMN[name]] = np.bincount(
            places, np.asarray(value, dtype=np.float64), minlength=BINS
        )


def _bin(shares: Floats) -> npt.NDArray[np.int64]:
    places: npt.NDArray[np.int64] = np.clip((shares * BINS).astype(np.int64), 0, BINS - 1)
    return places
