"""All versions of a slot on one market's ledger, beside the baselines and against the champion.

Read by the Models page and `manage.py models`. What each version said itself is in its own row,
over the same stretch of time; only `against_champion` is of decisions that both answered. Plain
values come out, ready for JSON; unknown, and too few, is None.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Max

from inference.artefacts.versions import Slot
from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Role, Source
from predictions.accuracy import forecasts, signals
from predictions.accuracy.figures import Figure, figure
from predictions.accuracy.graded_signals import MINIMUM as LEAST_SIGNALS
from predictions.accuracy.graded_signals import GradedSignals
from predictions.accuracy.hours import COLUMN, HOUR_MS, MINUTE_MS, MINUTES, Hour
from predictions.accuracy.intervals import Estimate, block_estimate, ratio_estimate, skill_estimate
from predictions.accuracy.losses import log_losses
from predictions.accuracy.questions import (
    ForecastQuestion,
    TooMuchAskedError,
    find_hours,
    newest_ms,
)
from predictions.accuracy.signal_rows import SignalQuestion, SignalRow, find_signals
from predictions.accuracy.sums import block_length
from predictions.models import Forecast, ForecastRollup, ModelVersion, Signal
from predictions.models.retraining import VersionState
from predictions.moments import moment
from predictions.promotion.reigns import CLASS_SHARES, NO_CHANGE

WINDOW_MS = 7 * 24 * HOUR_MS
"""Of forecasts that are ranked, unless another stretch is asked for. Where it holds too much
(10,000 hours of symbols and versions), the newest half of it is taken, and so on."""
MOST_SIGNALS = 20_000
"""Of a version, its newest graded ones."""
SIGNAL_WINDOW_MS = 365 * 24 * HOUR_MS
MOST_VERSIONS = 12
"""Those that serve or are on trial, then those that spoke last."""

MOST_ROWS = 50_000
"""Of all versions since the last hour that is added up; beyond, that hour's end is the end."""

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
_Minutes = dict[tuple[int, str], Floats]
"""By hour and symbol: squared error and number of decisions of each minute, [60, 2]."""
_COMPARED = [COLUMN["sq_error"], COLUMN["compared"]]
_STANDING = (VersionState.CHAMPION, VersionState.PREVIOUS, VersionState.SHADOW)


def ranking(
    slot: Slot,
    venue: str,
    champion: str,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Row:
    """Return `slot`, `venue`, `champion`, the stretch of market time, `versions` and `baselines`.

    Versions the best first. champion: what the others are compared with, "" for none.
    """
    if slot.timeframe is None:
        rows, begin, end = _forecasters(venue, champion, from_ms, to_ms)
        measure, baseline = "r2", {"name": NO_CHANGE, "r2": 0.0, "mae_ratio": 1.0}
    else:
        rows, begin, end = _signallers(slot, venue, champion, from_ms, to_ms)
        measure, baseline = "log_loss_skill", {"name": CLASS_SHARES, "log_loss_skill": 0.0}
    states = dict(ModelVersion.objects.filter(slot=str(slot)).values_list("version", "state"))
    versions = [row | {"state": states.get(row["version"])} for row in rows]
    versions.sort(key=lambda row: _value(row[measure]), reverse=True)
    return {
        "slot": str(slot),
        "venue": venue,
        "champion": champion,
        "from_ms": begin,
        "to_ms": end,
        "measure": measure,
        "versions": versions,
        "baselines": [baseline],
    }


def _value(found: Figure) -> float:
    return -np.inf if found["value"] is None else float(found["value"])


def _forecasters(
    venue: str, champion: str, from_ms: int | None, to_ms: int | None
) -> tuple[list[Row], int | None, int | None]:
    end = _end(venue) if to_ms is None else to_ms
    if end is None:
        return [], from_ms, to_ms
    begin = end - WINDOW_MS if from_ms is None else from_ms
    while True:
        try:
            return _forecast_rows(venue, champion, begin, end), begin, end
        except TooMuchAskedError:
            if end - begin <= HOUR_MS:
                raise
            # In whole hours: of a part of one, its rows would have to be read.
            begin = end - max(HOUR_MS, (end - begin) // 2 // HOUR_MS * HOUR_MS)


def _end(venue: str) -> int | None:
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


def _forecast_rows(venue: str, champion: str, begin: int, end: int) -> list[Row]:
    # One version's hours at a time: of 500 symbols they are 100 MB.
    champions: _Minutes | None = None
    rows: list[Row] = []
    for name in _chosen("forecasts", champion, _spoken_forecasters(venue, begin, end)):
        hours = _hours(venue, name, begin, end)
        if not hours:
            continue
        minutes = _by_symbol(hours)
        if name == champion:
            champions = minutes
        compared = None
        if champions is not None and name != champion:
            compared = _forecasts_against(minutes, champions)
        rows.append(_forecast_row(name, hours, compared))
    return rows


def _hours(venue: str, version: str, begin: int, end: int) -> list[Hour]:
    # A version may have served, and been on trial, in one stretch.
    asked = {
        "venue": venue, "model_version": version, "source": Source.REDIS.value,
        "from_ms": begin, "to_ms": end,
    }  # fmt: skip
    hours = find_hours(ForecastQuestion(**asked)).hours  # type: ignore[arg-type]
    hours += find_hours(ForecastQuestion(**asked, role=Role.SHADOW.value)).hours  # type: ignore[arg-type]
    return sorted(hours, key=lambda hour: hour.key.hour_ts)


def _forecast_row(name: str, hours: Sequence[Hour], compared: Figure | None) -> Row:
    summary = forecasts.summary(hours)
    return {
        "version": name,
        "n": summary["n"],
        "r2": summary["r2"],
        "mae_ratio": summary["mae"],
        "hit_rate": summary["hit_rate"],
        "coverage": summary["coverage"],
        "log_loss_skill": summary["log_loss"]["skill"],
        "against_champion": compared,
    }


def _forecasts_against(mine: _Minutes, theirs: _Minutes) -> Figure:
    # 1 - squared error ÷ the champion's, in minutes in which both answered as many ticks.
    times, minutes = _shared_minutes(mine, theirs)
    if not len(times):
        return figure(Estimate(None, None, None, 0, None, 0), forecasts.MINIMUM)
    length = block_length(len(times))
    sums = np.zeros((len(times), 3))
    np.add.at(sums, np.unique(times // length, return_inverse=True)[1], minutes)
    sums = sums[sums[:, 2] > 0]
    found = block_estimate(sums[:, 0], sums[:, 1], n=int(sums[:, 2].sum()))
    return figure(skill_estimate(found), forecasts.MINIMUM)


def _shared_minutes(mine: _Minutes, theirs: _Minutes) -> tuple[npt.NDArray[np.int64], Floats]:
    # Minutes in order, and of each the squared error of both and decisions, of all symbols.
    hours: dict[int, Floats] = {}
    for hour_ts, symbol in sorted(mine.keys() & theirs.keys()):
        first, second = mine[hour_ts, symbol], theirs[hour_ts, symbol]
        same = (first[:, 1] > 0) & (first[:, 1] == second[:, 1])
        both = np.column_stack((first[:, 0], second[:, 0], first[:, 1]))
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


def _spoken_forecasters(venue: str, begin: int, end: int) -> list[str]:
    stored = ForecastRollup.objects.filter(
        venue=venue, hour_ts__gte=begin // HOUR_MS * HOUR_MS, hour_ts__lt=end,
        source=Source.REDIS.value,
    )  # fmt: skip
    newest = stored.order_by("-hour_ts").values_list("model_version", flat=True)
    return list(dict.fromkeys(newest))


def _chosen(slot: str, champion: str, spoken: Sequence[str]) -> list[str]:
    standing = ModelVersion.objects.filter(slot=slot, state__in=_STANDING)
    first = [champion, *standing.values_list("version", flat=True), *spoken]
    return [name for name in dict.fromkeys(first) if name][:MOST_VERSIONS]


def _signallers(
    slot: Slot, venue: str, champion: str, from_ms: int | None, to_ms: int | None
) -> tuple[list[Row], int | None, int | None]:
    rows = Signal.objects.filter(venue=venue, timeframe=str(slot.timeframe))
    newest = rows.order_by("-predicted_at").values_list("candle_close", flat=True).first()
    if newest is None:
        return [], from_ms, to_ms
    end = newest + 1 if to_ms is None else to_ms
    begin = end - SIGNAL_WINDOW_MS if from_ms is None else from_ms
    inside = rows.filter(predicted_at__gte=moment(begin), predicted_at__lt=moment(end))
    spoken = inside.order_by().values_list("model_version", flat=True).distinct()
    names = _chosen(str(slot), champion, sorted(spoken))
    found = {name: _signals(slot, venue, name, begin, end) for name in names}
    said = {name: signals_ for name, signals_ in found.items() if signals_}
    ranked = [_signal_row(name, said[name], said.get(champion), champion) for name in said]
    return ranked, begin, end


def _signals(slot: Slot, venue: str, version: str, begin: int, end: int) -> list[SignalRow]:
    found: dict[tuple[str, int], SignalRow] = {}
    for role in (Role.SHADOW.value, None):
        asked = SignalQuestion(
            venue=venue, timeframe=str(slot.timeframe), model_version=version, role=role,
            from_ms=begin, to_ms=end, last=MOST_SIGNALS,
        )  # fmt: skip
        for row in find_signals(asked).rows:
            found.setdefault((row.symbol, row.candle_open), row)
    return sorted(found.values(), key=lambda row: (row.candle_close, row.symbol))


def _signal_row(
    name: str, rows: Sequence[SignalRow], champions: Sequence[SignalRow] | None, champion: str
) -> Row:
    told = signals.figures(rows)
    compared = None
    if champions is not None and name != champion:
        compared = _signals_against(rows, champions)
    return {
        "version": name,
        "n": told["n"],
        "log_loss_skill": told["log_loss"]["skill"],
        "accuracy": told["accuracy"],
        "hit_rate": told["hit_rate"],
        "against_champion": compared,
    }


def _signals_against(mine: Sequence[SignalRow], theirs: Sequence[SignalRow]) -> Figure:
    # 1 - log-loss ÷ the champion's, on candles that both answered.
    own, other = (_graded(rows) for rows in (mine, theirs))
    both = sorted(own.keys() & other.keys())
    first, second = (GradedSignals([rows[key] for key in both]) for rows in (own, other))
    above, below = (log_losses(one.came, one.probabilities) for one in (first, second))
    found = ratio_estimate(above, below, first.blocks, overlap=HORIZON_CANDLES)
    return figure(skill_estimate(found), LEAST_SIGNALS)


def _graded(rows: Sequence[SignalRow]) -> Mapping[tuple[int, str], SignalRow]:
    return {(row.candle_close, row.symbol): row for row in rows if row.graded}
