"""What signal models learn from: indicators of all coins, and labelled decisions on them.

A decision is made at the close of a candle and sees the WINDOW rows up to it. Read by every
fit and by the protocol; `manage.py build_dataset` writes it to a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path as File
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import (
    ATR_RATIO,
    CANDLES_NEEDED,
    INDICATOR_COUNT,
    WINDOW,
    atr_14,
    indicators,
)
from market.candles.series import CandleSeries, Flags, Floats, Integers
from market.candles.timeframes import Timeframe
from training.dataset_files import read_columns, texts_of, write_columns
from training.recordings import TooLittleDataError, TrainingDataError
from training.signals.candles import FINER, CandleSource, candles_digest
from training.signals.labels import BARRIER_ATR, Path, first_touches
from training.splits import Timeline

Window = npt.NDArray[np.float32]
_SAID = ("timeframe", "symbols", "source", "digest")


@dataclass(frozen=True, slots=True)
class SignalDataset:
    """Decisions of one timeframe, oldest first; of one time, in the order of the symbols.

    indicators: float32 [rows, 14], all coins one after another. The rest is [n]: end_row: the
    window's last row; symbol: index in `symbols`; candle_open_ms: open of the last closed
    candle; decided_ms: its close; label_end_ms: end of the vertical barrier; label: 0 SHORT,
    1 NO_TRADE, 2 LONG; touch_minutes: from decision to first touch, NaN where none;
    touch_candles: the candle of the path (1..12) that it falls into, NaN where none;
    atr_ratio: ATR 14 ÷ close; entry: close; entry_gap_bp: next open against entry.
    source: where the candles are from; digest: SHA-256 of the candles that went in.
    """

    timeframe: Timeframe
    symbols: tuple[str, ...]
    indicators: npt.NDArray[np.float32]
    end_row: Integers
    symbol: Integers
    candle_open_ms: Integers
    decided_ms: Integers
    label_end_ms: Integers
    label: Integers
    touch_candles: Floats
    touch_minutes: Floats
    atr_ratio: Floats
    entry: Floats
    entry_gap_bp: Floats
    source: str
    digest: str

    def __len__(self) -> int:
        return len(self.end_row)

    def windows(self, rows: Integers | slice) -> Window:
        """Return the windows [k, 60, 14] of some decisions, by their numbers."""
        ends = self.end_row[rows]
        gathered: Window = self.indicators[ends[:, None] + np.arange(1 - WINDOW, 1)]
        return gathered

    def take(self, rows: Integers | Flags) -> "SignalDataset":
        """Return some of the decisions, on the same indicators."""
        columns = {name: getattr(self, name)[rows] for name in _DECISION_COLUMNS}
        return replace(self, **columns)

    @property
    def timeline(self) -> Timeline:
        """One time line for all coins, on which time without decisions takes no time.

        Times are the decision's number times the timeframe: equal to real times up to a shift
        wherever candles follow each other, and a gap of years is one step.
        """
        place = np.unique(self.decided_ms, return_inverse=True)[1].astype(np.int64)
        step = self.timeframe.ms
        decided = place * step
        return Timeline(np.zeros_like(place), decided, decided + HORIZON_CANDLES * step)


_DECISION_COLUMNS = tuple(
    field.name for field in fields(SignalDataset) if field.name not in (*_SAID, "indicators")
)
_COLUMNS = ("indicators", *_DECISION_COLUMNS)


def build(
    source: CandleSource,
    symbols: Sequence[str],
    timeframe: Timeframe,
    more: Sequence[tuple[str, CandleSeries]] = (),
) -> SignalDataset:
    """Compute indicators and label every decision of `symbols`.

    more: further candles of the same timeframe, each with the symbol they are taken for; a
    stretch of their own. Raises TrainingDataError where no decision can be labelled.
    """
    given = [(symbol, source.read(symbol, timeframe)) for symbol in symbols]
    pieces: list[dict[str, Any]] = []
    read: list[CandleSeries] = []
    row = 0
    for number, (symbol, candles) in enumerate([*given, *more]):
        finer = [] if number >= len(given) else _finer(source, symbol, timeframe)
        read += [candles, *(path.candles for path in finer)]
        values = indicators(candles)
        paths = [*finer, Path(candles, timeframe.ms)]
        pieces.append(
            {
                **_decisions(candles, values, paths, timeframe, row),
                "coin": list(symbols).index(symbol),
                "indicators": values.astype(np.float32),
            }
        )
        row += len(candles)
    return _joined(pieces, timeframe, tuple(symbols), source.name, candles_digest(read))


def save(dataset: SignalDataset, path: File) -> None:
    """Write a dataset to one file, replaced in one step."""
    columns = {name: getattr(dataset, name) for name in _COLUMNS}
    said = {
        "timeframe": dataset.timeframe.value,
        "symbols": dataset.symbols,
        "source": dataset.source,
        "digest": dataset.digest,
    }
    write_columns(path, columns, said)


def load(path: File) -> SignalDataset:
    """Read a dataset.

    Raises TrainingDataError where there is none, or its content is not what was written.
    """
    columns, said = read_columns(path, _COLUMNS, _SAID)
    return SignalDataset(
        timeframe=Timeframe(str(said["timeframe"])),
        symbols=texts_of(said["symbols"]),
        source=str(said["source"]),
        digest=str(said["digest"]),
        **columns,
    )


def _finer(source: CandleSource, symbol: str, timeframe: Timeframe) -> list[Path]:
    shorter = [one for one in FINER if one.ms < timeframe.ms]
    paths = [Path(source.read(symbol, one), one.ms) for one in shorter]
    return [path for path in paths if len(path.candles)]


def _decisions(
    candles: CandleSeries, values: Floats, paths: list[Path], timeframe: Timeframe, row: int
) -> dict[str, Any]:
    horizon = HORIZON_CANDLES * timeframe.ms
    ends = _window_ends(candles, values, timeframe)
    decided = candles.open_ms[ends] + timeframe.ms
    entry, atr = candles.close[ends], atr_14(candles, values)[ends]
    touches = first_touches(decided, entry, BARRIER_ATR * atr, paths, horizon)
    kept = touches.complete
    ends, decided, minutes = ends[kept], decided[kept], touches.minutes[kept]
    candle_minutes = timeframe.ms / 60_000
    return {
        "end_row": row + ends,
        "candle_open_ms": candles.open_ms[ends],
        "decided_ms": decided,
        "label_end_ms": decided + horizon,
        "label": touches.label[kept],
        "touch_candles": np.maximum(1.0, np.ceil(minutes / candle_minutes)),
        "touch_minutes": minutes,
        "atr_ratio": values[ends, ATR_RATIO],
        "entry": candles.close[ends],
        "entry_gap_bp": 1e4 * np.log(touches.next_open[kept] / candles.close[ends]),
    }


def _window_ends(candles: CandleSeries, values: Floats, timeframe: Timeframe) -> Integers:
    # Rows with CANDLES_NEEDED candles up to them, none missing in between, and a real R.
    count = len(candles)
    if count < CANDLES_NEEDED:
        return np.empty(0, dtype=np.int64)
    ends = np.arange(CANDLES_NEEDED - 1, count)
    span = candles.open_ms[ends] - candles.open_ms[ends - CANDLES_NEEDED + 1]
    finite = np.isfinite(values).all(axis=1)
    bad = np.concatenate([[0], np.cumsum(~finite)])
    usable = (span == (CANDLES_NEEDED - 1) * timeframe.ms) & (values[ends, ATR_RATIO] > 0)
    usable &= bad[ends + 1] == bad[ends + 1 - WINDOW]
    usable_ends: Integers = ends[usable]
    return usable_ends


def _joined(
    pieces: list[dict[str, Any]],
    timeframe: Timeframe,
    symbols: tuple[str, ...],
    source: str,
    digest: str,
) -> SignalDataset:
    columns = {
        name: np.concatenate([piece[name] for piece in pieces])
        for name in _COLUMNS
        if name != "symbol"
    }
    counts = [len(piece["end_row"]) for piece in pieces]
    coins = np.repeat([piece["coin"] for piece in pieces], counts).astype(np.int64)
    if not len(coins):
        raise TooLittleDataError(
            f"no {timeframe} decision can be labelled from {source}: each needs"
            f" {CANDLES_NEEDED} candles before it and {HORIZON_CANDLES} after, without a gap"
        )
    if columns["indicators"].shape[1] != INDICATOR_COUNT:
        raise TrainingDataError("indicators have another width than the network's input")
    dataset = SignalDataset(
        timeframe=timeframe,
        symbols=symbols,
        symbol=coins,
        source=source,
        digest=digest,
        **columns,
    )
    return dataset.take(np.lexsort((coins, dataset.decided_ms)).astype(np.int64))
