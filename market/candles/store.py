"""The candle store: Parquet files, one dataset a venue, symbol and timeframe.

`<root>/<venue>/<SYMBOL>/<timeframe>/<period>.parquet`, a period being a day (1m, 5m), a month
(15m, 1h) or a year: a file is written whole at each close, so it must stay small. Files are
replaced in one step, so a reader needs no lock; writers of one dataset wait for each other.
Written by the market feed and by imports; read by the signal loop, training and grading.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np

from market.candles.merging import Upserted, Verdict, merge, union
from market.candles.parts import (
    CandleStoreError,
    part_names,
    period_bounds,
    periods_of,
    read_part,
    write_lock,
    write_part,
)
from market.candles.sanity import RowFault, row_faults
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.clock import MADE_UP
from market.exchanges import AT, EXCHANGES
from market.symbols import parse_symbol

__all__ = ["CandleStore", "CandleStoreError", "Gap", "Upserted", "venues_of"]

_SIMULATED, _REPLAY = MADE_UP


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that are missing between two stored ones: the opens of the first and last."""

    first_ms: int
    last_ms: int
    count: int


@dataclass(slots=True)
class _Newest:
    """Collects a venue's candles from its newest part backwards until there are enough."""

    wanted: int | None
    parts: list[CandleSeries] = field(default_factory=list)

    @property
    def enough(self) -> bool:
        return self.wanted is not None and sum(map(len, self.parts)) >= self.wanted


class CandleStore:
    """Closed candles on disk. Safe for any number of processes and threads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def upsert(
        self,
        venue: str,
        symbol: str,
        timeframe: Timeframe,
        candles: CandleSeries,
        *,
        closed_by_ms: float | None = None,
    ) -> Upserted:
        """Store candles by their open; return what became of each.

        closed_by_ms: the time it is in the candles' market, default now in UTC; what closes
        later, or is no candle at all, is refused and counted. A confirmed candle replaces a
        provisional one, never the other way round.
        Raises CandleStoreError where a stored file cannot be read (it is left as it is), and
        OSError where the disk takes nothing.
        """
        if closed_by_ms is None:
            closed_by_ms = time.time() * 1e3
        good, refused = _checked(candles, timeframe, closed_by_ms)
        folder = self.folder(venue, symbol, timeframe)
        verdicts: list[Verdict] = []
        if len(good):
            folder.mkdir(parents=True, exist_ok=True)
            with write_lock(folder):
                for name, rows in periods_of(good.open_ms, timeframe):
                    path = folder / f"{name}.parquet"
                    stored = read_part(path) if path.exists() else CandleSeries.empty()
                    verdict = merge(stored, good[rows])
                    if verdict.changed:
                        write_part(path, verdict.candles)
                    verdicts.append(verdict)
        return Upserted.of(verdicts, refused)

    def read(
        self,
        venues: Sequence[str],
        symbol: str,
        timeframe: Timeframe,
        *,
        closed_by_ms: float | None = None,
        count: int | None = None,
        since_ms: int | None = None,
    ) -> CandleSeries:
        """Return candles that closed by `closed_by_ms`, the newest `count`, opened since
        `since_ms`; of several venues the first named wins where both have a candle.

        Empty where there are none. Raises CandleStoreError naming a file that is damaged, or
        that is none of ours.
        """
        last_ms = np.inf if closed_by_ms is None else closed_by_ms - timeframe.ms
        found = CandleSeries.empty()
        for venue in venues:
            folder = self.folder(venue, symbol, timeframe)
            newest = _read_venue(folder, timeframe, last_ms, count, since_ms)
            found = union(found, newest) if len(found) else newest
        return found if count is None else found[max(0, len(found) - count) :]

    def stamp(
        self, venues: Sequence[str], symbol: str, timeframe: Timeframe
    ) -> tuple[tuple[int, int] | None, ...]:
        """Return what changes whenever the dataset does. Take it before reading.

        None for a venue that has no such dataset. Costs one `stat` a venue.
        """
        return tuple(_stamp(self.folder(venue, symbol, timeframe)) for venue in venues)

    def holds(self, venue: str, symbols: Iterable[str], timeframes: Sequence[Timeframe]) -> bool:
        """Return whether there is a dataset of one of these symbols and timeframes."""
        return any(
            self.folder(venue, symbol, timeframe).is_dir()
            for symbol in symbols
            for timeframe in timeframes
        )

    def gaps(self, venue: str, symbol: str, timeframe: Timeframe) -> list[Gap]:
        """Return the holes between the first stored candle and the last, oldest first."""
        opens = self.read((venue,), symbol, timeframe).open_ms
        step = timeframe.ms
        holes = np.flatnonzero(np.diff(opens) > step)
        before, after = opens[holes].tolist(), opens[holes + 1].tolist()
        return [
            Gap(left + step, right - step, (right - left) // step - 1)
            for left, right in zip(before, after, strict=True)
        ]

    def folder(self, venue: str, symbol: str, timeframe: Timeframe) -> Path:
        """Return where a dataset lies, whether or not it exists.

        Raises UnknownSymbolError, or ValueError for a venue without a name.
        """
        return self._root / folder_name(venue) / parse_symbol(symbol) / str(timeframe)


def venues_of(market_venue: str, exchange: str) -> tuple[str, ...]:
    """Return under which venues the candles of a running market lie, the truest first.

    An exchange's live market has the exchange's own, whatever `exchange` (CANDLE_EXCHANGE) says;
    so has a simulated market, and another server that speaks an exchange's protocol. A replay
    continues those of `exchange`: what was recorded comes first, then what this run rolled up.
    Everything else (a third party's feed) is taken for `exchange`. The last one named is where
    the running market writes.
    """
    if market_venue.startswith(_SIMULATED) or market_venue in EXCHANGES:
        return (market_venue,)
    if market_venue.startswith(_REPLAY):
        return (market_venue,) if AT in market_venue else (exchange, market_venue)
    return (exchange,)


def _read_venue(
    folder: Path, timeframe: Timeframe, last_ms: float, count: int | None, since_ms: int | None
) -> CandleSeries:
    newest = _Newest(count)
    for name in part_names(folder):
        first_ms, end_ms = period_bounds(name)
        if first_ms > last_ms:
            continue
        if newest.enough or (since_ms is not None and end_ms <= since_ms):
            break
        part = read_part(folder / f"{name}.parquet")
        start = 0 if since_ms is None else int(np.searchsorted(part.open_ms, since_ms))
        stop = int(np.searchsorted(part.open_ms, last_ms, side="right"))
        newest.parts.append(part[start:stop])
    joined = CandleSeries.joined(newest.parts[::-1])
    return joined if count is None else joined[max(0, len(joined) - count) :]


def _checked(
    candles: CandleSeries, timeframe: Timeframe, closed_by_ms: float
) -> tuple[CandleSeries, dict[RowFault, int]]:
    faults = row_faults(candles, timeframe, closed_by_ms)
    good = candles
    if faults:
        good = candles[~np.logical_or.reduce(list(faults.values()))]
    if len(good) > 1 and not (np.diff(good.open_ms) > 0).all():
        raise ValueError("candles to store must rise in time, each time once")
    return good, {fault: int(mask.sum()) for fault, mask in faults.items()}


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def folder_name(venue: str) -> str:
    """Return a venue's name as one part of a path. Raises ValueError where it has none."""
    if not venue.strip("."):
        raise ValueError(f"{venue!r} is no name for a venue")
    return quote(venue, safe="")
