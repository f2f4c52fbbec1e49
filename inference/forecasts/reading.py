"""Read hot state for all symbols at once and say of each whether a model may use it.

`feat:` and `ob:` are a public interface: anyone may have written them, so nothing read here is
trusted. A field that is no number never becomes a forecast; it becomes a reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.forecasts.link import Pipeline, render
from inference.vocabulary import Reason
from market import keys
from market.clock import MarketTime
from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES, INDEX, REQUIRED_FEATURES

Floats = npt.NDArray[np.float64]

CLOCK_FIELDS = ("venue", "live", "market_ms", "wall_ms", "speed")
NUMBER_FIELDS = (*FEATURE_NAMES, "feature_ts", "event_ts_ms", "exchange_ts_ms", "completeness")
AHEAD_MS = 1_000.0
"""A writer's clock this far ahead of ours is tolerated, as clocks are."""

_REQUIRED = np.array([INDEX[name] for name in REQUIRED_FEATURES])
_NOT_NEGATIVE = np.array(
    [
        INDEX[name]
        for name in (
            "volume_1s",
            "volume_5s",
            "trade_intensity_1s",
            "avg_trade_size_1s",
            "dollar_volume_1s",
            "price_volatility",
        )
    ]
)
_WITHIN_ONE = np.array(
    [INDEX[name] for name in ("vol_imbalance_1s", "vol_imbalance_5s", "ob_imbalance")]
)
_PRICE, _MID, _SPREAD = INDEX["price"], INDEX["mid_price"], INDEX["spread_bp"]
_FEATURE_TS, _EVENT_TS, _EXCHANGE_TS, _COMPLETENESS = range(FEATURE_COUNT, FEATURE_COUNT + 4)


@dataclass(slots=True)
class HotReading:
    """What a tick read. features [n, 20], the rest [n]; NaN = void; times in market ms.

    usable: rows that a model may answer; reasons say why not, "" where usable.
    mid: NaN unless it may be believed (fresh, valid, from this venue).
    """

    features: Floats
    age_ms: Floats
    completeness: Floats
    feature_ts_ms: Floats
    event_ts_ms: Floats
    exchange_ts_ms: Floats
    mid: Floats
    usable: npt.NDArray[np.bool_]
    reasons: list[Reason]


class HotReader:
    """Renders the read pipeline once, and turns its replies into arrays."""

    def __init__(self, symbols: Sequence[str], max_age_ms: float) -> None:
        self._count = len(symbols)
        self._max_age_ms = max_age_ms
        commands: list[tuple[str | bytes, ...]] = [("HMGET", keys.clock(), *CLOCK_FIELDS)]
        commands += [("HMGET", keys.feat(s), *NUMBER_FIELDS, "venue") for s in symbols]
        commands += [("HMGET", keys.ob(s), "bid", "ask") for s in symbols]
        self.pipeline: Pipeline = render(commands)
        self.clock_pipeline: Pipeline = render(commands[:1])

    def market_time(self, reply: Any) -> MarketTime | None:
        """Read the pipeline's first reply, `clock:market`."""
        if not isinstance(reply, list) or any(part is None for part in reply):
            return None
        return MarketTime.from_hash(
            {name: part.decode() for name, part in zip(CLOCK_FIELDS, reply, strict=True)}
        )

    def parse(self, replies: Sequence[Any], now_ms: float, venue: str | None) -> HotReading:
        """Turn the replies after the first into a reading at market time now_ms.

        venue: whose features alone count; None where no feed of ours has named one.
        """
        count = self._count
        expected = None if venue is None else venue.encode()
        numbers, garbage, missing, elsewhere = _numbers(replies[:count], expected)
        crossed = _crossed(replies[count:])
        features = np.ascontiguousarray(numbers[:, :FEATURE_COUNT])
        void = np.isnan(features)
        present = 1.0 - void.sum(axis=1) / FEATURE_COUNT
        completeness = np.fmin(numbers[:, _COMPLETENESS], present)
        feature_ts_ms = numbers[:, _FEATURE_TS] * 1e3
        age_ms = now_ms - feature_ts_ms
        with np.errstate(invalid="ignore"):
            invalid = garbage | _out_of_range(features, numbers[:, _COMPLETENESS])
            negative_spread = features[:, _SPREAD] < 0
            future = age_ms < -AHEAD_MS
            stale = age_ms > self._max_age_ms
        incomplete = void[:, _REQUIRED].any(axis=1)
        missing |= np.isnan(feature_ts_ms) & ~garbage
        # The first that holds is the reason: what makes the later questions meaningless.
        causes = (
            (missing, Reason.FEATURES_MISSING),
            (elsewhere, Reason.OTHER_VENUE),
            (invalid, Reason.INVALID_FEATURES),
            (future, Reason.FEATURES_FROM_FUTURE),
            (stale, Reason.STALE_FEATURES),
            (crossed | negative_spread, Reason.CROSSED_BOOK),
            (incomplete, Reason.INCOMPLETE_FEATURES),
        )
        reasons = [Reason.NONE] * count
        usable = np.ones(count, dtype=bool)
        believable = usable.copy()
        for mask, reason in causes:
            if not mask.any():
                continue
            for row in np.flatnonzero(mask & usable):
                reasons[row] = reason
            usable &= ~mask
            if reason is not Reason.INCOMPLETE_FEATURES:
                believable &= ~mask
        return HotReading(
            features=features,
            age_ms=np.maximum(age_ms, 0.0),
            completeness=completeness,
            feature_ts_ms=feature_ts_ms,
            event_ts_ms=numbers[:, _EVENT_TS],
            exchange_ts_ms=numbers[:, _EXCHANGE_TS],
            mid=np.where(believable, features[:, _MID], np.nan),
            usable=usable,
            reasons=reasons,
        )


def _numbers(
    replies: Sequence[Any], venue: bytes | None
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    count, width = len(replies), len(NUMBER_FIELDS)
    garbage, missing, elsewhere = (np.zeros(count, dtype=bool) for _ in range(3))
    rows: list[list[float]] = []
    for index, reply in enumerate(replies):
        if not isinstance(reply, list):  # an error reply: the key holds another type
            garbage[index] = True
            rows.append([math.nan] * width)
            continue
        *fields, said = reply
        if said and venue is not None and said != venue:
            elsewhere[index] = True
        try:
            rows.append([float(field) if field else math.nan for field in fields])
        except ValueError:
            garbage[index] = True
            rows.append([_number(field) for field in fields])
        if fields[_FEATURE_TS] is None:
            missing[index] = not garbage[index]
    numbers = np.array(rows, dtype=np.float64).reshape(count, width)
    garbage |= np.isinf(numbers).any(axis=1)
    return numbers, garbage, missing, elsewhere


def _number(field: bytes | None) -> float:
    try:
        return float(field) if field else math.nan
    except ValueError:
        return math.nan


def _crossed(replies: Sequence[Any]) -> npt.NDArray[np.bool_]:
    crossed = np.zeros(len(replies), dtype=bool)
    for index, reply in enumerate(replies):
        if isinstance(reply, list) and reply[0] and reply[1]:
            try:
                crossed[index] = float(reply[0]) >= float(reply[1])
            except ValueError:
                crossed[index] = True
    return crossed


def _out_of_range(features: Floats, completeness: Floats) -> npt.NDArray[np.bool_]:
    bad = np.asarray((features[:, [_PRICE, _MID]] <= 0).any(axis=1))
    bad |= (features[:, _NOT_NEGATIVE] < 0).any(axis=1)
    bad |= (np.abs(features[:, _WITHIN_ONE]) > 1 + 1e-9).any(axis=1)
    bad |= (completeness < 0) | (completeness > 1)
    return bad
