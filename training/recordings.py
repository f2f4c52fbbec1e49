"""Recordings turned into feature cells on a regular 100-ms axis; read by the datasets.

The features come from the feed's own code, cell by cell, exactly as a live loop would have
read them. Cells the feed did not fill are rows of NaN, so that positions are times.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from market.feeds.replay import ReplayFeed, recording_files
from market.hot.replaying import feature_rows
from market.hot.vector import CELL_MS, CELL_PHASE_MS, FEATURE_COUNT, INDEX

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class TrainingDataError(ValueError):
    """The recordings hold too little, or not what was asked for. A person acts."""


class TooLittleDataError(TrainingDataError):
    """There is not enough to learn from yet; with time there will be."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One recording. times_ms: [n] cell ends, 100 ms apart; values: [n, 20], NaN = void."""

    name: str
    times_ms: Integers
    values: Floats

    @property
    def mid(self) -> Floats:
        column: Floats = self.values[:, INDEX["mid_price"]]
        return column

    def before(self, count: int) -> "Cells":
        """Return the first `count` cells, as if the recording had ended there."""
        return Cells(self.name, self.times_ms[:count], self.values[:count])


def recorded_symbols(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the markets that recordings tell of, in their order, each once."""
    return tuple(dict.fromkeys(symbol for path in paths for symbol in ReplayFeed([path]).symbols))


def read_recording(path: Path) -> Cells:
    """Replay one recording (frames, or what this server recorded of a symbol) into cells.

    Raises TrainingDataError where the path is absent or yields no cell.
    """
    if not path.exists():
        raise TrainingDataError(f"recording {path} does not exist")
    return regular_cells(path.name, ((end, row.values) for end, row in feature_rows(path)))


def regular_cells(name: str, rows: Iterable[tuple[int, list[float]]]) -> Cells:
    """Lay (cell end in ms, 20 values) on an unbroken 100-ms axis; absent cells are void.

    Raises TrainingDataError where there is no row or a cell end is off the grid.
    """
    ends: list[int] = []
    lists: list[list[float]] = []
    for end, row in rows:
        ends.append(end)
        lists.append(row)
    if not ends:
        raise TrainingDataError(f"recording {name} yields no feature row")
    times = np.asarray(ends, dtype=np.int64)
    if np.any(times % CELL_MS != CELL_PHASE_MS):
        raise TrainingDataError(
            f"recording {name}: cell ends must satisfy t % {CELL_MS} == {CELL_PHASE_MS}"
        )
    if np.any(np.diff(times) <= 0):
        raise TrainingDataError(f"recording {name}: cell ends must increase")
    positions = (times - times[0]) // CELL_MS
    values = np.full((int(positions[-1]) + 1, FEATURE_COUNT), np.nan)
    values[positions] = np.asarray(lists, dtype=np.float64)
    axis = times[0] + CELL_MS * np.arange(len(values), dtype=np.int64)
    return Cells(name, axis, values)


def recording_digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over the recordings' bytes, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        for file in recording_files(path):
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
