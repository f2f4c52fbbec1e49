"""From stored candles to what a network sees, coin by coin, each with its own errors.

Read by the inference service. What was computed is kept until the dataset changes or a new
candle is due, so that asking again costs one `stat` a coin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.signals.signal import MADE_WITHIN
from inference.vocabulary import SignalReason
from market.candles.indicators import (
    ATR_RATIO,
    CANDLES_NEEDED,
    INDICATOR_NAMES,
    WINDOW,
    indicators,
)
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError, venues_of
from market.candles.timeframes import Timeframe


class WindowError(Exception):
    """A coin's candles make no window: an entry in `errors`. The other coins go on."""

    def __init__(self, code: SignalReason, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class CoinWindow:
    """What one signal is made from.

    window: raw indicators [60, 14] float32, the newest candle last; features: its last row as
    computed. entry: the newest close; atr: ATR 14 in quote currency; open_ms: of the newest.
    """

    window: npt.NDArray[np.float32]
    features: tuple[float, ...]
    entry: float
    atr: float
    open_ms: int
    provisional: bool

    @property
    def atr_ratio(self) -> float:
        return self.features[ATR_RATIO]


def window_of(candles: CandleSeries, timeframe: Timeframe) -> CoinWindow:
    """Compute the window of the newest 210 candles, which must follow each other without a gap.

    Raises WindowError: candles_missing, not_enough_history, candle_gap, invalid_features.
    """
    if not len(candles):
        raise WindowError(SignalReason.CANDLES_MISSING, "none is stored that has closed by now")
    if len(candles) < CANDLES_NEEDED:
        detail = f"{len(candles)} where {CANDLES_NEEDED} are needed"
        raise WindowError(SignalReason.NOT_ENOUGH_HISTORY, detail)
    candles = candles[-CANDLES_NEEDED:]
    holes = np.flatnonzero(np.diff(candles.open_ms) != timeframe.ms)
    if len(holes):
        missing = int(candles.open_ms[holes[-1]]) + timeframe.ms
        raise WindowError(SignalReason.CANDLE_GAP, f"none opens at {_utc(missing)}")
    rows = indicators(candles)[-WINDOW:]
    finite = np.isfinite(rows).all(axis=0)
    if not finite.all():
        name = INDICATOR_NAMES[int(np.argmin(finite))]
        raise WindowError(SignalReason.INVALID_FEATURES, f"{name} is not")
    features = tuple(rows[-1].tolist())
    entry = float(candles.close[-1])
    atr = features[ATR_RATIO] * entry
    if not atr > 0:
        detail = "atr_14_ratio is 0: the price has not moved, so there are no levels"
        raise WindowError(SignalReason.INVALID_FEATURES, detail)
    return CoinWindow(
        window=np.ascontiguousarray(rows, np.float32),
        features=features,
        entry=entry,
        atr=atr,
        open_ms=int(candles.open_ms[-1]),
        provisional=bool(candles.provisional[-1]),
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: tuple[object, ...]
    newest_open_ms: int
    venues: tuple[str, ...]
    answer: CoinWindow | WindowError


class Windows:
    """Reads windows as of any market time; keeps the newest of each coin."""

    def __init__(self, store: CandleStore, exchange: str) -> None:
        self._store = store
        self._exchange = exchange
        self._kept: dict[tuple[str, Timeframe], _Kept] = {}

    def read(
        self, symbols: Sequence[str], timeframe: Timeframe, venue: str, now_ms: float
    ) -> list[CoinWindow | WindowError]:
        """Return each coin's window of candles that had closed by now_ms (market time)."""
        venues = venues_of(venue, self._exchange)
        newest_ms = timeframe.last_closed(now_ms)
        answers = [self._coin(symbol, timeframe, venues, newest_ms) for symbol in symbols]
        return [_unless_outdated(answer, timeframe, now_ms) for answer in answers]

    def _coin(
        self, symbol: str, timeframe: Timeframe, venues: tuple[str, ...], newest_ms: int
    ) -> CoinWindow | WindowError:
        key = symbol, timeframe
        stamp = self._store.stamp(venues, symbol, timeframe)
        kept = self._kept.get(key)
        if (
            kept is not None
            and kept.stamp == stamp
            and kept.newest_open_ms == newest_ms
            and kept.venues == venues
        ):
            return kept.answer
        answer = self._compute(symbol, timeframe, venues, newest_ms)
        self._kept[key] = _Kept(stamp, newest_ms, venues, answer)
        return answer

    def _compute(
        self, symbol: str, timeframe: Timeframe, venues: tuple[str, ...], newest_ms: int
    ) -> CoinWindow | WindowError:
        try:
            candles = self._store.read(
                venues,
                symbol,
                timeframe,
                closed_by_ms=newest_ms + timeframe.ms,
                count=CANDLES_NEEDED,
            )
            return window_of(candles, timeframe)
        except CandleStoreError as error:
            return WindowError(SignalReason(error.code), error.told)
        except WindowError as error:
            return WindowError(error.code, f"{error.detail} (of {', '.join(venues)})")


def _unless_outdated(
    answer: CoinWindow | WindowError, timeframe: Timeframe, now_ms: float
) -> CoinWindow | WindowError:
    if isinstance(answer, WindowError):
        return answer
    closed_ms = answer.open_ms + timeframe.ms
    if now_ms - closed_ms <= MADE_WITHIN * timeframe.ms:
        return answer
    detail = f"it closed at {_utc(closed_ms)}, now is {_utc(now_ms)}"
    return WindowError(SignalReason.FEATURES_OUTDATED, detail)


def _utc(time_ms: float) -> str:
    return f"{np.datetime64(int(time_ms), 'ms').astype('M8[s]')}Z"
