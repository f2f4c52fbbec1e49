"""What signals were worth: every figure with its interval and beside its baseline.

Read by `/api/accuracy`, `manage.py accuracy_report` and the quality that the recorder tells.
Probabilities and classes are in the order SHORT, NO_TRADE, LONG.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import DIRECTIONS, Direction, SignalResult
from market.candles.timeframes import Timeframe
from predictions.accuracy.calibration import calibration
from predictions.accuracy.figures import Figure, calibration_figure, figure, losses_of_shares
from predictions.accuracy.hours import BINS
from predictions.accuracy.intervals import (
    MINIMUM_BLOCKS,
    ratio_estimate,
    share_estimate,
    skill_estimate,
    time_blocks,
)
from predictions.accuracy.losses import brier_scores, log_losses
from predictions.accuracy.r_distribution import r_distribution
from predictions.accuracy.signal_rows import FoundSignals, SignalRow
from predictions.accuracy.windows import rolling

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MINIMUM = 30
"""Graded signals below which no figure is told."""
BLOCK_CANDLES = 4 * HORIZON_CANDLES
"""Resampled together: several horizons, so that little overlaps a block's edge."""
ETA_COVERAGE = 0.8
BANDS = (0.0, 0.4, 0.45, 0.5, 0.6, 1.0)
"""Edges of bands of confidence, which is the largest of the three probabilities."""
SHARES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)

_CLASS = {direction.value: index for index, direction in enumerate(DIRECTIONS)}
_NO_TRADE = _CLASS[Direction.NO_TRADE]

GROUPINGS: dict[str, Callable[[SignalRow], str]] = {
    "symbol": lambda row: row.symbol,
    "timeframe": lambda row: row.timeframe,
    "model_version": lambda row: row.model_version,
    "role": lambda row: row.role,
    "band": lambda row: _band(row.confidence),
}


class _Graded:
    """Graded signals as columns."""

    _COLUMNS = (
        "said", "came", "probabilities", "confidence", "called", "first", "r", "r_after", "eta",
        "closes", "blocks",
    )  # fmt: skip

    def __init__(self, rows: Sequence[SignalRow]) -> None:
        self.n = len(rows)
        self.said = np.array([_CLASS[row.direction] for row in rows], dtype=np.int64)
        self.came = np.array([_CLASS[row.outcome__touched or ""] for row in rows], dtype=np.int64)
        self.probabilities = np.array(
            [(row.p_short, row.p_no_trade, row.p_long) for row in rows], dtype=np.float64
        ).reshape(-1, 3)
        self.confidence = np.array([row.confidence for row in rows], dtype=np.float64)
        self.called: Flags = self.said != _NO_TRADE
        self.first = np.array(
            [row.outcome__result == SignalResult.TAKE_PROFIT for row in rows], dtype=np.float64
        )
        self.r = _column([row.outcome__r_multiple for row in rows])
        self.r_after = _column([row.outcome__r_after_fees for row in rows])
        self.eta = _column([row.outcome__eta_covered for row in rows])
        longest = max((Timeframe(row.timeframe).ms for row in rows), default=1)
        self.closes = np.array([row.candle_close for row in rows], dtype=np.int64)
        self.block_ms = BLOCK_CANDLES * longest
        self.blocks = time_blocks(self.closes, self.block_ms)

    @property
    def shares(self) -> Floats:
        """Share of each class among what came."""
        shares: Floats = np.bincount(self.came, minlength=3) / max(self.n, 1)
        return shares

    def only(self, rows: Flags) -> Self:
        """Return some of them, in the same blocks of time."""
        found = copy(self)
        for name in self._COLUMNS:
            setattr(found, name, getattr(self, name)[rows])
        found.n = int(rows.sum())
        return found

    def share(self, happened: Floats | Flags, rows: Flags, **beside: Any) -> Figure:
        """Return the share of the rows in which it happened."""
        above = happened[rows].astype(np.float64)
        found = ratio_estimate(
            above, np.ones(len(above)), self.blocks[rows], overlap=HORIZON_CANDLES
        )
        return figure(share_estimate(found), MINIMUM, **beside)

    def mean(self, values: Floats, **beside: Any) -> Figure:
        """Return the mean of the known values."""
        known = ~np.isnan(values)
        found = ratio_estimate(
            values[known], np.ones(int(known.sum())), self.blocks[known], overlap=HORIZON_CANDLES
        )
        return figure(found, MINIMUM, **beside)


def summary(found: FoundSignals) -> dict[str, Any]:
    """Return the figures of the signals that a question found."""
    counts = {"said": found.said, "late": found.late, "revisions": found.revisions}
    return counts | {"limited": found.limited} | figures(found.rows)


def figures(rows: Sequence[SignalRow]) -> dict[str, Any]:
    """Return the figures of signals, one a candle, in order of time."""
    graded_rows = [row for row in rows if row.graded]
    refused = Counter(
        row.outcome__reason or ""
        for row in rows
        if row.outcome__status is not None and not row.graded
    )
    graded = _Graded(graded_rows)
    fees = {row.outcome__fee_bp for row in graded_rows} - {None}
    return {
        "candles": len(rows),
        "n": graded.n,
        "ungradable": dict(sorted(refused.items())),
        "open": len(rows) - graded.n - refused.total(),
        "results": dict(sorted(Counter(row.outcome__result or "" for row in graded_rows).items())),
        "no_trade_share": _no_trade_share(rows),
        "accuracy": _accuracy(graded),
        "hit_rate": _hit_rate(graded, graded.called),
        "take_profit_rate": _take_profit_rate(graded, graded.called),
        "brier": _loss(graded, "brier"),
        "log_loss": _loss(graded, "log_loss"),
        "calibration": _calibration(graded),
        "mean_r": graded.mean(graded.r, baseline=0.0),
        "mean_r_after_fees": graded.mean(graded.r_after, baseline=0.0),
        "fee_bp": fees.pop() if len(fees) == 1 else None,
        "eta_coverage": graded.mean(graded.eta, baseline=ETA_COVERAGE),
    }


def grouped(found: FoundSignals, by: str) -> list[dict[str, Any]]:
    """Return the figures for each value of some of GROUPINGS ("symbol,timeframe")."""
    names = by.split(",")
    groups: defaultdict[tuple[str, ...], list[SignalRow]] = defaultdict(list)
    for row in found.rows:
        groups[tuple(GROUPINGS[name](row) for name in names)].append(row)
    return [
        dict(zip(names, key, strict=True)) | figures(group) for key, group in sorted(groups.items())
    ]


def risk_coverage(found: FoundSignals) -> list[dict[str, Any]]:
    """Return what came true where only the surest LONG and SHORT are kept, by share kept.

    Beside the hit rate stands the share of all that were kept which reached the first target,
    because those that timed out are in no hit rate. Signals of one confidence are kept or left
    together, so `share` is what was really kept.
    """
    graded = _Graded([row for row in found.rows if row.graded])
    sure = np.sort(graded.confidence[graded.called])[::-1]
    curve: list[dict[str, Any]] = []
    for share in SHARES if len(sure) else ():
        least = float(sure[max(0, int(np.ceil(share * len(sure))) - 1)])
        kept = graded.called & (graded.confidence >= least)
        said = int(kept.sum())
        if curve and curve[-1]["said"] == said:
            continue
        curve.append(
            {
                "share": said / len(sure),
                "confidence": least,
                "said": said,
                "hit_rate": _hit_rate(graded, kept),
                "take_profit_rate": _take_profit_rate(graded, kept),
                "mean_r": _mean_r(graded, graded.r, kept),
                "mean_r_after_fees": _mean_r(graded, graded.r_after, kept),
            }
        )
    return curve


def over_time(found: FoundSignals, window: str) -> dict[str, Any] | None:
    """Return figures of windows that roll over the signals; None where none is graded.

    window: of ROLLINGS; `auto` takes one that holds blocks enough for an interval, if there is
    one. Raises TooMuchAskedError.
    """
    graded = _Graded([row for row in found.rows if row.graded])
    if not graded.n:
        return None
    closes = graded.closes
    windows = rolling(
        window,
        int(closes.min()),
        int(closes.max()),
        least_ms=(MINIMUM_BLOCKS + 1) * graded.block_ms,
    )
    points = []
    for begin, end in windows:
        part = graded.only((closes >= begin) & (closes < end))
        figures = {
            "accuracy": _accuracy(part),
            "hit_rate": _hit_rate(part, part.called),
            "take_profit_rate": _take_profit_rate(part, part.called),
            "mean_r": part.mean(part.r, baseline=0.0),
            "mean_r_after_fees": part.mean(part.r_after, baseline=0.0),
        }
        points.append(windows.point(begin, end, figures))
    return windows.told(points)


def spread(found: FoundSignals) -> dict[str, Any]:
    """Return how the R multiples of LONG and SHORT are spread, before and after fees."""
    graded = _Graded([row for row in found.rows if row.graded])
    return r_distribution(graded.r, graded.r_after, MINIMUM)


def three_class_accuracy(rows: Sequence[SignalRow]) -> float | None:
    """Return the share of signals whose likeliest class happened; None below the minimum."""
    graded = _Graded([row for row in rows if row.graded])
    if graded.n < MINIMUM:
        return None
    return float((graded.probabilities.argmax(axis=1) == graded.came).mean())


def _band(confidence: float) -> str:
    index = int(np.searchsorted(BANDS[1:-1], confidence, "right"))
    return f"{BANDS[index]:.2f}-{BANDS[index + 1]:.2f}"


def _column(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)


def _no_trade_share(rows: Sequence[SignalRow]) -> float | None:
    if len(rows) < MINIMUM:
        return None
    return sum(row.direction == Direction.NO_TRADE for row in rows) / len(rows)


def _accuracy(graded: _Graded) -> Figure:
    right = graded.probabilities.argmax(axis=1) == graded.came
    return graded.share(
        right, np.ones(graded.n, dtype=np.bool_), baseline=float(graded.shares.max())
    )


def _hit_rate(graded: _Graded, called: Flags) -> Figure:
    # Direction given touch: what touched neither barrier is in take_profit_rate alone.
    rows = called & (graded.came != _NO_TRADE)
    longs = float((graded.came[rows] == _CLASS[Direction.LONG]).mean()) if rows.any() else 0.0
    told = graded.share(graded.said == graded.came, rows, baseline=max(longs, 1 - longs))
    return told | {"untouched": int((called & (graded.came == _NO_TRADE)).sum())}


def _take_profit_rate(graded: _Graded, called: Flags) -> Figure:
    baseline = float(graded.shares[graded.said[called]].mean()) if called.any() else None
    return graded.share(graded.first, called, baseline=baseline)


def _mean_r(graded: _Graded, values: Floats, rows: Flags) -> Figure:
    return graded.mean(np.where(rows, values, np.nan), baseline=0.0)


def _loss(graded: _Graded, name: str) -> Figure:
    score = log_losses if name == "log_loss" else brier_scores
    losses = score(graded.came, graded.probabilities)
    base = losses_of_shares(name, graded.shares)[graded.came]
    ratio = ratio_estimate(losses, base, graded.blocks, overlap=HORIZON_CANDLES)
    return graded.mean(
        losses,
        baseline=float(base.mean()) if graded.n else None,
        skill=figure(skill_estimate(ratio), MINIMUM),
    )


def _calibration(graded: _Graded) -> Figure:
    by_class = {}
    for index, direction in enumerate(DIRECTIONS):
        said = graded.probabilities[:, index]
        places = np.clip((said * BINS).astype(np.int64), 0, BINS - 1)
        found = calibration(
            np.bincount(places, minlength=BINS).astype(np.float64),
            np.bincount(places, said, minlength=BINS).astype(np.float64),
            np.bincount(places, graded.came == index, minlength=BINS).astype(np.float64),
        )
        by_class[direction.value] = calibration_figure(found, MINIMUM)
    eces = [each["ece"] for each in by_class.values()]
    known = None not in eces
    return {"ece": sum(eces) / len(eces) if known else None, "n": graded.n, "by_class": by_class}
