"""Forecasters on one market's ledger: each version's own figures, and its squared error beside the
champion's.

Read by `predictions.promotion.ranking`. Beside the champion only minutes count in which both
answered the same ticks, so that a version that met quiet hours is no better for it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Max

from inference.vocabulary import Role, Source
from predictions.accuracy import forecasts
from predictions.accuracy.figures import Figure
from predictions.accuracy.hours import COLUMN, HOUR_MS, MINUTE_MS, MINUTES, Hour
from predictions.accuracy.intervals import (
    SEQUENCE_BLOCKS,
    Estimate,
    block_estimate,
    skill_estimate,
)
from predictions.accuracy.questions import (
    ForecastQuestion,
    TooMuchAskedError,
    find_hours,
    newest_ms,
)
from predictions.accuracy.sums import block_length
from predictions.models import Forecast, ForecastRollup
from predictions.moments import moment
from predictions.promotion.ranked import Least, Ranked, RankedVersion, saved_share
from predictions.promotion.reigns import NO_CHANGE

WINDOW_MS = 7 * 24 * HOUR_MS
"""Of forecasts that are ranked, unless another stretch is asked for. Where it holds too much
(10,000 hours of symbols and versions), the newest half of it is taken, and so on."""
MOST_ROWS = 50_000
"""Of all versions since the last hour that is added up; beyond, that hour's end is the end."""
LEAST = Least(forecasts.MINIMUM, SEQUENCE_BLOCKS)
"""The stretches are minutes, or longer where there are more than 240."""

Floats = npt.NDArray[np.float64]
_Minutes = dict[tuple[int, str], Floats]
"""By hour and symbol: squared error, squared return and decisions of each minute, [60, 3]."""
_COMPARED = [COLUMN["sq_error"], COLUMN["sq_return"], COLUMN["compared"]]


def ranked_forecasts(
    venue: str, names: Sequence[str], champion: str, begin: int, end: int
) -> Ranked:
    """Return the figures of versions in [begin, end), or in the newest part of it that is not too
    much. names: the champion first, where there is one. Raises TooMuchAskedError."""
    while True:
        try:
            return _ranked(venue, names, champion, begin, end)
        except TooMuchAskedError:
            if end - begin <= HOUR_MS:
                raise
            # In whole hours: of a part of one, its rows would have to be read.
            begin = end - max(HOUR_MS, (end - begin) // 2 // HOUR_MS * HOUR_MS)


def newest_end(venue: str) -> int | None:
    """Return the end of what can be ranked, market time; None where nothing was said."""
    # The hours that are added up, where rows since are too many to be read of each version.
    newest = newest_ms(venue)
    if newest is None:
        return None
    hours = ForecastRollup.objects.filter(venue=venue)
    last = hours.aggregate(last=Max("hour_ts"))["last"]
    if last is None:
        return newest + 1
    added_up = int(last) + HOUR_MS
    since = Forecast.objects.filter(venue=venue, predicted_at__gte=moment(added_up))
    return added_up if since.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS else newest + 1


def spoken_forecasters(venue: str, begin: int, end: int) -> list[str]:
    """Return the versions that spoke in that time, the newest first."""
    stored = ForecastRollup.objects.filter(
        venue=venue, hour_ts__gte=begin // HOUR_MS * HOUR_MS, hour_ts__lt=end,
        source=Source.REDIS.value,
    )  # fmt: skip
    newest = stored.order_by("-hour_ts").values_list("model_version", flat=True)
    return list(dict.fromkeys(newest))


def _ranked(venue: str, names: Sequence[str], champion: str, begin: int, end: int) -> Ranked:
    # One version's hours at a time: of 500 symbols they are 100 MB.
    champions: _Minutes | None = None
    versions: list[RankedVersion] = []
    for name in names:
        hours = _hours(venue, name, begin, end)
        if not hours:
            continue
        minutes = _by_symbol(hours)
        compared = None
        if name == champion:
            champions = minutes
        elif champions is not None:
            compared = _against(minutes, champions)
        versions.append(RankedVersion(name, _own_figures(hours), compared))
    said_nothing = _against(_no_change(champions), champions) if champions else None
    baseline = {"name": NO_CHANGE, "r2": 0.0, "mae_ratio": 1.0, "against_champion": said_nothing}
    return Ranked(tuple(versions), baseline, begin, end)


def _hours(venue: str, version: str, begin: int, end: int) -> list[Hour]:
    # A version may have served, and been on trial, in one stretch.
    asked = {
        "venue": venue, "model_version": version, "source": Source.REDIS.value,
        "from_ms": begin, "to_ms": end,
    }  # fmt: skip
    hours = find_hours(ForecastQuestion(**asked)).hours  # type: ignore[arg-type]
    hours += find_hours(ForecastQuestion(**asked, role=Role.SHADOW.value)).hours  # type: ignore[arg-type]
    return sorted(hours, key=lambda hour: hour.key.hour_ts)


def _own_figures(hours: Sequence[Hour]) -> dict[str, Any]:
    summary = forecasts.summary(hours)
    return {
        "n": summary["n"],
        "r2": summary["r2"],
        "mae_ratio": summary["mae"],
        "hit_rate": summary["hit_rate"],
        "coverage": summary["coverage"],
        "log_loss_skill": summary["log_loss"]["skill"],
    }


def _against(mine: _Minutes, theirs: _Minutes) -> Figure:
    times, minutes = _shared_minutes(mine, theirs)
    if not len(times):
        return saved_share(Estimate(None, None, None, 0, None, 0), LEAST)
    length = block_length(len(times))
    sums = np.zeros((len(times), 3))
    np.add.at(sums, np.unique(times // length, return_inverse=True)[1], minutes)
    sums = sums[sums[:, 2] > 0]
    found = block_estimate(sums[:, 0], sums[:, 1], n=int(sums[:, 2].sum()))
    return saved_share(skill_estimate(found), LEAST)


def _no_change(champions: _Minutes) -> _Minutes:
    # Who says that the price stays is wrong by the whole return.
    return {key: minutes[:, [1, 1, 2]] for key, minutes in champions.items()}


def _shared_minutes(mine: _Minutes, theirs: _Minutes) -> tuple[npt.NDArray[np.int64], Floats]:
    # Minutes in order, and of each the squared error of both and decisions, of all symbols.
    hours: dict[int, Floats] = {}
    for hour_ts, symbol in sorted(mine.keys() & theirs.keys()):
        first, second = mine[hour_ts, symbol], theirs[hour_ts, symbol]
        # As many ticks with the same returns are the same ticks. They were added up as float32.
        same = (first[:, 2] > 0) & (first[:, 2] == second[:, 2])
        same &= np.isclose(first[:, 1], second[:, 1], rtol=1e-5)
        both = np.column_stack((first[:, 0], second[:, 0], first[:, 2]))
        added = hours.setdefault(hour_ts, np.zeros((MINUTES, 3)))
        added[same] += both[same]
    sums = np.concatenate([np.zeros((0, 3)), *hours.values()])
    starts = np.array(list(hours), dtype=np.int64) // MINUTE_MS
    times = (starts[:, None] + np.arange(MINUTES)).ravel()
    said = sums[:, 2] > 0
    return times[said], sums[said]


def _by_symbol(hours: Sequence[Hour]) -> _Minutes:
    found: _Minutes = {}
    for hour in hours:
        key = hour.key.hour_ts, hour.key.symbol
        minutes = hour.blocks[:, _COMPARED].astype(np.float64)
        found[key] = found[key] + minutes if key in found else minutes
    return found
