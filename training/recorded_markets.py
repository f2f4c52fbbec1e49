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
from training.recordings import TooLittleDataError, TrainingDataError, recorded_symbols


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """One symbol's recording. venue: "" for frames. kept: what this server recorded, or None."""

    path: Path
    venue: str
    kept: SymbolRecording | None


def recorded_markets(paths: Sequence[Path], symbols: Sequence[str] = ()) -> list[RecordedMarket]:
    """Return the recordings that paths name, in order; a venue's folder names all of its symbols.

    symbols: only these; none: all of them.
    Raises TrainingDataError where a path is no recording, a symbol is not recorded, or two venues
    would be mixed.
    """
    found = _of_symbols(_each_once(paths), symbols)
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
        raise TooLittleDataError("no recording to learn from")
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


def _each_once(paths: Sequence[Path]) -> list[RecordedMarket]:
    found: dict[Path, RecordedMarket] = {}
    for market in (market for path in paths for market in _at(path)):
        found.setdefault(market.path.resolve(), market)
    return list(found.values())


def _of_symbols(markets: Sequence[RecordedMarket], symbols: Sequence[str]) -> list[RecordedMarket]:
    if not symbols:
        return list(markets)
    told = [(market, _told(market)) for market in markets]
    there = dict.fromkeys(symbol for _, each in told for symbol in each)
    absent = [symbol for symbol in symbols if symbol not in there]
    if absent:
        raise TrainingDataError(
            f"no recording of {', '.join(absent)} to learn from; recorded are {', '.join(there)}"
        )
    return [market for market, each in told if set(each) & set(symbols)]


def _told(market: RecordedMarket) -> tuple[str, ...]:
    return recorded_symbols([market.path]) if market.kept is None else (market.kept.symbol,)


def _at(path: Path) -> Iterable[RecordedMarket]:
    if not path.exists():
        raise TrainingDataError(f"recording {path} does not exist")
    kept = open_recording(path)
    if kept is not None:
        return [_kept(kept, path)]
    if path.is_file() or any(path.glob("*.gz")):
        return [RecordedMarket(path, "", None)]
    folders = [each for each in symbol_folders_of(path) if _has_any(each)]
    if not folders:
        raise TrainingDataError(
            f"{path}: no recording: neither frames (.gz), nor one symbol's folder of"
            " VAR_DIR/recordings, nor a venue's folder of such"
        )
    return [_kept(SymbolRecording(each), each.path) for each in folders]


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
