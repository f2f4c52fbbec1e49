"""What a forecaster learns from, as one file: labelled decisions of one market, with a digest.

What this server recorded is read as the loop saw it: the features of every tick, bit for bit.
Frames are replayed into them. `manage.py build_dataset` and a retraining write it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from market.hot.vector import FEATURE_NAMES, HORIZON_MS, INDEX, TICK_MS
from market.recording.reading import SymbolRecording
from training.dataset_files import content_digest, read_columns, texts_of, write_columns
from training.decisions import (
    COLUMNS,
    READ_DELAY_MS,
    Decisions,
    decide,
    joined,
    labelled,
)
from training.labels import forward_returns_bp
from training.recorded_markets import RecordedMarket, recorded_markets
from training.recordings import (
    TooLittleDataError,
    read_recording,
    recorded_symbols,
    recording_digest,
)

MOST_ROWS = 500_000
"""Of all symbols: fits of it take about 1 GB. One symbol gives 43,200 a day."""
MOST_THINNED = 60_000 // TICK_MS
"""Beyond MOST_ROWS only every 2nd, 3rd, … tick is taken, one a minute at the least. Up to one a
horizon that costs rows, hardly information; beyond it, other times still tell more than more coins
of the same moment, which move together. Only then the oldest are left out."""
TICKS_AN_HOUR = 3_600_000 // TICK_MS

_SAID = ("names", "symbols", "venue", "source", "digest", "grid_ms")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForecastDataset:
    """Decisions of one market. symbol: [n], index in `symbols`; venue: "" where unknown.

    source: where they are from; digest: SHA-256 of what was learned from.
    """

    decisions: Decisions
    symbol: Integers
    symbols: tuple[str, ...]
    venue: str
    source: str
    digest: str

    def __len__(self) -> int:
        return len(self.decisions)

    @property
    def span(self) -> tuple[int, int]:
        """First and last decision, market time in ms."""
        decided = self.decisions.decided_ms
        return int(decided.min()), int(decided.max())

    @property
    def span_utc(self) -> tuple[datetime, datetime]:
        """The same as UTC."""
        first, last = self.span
        return datetime.fromtimestamp(first / 1000, UTC), datetime.fromtimestamp(last / 1000, UTC)


def build(paths: Sequence[Path], symbols: Sequence[str] = ()) -> ForecastDataset:
    """Label every decision of the recordings, which must be of one market.

    symbols: only these, of what this server recorded; none: all.
    Raises TrainingDataError or FeedError; TooLittleDataError where no decision can be labelled.
    """
    markets = recorded_markets(paths, symbols)
    if markets[0].kept is None:
        return _of_frames(markets)
    return _of_ticks(markets)


def dataset_path(folder: Path) -> Path:
    """Return where the forecaster's dataset lies."""
    return folder / "forecasts.npz"


def save(dataset: ForecastDataset, path: Path) -> None:
    """Write a dataset to one file, replaced in one step."""
    said = {
        "names": dataset.decisions.names,
        "symbols": dataset.symbols,
        "venue": dataset.venue,
        "source": dataset.source,
        "digest": dataset.digest,
        "grid_ms": dataset.decisions.grid_ms,
    }
    write_columns(path, _columns(dataset), said)


def load(path: Path) -> ForecastDataset:
    """Read a dataset.

    Raises TrainingDataError where there is none, or its content is not what was written.
    """
    columns, said = read_columns(path, ("symbol", *COLUMNS), _SAID)
    return ForecastDataset(
        Decisions(
            texts_of(said["names"]),
            **{name: columns[name] for name in COLUMNS},
            grid_ms=int(said["grid_ms"]),
        ),
        columns["symbol"],
        texts_of(said["symbols"]),
        str(said["venue"]),
        str(said["source"]),
        str(said["digest"]),
    )


def _of_frames(markets: Sequence[RecordedMarket]) -> ForecastDataset:
    # Frames are of days far apart, and of different markets: they stand side by side.
    paths = [market.path for market in markets]
    decisions = decide([read_recording(path) for path in paths])
    symbols = recorded_symbols(paths)
    own = [recorded_symbols([path])[0] for path in paths]
    places = np.array([symbols.index(symbol) for symbol in own], dtype=np.int64)
    return ForecastDataset(
        decisions,
        places[decisions.recording],
        symbols,
        "",
        ", ".join(decisions.names),
        recording_digest(paths),
    )


def _of_ticks(markets: Sequence[RecordedMarket]) -> ForecastDataset:
    # One market's symbols move together: one time line for all, so that a cut cuts them all.
    venue = markets[0].venue
    symbols = tuple(dict.fromkeys(each.kept.symbol for each in markets if each.kept is not None))
    kept = [market.kept for market in markets if market.kept is not None]
    ticks = TICKS_AN_HOUR * sum(len(each.hours()) for each in kept)
    grid_ms = TICK_MS * min(MOST_THINNED, max(1, -(-ticks // MOST_ROWS)))
    parts: list[Decisions] = []
    places: list[Integers] = []
    for recording in kept:
        for whole in tick_decisions(recording, venue):
            part = whole.take(whole.decided_ms % grid_ms == 0)
            parts.append(part)
            place = symbols.index(recording.symbol)
            places.append(np.full(len(part), place, dtype=np.int64))
    if not sum(map(len, parts)):
        raise TooLittleDataError(
            f"what is recorded of {venue} makes no labelled decision yet: each needs six minutes"
            " of history and ten seconds after it, without a break"
        )
    decisions, symbol = joined(parts), np.concatenate(places)
    order = np.lexsort((symbol, decisions.decided_ms))[-MOST_ROWS:]
    dataset = ForecastDataset(
        replace(decisions.take(order), names=(venue,), grid_ms=grid_ms),
        symbol[order],
        symbols,
        venue,
        f"recordings of {', '.join(symbols)} in {venue}",
        "",
    )
    digest = hashlib.sha256(f"{venue} {' '.join(symbols)} ".encode())
    digest.update(content_digest(_columns(dataset)).encode())
    return ForecastDataset(
        dataset.decisions,
        dataset.symbol,
        symbols,
        venue,
        dataset.source,
        digest.hexdigest(),
    )


def tick_decisions(recording: SymbolRecording, name: str) -> Iterator[Decisions]:
    """Yield the labelled decisions of each unbroken stretch of a recording, on the loop's grid.

    A decision's outcome is the mid of the tick one horizon later; void where any tick from one
    to the other lacks a mid, or a minute's volatility: a break empties the windows, and they
    take longer to fill than the horizon lasts. Raises RecordingError.
    """
    tables = [recording.feature_table(hour) for hour in recording.hours()]
    if not tables:
        return
    ticks = pl.concat(tables).filter((pl.col("cell_ms") + READ_DELAY_MS) % TICK_MS == 0)
    for _, stretch in ticks.sort("segment", "cell_ms").group_by("segment", maintain_order=True):
        decided = stretch["cell_ms"].to_numpy().astype(np.int64) + READ_DELAY_MS
        values = stretch.select(FEATURE_NAMES).to_numpy().astype(np.float64)
        yield labelled(name, 0, decided, values, _tick_returns(decided, values))


def _tick_returns(decided: Integers, values: Floats) -> Floats:
    places = (decided - decided[0]) // TICK_MS
    mids = np.full(int(places[-1]) + 1, np.nan)
    whole = np.isfinite(values[:, INDEX["price_volatility"]])
    mids[places] = np.where(whole, values[:, INDEX["mid_price"]], np.nan)
    returns: Floats = forward_returns_bp(mids, HORIZON_MS // TICK_MS)[places]
    return returns


def _columns(dataset: ForecastDataset) -> dict[str, npt.NDArray[Any]]:
    return {"symbol": dataset.symbol} | {name: getattr(dataset.decisions, name) for name in COLUMNS}
