"""Signals for any coins and timeframes, from stored candles: the one way in which they are made.

Read by the signal loop, the `predict` command, and whoever imports `make_prediction`:

    python -c "from inference.signals.service import make_prediction;
    print(make_prediction('BTCUSDT', '15m'))"
"""

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import structlog

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_registry import ModelRegistry, reason_of
from inference.signals.engine import Ask, make_signals
from inference.signals.moment import MarketWatch, Moment, UnreadableClockError
from inference.signals.signal import Signal, SignalError, signal_error
from inference.signals.windows import CoinWindow, WindowError, Windows
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe, parse_timeframe
from market.symbols import UnknownSymbolError, parse_symbol

REFRESH_SECONDS = 1.0

Key = tuple[str, Timeframe]

log = structlog.get_logger(__name__)


class SignalUnavailable(Exception):
    """There is no signal for this coin now; `error` says why."""

    def __init__(self, error: SignalError) -> None:
        super().__init__(f"{error.symbol} {error.timeframe}: {error.message} ({error.code})")
        self.error = error


class InferenceService:
    """Makes signals from the newest closed candles, as of market time now.

    refresh_seconds: how often it looks for promoted networks before it answers; None where
    the caller calls `registry.refresh()`, as a loop does beside its work.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        store: CandleStore,
        exchange: str,
        moment: Callable[[], Moment],
        *,
        refresh_seconds: float | None = REFRESH_SECONDS,
    ) -> None:
        self.registry = registry
        self._windows = Windows(store, exchange)
        self.now = moment
        self._refresh_seconds = refresh_seconds

    def predict(
        self, symbol: str, timeframe: str | Timeframe, *, moment: Moment | None = None
    ) -> Signal:
        """Return the signal of one coin (`BTCUSDT`, `btc-usdt`).

        Raises SignalUnavailable with its code, and ValueError for a text that names no symbol
        or timeframe.
        """
        (answer,) = self.predict_batch([symbol], timeframe, moment=moment)
        if isinstance(answer, SignalError):
            raise SignalUnavailable(answer)
        return answer

    def predict_batch(
        self,
        symbols: Sequence[str],
        timeframe: str | Timeframe,
        *,
        moment: Moment | None = None,
    ) -> list[Signal | SignalError]:
        """Return each coin's signal or why there is none, in order; ValueError as `predict`."""
        return self.predict_all(symbols, [timeframe], moment=moment)

    def predict_all(
        self,
        symbols: Sequence[str],
        timeframes: Sequence[str | Timeframe] = SIGNAL_TIMEFRAMES,
        *,
        moment: Moment | None = None,
    ) -> list[Signal | SignalError]:
        """Answer for all coins of the first timeframe, then of the next, one run a network.

        moment: as of when and in which market; default now, in the running one.
        """
        names = [parse_symbol(_text("symbol", symbol)) for symbol in symbols]
        frames = [parse_timeframe(_text("timeframe", timeframe)) for timeframe in timeframes]
        moment = moment or self.now()
        if self._refresh_seconds is not None:
            self.registry.refresh(at_most_every=self._refresh_seconds)
        keys = [(name, timeframe) for timeframe in frames for name in names]
        models = self.registry.models(keys)
        windows = [
            window
            for timeframe in frames
            for window in self._windows.read(names, timeframe, moment.venue, moment.now_ms)
        ]
        return _answer(keys, models, windows, moment)


def served_symbols(symbols: Sequence[str], served: Sequence[str]) -> list[str]:
    """Return the stored forms of symbols. Raises UnknownSymbolError for one that is not served."""
    names = [parse_symbol(symbol) for symbol in symbols]
    unknown = [name for name in names if name not in served]
    if unknown:
        allowed = ", ".join(served)
        raise UnknownSymbolError(f"{unknown[0]} is not in SIGNAL_SYMBOLS; allowed are {allowed}")
    return names


def make_prediction(symbol: str, timeframe: str = "15m") -> dict[str, Any] | None:
    """Return the signal in the specification's fields; None where there is none, and why is
    logged to stderr.

    Works from any process that can import this module: it reads the settings itself, keeps
    networks and windows, and asks Redis which market runs; where none does it is that of
    MARKET_SOURCE, now. Raises ValueError naming what is allowed for a text that names no symbol
    or timeframe, TypeError for what is no text.
    """
    service = default_service()
    try:
        moment = service.now()
        signal = service.predict(symbol, timeframe, moment=moment)
    except (SignalUnavailable, UnreadableClockError) as error:
        log.error("prediction_failed", error=str(error))
        return None
    return signal.item(moment.now_ms)


@lru_cache(maxsize=1)
def default_service() -> InferenceService:
    """Return this process's service, as the settings describe it.

    Raises ConfigError where MODEL_DEVICE is not available.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptosite.settings")
    from django.apps import apps
    from django.conf import settings
    from django.utils.log import configure_logging

    if not apps.ready:
        # A plain `python -c`: neither applications nor a database are needed to predict.
        configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    store = CandleStore(settings.CANDLES_DIR)
    watch = MarketWatch(
        settings.REDIS_URL,
        cluster=settings.INFERENCE.redis.cluster_mode,
        source=settings.MARKET_KIND,
        exchange=settings.CANDLE_EXCHANGE,
        stored=lambda venue: store.holds(venue, settings.SIGNAL_SYMBOLS, SIGNAL_TIMEFRAMES),
    )
    return InferenceService(
        ModelRegistry(settings.BASE_DIR / "models", settings.VAR_DIR, settings.MODEL_DEVICE),
        store,
        settings.CANDLE_EXCHANGE,
        watch,
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {name} is text, such as BTCUSDT and 15m, not {value!r}")
    return value


def _answer(
    keys: Sequence[Key],
    models: Sequence[Any],
    windows: Sequence[CoinWindow | WindowError],
    moment: Moment,
) -> list[Signal | SignalError]:
    asks: list[Ask] = []
    answers: list[SignalError | None] = []
    for (symbol, timeframe), model, window in zip(keys, models, windows, strict=True):
        if isinstance(model, ArtefactError):
            error = signal_error(symbol, timeframe, reason_of(model), model.told)
        elif isinstance(window, WindowError):
            error = signal_error(symbol, timeframe, window.code, window.detail)
        else:
            asks.append(Ask(model, window))
            answers.append(None)
            continue
        answers.append(error)
    made = iter(make_signals(asks, moment))
    return [next(made) if answer is None else answer for answer in answers]
