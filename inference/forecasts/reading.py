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
import orjson

from inference.barred import Barred
from inference.handover.link import Pipeline, render
from inference.vocabulary import Reason
from market import keys
from market.clock import MADE_UP, MarketTime, of_another_market
from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES, INDEX, REQUIRED_FEATURES

Floats = npt.NDArray[np.float64]

_MADE_UP = tuple(prefix.encode() for prefix in MADE_UP)
CLOCK_FIELDS = ("venue", "live", "market_ms", "wall_ms", "speed")
NUMBER_FIELDS = (*FEATURE_NAMES, "feature_ts", "event_ts_ms", "exchange_ts_ms", "completeness")
GARBAGE = math.inf
"""Stands for a field that is no number; infinity is as little a feature as text is."""

AHEAD_MS = 1_000.0
"""A writer's clock this far ahead of ours is tolerated, as clocks are."""

_SILENT = frozenset({Reason.FEATURES_MISSING, Reason.STALE_FEATURES})
_AGELESS = frozenset({Reason.OTHER_VENUE, Reason.FEATURES_FROM_FUTURE})
REQUIRED = [INDEX[name] for name in REQUIRED_FEATURES]
_MID, _SPREAD = INDEX["mid_price"], INDEX["spread_bp"]
_LARGEST = np.finfo(np.float64).max
_LOWEST: dict[str, float] = {
    "price": np.nextafter(0.0, 1.0),
    "mid_price": np.nextafter(0.0, 1.0),
    "volume_1s": 0.0,
    "volume_5s": 0.0,
    "vol_imbalance_1s": -1.0,
    "vol_imbalance_5s": -1.0,
    "ob_imbalance": -1.0,
    "trade_intensity_1s": 0.0,
    "avg_trade_size_1s": 0.0,
    "dollar_volume_1s": 0.0,
    "price_volatility": 0.0,
    "completeness": 0.0,
}
_HIGHEST: dict[str, float] = {
    "vol_imbalance_1s": 1.0,
    "vol_imbalance_5s": 1.0,
    "ob_imbalance": 1.0,
    "completeness": 1.0,
}
_LOW = np.array([_LOWEST.get(name, -_LARGEST) for name in NUMBER_FIELDS])
_HIGH = np.array([_HIGHEST.get(name, _LARGEST) for name in NUMBER_FIELDS])
_FEATURE_TS, _EVENT_TS, _EXCHANGE_TS, _COMPLETENESS = range(FEATURE_COUNT, FEATURE_COUNT + 4)


class UnreadableClockError(Exception):
    """`clock:market` is there and makes no sense. No forecast until a feed has mended it."""


@dataclass(slots=True)
class HotReading:
    """What a tick read. features [n, 20], the rest [n]; NaN = void; times in market ms.

    usable: rows that a model may answer; reasons say why not, "" where usable.
    age_ms: never below zero; NaN where it has no meaning, for another market's or future features.
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

    def bar(self, barred: Barred, symbols: Sequence[str]) -> None:
        """Refuse what its exchange does not trade, and name why nothing comes where none answers.

        symbols: of the rows. What still comes while no exchange answers is somebody else's, and
        believed.
        """
        if barred.symbols:
            for row, symbol in enumerate(symbols):
                if listing := barred.symbols.get(symbol):
                    self.reasons[row] = Reason(listing.status)
                    self.usable[row] = False
                    self.mid[row] = np.nan
        if barred.feed_down:
            self.reasons = [
                Reason.FEED_DOWN if reason in _SILENT else reason for reason in self.reasons
            ]


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
        """Read the pipeline's first reply, `clock:market`; None where there is no such key.

        Raises UnreadableClockError where there is one that cannot be understood: to take a
        market of unknown kind for a live one would be the worst of mistakes.
        """
        if isinstance(reply, list):
            if all(part is None for part in reply):
                return None
            fields = dict(zip(CLOCK_FIELDS, reply, strict=True))
            text = {name: part.decode("utf-8", "replace") for name, part in fields.items() if part}
            market = MarketTime.from_hash(text)
            if market is not None:
                return market
        raise UnreadableClockError(f"{keys.clock()} holds no market's time: {reply}")

    def no_market(self, replies: Sequence[Any]) -> bool:
        """Tell whether no market has opened, where no clock names one; replies as for `parse`.

        That is where no symbol has features of a market that could be live.
        """
        return all(
            isinstance(reply, list)
            and (reply[_FEATURE_TS] is None or (reply[-1] or b"").startswith(_MADE_UP))
            for reply in replies[: self._count]
        )

    def parse(self, replies: Sequence[Any], now_ms: float, venue: str | None) -> HotReading:
        """Turn the replies after the first into a reading at market time now_ms.

        venue: whose features alone count; None where no feed of ours has named one.
        """
        count = self._count
        rows = _rows(replies[:count], venue)
        crossed = _crossed(replies[count:])
        numbers = rows.numbers
        features = numbers[:, :FEATURE_COUNT].copy()
        feature_ts_ms = numbers[:, _FEATURE_TS] * 1e3
        age_ms = now_ms - feature_ts_ms
        reading = HotReading(
            features=features,
            age_ms=np.maximum(age_ms, 0.0),
            completeness=numbers[:, _COMPLETENESS],
            feature_ts_ms=feature_ts_ms,
            event_ts_ms=numbers[:, _EVENT_TS],
            exchange_ts_ms=numbers[:, _EXCHANGE_TS],
            mid=features[:, _MID].copy(),
            usable=np.ones(count, dtype=bool),
            reasons=[Reason.NONE] * count,
        )
        # NaN compares false: what passes here is complete and in range, and needs no more.
        sound = (
            not rows.odd
            and not crossed
            and ((numbers >= _LOW) & (numbers <= _HIGH)).all()
            and -AHEAD_MS <= age_ms.min()
            and age_ms.max() <= self._max_age_ms
            and features[:, _SPREAD].min() >= 0
        )
        if not sound:
            self._sort_out(reading, rows, crossed, age_ms)
        return reading

    def _sort_out(
        self, reading: HotReading, rows: "_Rows", crossed: set[int], age_ms: Floats
    ) -> None:
        numbers, features = rows.numbers, reading.features
        void = np.isnan(features)
        present = 1.0 - void.sum(axis=1) / FEATURE_COUNT
        reading.completeness = np.fmin(numbers[:, _COMPLETENESS], present)
        unreadable = _mask(rows.garbage, self._count)
        no_time = np.isnan(reading.feature_ts_ms) & ~unreadable
        outside = ((numbers < _LOW) | (numbers > _HIGH)).any(axis=1)
        crossing = _mask(crossed, self._count) | (features[:, _SPREAD] < 0)
        # The first that holds is the reason: what makes the later questions meaningless.
        causes = (
            (no_time, Reason.FEATURES_MISSING),
            (_mask(rows.elsewhere, self._count), Reason.OTHER_VENUE),
            (unreadable | outside, Reason.INVALID_FEATURES),
            (age_ms < -AHEAD_MS, Reason.FEATURES_FROM_FUTURE),
            (age_ms > self._max_age_ms, Reason.STALE_FEATURES),
            (crossing, Reason.CROSSED_BOOK),
            (void[:, REQUIRED].any(axis=1), Reason.INCOMPLETE_FEATURES),
        )
        for mask, reason in causes:
            for row in np.flatnonzero(mask & reading.usable):
                reading.reasons[row] = reason
            reading.usable &= ~mask
            if reason is not Reason.INCOMPLETE_FEATURES:
                reading.mid[mask] = np.nan
            if reason in _AGELESS:
                reading.age_ms[mask] = np.nan


@dataclass(slots=True)
class _Rows:
    numbers: Floats
    garbage: set[int]
    elsewhere: set[int]

    @property
    def odd(self) -> bool:
        return bool(self.garbage or self.elsewhere)


def _rows(replies: Sequence[Any], venue: str | None) -> _Rows:
    width = len(NUMBER_FIELDS)
    ours = None if venue is None else venue.encode()
    garbage: set[int] = set()
    elsewhere: set[int] = set()
    rows: list[list[float]] = []
    for index, reply in enumerate(replies):
        if not isinstance(reply, list):  # an error reply: the key holds another type
            garbage.add(index)
            rows.append([math.nan] * width)
            continue
        said = reply.pop()
        if said and said != ours and of_another_market(said.decode("utf-8", "replace"), venue):
            elsewhere.add(index)
        row = _plain_row(reply)
        if row is None:
            row = [_number(field) for field in reply]
            if GARBAGE in row:
                garbage.add(index)
        rows.append(row)
    return _Rows(np.array(rows, dtype=np.float64).reshape(len(rows), width), garbage, elsewhere)


def _mask(indices: set[int], count: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[list(indices)] = True
    return mask


def _plain_row(fields: list[bytes | None]) -> list[float] | None:
    """Read a row of plain numbers at once; None where any field needs a closer look.

    A row whose every byte can stand in a number is read as a JSON array, at a tenth of the
    time. Fields that could change the array's shape or type have other bytes or change its
    length; both lead to the closer look.
    """
    try:
        joined = b",".join(fields)  # type: ignore[arg-type]  # a None raises, as it should
        if joined.translate(None, b"0123456789.-eE,"):
            return None
        row: list[float] = orjson.loads(b"[%b]" % joined)
    except (TypeError, ValueError):
        return None
    return row if len(row) == len(fields) else None


def _number(field: bytes | None) -> float:
    try:
        return float(field) if field else math.nan
    except ValueError:
        return GARBAGE


def _crossed(replies: Sequence[Any]) -> set[int]:
    crossed = set()
    for index, reply in enumerate(replies):
        if isinstance(reply, list) and reply[0] and reply[1]:
            try:
                if float(reply[0]) >= float(reply[1]):
                    crossed.add(index)
            except ValueError:
                crossed.add(index)
    return crossed
