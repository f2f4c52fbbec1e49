"""The files that `manage.py retrain` is pointed at: looked for before a run is begun on them."""

from collections.abc import Sequence
from pathlib import Path

from market.candles.timeframes import Timeframe
from training.signals.orders import OrderError


def given_recordings(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return absolute paths, each once. Raises OrderError where one is not there."""
    for path in paths:
        if not path.exists():
            raise OrderError(f"--recordings: {path} does not exist")
    return tuple(dict.fromkeys(str(path.resolve()) for path in paths))


def given_candles(path: Path | None, timeframe: Timeframe) -> str | None:
    """Return the absolute path of a folder with candles of a timeframe; None for the store.

    Raises OrderError naming what the folder has.
    """
    if path is None:
        return None
    if not path.is_dir():
        raise OrderError(f"--candles: {path} is not a folder")
    if not (path / timeframe).is_dir():
        there = [str(one) for one in Timeframe if (path / one).is_dir()]
        has = f"has {', '.join(there)}: name them with --timeframe" if there else "has none"
        raise OrderError(f"--candles: {path} has no folder {timeframe}; it {has}")
    return str(path.resolve())


def given_daily(path: Path | None, timeframe: Timeframe) -> str | None:
    """Return the absolute path of a zip of daily candles, for 1d. Raises OrderError."""
    if path is None or timeframe is not Timeframe.D1:
        return None
    if not path.is_file():
        raise OrderError(f"--daily: {path} is not a file")
    return str(path.resolve())
