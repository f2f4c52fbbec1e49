"""Candles of one coin from the store, for as long as its signals are graded, each read once."""

from collections.abc import Sequence

import structlog

from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from predictions.grading.touching import Bars

log = structlog.get_logger(__name__)


class StoredBars:
    """Call it with a timeframe. problems: stored files that could not be read."""

    def __init__(
        self,
        store: CandleStore,
        venues: Sequence[str],
        symbol: str,
        *,
        since_ms: int,
        until_ms: float,
    ) -> None:
        """venues: whose candles these are, the truest first. Opened since, closed until."""
        self.problems: list[str] = []
        self._store = store
        self._venues = venues
        self._symbol = symbol
        self._since_ms = since_ms
        self._until_ms = until_ms
        self._read: dict[Timeframe, Bars] = {}

    def __call__(self, timeframe: Timeframe) -> Bars:
        found = self._read.get(timeframe)
        if found is None:
            found = self._read[timeframe] = Bars(self._candles(timeframe), timeframe.ms)
        return found

    def _candles(self, timeframe: Timeframe) -> CandleSeries:
        try:
            return self._store.read(
                self._venues,
                self._symbol,
                timeframe,
                closed_by_ms=self._until_ms,
                since_ms=self._since_ms,
            )
        except CandleStoreError as error:
            # Longer candles may do; a person repairs the file meanwhile.
            self.problems.append(str(error))
            log.warning("candles_unreadable", error=str(error))
            return CandleSeries.empty()
