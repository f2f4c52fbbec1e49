"""Decisions of the forecaster with their outcomes: what it is fitted and judged on.

A decision at t reads the cell that ended 10 ms before t, as the loop does. Weights may be
fitted on decisions every 200 ms (they overlap; that adds rows, not information), judging
happens on the loop's own 2-second grid only, or on every n-th tick of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from market.hot.vector import (
    CELL_MS,
    CELL_PHASE_MS,
    FEATURE_COUNT,
    HORIZON_MS,
    INDEX,
    REQUIRED_FEATURES,
    TICK_MS,
)
from training.labels import directions, expected_move_bp, forward_returns_bp, normalised_targets
from training.recordings import Cells, TooLittleDataError
from training.splits import Mask, Timeline

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FITTING_STEP_MS = 200
READ_DELAY_MS = CELL_MS - CELL_PHASE_MS
"""The cell a tick reads ended this long before it."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """n labelled decisions, ordered by recording and time.

    features: [n, 20] raw; returns_bp: y; moves_bp: sigma·√10; targets: clip(y / sigma·√10, ±6).
    grid_ms: from one decision that is judged to the next; the loop's own grid, or a whole part of
    it where a dataset keeps fewer.
    """

    names: tuple[str, ...]
    recording: Integers
    decided_ms: Integers
    features: Floats
    returns_bp: Floats
    moves_bp: Floats
    targets: Floats
    classes: Integers
    grid_ms: int = TICK_MS

    def __len__(self) -> int:
        return len(self.decided_ms)

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.recording, self.decided_ms, self.decided_ms + HORIZON_MS)

    @property
    def on_grid(self) -> Mask:
        """The rows that are judged: at these the loop itself decides."""
        on_grid: Mask = self.decided_ms % self.grid_ms == 0
        return on_grid

    def take(self, rows: Mask | Integers) -> "Decisions":
        """Return only these rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})


COLUMNS = tuple(field.name for field in fields(Decisions) if field.name not in ("names", "grid_ms"))
"""The fields that have a value for each decision."""


def joined(parts: Sequence[Decisions]) -> Decisions:
    """Return the rows of all parts, of the same recordings and grid, one after another."""
    rows: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS
    }
    return replace(parts[0], **rows)


def decide(recordings: Sequence[Cells], *, step_ms: int = FITTING_STEP_MS) -> Decisions:
    """Label every decision of the recordings that has its required features and an outcome.

    Raises TooLittleDataError where none is left.
    """
    parts = [_one(index, cells, step_ms) for index, cells in enumerate(recordings)]
    if not sum(len(part) for part in parts):
        raise TooLittleDataError(
            "no labelled decision in " + (", ".join(c.name for c in recordings) or "no recording")
        )
    return replace(joined(parts), names=tuple(cells.name for cells in recordings))


def labelled(
    name: str, index: int, decided_ms: Integers, values: Floats, returns_bp: Floats
) -> Decisions:
    """Return those rows that have their required features and an outcome.

    values: [n, 20] raw; returns_bp: [n], NaN where the future is void. index: of the recording.
    Features pass through float32, as they do on their way into the network.
    """
    features = values.astype(np.float32).astype(np.float64)
    moves = expected_move_bp(features[:, INDEX["price_volatility"]], HORIZON_MS / 1000)
    targets = normalised_targets(returns_bp, moves)
    required = np.isfinite(features[:, [INDEX[name] for name in REQUIRED_FEATURES]]).all(axis=1)
    rows = np.flatnonzero(required & np.isfinite(targets))
    return Decisions(
        (name,),
        np.full(len(rows), index, dtype=np.int64),
        decided_ms[rows],
        features[rows].reshape(-1, FEATURE_COUNT),
        returns_bp[rows],
        moves[rows],
        targets[rows],
        directions(returns_bp[rows]),
    )


def _one(index: int, cells: Cells, step_ms: int) -> Decisions:
    returns = forward_returns_bp(cells.mid, HORIZON_MS // CELL_MS)
    decided = cells.times_ms + READ_DELAY_MS
    rows = np.flatnonzero(decided % step_ms == 0)
    return labelled(cells.name, index, decided[rows], cells.values[rows], returns[rows])
