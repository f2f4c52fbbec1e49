"""How usual the features of a prediction were, against those of the predictions before it.

The ledger holds what was fed to every model that ever spoke. A range is that of one market: same
venue, same symbol, and for signals the same timeframe. While there are too few of a signal, what
its own model was trained on stands in. Read by REST and by the pages of a forecast and a signal.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.vocabulary import Role
from predictions.models import Forecast, Signal
from predictions.moments import milliseconds, moment
from predictions.said_features import Named, forecast_features, signal_features
from predictions.trained_ranges import trained_ranges

Features = Mapping[str, float | None]

LOWER_QUANTILE, UPPER_QUANTILE = 0.05, 0.95
FORECAST_SPAN_MS = 3_600_000
MOST_EARLIER = 120
"""Predictions looked at: for a forecast spread over the hour before it, for a signal the last."""
LEAST_EARLIER = 30
"""With fewer values of a feature, 5 % of them is hardly one: the ledger tells no range."""
LEDGER, TRAINING = "ledger", "training"
"""What ranges may be of; the field `reference`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRange:
    """One feature. n: earlier values known. lower to upper hold nine tenths of the reference.

    position: 0 in the middle of the range, 1 and -1 at its ends; None where the range has no width.
    outside: None where value or range is unknown.
    """

    name: str
    value: float | None
    n: int
    lower: float | None = None
    upper: float | None = None
    position: float | None = None
    outside: bool | None = None


@dataclass(frozen=True, slots=True)
class FeatureRanges:
    """All features of a prediction, furthest from the usual first, void and unmeasured ones last.

    reference: LEDGER or TRAINING; None where no range is known. n: predictions looked at, made
    between from_ms and to_ms (market time; None where n is 0).
    """

    reference: str | None
    n: int
    from_ms: int | None
    to_ms: int | None
    features: tuple[FeatureRange, ...]


def forecast_ranges(forecast: Forecast, said: Named | None) -> FeatureRanges | None:
    """Compare with the hour before; None once the entry is pruned. said: its features."""
    if said is None:
        return None
    at_ms = forecast.prediction_ts
    before = (
        Forecast.objects.filter(
            venue=forecast.venue,
            symbol=forecast.symbol,
            predicted_at__gte=moment(at_ms - FORECAST_SPAN_MS),
            predicted_at__lt=moment(at_ms),
        )
        .exclude(role=Role.SHADOW)
        .order_by("predicted_at")
        .values_list("pk", flat=True)
    )
    chosen = _spread(list(before))
    rows = Forecast.objects.filter(pk__in=chosen).select_related("leaf").order_by("predicted_at")
    found = [(row.prediction_ts, forecast_features(row)) for row in rows]
    return compare(said, found)


def signal_ranges(signal: Signal, said: Named | None) -> FeatureRanges | None:
    """Compare with the candles before; None once the entry is pruned. said: its indicators."""
    if said is None:
        return None
    rows = (
        Signal.objects.filter(
            venue=signal.venue,
            symbol=signal.symbol,
            timeframe=signal.timeframe,
            predicted_at__lt=moment(signal.prediction_ts),
        )
        .exclude(role=Role.SHADOW)
        .select_related("leaf")
        .order_by("-predicted_at", "-revision")[:MOST_EARLIER]
    )
    # Of a candle that was said again, what was said last: the confirmed one.
    newest = {row.candle_open: row for row in reversed(rows)}
    found = [(milliseconds(row.predicted_at), signal_features(row)) for row in newest.values()]
    trained = trained_ranges(signal) if len(found) < LEAST_EARLIER else None
    return compare(said, found, trained)


def compare(
    said: Features,
    earlier: Iterable[tuple[int, Features | None]],
    trained: Mapping[str, tuple[float, float]] | None = None,
) -> FeatureRanges:
    """Hold features against earlier ones: (market time in ms, features or None if pruned).

    trained: lower and upper bounds, which stand in where those are too few.
    """
    known = [(at_ms, features) for at_ms, features in earlier if features is not None]
    times = [at_ms for at_ms, _ in known]
    young = len(known) < LEAST_EARLIER
    of_training = (trained or {}) if young else {}
    reference = LEDGER if not young else TRAINING if of_training else None
    ranges = [
        _range(name, value, [features.get(name) for _, features in known], of_training.get(name))
        for name, value in said.items()
    ]
    return FeatureRanges(
        reference=reference,
        n=len(known),
        from_ms=min(times, default=None),
        to_ms=max(times, default=None),
        features=tuple(sorted(ranges, key=_nearness)),
    )


def _range(
    name: str,
    value: float | None,
    earlier: Sequence[float | None],
    trained: tuple[float, float] | None,
) -> FeatureRange:
    values = [each for each in earlier if each is not None]
    if trained is not None:
        lower, upper = trained
    elif len(values) >= LEAST_EARLIER:
        lower, upper = np.quantile(values, (LOWER_QUANTILE, UPPER_QUANTILE)).tolist()
    else:
        return FeatureRange(name=name, value=value, n=len(values))
    half = (upper - lower) / 2
    position = None if value is None or half == 0 else (value - (lower + upper) / 2) / half
    return FeatureRange(
        name=name,
        value=value,
        n=len(values),
        lower=lower,
        upper=upper,
        position=position if position is None or math.isfinite(position) else None,
        outside=None if value is None else not lower <= value <= upper,
    )


def _nearness(each: FeatureRange) -> tuple[bool, float]:
    if each.outside and each.position is None:
        return False, -math.inf  # what never moved before is as far away as can be
    if each.position is None:
        return True, 0.0 if each.value is not None else 1.0
    return False, -abs(each.position)


def _spread(ids: Sequence[int]) -> list[int]:
    step = max(1, -(-len(ids) // MOST_EARLIER))
    return list(ids[::-1][::step])
