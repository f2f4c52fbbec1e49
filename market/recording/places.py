"""Where recordings lie.

    <root>/<venue>/<SYMBOL>/events/<YYYY-MM-DDTHH>.parquet    what was received, in order
    <root>/<venue>/<SYMBOL>/features/<YYYY-MM-DDTHH>.parquet  what was written to `feat:`
    <root>/<venue>/<SYMBOL>/spool/<YYYY-MM-DDTHH>.<segment>   an hour that is being recorded

Hours are of market time, in UTC. Read by the market process, the audits and training.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from market.candles.store import folder_name
from market.exchanges import is_exchange
from market.symbols import parse_symbol

HOUR_MS = 3_600_000

EVENTS, FEATURES, SPOOL = "events", "features", "spool"
_HOUR = "%Y-%m-%dT%H"


def hour_name(time_ms: float) -> str:
    """Return the name of the hour that a market time (ms) lies in."""
    return datetime.fromtimestamp(time_ms // HOUR_MS * HOUR_MS / 1e3, UTC).strftime(_HOUR)


def hour_start_ms(name: str) -> int:
    """Return the first ms of a named hour. Raises ValueError for another name."""
    return round(datetime.strptime(name, _HOUR).replace(tzinfo=UTC).timestamp() * 1e3)


@dataclass(frozen=True, slots=True)
class SymbolFolder:
    """One symbol's recording in one venue."""

    path: Path

    @classmethod
    def of(cls, root: Path, venue: str, symbol: str) -> "SymbolFolder":
        """Return where it lies, whether or not it exists. Raises ValueError for odd names."""
        return cls(root / folder_name(venue) / parse_symbol(symbol))

    @property
    def symbol(self) -> str:
        return self.path.name

    @property
    def of_exchange(self) -> bool:
        """Whether a live feed was recorded: it asks for each book, and waits for the answer."""
        return is_exchange(unquote(self.path.parent.name))

    @property
    def spool(self) -> Path:
        return self.path / SPOOL

    def parquet(self, kind: str, hour: str) -> Path:
        return self.path / kind / f"{hour}.parquet"

    def hours(self, kind: str = EVENTS) -> list[str]:
        """Return the hours that lie in Parquet, oldest first."""
        names = (each.stem for each in (self.path / kind).glob("*.parquet"))
        return sorted(name for name in names if _is_hour(name))

    def event_files(self) -> list[Path]:
        """Return every file that holds events, oldest first."""
        sealed = [self.parquet(EVENTS, hour) for hour in self.hours()]
        return sealed + [each.path for each in self.spools()]

    def spools(self) -> list["SpoolFile"]:
        """Return the spools, oldest first."""
        found = (SpoolFile.at(path) for path in self.spool.glob("*.spool"))
        return sorted((each for each in found if each is not None), key=lambda each: each.order)


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A spool's path, and what its name says of it."""

    path: Path
    hour: str
    segment: int

    @classmethod
    def at(cls, path: Path) -> "SpoolFile | None":
        """Read a path; None where it does not name a spool."""
        hour, _, segment = path.name.removesuffix(".spool").partition(".")
        if not segment.isdecimal() or not _is_hour(hour):
            return None
        return cls(path, hour, int(segment))

    @classmethod
    def new(cls, folder: SymbolFolder, hour: str, segment: int) -> "SpoolFile":
        return cls(folder.spool / f"{hour}.{segment}.spool", hour, segment)

    @property
    def order(self) -> tuple[int, str]:
        return self.segment, self.hour


def symbol_folders(root: Path) -> Iterator[SymbolFolder]:
    """Yield every symbol's folder under a root of recordings."""
    for venue in sorted(root.iterdir() if root.is_dir() else ()):
        for path in sorted(venue.iterdir() if venue.is_dir() else ()):
            if path.is_dir():
                yield SymbolFolder(path)


def _is_hour(name: str) -> bool:
    try:
        hour_start_ms(name)
    except ValueError:
        return False
    return True
