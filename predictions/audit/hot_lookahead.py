"""Looks ahead? The hot features and the forecaster, on a recording that ends at sampled moments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.artefacts.manifest import OUTPUT_COLUMNS
from inference.forecasts.engine import Engine
from inference.vocabulary import FORECASTS
from market.events import DepthSnapshot
from market.feeds import Batch
from market.feeds.replay import ReplayFeed
from market.hot.features import WARM_UP_MS, FeatureRow
from market.hot.tracking import MarketTracker
from market.hot.vector import CELL_MS, FEATURE_NAMES, INDEX, REQUIRED_FEATURES
from market.recording.reading import SymbolRecording, open_recording
from predictions.audit.lookahead import (
    Floats,
    Model,
    Subject,
    Table,
    compare_outputs,
    compare_tables,
    sampled,
)
from predictions.audit.report import AuditReport

TAIL_CELLS = 100
"""Rows compared before each moment: 10 s."""

LONGEST_MS = 1_200_000
"""Of a recording so much is taken, of a long one of ours from a sampled place on: it is replayed
for each moment."""

Features = Callable[[Iterable[Batch]], Iterator[tuple[int, FeatureRow]]]
"""Cells of one market in order to (cell end, features)."""

_REQUIRED = [INDEX[name] for name in REQUIRED_FEATURES]


@dataclass(frozen=True, slots=True)
class History:
    """Cells of one market: where they come from, and what a tracker needs of a feed."""

    venue: str
    symbol: str
    batches: list[Batch]
    answers: dict[int, DepthSnapshot]
    anchored_in_stream: bool = False


def check_hot(
    report: AuditReport,
    history: History,
    models: Sequence[Model],
    *,
    moments: int,
    seed: int,
    features: Features | None = None,
) -> None:
    """Compare features and outputs at sampled moments of one market; tell the report.

    models: none where no forecaster can be served: outputs are then counted as unchecked.
    features: in place of the served ones.
    """
    compute = features or served_features(history)
    first_ms = history.batches[0].until_ms
    cells = len(history.batches)
    warm = min(WARM_UP_MS // CELL_MS, cells // 2)
    chosen = [first_ms + CELL_MS * each for each in sampled(warm, cells - 1, moments, seed)]
    whole = _table(compute(history.batches))
    subject = Subject(FORECASTS, history.venue, history.symbol, FEATURE_NAMES)
    tails: list[Table] = []
    for moment in chosen:
        known = history.batches[: (moment - first_ms) // CELL_MS + 1]
        truncated = _table(compute(known)).tail(moment, TAIL_CELLS)
        compare_tables(report, subject, "features", whole, truncated)
        tails.append(truncated)
    if not models:
        report.unchecked["outputs_model_missing"] += len(chosen)
        return
    rows = _joined(tails)
    usable = ~np.isnan(rows.values[:, _REQUIRED]).any(axis=1)
    rows = Table(rows.times_ms[usable], rows.values[usable])
    if not len(rows.times_ms):
        report.unchecked["outputs_incomplete_features"] += len(chosen)
        return
    outputs = Subject(FORECASTS, history.venue, history.symbol, OUTPUT_COLUMNS)
    for model in models:
        compare_outputs(report, outputs, model, rows.times_ms, rows.values, chosen)


def served_features(history: History) -> Features:
    """Return how the feed's own code computes them, each time from the beginning."""

    def compute(batches: Iterable[Batch]) -> Iterator[tuple[int, FeatureRow]]:
        feed = _Answering(history)
        tracker = MarketTracker(feed)
        for batch in batches:
            feed.now_ms = batch.until_ms
            yield batch.until_ms, tracker.advance(batch)[history.symbol]

    return compute


def served_model(engine: Engine) -> Model:
    """Return the engine as a function from features [n, 20] to its six outputs [n, 6]."""

    def run(features: Floats) -> Floats:
        said = engine.predict(features)
        return np.column_stack(
            (said.ret_bp, said.q05_bp, said.q95_bp, said.p_up, said.p_flat, said.p_down)
        )

    return run


def read_history(path: Path, seed: int) -> list[History]:
    """Read frames, or what this server recorded, at most LONGEST_MS of each.

    Raises FeedError where there is no recording.
    """
    recorded = open_recording(path)
    if recorded is not None:
        return _recorded_history(recorded, seed)
    feed = ReplayFeed([path])
    batches: list[Batch] = []
    for batch in feed.batches():
        batches.append(batch)
        if batch.until_ms - batches[0].until_ms >= LONGEST_MS:
            break
    return [History(feed.name, feed.symbols[0], batches, {})]


def _recorded_history(recording: SymbolRecording, seed: int) -> list[History]:
    segments = [each for each in recording.segments() if each.last_ms > each.first_ms]
    if not segments:
        return []
    longest = max(segments, key=lambda each: each.last_ms - each.first_ms)
    (start_ms, *_) = sampled(
        longest.first_ms, max(longest.first_ms, longest.last_ms - LONGEST_MS), 1, seed
    )
    after_ms = max((each for each in longest.anchors if each <= start_ms), default=None)
    anchor = [] if after_ms is None else recording.anchor(longest, after_ms)
    begin_ms = longest.first_ms - CELL_MS if after_ms is None else after_ms
    batches: list[Batch] = []
    answers: dict[int, DepthSnapshot] = {}
    for batch, answer in recording.batches(longest, begin_ms, begin_ms + LONGEST_MS):
        events = batch.events if batches else [*anchor, *batch.events]
        batches.append(Batch(batch.until_ms, events))
        if answer is not None:
            answers[batch.until_ms] = answer
    folder = recording.folder
    venue = folder.path.parent.name
    return [History(venue, recording.symbol, batches, answers, folder.of_exchange)]


class _Answering:
    def __init__(self, history: History) -> None:
        self.symbols = (history.symbol,)
        self.anchored_in_stream = frozenset(self.symbols if history.anchored_in_stream else ())
        self.now_ms = 0
        self._answers = history.answers

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        return self._answers.get(self.now_ms)


def _table(rows: Iterator[tuple[int, FeatureRow]]) -> Table:
    found = list(rows)
    return Table(
        np.array([end for end, _ in found], np.int64),
        np.array([row.values for _, row in found], np.float64).reshape(-1, len(FEATURE_NAMES)),
    )


def _joined(tables: list[Table]) -> Table:
    times = np.concatenate([table.times_ms for table in tables])
    values = np.concatenate([table.values for table in tables])
    unique, first = np.unique(times, return_index=True)
    return Table(unique, values[first])
