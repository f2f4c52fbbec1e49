"""What forecasts were worth: every figure with its interval and beside its baseline.

Read by `/api/accuracy`, `manage.py accuracy_report` and the quality that the recorder tells.
Plain values come out, ready for JSON; unknown is None.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.accuracy.calibration import calibration
from predictions.accuracy.figures import Figure, calibration_figure, figure, losses_of_shares
from predictions.accuracy.hours import BINS, COLUMN, HOUR_MS, MINUTE_MS, Hour
from predictions.accuracy.intervals import (
    Estimate,
    block_estimate,
    hit_rate_sequence,
    share_estimate,
    skill_estimate,
)
from predictions.accuracy.sums import (
    OVERLAP,
    Sums,
    bins_over_time,
    block_length,
    blocks_over_time,
    sum_up,
)
from predictions.accuracy.windows import rolling

Floats = npt.NDArray[np.float64]

MINIMUM = 100
"""Graded forecasts below which no figure is told."""
NOMINAL_COVERAGE = 0.9
BANDS = (0.5, 0.52, 0.55, 0.6, 0.7, 1.0)
"""Edges of bands of P(likelier direction), given that the mid moves."""
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)

GROUPINGS: dict[str, Callable[[Hour], str]] = {
    "symbol": lambda hour: hour.key.symbol,
    "model_version": lambda hour: hour.key.model_version,
    "role": lambda hour: hour.key.role,
    "source": lambda hour: hour.key.source,
}


def summary(hours: Sequence[Hour]) -> dict[str, Any]:
    """Return the figures of hours that are in order of time."""
    sums = sum_up(hours)
    refused = sum(sums.ungradable.values())
    return {
        "said": sums.said,
        "late": sums.late,
        "n": sums.graded,
        "without_mid": sums.graded - int(sums.total("compared")),
        "ungradable": sums.ungradable,
        "open": sums.said - sums.late - sums.graded - refused,
        "block_minutes": sums.block_minutes,
        "hit_rate": _hit_rate(sums),
        "mae": _mae(sums),
        "r2": _skill_over_no_change(sums),
        "coverage": _coverage(sums),
        "brier": _loss(sums, "brier"),
        "log_loss": _loss(sums, "log_loss"),
        "calibration": _calibration(sums),
    }


def grouped(hours: Sequence[Hour], by: str) -> list[dict[str, Any]]:
    """Return a summary for each value of some of GROUPINGS ("symbol,role"), or for each band."""
    if by == "band":
        return bands(hours)
    names = by.split(",")
    groups: defaultdict[tuple[str, ...], list[Hour]] = defaultdict(list)
    for hour in hours:
        groups[tuple(GROUPINGS[name](hour) for name in names)].append(hour)
    return [
        dict(zip(names, key, strict=True)) | summary(group) for key, group in sorted(groups.items())
    ]


def over_time(hours: Sequence[Hour], window: str) -> dict[str, Any] | None:
    """Return figures of windows that roll over the hours; None where there are none.

    window: of ROLLINGS. Raises TooMuchAskedError.
    """
    if not hours:
        return None
    first_ms, last_ms = hours[0].key.hour_ts, hours[-1].key.hour_ts + HOUR_MS - 1
    found = rolling(window, first_ms, last_ms)
    length = block_length(found.length_ms // MINUTE_MS)
    begins, blocks = blocks_over_time(hours, length)
    if not len(begins):
        return None
    nothing = sum_up([])
    # Without what the first and the last hour do not fill.
    found = replace(found, first_ms=int(begins[0]), last_ms=int(begins[-1]))
    points = []
    for begin, end in found:
        rows = slice(*np.searchsorted(begins, (begin, end)))
        sums = replace(nothing, blocks=blocks[rows], block_minutes=length)
        figures = {"hit_rate": _hit_rate(sums), "mae": _mae(sums), "coverage": _coverage(sums)}
        points.append(found.point(begin, end, figures))
    return found.told(points)


def bands(hours: Sequence[Hour]) -> list[dict[str, Any]]:
    """Return the hit rate by how sure the likelier direction was."""
    called, moves, hits = _by_sureness(hours)
    edges = np.round(np.array(BANDS) * BINS).astype(np.int64) - BINS // 2
    found = []
    for index, (low, high) in enumerate(pairwise(edges.tolist())):
        rows = slice(low, high)
        found.append(
            {
                "band": f"{BANDS[index]:.2f}-{BANDS[index + 1]:.2f}",
                "said": int(called[:, rows].sum()),
                "hit_rate": _kept_hit_rate(moves[:, rows].sum(axis=1), hits[:, rows].sum(axis=1)),
            }
        )
    return found


def risk_coverage(hours: Sequence[Hour]) -> list[dict[str, Any]]:
    """Return the hit rate where only the surest forecasts are kept, by share kept.

    Sureness is P(likelier direction), given that the mid moves; forecasts of one hundredth of
    that are kept or left together, so `share` is what was really kept.
    """
    called, moves, hits = (column[:, ::-1].cumsum(axis=1) for column in _by_sureness(hours))
    kept = called.sum(axis=0) if len(called) else np.zeros(BINS // 2)
    if not len(kept) or not kept[-1]:
        return []
    curve: list[dict[str, Any]] = []
    for share in SHARES:
        index = int(np.searchsorted(kept, share * kept[-1] * (1 - 1e-12)))
        if curve and curve[-1]["said"] == int(kept[index]):
            continue
        curve.append(
            {
                "share": float(kept[index] / kept[-1]),
                "sureness": 1 - (index + 1) / BINS,
                "said": int(kept[index]),
                "hit_rate": _kept_hit_rate(moves[:, index], hits[:, index]),
            }
        )
    return curve


def _figure(estimate: Estimate, **beside: Any) -> Figure:
    return figure(estimate, MINIMUM, **beside)


def _hit_rate(sums: Sums) -> Figure:
    hits, moves = sums.blocks[:, COLUMN["hits"]], sums.blocks[:, COLUMN["moves"]]
    found = share_estimate(sums.ratio("hits", "moves", moments=("hits", "hits", "moves")))
    present = moves > 0
    always = hit_rate_sequence(hits[present], moves[present])
    rises = sums.total("rises")
    baseline = max(rises, found.n - rises) / found.n if found.n else None
    told = _figure(
        found,
        baseline=baseline,
        always_lower=always and always[0],
        always_upper=always and always[1],
    )
    zero = int(sums.total("zero_moves"))
    return told | {
        "zero_moves": zero,
        "no_direction": int(sums.total("compared")) - found.n - zero,
    }


def _mae(sums: Sums) -> Figure:
    ratio = sums.ratio(
        "abs_error",
        "abs_no_change",
        moments=("sq_error", "abs_cross", "sq_return"),
        count="compared",
    )
    n = max(ratio.n, 1)
    return _figure(
        ratio,
        baseline=1.0,
        mae_bp=sums.total("abs_error") / n,
        no_change_mae_bp=sums.total("abs_no_change") / n,
    )


def _skill_over_no_change(sums: Sums) -> Figure:
    ratio = sums.ratio("sq_error", "sq_return", count="compared")
    return _figure(skill_estimate(ratio), baseline=0.0)


def _coverage(sums: Sums) -> Figure:
    found = sums.ratio("covered", "bounded", moments=("covered", "covered", "bounded"))
    return _figure(share_estimate(found), baseline=NOMINAL_COVERAGE)


def _loss(sums: Sums, name: str) -> Figure:
    classes = sums.blocks[:, [COLUMN["ups"], COLUMN["flats"], COLUMN["downs"]]]
    counts = classes.sum(axis=1)
    n = counts.sum()
    if not n:
        return _figure(Estimate(None, None, None, 0, None, 0), baseline=None, skill=None)
    base = classes @ losses_of_shares(name, classes.sum(axis=0) / n)
    losses = sums.blocks[:, COLUMN[name]]
    present = counts > 0
    mean = block_estimate(losses[present], counts[present], n=int(n))
    skill = skill_estimate(block_estimate(losses[present], base[present], n=int(n)))
    return _figure(mean, baseline=float(base.sum() / n), skill=_figure(skill))


def _calibration(sums: Sums) -> Figure:
    asked, said, ups = (sums.binned(name) for name in ("asked", "p_up", "ups"))
    return calibration_figure(calibration(asked, said, ups), MINIMUM)


def _by_sureness(hours: Sequence[Hour]) -> tuple[Floats, Floats, Floats]:
    # [h, 100]: bins of P(up | moved) folded at one half, from least sure to surest.
    half, columns = BINS // 2, bins_over_time(hours)
    called, moves, hits = (
        columns[name][:, half:] + columns[name][:, half - 1 :: -1]
        for name in ("called", "moves", "hits")
    )
    return called, moves, hits


def _kept_hit_rate(moves: Floats, hits: Floats) -> Figure:
    present = moves > 0
    total, right = float(moves.sum()), float(hits.sum())
    return _figure(
        share_estimate(
            block_estimate(
                hits[present],
                moves[present],
                n=int(total),
                moments=(right, right, total),
                overlap=OVERLAP,
            )
        )
    )
