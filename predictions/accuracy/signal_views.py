"""Graded signals looked at from several sides: by sureness, over time, by R.

Read by `predictions.accuracy.report`. Plain values come out, ready for JSON.
"""

from typing import Any

import numpy as np

from predictions.accuracy.graded_signals import MINIMUM, Flags, GradedSignals
from predictions.accuracy.intervals import MINIMUM_BLOCKS
from predictions.accuracy.r_distribution import r_distribution
from predictions.accuracy.signals import BANDS, band_name, bands_of
from predictions.accuracy.windows import rolling

SHARES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)


def bands(graded: GradedSignals) -> list[dict[str, Any]]:
    """Return what came true of LONG and SHORT by how sure they were, each band that has any."""
    found = []
    places = bands_of(graded.confidence)
    for index in range(len(BANDS) - 1):
        rows = graded.called & (places == index)
        if rows.any():
            found.append({"band": band_name(index), "said": int(rows.sum())} | _of(graded, rows))
    return found


def risk_coverage(graded: GradedSignals) -> list[dict[str, Any]]:
    """Return what came true where only the surest LONG and SHORT are kept, by share kept.

    Beside the hit rate stands the share of all that were kept which reached the first target,
    because those that timed out are in no hit rate. Signals of one confidence are kept or left
    together, so `share` is what was really kept.
    """
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
            }
            | _of(graded, kept)
        )
    return curve


def over_time(graded: GradedSignals, window: str) -> dict[str, Any] | None:
    """Return figures of windows that roll over the signals; None where none is graded.

    window: of ROLLINGS; `auto` takes one that holds blocks enough for an interval, if there is
    one. Raises TooMuchAskedError.
    """
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
        figures = {"accuracy": part.accuracy()} | _of(part, part.called)
        points.append(windows.point(begin, end, figures))
    return windows.told(points)


def spread(graded: GradedSignals) -> dict[str, Any]:
    """Return how the R multiples of LONG and SHORT are spread, before and after fees."""
    return r_distribution(graded.r, graded.r_after, MINIMUM)


def _of(graded: GradedSignals, rows: Flags) -> dict[str, Any]:
    return {
        "hit_rate": graded.hit_rate(rows),
        "take_profit_rate": graded.take_profit_rate(rows),
        "mean_r": graded.mean_r(rows),
        "mean_r_after_fees": graded.mean_r_after_fees(rows),
    }
