"""What a price path touched first, stop or targets: arithmetic on arrays, in market time alone.

Read by the grading of signals. The rules are those of the labels that the networks learn from
(`training.signals.labels`), but for a bar that holds both: here it is the stop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from market.candles.series import CandleSeries

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path:
    """Candles that follow each other without a gap from start_ms on, each step_ms long."""

    candles: CandleSeries
    start_ms: int
    step_ms: int


@dataclass(frozen=True, slots=True)
class Bars:
    """Stored candles of one length, gaps and all."""

    candles: CandleSeries
    step_ms: int

    def whole(self, start_ms: int, end_ms: int) -> Path | None:
        """Return the path from start_ms to end_ms; None where a candle of it is missing."""
        opens = self.candles.open_ms
        first = int(np.searchsorted(opens, start_ms))
        count = (end_ms - start_ms) // self.step_ms
        found = opens[first : first + count]
        # Opens rise strictly on one grid: the right count between the right ends leaves no gap.
        if len(found) < count or found[0] != start_ms or found[-1] != end_ms - self.step_ms:
            return None
        return Path(self.candles[first : first + count], start_ms, self.step_ms)


@dataclass(frozen=True, slots=True)
class Barriers:
    """A stop, and targets further and further from it; side: 1 where they lie above, else -1."""

    side: int
    stop: float
    targets: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Touches:
    """What a path touched, up to the stop; times in ms, None = not touched.

    A time is the close of the bar that touched, or its open where that lay beyond the barrier.
    stop_price: what a stop order got: its price, or the open beyond it. tied: stop and first
    target lay in one bar that nothing finer told apart, and the stop was taken to be first.
    """

    stop_ts: int | None
    stop_price: float | None
    target_ts: tuple[int | None, ...]
    tied: bool = False


def touches(path: Path, barriers: Barriers, finer: Sequence[Bars] = ()) -> Touches:
    """Walk along a path until the stop.

    finer: shorter candles of the same time, shortest first: where one bar of the path holds the
    stop and a target, the first of them that is whole there says which came first; if none
    does, the stop did. An open beyond a barrier touches it before the rest of its bar.
    """
    opened, high, low = _towards(barriers.side, path.candles)
    stop = barriers.side * barriers.stop
    at = _first(low <= stop)
    met: list[int | None] = []
    contested: list[int] = []  # targets in the bar of the stop, of which nobody knows
    for number, target in enumerate(barriers.side * each for each in barriers.targets):
        hit = _first(high >= target)
        if hit < at or (hit == at < len(opened) and opened[at] >= target):
            met.append(_touched_ms(path, hit, by_open=bool(opened[hit] >= target)))
            continue
        met.append(None)
        if hit == at < len(opened) and opened[at] > stop:
            contested.append(number)
    if at == len(opened):
        return Touches(None, None, tuple(met))
    if opened[at] <= stop:
        beyond = float(path.candles.open[at])
        return Touches(_touched_ms(path, at, by_open=True), beyond, tuple(met))
    first = Touches(_touched_ms(path, at, by_open=False), barriers.stop, tuple(met))
    if not contested:
        return first
    return _looked_into(path, at, barriers, contested, first, finer)


def _looked_into(
    path: Path,
    at: int,
    barriers: Barriers,
    contested: list[int],
    by_rule: Touches,
    finer: Sequence[Bars],
) -> Touches:
    tied = replace(by_rule, tied=contested[0] == 0)
    open_ms = path.start_ms + at * path.step_ms
    shorter = [bars for bars in finer if bars.step_ms < path.step_ms]
    for bars in shorter:
        inside = bars.whole(open_ms, open_ms + path.step_ms)
        if inside is None:
            continue
        targets = tuple(barriers.targets[number] for number in contested)
        found = touches(inside, replace(barriers, targets=targets), shorter)
        if found.stop_ts is None and found.target_ts[0] is None:
            continue  # these candles know nothing of what the longer one saw
        met = list(by_rule.target_ts)
        for number, time_ms in zip(contested, found.target_ts, strict=True):
            met[number] = time_ms
        return Touches(
            by_rule.stop_ts if found.stop_ts is None else found.stop_ts,
            by_rule.stop_price if found.stop_price is None else found.stop_price,
            tuple(met),
            tied=found.tied and tied.tied,
        )
    return tied


def _towards(side: int, candles: CandleSeries) -> tuple[Floats, Floats, Floats]:
    # Turned over where targets lie below, so that they always lie above.
    if side > 0:
        return candles.open, candles.high, candles.low
    return -candles.open, -candles.low, -candles.high


def _first(mask: npt.NDArray[np.bool_]) -> int:
    # The first true place; the length where there is none.
    place = int(mask.argmax()) if len(mask) else 0
    return place if len(mask) and mask[place] else len(mask)


def _touched_ms(path: Path, at: int, *, by_open: bool) -> int:
    return path.start_ms + (at if by_open else at + 1) * path.step_ms
