"""Which recordings a forecaster may learn from together: those of one market alone.

What is live, replayed or simulated is never mixed, nor are two exchanges. A recording of this
server lies in a folder that names its venue; frames that were recorded elsewhere name none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from market.candles.store import folder_name
from market.recording.places import EVENTS, FEATURES, SymbolFolder, symbol_folders
from market.recording.reading import SymbolRecording, open_recording
from training.recordings import TooLittleDataError, TrainingDataError


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """One symbol's recording. venue: "" for frames. kept: what this server recorded, or None."""

    path: Path
    venue: str
    kept: SymbolRecording | None


def recorded_markets(paths: Sequence[Path], symbols: Sequence[str] = ()) -> list[RecordedMarket]:
    """Return the recordings that paths name, in order; a venue's folder names all of its symbols.

    symbols: only these, where what this server recorded is meant; none: all of them.
    Raises TrainingDataError where a path is no recording, or two venues would be mixed.
    """
    found = [market for path in paths for market in _at(path, frozenset(symbols))]
    venues: dict[str, Path] = {}
    for market in found:
        venues.setdefault(market.venue, market.path)
    if len(venues) > 1:
        named = " and ".join(f"{_spoken(venue)} ({path})" for venue, path in venues.items())
        raise TrainingDataError(
            f"recordings of {named} cannot be learned from together: a model learns from one"
            " market, and live, replayed and simulated ones are never mixed"
        )
    if not found:
        raise TooLittleDataError(
            "no recording" + (f" of {', '.join(symbols)}" if symbols else "") + " to learn from"
        )
    return found


def venue_folder(root: Path, running: str | None = None) -> Path:
    """Return the folder of the running venue's recordings, or of that last written to.

    Raises TooLittleDataError where nothing was recorded.
    """
    if running:
        folder = root / folder_name(running)
        if any(_has_any(each) for each in symbol_folders_of(folder)):
            return folder
    written: dict[Path, float] = {}
    for each in symbol_folders(root):
        if _has_any(each):
            written[each.path.parent] = max(written.get(each.path.parent, 0.0), _last_write(each))
    if not written:
        raise TooLittleDataError(
            f"nothing is recorded in {root} yet: the market process records what it sees"
            " (RECORDING_RETENTION_DAYS)"
        )
    return max(written, key=lambda folder: written[folder])


def symbol_folders_of(venue: Path) -> list[SymbolFolder]:
    """Return the symbols' folders in a venue's, in the order of their names."""
    if not venue.is_dir():
        return []
    return [SymbolFolder(path) for path in sorted(venue.iterdir()) if path.is_dir()]


def _at(path: Path, symbols: frozenset[str]) -> Iterable[RecordedMarket]:
    if not path.exists():
        raise TrainingDataError(f"recording {path} does not exist")
    kept = open_recording(path)
    if kept is not None:
        return [_kept(kept, path)] if not symbols or kept.symbol in symbols else []
    if path.is_file() or any(path.glob("*.gz")):
        return [RecordedMarket(path, "", None)]
    folders = [each for each in symbol_folders_of(path) if _has_any(each)]
    if not folders:
        raise TrainingDataError(
            f"{path}: no recording: neither frames (.gz), nor one symbol's folder of"
            " VAR_DIR/recordings, nor a venue's folder of such"
        )
    return [
        _kept(SymbolRecording(each), each.path)
        for each in folders
        if not symbols or each.symbol in symbols
    ]


def _kept(recording: SymbolRecording, path: Path) -> RecordedMarket:
    return RecordedMarket(path, unquote(recording.folder.path.parent.name), recording)


def _spoken(venue: str) -> str:
    return venue or "frames whose venue is unknown"


def _has_any(folder: SymbolFolder) -> bool:
    return bool(folder.hours() or folder.spools())


def _last_write(folder: SymbolFolder) -> float:
    files = [folder.parquet(kind, hour) for kind in (EVENTS, FEATURES) for hour in folder.hours()]
    files += [each.path for each in folder.spools()]
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)
