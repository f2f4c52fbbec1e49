"""Recorded rows to try a forecaster on: features as they are served, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from market.hot.features import WARM_UP_MS
from market.hot.vector import CELL_MS, FEATURE_NAMES, INDEX, REQUIRED_FEATURES, TICK_MS
from market.recording.places import symbol_folders
from predictions.audit.hot_lookahead import read_history, served_features
from predictions.importing.findings import ImportRefusedError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_RECORDINGS = 4
LONGEST_MS = 900_000
"""Of each recording: fifteen minutes, the first six of which fill windows."""
LEAST_ROWS = 60

_REQUIRED = [INDEX[name] for name in REQUIRED_FEATURES]


@dataclass(frozen=True, slots=True)
class ForecastRows:
    """features: [n, 20]; returns_bp: of the mid until the horizon, NaN where unknown; decided_ms:
    market time. Recordings follow each other."""

    features: Floats
    returns_bp: Floats
    decided_ms: Integers
    source: str


def places(given: Sequence[Path], recordings: Path, shared: Path) -> list[Path]:
    """Return where recordings lie: those given, else this server's own, else the shared ones."""
    own = [folder.path for folder in symbol_folders(recordings)]
    frames = shared / "data" / "frames"
    others = sorted(each for each in frames.iterdir() if each.is_dir()) if frames.is_dir() else []
    return list(given) or own or others


def recorded_rows(paths: Sequence[Path], horizon_ms: int, *, seed: int = 1) -> ForecastRows:
    """Read rows on the tick grid out of the first recordings.

    Raises ImportRefusedError where there are too few, FeedError where one cannot be read.
    """
    parts = [part for path in paths[:MOST_RECORDINGS] for part in _parts(path, horizon_ms, seed)]
    count = sum(len(features) for features, _, _ in parts)
    if count < LEAST_ROWS:
        raise ImportRefusedError(
            f"{count} recorded rows are at hand, {LEAST_ROWS} are needed to check a model on: "
            "record a market (manage.py run_market), or name a recording with --recording"
        )
    features, returns, times = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    names = ", ".join(path.name for path in paths[:MOST_RECORDINGS])
    return ForecastRows(features, returns, times, f"recorded markets ({names})")


def _parts(path: Path, horizon_ms: int, seed: int) -> list[tuple[Floats, Floats, Integers]]:
    found = []
    for history in read_history(path, seed):
        batches = history.batches[: LONGEST_MS // CELL_MS]
        rows = list(served_features(history)(batches))
        values = np.array([row.values for _, row in rows], np.float64)
        values = values.reshape(-1, len(FEATURE_NAMES))
        ends = np.array([end for end, _ in rows], np.int64)
        mid = values[:, INDEX["mid_price"]]
        ahead = np.searchsorted(ends, ends + horizon_ms)
        known = (ahead < len(ends)) & (ends[np.minimum(ahead, len(ends) - 1)] == ends + horizon_ms)
        came = np.where(known, mid[np.minimum(ahead, len(ends) - 1)], np.nan)
        chosen = np.arange(0, len(ends), TICK_MS // CELL_MS)
        usable = ~np.isnan(values[chosen][:, _REQUIRED]).any(axis=1)
        usable &= ends[chosen] >= ends[0] + min(WARM_UP_MS, LONGEST_MS // 2)
        chosen = chosen[usable]
        returns = 1e4 * np.log(came[chosen] / mid[chosen])
        found.append((values[chosen], returns, ends[chosen]))
    return found
