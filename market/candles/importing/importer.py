"""Files → checked rows → the store, and a report of what became of every row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from market.candles.importing.files import CandleFile, ImportFileError, candle_files, identify
from market.candles.importing.tables import UNREADABLE_MS, read_rows
from market.candles.sanity import RowFault, row_faults
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe


@dataclass(slots=True)
class ImportedDataset:
    """What an import did to one dataset; times are opens (ms).

    gaps, missing: holes in the whole dataset as it lies in the store now, and the candles
    that they lack. newest_is_new: its newest candle came, or changed, with this import.
    """

    venue: str
    symbol: str
    timeframe: Timeframe
    files: int
    rows: int
    refused: dict[RowFault, int] = field(default_factory=dict)
    added: int = 0
    confirmed: int = 0
    restated: int = 0
    unchanged: int = 0
    mismatched: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    gaps: int = 0
    missing: int = 0
    newest_is_new: bool = False

    @property
    def good(self) -> int:
        return self.rows - sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports candle files under one venue.

    timezone: of times that name none. keep_last: also take the newest row of a dataset's
    files, though its candle may not have closed when they were written.
    Raises ValueError for a venue without a name.
    """

    store: CandleStore
    venue: str
    timezone: ZoneInfo
    keep_last: bool = False

    def __post_init__(self) -> None:
        self.store.folder(self.venue, "BTCUSDT", Timeframe.H1)  # refuses what names no venue

    def run(
        self, paths: Sequence[Path], symbol: str | None, timeframe: Timeframe | None, now_ms: float
    ) -> tuple[list[ImportedDataset], list[str]]:
        """Import every file under `paths`; return a report a dataset, and what failed.

        symbol, timeframe: where the files' names do not tell. now_ms: UTC.
        """
        errors: list[str] = []
        by_dataset: dict[tuple[str, Timeframe], list[CandleFile]] = {}
        for path in paths:
            try:
                for found in candle_files(path):
                    _identified(found, symbol, timeframe, by_dataset, errors)
            except (ImportFileError, OSError) as error:
                errors.append(str(error))
        reports = [self._dataset(files, now_ms, errors) for files in by_dataset.values()]
        return [each for each in reports if each is not None], errors

    def _dataset(
        self, files: Sequence[CandleFile], now_ms: float, errors: list[str]
    ) -> ImportedDataset | None:
        parts = []
        for file in files:
            try:
                parts.append(read_rows(file.path, self.timezone))
            except ImportFileError as error:
                errors.append(str(error))
        if not parts:
            return None
        rows = CandleSeries.joined(parts)
        symbol, timeframe = files[0].symbol, files[0].timeframe
        report = ImportedDataset(self.venue, symbol, timeframe, len(parts), len(rows))
        good, report.refused = self._sound(rows, timeframe, now_ms)
        try:
            self._store(report, good, now_ms)
        except (CandleStoreError, OSError) as error:
            errors.append(f"{symbol} {timeframe}: {error}")
            return None
        return report

    def _sound(
        self, rows: CandleSeries, timeframe: Timeframe, now_ms: float
    ) -> tuple[CandleSeries, dict[RowFault, int]]:
        unreadable = rows.open_ms == UNREADABLE_MS
        refused = Counter({RowFault.TIME_UNREADABLE: int(unreadable.sum())})
        rows = rows[~unreadable]
        faults = row_faults(rows, timeframe, now_ms)
        refused.update({fault: int(mask.sum()) for fault, mask in faults.items()})
        if faults:
            rows = rows[~np.logical_or.reduce(list(faults.values()))]
        # np.unique gives the first row of each time, in order of time.
        _, first = np.unique(rows.open_ms, return_index=True)
        refused[RowFault.DUPLICATE_TIME] += len(rows) - len(first)
        rows = rows[first]
        if len(rows) and not (self.keep_last or RowFault.NOT_CLOSED in faults):
            rows = rows[:-1]
            refused[RowFault.LAST_ROW] += 1
        return rows, dict(+refused)

    def _store(self, report: ImportedDataset, good: CandleSeries, now_ms: float) -> None:
        dataset = (report.venue, report.symbol, report.timeframe)
        done = self.store.upsert(*dataset, good, closed_by_ms=now_ms)
        report.added, report.confirmed = len(done.added), len(done.confirmed)
        report.restated, report.unchanged = len(done.restated), done.unchanged
        report.mismatched = len(done.mismatched)
        newest = self.store.read((report.venue,), *dataset[1:], count=1).open_ms.tolist()
        report.newest_is_new = bool(newest) and newest == done.stored[-1:].tolist()
        if len(good):
            report.first_ms, report.last_ms = int(good.open_ms[0]), int(good.open_ms[-1])
        gaps = self.store.gaps(*dataset)
        report.gaps, report.missing = len(gaps), sum(gap.count for gap in gaps)


def _identified(
    path: Path,
    symbol: str | None,
    timeframe: Timeframe | None,
    by_dataset: dict[tuple[str, Timeframe], list[CandleFile]],
    errors: list[str],
) -> None:
    try:
        file = identify(path, symbol, timeframe)
    except ImportFileError as error:
        errors.append(str(error))
    else:
        by_dataset.setdefault((file.symbol, file.timeframe), []).append(file)
