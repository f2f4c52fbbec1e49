"""Asks an exchange for what the candle store lacks, page by page, and stores it at once.

Whatever ends it, the next run goes on where it stopped: what lies in the store, and what the
exchange is known not to have, is not asked for again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from market.candles.backfilling.absent import AbsentCandles
from market.candles.backfilling.patience import ExchangeAwayError, Patience
from market.candles.backfilling.progress import Progress
from market.candles.sanity import RowFault
from market.candles.series import CandleSeries, Flags, Integers
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from market.feeds.live.klines import CandleSource
from market.feeds.live.link import LinkError

MOST_FAILURES = 3
"""Datasets given up in a row; then the exchange is away, and the run ends."""

SURE_MS = 3_600_000
"""So long after its close a candle that the exchange has not is one that it will never have."""


@dataclass(slots=True)
class BackfilledDataset:
    """What a backfill did to one dataset; times are opens (ms).

    wanted: candles of the span. lacking: those that were to be asked for. absent: of them, those
    that the exchange has not. known_absent: not asked for, as an earlier run did so in vain.
    gaps, missing: holes in the whole dataset as it lies in the store now, and the candles that
    they lack. newest_is_new: its newest candle came, or changed, with this run.
    """

    venue: str
    symbol: str
    timeframe: Timeframe
    wanted: int = 0
    lacking: int = 0
    added: int = 0
    confirmed: int = 0
    restated: int = 0
    absent: int = 0
    known_absent: int = 0
    refused: Counter[RowFault] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None
    gaps: int = 0
    missing: int = 0
    newest_is_new: bool = False
    error: str = ""
    finished: bool = False


@dataclass(slots=True)
class Backfill:
    """One run. venue: under which it is stored. now_ms: UTC by the exchange's clock.

    again: ask once more for what the exchange did not have. `datasets` grows while it runs.
    """

    source: CandleSource
    store: CandleStore
    venue: str
    absent: AbsentCandles
    now_ms: float
    progress: Progress
    patience: Patience
    again: bool = False
    datasets: list[BackfilledDataset] = field(default_factory=list)

    async def run(
        self,
        symbols: Sequence[str],
        timeframes: Sequence[Timeframe],
        since_ms: Callable[[Timeframe], int],
        until_ms: float,
    ) -> None:
        """Fetch what opens at or after `since_ms` and closes by `until_ms`.

        Raises ExchangeAwayError where going on makes no sense now.
        """
        failures = 0
        for timeframe in timeframes:
            for symbol in symbols:
                report = BackfilledDataset(self.venue, symbol, timeframe)
                self.datasets.append(report)
                await self._dataset(report, since_ms(timeframe), until_ms)
                failures = failures + 1 if report.error else 0
                if failures >= MOST_FAILURES:
                    raise ExchangeAwayError(f"{self.source.name} is away: {report.error}")

    async def _dataset(self, report: BackfilledDataset, since_ms: int, until_ms: float) -> None:
        symbol, timeframe = report.symbol, report.timeframe
        try:
            lacking = self._lacking(report, since_ms, min(until_ms, self.now_ms))
            report.lacking = len(lacking)
            with self.progress.dataset(f"{symbol} {timeframe}", len(lacking)):
                while len(lacking):
                    lacking = await self._page(report, lacking)
            report.finished = True
        except (LinkError, CandleStoreError, OSError) as error:
            report.error = str(error)
        except ExchangeAwayError as error:
            report.error = str(error)
            raise
        finally:
            self._conclude(report)

    def _lacking(self, report: BackfilledDataset, since_ms: int, until_ms: float) -> Integers:
        timeframe = report.timeframe
        first_ms = -(-since_ms // timeframe.ms) * timeframe.ms
        wanted = np.arange(first_ms, timeframe.last_closed(until_ms) + 1, timeframe.ms)
        stored = self.store.read((self.venue,), report.symbol, timeframe, since_ms=first_ms)
        report.wanted = len(wanted)
        lacking = np.setdiff1d(wanted, stored.open_ms[~stored.provisional])
        if self.again:
            return lacking
        known = self.absent.among(report.symbol, timeframe, lacking)
        report.known_absent = int(known.sum())
        return lacking[~known]

    async def _page(self, report: BackfilledDataset, lacking: Integers) -> Integers:
        timeframe, first_ms = report.timeframe, int(lacking[0])
        limit = min(self.source.candle_page(timeframe), _run_length(lacking, timeframe.ms))
        found = await self.patience.ask(
            lambda: self.source.candles(report.symbol, timeframe, first_ms, limit)
        )
        self._store(report, found[found.open_ms <= lacking[-1]])
        here = np.isin(lacking, found.open_ms)
        told = here | _covered(lacking, found.open_ms, first_ms + limit * timeframe.ms)
        absent = lacking[told & ~here]
        report.absent += len(absent)
        sure = absent + timeframe.ms <= self.now_ms - SURE_MS
        self.absent.remember(report.symbol, timeframe, absent[sure])
        self.progress.advance(int(told.sum()))
        return lacking[~told]

    def _store(self, report: BackfilledDataset, found: CandleSeries) -> None:
        if not len(found):
            return
        dataset = report.venue, report.symbol, report.timeframe
        done = self.store.upsert(*dataset, found, closed_by_ms=self.now_ms)
        report.added += len(done.added)
        report.confirmed += len(done.confirmed)
        report.restated += len(done.restated)
        report.refused.update(done.refused)
        newest = self.store.read((report.venue,), *dataset[1:], count=1).open_ms.tolist()
        report.newest_is_new |= bool(newest) and newest == done.stored[-1:].tolist()

    def _conclude(self, report: BackfilledDataset) -> None:
        dataset = report.venue, report.symbol, report.timeframe
        try:
            opens = self.store.read((report.venue,), *dataset[1:]).open_ms
            gaps = self.store.gaps(*dataset)
        except CandleStoreError:
            return  # said already, as the dataset's error
        if len(opens):
            report.first_ms, report.last_ms = int(opens[0]), int(opens[-1])
        report.gaps, report.missing = len(gaps), sum(gap.count for gap in gaps)


def _run_length(opens_ms: Integers, step_ms: int) -> int:
    breaks = np.flatnonzero(np.diff(opens_ms) != step_ms)
    return int(breaks[0]) + 1 if len(breaks) else len(opens_ms)


def _covered(lacking: Integers, found: Integers, end_ms: int) -> Flags:
    """Return what an answer told of, whether or not it has it: candles up to end_ms were asked for.

    What lies before its first candle it did not tell of: some exchanges give the newest of a span.
    That is asked for by itself, and is absent if nothing comes, or only what lies beyond.
    """
    inside = found[found < end_ms]
    if len(inside):
        covered: Flags = (lacking >= inside[0]) & (lacking <= inside[-1])
    else:
        covered = lacking < (found[0] if len(found) else end_ms)
    return covered
