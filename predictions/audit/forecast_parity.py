"""Forecasts computed anew: features from the recorded events, the rest from the same network.

The code is the one that served: the feed's features, the reader of `feat:`, the forecaster.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.config import PredictionConfig, ServiceConfig
from inference.forecasts.entry import COLUMN, TickEntry
from inference.forecasts.forecaster import Forecaster, Forecasts, Speaker
from inference.forecasts.reading import NUMBER_FIELDS, HotReader, HotReading
from inference.vocabulary import FORECASTS, Reason, Source
from market.hot.features import FeatureRow
from market.hot.state import feature_fields
from market.hot.vector import FEATURE_NAMES
from market.recording.reading import RecordingError
from predictions.audit.models import ForecastModels
from predictions.audit.recorded_cells import Lacking, RecordedCells, Rows
from predictions.audit.report import AuditReport, Comparison

Floats = npt.NDArray[np.float64]

PRICE_TOLERANCE = 1e-8
"""Relative: 1e-4 bp. A network computes in float32, and a run of other length may add in another
order; the shipped one gives the same bits in any."""

PROBABILITY_TOLERANCE = 1e-5

CLOCKS_MS = 50
"""Feed and loop may read the time this far apart."""

PROOF_MS = 1e-2
"""`feature_ts` is in seconds: times in ms come back with an error of some 1e-3."""

EXACT = ("mid_price", "current_price", "confidence", "completeness")
PRICES = ("predicted_price", "lower", "upper")
PROBABILITIES = ("p_up", "p_flat", "p_down")
TIMES = ("event_ts_ms", "exchange_ts_ms")


@dataclass(frozen=True, slots=True)
class _Read:
    """A symbol's row in an entry, and what the recording says should have been read."""

    index: int
    recorded: HotReading


class ForecastParity:
    """Checks tick entries in order of time. symbols: which; empty means all."""

    def __init__(
        self,
        recordings: Path,
        models: ForecastModels,
        report: AuditReport,
        symbols: frozenset[str] = frozenset(),
    ) -> None:
        self._root = recordings
        self._models = models
        self._report = report
        self._symbols = symbols
        self._cells: dict[tuple[str, str], RecordedCells | None] = {}

    def check(self, entry: TickEntry) -> None:
        """Compare one entry with what it should hold; tell the report."""
        read: list[_Read] = []
        spoken: list[int] = []
        for index, symbol in enumerate(entry.symbols):
            if self._symbols and symbol not in self._symbols:
                continue
            if entry.sources[index] != Source.REDIS:
                self._report.unchecked["fallback"] += 1
                continue
            spoken.append(index)
            recorded = self._features(entry, index)
            if recorded is not None:
                read.append(_Read(index, recorded))
        if spoken:
            self._outputs(entry, spoken, read)

    def _features(self, entry: TickEntry, index: int) -> HotReading | None:
        symbol = entry.symbols[index]
        newest_ms = int(entry.made_ms) + CLOCKS_MS
        cells = self._recorded(entry.venue, symbol)
        rows = Lacking.NO_RECORDING if cells is None else cells.rows(newest_ms)
        if isinstance(rows, Lacking):
            self._report.unchecked[f"features_{rows}"] += 1
            return None
        proof_ms = float(entry.column("feature_ts_ms")[index])
        row = _row_read(entry.features[index], proof_ms, rows)
        if row is None and cells is not None and not cells.covers(proof_ms):
            # Read from a cell that was lost: the last second before a crash.
            self._report.unchecked[f"features_{Lacking.NO_RECORDING}"] += 1
            return None
        row = row or rows[-1][1]
        reading = _reading(symbol, row, entry)
        compare = self._comparison(entry, symbol)
        stored = entry.features[index].tolist()
        for name, was, now in zip(FEATURE_NAMES, stored, reading.features[0].tolist(), strict=True):
            compare.numbers("features", name, was, now)
        now_ms = float(reading.feature_ts_ms[0])
        compare.numbers("times", "feature_ts_ms", proof_ms, now_ms, PROOF_MS)
        for name, values in zip(TIMES, (reading.event_ts_ms, reading.exchange_ts_ms), strict=True):
            compare.numbers("times", name, float(entry.column(name)[index]), float(values[0]))
        self._age(entry, index, compare)
        return reading

    def _age(self, entry: TickEntry, index: int, compare: Comparison) -> None:
        # They were read between the tick and the packing; no age is below zero.
        age_ms = float(entry.column("features_age_ms")[index])
        read_ms = float(entry.column("feature_ts_ms")[index]) + age_ms
        nearest = min(max(read_ms, entry.tick_ms), max(entry.made_ms, entry.tick_ms))
        expected_ms = age_ms if age_ms == 0 else age_ms + nearest - read_ms
        compare.numbers("times", "features_age_ms", age_ms, expected_ms, PROOF_MS)

    def _outputs(self, entry: TickEntry, spoken: list[int], read: list[_Read]) -> None:
        engine = self._models.by_digest(entry.digest, entry.horizon_ms)
        if engine is None:
            self._report.unchecked["outputs_model_missing"] += len(spoken)
            return
        said = _forecasts(entry, spoken, read, Speaker(engine))
        for index in spoken:
            compare = self._comparison(entry, entry.symbols[index])
            compare.values("outputs", "source", entry.sources[index], said.sources[index].value)
            for name in (*EXACT, *PRICES, *PROBABILITIES):
                was = float(entry.column(name)[index])
                tolerance = PROBABILITY_TOLERANCE if name in PROBABILITIES else 0.0
                if name in PRICES:
                    tolerance = PRICE_TOLERANCE * abs(was)
                now = float(said.numbers[COLUMN[name], index])
                compare.numbers("outputs", name, was, now, tolerance)

    def _recorded(self, venue: str, symbol: str) -> RecordedCells | None:
        key = venue, symbol
        if key not in self._cells:
            try:
                self._cells[key] = RecordedCells(self._root, venue, symbol)
            except (RecordingError, ValueError):
                self._cells[key] = None
        return self._cells[key]

    def _comparison(self, entry: TickEntry, symbol: str) -> Comparison:
        return Comparison(self._report, FORECASTS, entry.venue, symbol, entry.tick_ms)


def _row_read(stored: Floats, proof_ms: float, rows: Rows) -> FeatureRow | None:
    # Cells follow each other faster than signs of life: several may have the same proof.
    near = [
        row
        for _, row in rows
        if row.feature_ts_ms is not None and abs(row.feature_ts_ms - proof_ms) <= PROOF_MS
    ]
    for row in reversed(near):
        if np.array_equal(row.values, stored, equal_nan=True):
            return row
    return near[-1] if near else None


def _reading(symbol: str, row: FeatureRow, entry: TickEntry) -> HotReading:
    texts = feature_fields(row, entry.venue)
    fields = dict(zip(texts[::2], texts[1::2], strict=True))
    reply = [fields[name].encode() for name in (*NUMBER_FIELDS, "venue")]
    reader = HotReader([symbol], max_age_ms=float("inf"))
    return reader.parse([reply, [None, None]], entry.made_ms + CLOCKS_MS, entry.venue)


def _forecasts(
    entry: TickEntry, spoken: list[int], read: list[_Read], speaker: Speaker
) -> Forecasts:
    config = ServiceConfig(
        prediction=PredictionConfig(target_horizon_seconds=entry.horizon_ms // 1_000)
    )
    forecaster = Forecaster(entry.symbols, config, speaker)
    forecaster.intervals.restore(entry.column("interval_low"), entry.column("interval_high"))
    usable = np.zeros(len(entry.symbols), dtype=np.bool_)
    usable[spoken] = True
    # What was read where a recording tells; else what the entry says was read.
    reading = HotReading(
        features=entry.features.copy(),
        age_ms=entry.column("features_age_ms").copy(),
        completeness=entry.column("completeness").copy(),
        feature_ts_ms=entry.column("feature_ts_ms").copy(),
        event_ts_ms=entry.column("event_ts_ms").copy(),
        exchange_ts_ms=entry.column("exchange_ts_ms").copy(),
        mid=entry.column("mid_price").copy(),
        usable=usable,
        reasons=[Reason.NONE] * len(entry.symbols),
    )
    for each in read:
        for name in ("features", "completeness", "mid"):
            getattr(reading, name)[each.index] = getattr(each.recorded, name)[0]
    return forecaster.forecast(reading, entry.tick_ms, lambda: 0)
